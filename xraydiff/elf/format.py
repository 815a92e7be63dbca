"""The ELF fields that a loader acts on, read within bounds from bytes nobody trusts (gABI chapters 4 and 5, elf(5)).

The loaders' view decides: the dynamic table and its strings are read from the memory that PT_LOAD makes, up to their
own ends, as ld.so reads them. Sizes that no loader looks at (DT_STRSZ, that of PT_DYNAMIC) and section headers, which
a file may lack or lie in, never change the answer. Nothing is decompressed, and no table is followed without a bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from xraydiff.conventions import ELF_MAGIC
from xraydiff.elf.layouts import LAYOUTS, SYMBOL_TAGS, Layout
from xraydiff.elf.memory import PT_LOAD, Memory, Segment
from xraydiff.elf.source import ElfError, ElfSource, NotLoadableError, Source, TreeSource
from xraydiff.limits import Limits
from xraydiff.paths import decoded

__all__ = [
    "Elf",
    "ElfError",
    "ElfSource",
    "NotLoadableError",
    "Segment",
    "TreeSource",
    "read_elf",
]

ET_EXEC, ET_DYN = 2, 3
PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_PHDR = 2, 3, 4, 6
PF_X, PF_W, PF_R = 1, 2, 4
SHT_DYNAMIC = 6
NT_GNU_BUILD_ID = 3

DT_NULL, DT_NEEDED, DT_STRTAB, DT_STRSZ, DT_SONAME, DT_RPATH, DT_RUNPATH, DT_FLAGS = 0, 1, 5, 10, 14, 15, 29, 30
DT_FLAGS_1, DT_AUXILIARY, DT_FILTER, DT_DEPAUDIT, DT_AUDIT = 0x6FFFFFFB, 0x7FFFFFFD, 0x7FFFFFFF, 0x6FFFFEFB, 0x6FFFFEFC

_EM_386, _EM_MIPS, _EM_PPC, _EM_PPC64, _EM_S390, _EM_ARM, _EM_X86_64, _EM_AARCH64 = 3, 8, 20, 21, 22, 40, 62, 183
_EM_RISCV, _EM_LOONGARCH = 243, 258
_MACHINES = frozenset(
    (_EM_386, _EM_MIPS, _EM_PPC, _EM_PPC64, _EM_S390, _EM_ARM, _EM_X86_64, _EM_AARCH64, _EM_RISCV, _EM_LOONGARCH)
)
"""Of which the number, read in one byte order, is none of these in the other."""
_CLASS_UNCHECKED = frozenset((_EM_X86_64, _EM_AARCH64, _EM_PPC64))
"""Machines whose kernels never look at EI_CLASS (`elf_check_arch`) and know programs of both sizes."""
_KERNEL_STRING = 4096
"""PATH_MAX, the longest interpreter name."""
_DYNAMIC_CHUNK = 256
"""Dynamic entries read at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """What a loader reads of one file. Strings are decoded with surrogateescape."""

    bits: int
    """32 or 64, as the kernel reads it."""
    little: bool
    """Byte order, as the kernel reads it."""
    machine: int
    """e_machine, as a number."""
    type: int
    """e_type: 1 relocatable, 2 executable, 3 shared object, 4 core."""
    segments: tuple[Segment, ...]
    interpreter: str | None = None
    dynamic: bool = False
    """Whether there is a dynamic table."""
    needed: tuple[str, ...] = ()
    """DT_NEEDED, in order, as written."""
    soname: str | None = None
    rpath: str | None = None
    """DT_RPATH as written: colons and tokens unexpanded; a loader ignores it where DT_RUNPATH exists."""
    runpath: str | None = None
    filters: tuple[str, ...] = ()
    """DT_FILTER: loaded like needed names."""
    auxiliaries: tuple[str, ...] = ()
    """DT_AUXILIARY: loaded where they are found."""
    audits: tuple[str, ...] = ()
    """DT_AUDIT and DT_DEPAUDIT of a program, as written: colons unsplit."""
    flags: int = 0
    """DT_FLAGS."""
    flags_1: int = 0
    """DT_FLAGS_1."""
    build_id: str = ""
    """NT_GNU_BUILD_ID in hex, empty where there is none."""
    read_only: tuple[tuple[int, int], ...] = ()
    """Offset and size in the file of the segments that hold constants: readable, not writable, and not executable
    unless the linker put everything into one."""
    tables: tuple[tuple[int, int], ...] = ()
    """Tag and value of the dynamic entries that lead to symbols or tell where their table ends."""
    oddities: tuple[str, ...] = ()
    """What contradicts itself without hindering a loader: section headers that say something else, a cut-off file."""
    identity: tuple[int, int] = (0, 0)
    """EI_CLASS and EI_DATA as written: glibc compares them before it loads a library, the kernel mostly does not."""
    refusal: str = ""
    """Why the kernel does not start it as a program; a library it may be all the same. Empty where it does."""


def read_elf(source: ElfSource | bytes, *, limits: Limits) -> Elf:
    """The fields of one file. Raises `ElfError`, and whatever the source raises."""
    file = Source(source)
    oddities: list[str] = []
    bits, little = _class_and_order(file.head, oddities)
    layout = LAYOUTS[bits, little]
    header = layout.header.unpack(_header(file, layout))
    type_, machine, _, _, phoff, shoff, _, _, phentsize, phnum, shentsize, shnum, _ = header
    identity = (file.head[4], file.head[5])
    plain = Elf(bits=bits, little=little, machine=machine, type=type_, segments=(), identity=identity)
    if type_ not in (ET_EXEC, ET_DYN):
        # An object file, a core dump or a kernel module: nothing of it is ever mapped.
        return replace(plain, refusal=f"e_type {type_} is no program and no library")
    segments, raw = _segments(file, layout, (phoff, phentsize, phnum), oddities, limits)
    interpreter, refusal = _interpreter(file, segments)
    memory = Memory(file, segments, bits=bits, started=interpreter is not None)
    table = _dynamic(memory, layout, segments, oddities, limits)
    if interpreter is not None and table is not None:
        _check_headers_in_memory(memory, segments, phoff, raw)
    fields = _Fields(memory, table or [], limits)
    place = _mapped_dynamic(memory, segments, table, fields)
    oddities.extend(_section_oddities(file, layout, (shoff, shentsize, shnum), place))
    build_id = _build_id(file, layout, segments, oddities, limits)
    return replace(
        fields.named(plain),
        segments=segments,
        interpreter=interpreter,
        dynamic=table is not None,
        build_id=build_id,
        read_only=_read_only(file.size, segments),
        oddities=(*oddities, *fields.oddities()),
        refusal=refusal or ("" if segments else "it has no program headers"),
    )


def _class_and_order(head: bytes, oddities: list[str]) -> tuple[int, bool]:
    """Bits and byte order as the kernel takes them: it knows its own machines by number, whatever e_ident says.

    Raises `NotLoadableError` where nobody could tell.
    """
    if head[:4] != ELF_MAGIC or len(head) < 16:
        raise NotLoadableError("not an ELF file" if head[:4] != ELF_MAGIC else "the header is cut off")
    bits, little = {1: 32, 2: 64}.get(head[4]), {1: True, 2: False}.get(head[5])
    for seen in (True, False):
        machine = _word(head, 18, little=seen)
        if machine not in _MACHINES:
            continue
        if seen != little:
            oddities.append(f"EI_DATA {head[5]} contradicts the machine")
            little = seen
        # A 64-bit header says so by the size of its program headers, at the place that only it has.
        if machine in _CLASS_UNCHECKED and _word(head, 54, little=seen) == 56 and bits != 64:
            oddities.append(f"EI_CLASS {head[4]} contradicts the size of the program headers")
            bits = 64
        if machine in (_EM_386, _EM_ARM, _EM_PPC) and bits != 32:
            oddities.append(f"EI_CLASS {head[4]} contradicts the machine")
            bits = 32
    if bits is None or little is None:
        raise NotLoadableError(f"unknown class {head[4]} or byte order {head[5]}")
    return bits, little


def _word(head: bytes, at: int, *, little: bool) -> int:
    return int.from_bytes(head[at : at + 2], "little" if little else "big")


def _header(file: Source, layout: Layout) -> bytes:
    if file.size < 16 + layout.header.size:
        raise NotLoadableError("the header is cut off")
    return file.exactly(16, layout.header.size, "the header")


def _segments(
    file: Source, layout: Layout, place: tuple[int, int, int], oddities: list[str], limits: Limits
) -> tuple[tuple[Segment, ...], bytes]:
    """The program headers, and their bytes. Only those that map something must make sense."""
    offset, entry, count = place
    if count == 0:
        return (), b""
    if entry != layout.program.size:
        # The kernel and glibc refuse it; musl loads a library of any size of entries, so it counts as not understood.
        raise ElfError(f"program headers of {entry} bytes each")
    if count > limits.elf_segments:
        raise ElfError(f"more than {limits.elf_segments} program headers", code="limit-exceeded")
    if offset + entry * count > file.size:
        raise NotLoadableError("the program header table lies outside the file", offset=offset)
    raw = file.exactly(offset, entry * count, "the program header table")
    top = 1 << (64 if layout.wide else 32)
    segments: list[Segment] = []
    for number, fields in enumerate(layout.program.iter_unpack(raw)):
        if layout.wide:
            type_, flags, start, vaddr, _, filesz, memsz, align = fields
        else:
            type_, start, vaddr, _, filesz, memsz, flags, align = fields
        if type_ == PT_LOAD:
            if (filesz and start + filesz >= top) or vaddr + max(memsz, filesz) > top:
                raise ElfError(
                    f"program header {number} wraps around the address space", offset=offset + number * entry
                )
            if start + filesz > file.size:
                oddities.append(f"segment {number} reaches beyond the end of the file")
        segments.append(
            Segment(type=type_, flags=flags, offset=start, vaddr=vaddr, filesz=filesz, memsz=memsz, align=align)
        )
    return tuple(segments), raw


def _interpreter(file: Source, segments: tuple[Segment, ...]) -> tuple[str | None, str]:
    """PT_INTERP as the kernel takes it: the first one, at most PATH_MAX bytes, NUL at its end (fs/binfmt_elf.c).

    The second text says why the kernel refuses it; a loader that maps the file as a library does not look there.
    """
    for segment in segments:
        if segment.type == PT_INTERP:
            if not 2 <= segment.filesz <= _KERNEL_STRING:
                return None, f"an interpreter name of {segment.filesz} bytes"
            if segment.offset + segment.filesz > file.size:
                return None, "the interpreter name lies outside the file"
            raw = file.exactly(segment.offset, segment.filesz, "the interpreter name")
            if raw[-1]:
                return None, "the interpreter name has no end"
            name = decoded(raw.partition(b"\0")[0])
            return (name, "") if name else (None, "an empty interpreter name")
    return None, ""


def _dynamic(
    memory: Memory, layout: Layout, segments: tuple[Segment, ...], oddities: list[str], limits: Limits
) -> list[tuple[int, int]] | None:
    """Tag and value of every dynamic entry before DT_NULL, or None where there is no table.

    The last PT_DYNAMIC counts; its sizes say nothing, except that glibc passes over one of no bytes in a library.
    """
    found = [segment for segment in segments if segment.type == PT_DYNAMIC]
    if not found:
        return None
    segment = found[-1]
    if not segment.filesz:
        if memory.place(segment.vaddr) is None:
            # What a debugger keeps of a program: the table is there, but without its content.
            return None
        if any(one.filesz and one.vaddr != segment.vaddr for one in found):
            raise ElfError("several dynamic tables, of which loaders take different ones", offset=segment.offset)
    place = memory.place(segment.vaddr)
    if place is not None and place[0] != segment.offset:
        oddities.append("the offset of the dynamic table is not where its address is loaded from")
    table = _entries(memory, layout, segment.vaddr, limits)
    if (len(table) + 1) * layout.dynamic.size > segment.filesz:
        oddities.append("the dynamic table ends behind its segment")
    return table


def _entries(memory: Memory, layout: Layout, address: int, limits: Limits) -> list[tuple[int, int]]:
    size = layout.dynamic.size
    table: list[tuple[int, int]] = []
    rest = b""
    while len(table) <= limits.elf_dynamic:
        piece = memory.piece(address, _DYNAMIC_CHUNK * size, "the dynamic table")
        address += len(piece)
        rest += piece
        whole = len(rest) // size * size
        for tag, value in layout.dynamic.iter_unpack(rest[:whole]):
            if tag == DT_NULL:
                return table
            table.append((tag, value))
        rest = rest[whole:]
    raise ElfError(f"more than {limits.elf_dynamic} dynamic entries", code="limit-exceeded", offset=address)


def _check_headers_in_memory(memory: Memory, segments: tuple[Segment, ...], phoff: int, raw: bytes) -> None:
    """Raise `ElfError` where the loader would see other program headers than the kernel.

    ld.so and musl read those of a program from memory, at AT_PHDR, which the kernel takes from the last segment that
    holds their offset; how far the program was moved they learn from PT_PHDR.
    """
    covering = [one for one in segments if one.type == PT_LOAD and one.offset <= phoff < one.offset + one.filesz]
    if not covering:
        raise ElfError("the program headers are not loaded", offset=phoff)
    address = phoff - covering[-1].offset + covering[-1].vaddr
    if any(one.type == PT_PHDR and one.vaddr != address for one in segments):
        raise ElfError("PT_PHDR is not where the program headers are loaded", offset=phoff)
    if memory.exactly(address, len(raw), "the program header table") != raw:
        raise ElfError("other program headers are loaded than stand in the file", offset=phoff)


def _mapped_dynamic(
    memory: Memory, segments: tuple[Segment, ...], table: list[tuple[int, int]] | None, fields: _Fields
) -> tuple[int, int | None] | None:
    """Offset in the file of the dynamic table as its header says, and of its strings."""
    if table is None:
        return None
    strings = memory.place(fields.value(DT_STRTAB)) if fields.value(DT_STRTAB) else None
    return [one.offset for one in segments if one.type == PT_DYNAMIC][-1], strings[0] if strings else None


class _Fields:
    """Values and strings of a dynamic table, each string read once."""

    __slots__ = ("_budget", "_last", "_limits", "_memo", "_memory", "_table")

    def __init__(self, memory: Memory, table: list[tuple[int, int]], limits: Limits) -> None:
        self._memory = memory
        self._table = table
        # The last entry of a tag counts, as in the loader's `l_info`.
        self._last = dict(table)
        self._limits = limits
        self._memo: dict[int, str] = {}
        self._budget = limits.elf_needed_bytes

    def value(self, wanted: int) -> int:
        """The value of a tag; 0 where there is none."""
        return self._last.get(wanted, 0)

    def named(self, plain: Elf) -> Elf:
        """A file with what its dynamic table says."""
        longest = self._limits.elf_needed_bytes
        return replace(
            plain,
            needed=self.texts(DT_NEEDED),
            soname=self.text(DT_SONAME),
            rpath=self.text(DT_RPATH, longest),
            runpath=self.text(DT_RUNPATH, longest),
            filters=self.texts(DT_FILTER),
            auxiliaries=self.texts(DT_AUXILIARY),
            audits=tuple(text for tag in (DT_AUDIT, DT_DEPAUDIT) if (text := self.text(tag))),
            flags=self.value(DT_FLAGS),
            flags_1=self.value(DT_FLAGS_1),
            tables=self.tables(),
        )

    def text(self, wanted: int, most: int = 0) -> str | None:
        """The string of a tag, of at most `most` bytes or those of a path."""
        return self._string(self._last[wanted], most or self._limits.elf_string) if wanted in self._last else None

    def texts(self, wanted: int) -> tuple[str, ...]:
        """The strings of every entry of a tag."""
        if wanted not in self._last:
            return ()
        offsets = [number for tag, number in self._table if tag == wanted]
        if len(offsets) > self._limits.elf_needed:
            raise ElfError(f"more than {self._limits.elf_needed} needed names", code="limit-exceeded")
        return tuple(self._string(offset, self._limits.elf_string) for offset in offsets)

    def tables(self) -> tuple[tuple[int, int], ...]:
        """Tag and value of what leads to symbols."""
        return tuple((tag, self._last[tag]) for tag in SYMBOL_TAGS if tag in self._last)

    def oddities(self) -> Iterator[str]:
        """What the strings that were read say of the table."""
        size = self.value(DT_STRSZ)
        if any(not index < size for index in self._memo):
            yield "a dynamic string lies outside DT_STRSZ, at which no loader looks"

    def _string(self, index: int, most: int) -> str:
        text = self._memo.get(index)
        if text is None:
            # A loader adds the two numbers and reads what stands there, wherever the string table ends.
            text = decoded(self._memory.string(self.value(DT_STRTAB) + index, most, "a dynamic string"))
            self._budget -= len(text)
            if self._budget < 0:
                raise ElfError("too many bytes of dynamic strings", code="limit-exceeded")
            self._memo[index] = text
        return text


def _read_only(size: int, segments: tuple[Segment, ...]) -> tuple[tuple[int, int], ...]:
    readable = [one for one in segments if one.type == PT_LOAD and one.flags & (PF_R | PF_W) == PF_R]
    constant = [one for one in readable if not one.flags & PF_X] or readable
    clipped = ((one.offset, min(one.filesz, size - one.offset)) for one in constant)
    return tuple((offset, length) for offset, length in clipped if length > 0)


def _build_id(file: Source, layout: Layout, segments: tuple[Segment, ...], oddities: list[str], limits: Limits) -> str:
    budget = limits.elf_notes
    for segment in segments:
        if segment.type != PT_NOTE or segment.offset + segment.filesz > file.size:
            continue
        if segment.filesz > limits.elf_note_bytes:
            oddities.append("a note segment too large to be read")
            continue
        raw = file.exactly(segment.offset, segment.filesz, "a note segment")
        for name, kind, body in _notes(raw, layout, 8 if segment.align == 8 else 4):
            if kind == NT_GNU_BUILD_ID and name == b"GNU\0":
                return body.hex()
            budget -= 1
            if budget <= 0:
                oddities.append("too many notes")
                return ""
    return ""


def _notes(raw: bytes, layout: Layout, align: int) -> Iterator[tuple[bytes, int, bytes]]:
    """Name, type and descriptor of each note; every step grows by at least its header, so it ends."""
    at = 0
    while at + layout.note.size <= len(raw):
        namesz, descsz, kind = layout.note.unpack_from(raw, at)
        at += layout.note.size
        body = -(-(at + namesz) // align) * align
        yield raw[at : at + min(namesz, 64)], kind, raw[body : body + min(descsz, 1024)]
        at = body + -(-descsz // align) * align


def _section_oddities(
    file: Source,
    layout: Layout,
    place: tuple[int, int, int],
    seen: tuple[int, int | None] | None,
) -> Iterator[str]:
    """Where section headers contradict the program headers; they never change the answer."""
    offset, entry, count = place
    if not offset or not count:
        return
    if entry != layout.section.size:
        yield f"section headers of {entry} bytes each"
        return
    if offset + entry * count > file.size:
        yield "the section header table lies outside the file"
        return
    if seen is None:
        return
    dynamic, strings = seen
    raw = file.exactly(offset, entry * count, "the section header table")
    for section in layout.section.iter_unpack(raw):
        if section[1] != SHT_DYNAMIC:
            continue
        start, link = section[4], section[6]
        if start != dynamic:
            yield "section headers name another dynamic table than the program headers"
        elif link >= count or (strings is not None and layout.section.unpack_from(raw, link * entry)[4] != strings):
            yield "section headers name another string table than DT_STRTAB"
