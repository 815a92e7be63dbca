"""The ELF fields that a loader acts on, read within bounds from bytes nobody trusts (gABI chapters 4 and 5, elf(5)).

The loader's view decides: strings are found by DT_STRTAB mapped through PT_LOAD, never by section headers, which no
loader reads and which a file may lack or lie in. Nothing is decompressed, and no table is followed without a count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Protocol

from xraydiff.errors import XraydiffError
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, decoded
from xraydiff.tree import FileTree

__all__ = ["MAGIC", "Elf", "ElfError", "ElfSource", "Segment", "Symbols", "TreeSource", "read_elf", "read_symbols"]

MAGIC = b"\x7fELF"
ET_EXEC, ET_DYN = 2, 3
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE = 1, 2, 3, 4
PF_X, PF_W, PF_R = 1, 2, 4
SHT_DYNAMIC = 6
NT_GNU_BUILD_ID = 3

DT_NULL, DT_NEEDED, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_SYMENT = 0, 1, 4, 5, 6, 10, 11
DT_SONAME, DT_RPATH, DT_RUNPATH, DT_FLAGS = 14, 15, 29, 30
DT_GNU_HASH, DT_FLAGS_1, DT_AUXILIARY, DT_FILTER = 0x6FFFFEF5, 0x6FFFFFFB, 0x7FFFFFFD, 0x7FFFFFFF

_TABLES = (DT_STRTAB, DT_STRSZ, DT_SYMTAB, DT_SYMENT, DT_HASH, DT_GNU_HASH)
_ADDRESSES = (*_TABLES[::2], DT_GNU_HASH, 3, 7, 12, 13, 17, 23, 25, 26, 32, 36, 0x6FFFFFF0, 0x6FFFFFFC, 0x6FFFFFFE)
"""Tags that hold an address: the symbol table, whose end is written nowhere, ends where the next of these begins."""

_HEAD = 4096
"""Bytes read first: the header, the program headers, the interpreter and the notes of real files lie there."""
_STRING_CHUNK = 256


class ElfError(XraydiffError):
    """The file begins like ELF and cannot be what a loader accepts, or it crosses a bound (`code` `limit-exceeded`)."""

    code = "elf-malformed"


class ElfSource(Protocol):
    """The bytes of one file, by offset."""

    @property
    def size(self) -> int:
        """Bytes of the whole file."""

    def read_at(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`; short only at the end."""


@dataclass(frozen=True, slots=True)
class _Bytes:
    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def read_at(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]


@dataclass(frozen=True, slots=True)
class TreeSource:
    """A regular file of an image, by its real path, so that a large file is not read whole."""

    tree: FileTree
    path: ImagePath

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.tree.files[self.path].size

    def read_at(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`."""
        return self.tree.read_at(self.path, offset, length)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A program header (`Elf32_Phdr`, `Elf64_Phdr`)."""

    type: int
    flags: int
    offset: int
    vaddr: int
    filesz: int
    memsz: int
    align: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """What a loader reads of one file. Strings are decoded with surrogateescape."""

    bits: int
    """32 or 64 (EI_CLASS)."""
    little: bool
    """Byte order (EI_DATA)."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbols:
    """Names of the dynamic symbol table; sets for membership, never iterated for output unsorted."""

    imports: frozenset[str]
    """Undefined names."""
    exports: frozenset[str]
    """Defined names of global, weak or unique binding."""


class _Layout:
    """The structures of one class and byte order."""

    __slots__ = ("dynamic", "header", "note", "program", "section", "symbol", "wide", "word")

    def __init__(self, *, wide: bool, order: str) -> None:
        self.wide = wide
        self.header = Struct(order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"))
        self.program = Struct(order + ("IIQQQQQQ" if wide else "IIIIIIII"))
        self.dynamic = Struct(order + ("qQ" if wide else "iI"))
        self.section = Struct(order + ("IIQQQQIIQQ" if wide else "IIIIIIIIII"))
        self.symbol = Struct(order + ("IBBHQQ" if wide else "IIIBBH"))
        self.note = Struct(order + "III")
        self.word = Struct(order + "I")


_LAYOUTS = {
    (bits, data): _Layout(wide=bits == 64, order=order) for bits in (32, 64) for data, order in ((1, "<"), (2, ">"))
}


class _File:
    """A source with its first bytes at hand and every read checked against the end of the file."""

    __slots__ = ("head", "limits", "size", "source")

    def __init__(self, source: ElfSource, limits: Limits) -> None:
        self.source = source
        self.size = source.size
        self.limits = limits
        self.head = source.read_at(0, _HEAD)

    def exactly(self, offset: int, length: int, what: str) -> bytes:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise ElfError(f"{what} lies outside the file", offset=offset)
        if offset + length <= len(self.head):
            return self.head[offset : offset + length]
        return self.source.read_at(offset, length)

    def string(self, offset: int, end: int, what: str) -> bytes:
        """The bytes up to a NUL that must stand before `end` and within `Limits.elf_string`."""
        parts: list[bytes] = []
        length = 0
        end = min(end, self.size)
        while length <= self.limits.elf_string:
            chunk = self.exactly(offset, min(_STRING_CHUNK, max(end - offset, 0)), what)
            head, nul, _ = chunk.partition(b"\0")
            length += len(head)
            parts.append(head)
            if nul and length <= self.limits.elf_string:
                return b"".join(parts)
            if not chunk:
                raise ElfError(f"{what} has no end", offset=offset)
            offset += len(chunk)
        raise ElfError(f"{what} is longer than {self.limits.elf_string} bytes", code="limit-exceeded", offset=offset)


def read_elf(source: ElfSource | bytes, *, limits: Limits, sections: bool = True) -> Elf:
    """The fields of one file. Raises `ElfError`, and whatever the source raises.

    `sections` tells whether section headers are compared with the loader's view, which costs one more read.
    """
    file = _File(_Bytes(source) if isinstance(source, bytes) else source, limits)
    head = file.head
    if head[:4] != MAGIC or len(head) < 16:
        raise ElfError("not an ELF file" if head[:4] != MAGIC else "the header is cut off")
    bits = {1: 32, 2: 64}.get(head[4], 0)
    layout = _LAYOUTS.get((bits, head[5]))
    if layout is None:
        raise ElfError(f"unknown class {head[4]} or byte order {head[5]}")
    if file.size > limits.elf:
        raise ElfError(f"larger than {limits.elf} bytes", code="limit-exceeded")
    raw = file.exactly(16, layout.header.size, "the header")
    header = layout.header.unpack(raw)
    type_, machine, _, _, phoff, shoff, _, _, phentsize, phnum, shentsize, shnum, _ = header
    oddities: list[str] = []
    segments = _segments(file, layout, (phoff, phentsize, phnum), oddities)
    table = _dynamic(file, layout, segments, oddities)
    if sections:
        oddities.extend(_section_oddities(file, layout, (shoff, shentsize, shnum), segments, table))
    fields = _Fields(file, segments, table or [])
    return Elf(
        bits=bits,
        little=head[5] == 1,
        machine=machine,
        type=type_,
        segments=segments,
        interpreter=_interpreter(file, segments),
        dynamic=table is not None,
        needed=fields.texts(DT_NEEDED),
        soname=fields.text(DT_SONAME),
        rpath=fields.text(DT_RPATH),
        runpath=fields.text(DT_RUNPATH),
        filters=fields.texts(DT_FILTER),
        auxiliaries=fields.texts(DT_AUXILIARY),
        flags=fields.value(DT_FLAGS),
        flags_1=fields.value(DT_FLAGS_1),
        build_id=_build_id(file, layout, segments, oddities),
        read_only=_read_only(file.size, segments),
        tables=fields.tables(),
        oddities=tuple(oddities),
    )


def _segments(file: _File, layout: _Layout, place: tuple[int, int, int], oddities: list[str]) -> tuple[Segment, ...]:
    offset, entry, count = place
    if count == 0 or offset == 0:
        return ()
    if entry != layout.program.size:
        raise ElfError(f"program headers of {entry} bytes each")
    if count > file.limits.elf_segments:
        raise ElfError(f"more than {file.limits.elf_segments} program headers", code="limit-exceeded")
    raw = file.exactly(offset, entry * count, "the program header table")
    top = 1 << (64 if layout.wide else 32)
    segments: list[Segment] = []
    for number, fields in enumerate(layout.program.iter_unpack(raw)):
        if layout.wide:
            type_, flags, start, vaddr, _, filesz, memsz, align = fields
        else:
            type_, start, vaddr, _, filesz, memsz, flags, align = fields
        if start + filesz >= top or vaddr + memsz > top:
            raise ElfError(f"program header {number} wraps around the address space", offset=offset + number * entry)
        if type_ == PT_LOAD and start + filesz > file.size:
            oddities.append(f"segment {number} reaches beyond the end of the file")
        segments.append(
            Segment(type=type_, flags=flags, offset=start, vaddr=vaddr, filesz=filesz, memsz=memsz, align=align)
        )
    return tuple(segments)


def _interpreter(file: _File, segments: tuple[Segment, ...]) -> str | None:
    """PT_INTERP as the kernel takes it: the first one, at most PATH_MAX bytes, NUL at its end (fs/binfmt_elf.c)."""
    for segment in segments:
        if segment.type == PT_INTERP:
            if not 2 <= segment.filesz <= file.limits.elf_string:
                raise ElfError(f"an interpreter name of {segment.filesz} bytes", offset=segment.offset)
            raw = file.exactly(segment.offset, segment.filesz, "the interpreter name")
            if raw[-1]:
                raise ElfError("the interpreter name has no end", offset=segment.offset)
            return decoded(raw.partition(b"\0")[0])
    return None


def _mapped(segments: tuple[Segment, ...], address: int) -> tuple[int, int] | None:
    """Offset in the file of an address, and how many bytes of its segment follow there."""
    for segment in segments:
        inside = address - segment.vaddr
        if segment.type == PT_LOAD and 0 <= inside < segment.filesz:
            return segment.offset + inside, segment.filesz - inside
    return None


def _dynamic(
    file: _File, layout: _Layout, segments: tuple[Segment, ...], oddities: list[str]
) -> list[tuple[int, int]] | None:
    """Tag and value of every dynamic entry before DT_NULL; the last PT_DYNAMIC counts, as for ld.so."""
    found = [segment for segment in segments if segment.type == PT_DYNAMIC]
    if not found or not found[-1].filesz:
        return None
    segment = found[-1]
    place = _mapped(segments, segment.vaddr)
    if place is None:
        if any(one.type == PT_LOAD and one.filesz for one in segments):
            raise ElfError("the dynamic table lies outside the loaded segments", offset=segment.offset)
        return None
    offset, room = place
    if offset != segment.offset:
        oddities.append("the offset of the dynamic table is not where its address is loaded from")
    entry = layout.dynamic.size
    count = min(segment.filesz, room) // entry
    bound = file.limits.elf_dynamic
    # A table is read up to its bound and no further: what counts is where it ends, not what the header claims.
    raw = file.exactly(offset, min(count, bound) * entry, "the dynamic table")
    table: list[tuple[int, int]] = []
    for tag, value in layout.dynamic.iter_unpack(raw):
        if tag == DT_NULL:
            return table
        table.append((tag, value))
    if count > bound:
        raise ElfError(f"more than {bound} dynamic entries", code="limit-exceeded", offset=offset)
    oddities.append("the dynamic table has no end mark")
    return table


class _Fields:
    """Values and strings of a dynamic table, each string read once."""

    __slots__ = ("_base", "_budget", "_end", "_file", "_last", "_memo", "_table")

    def __init__(self, file: _File, segments: tuple[Segment, ...], table: list[tuple[int, int]]) -> None:
        self._file = file
        self._table = table
        # The last entry of a tag counts, as in the loader's `l_info`.
        self._last = dict(table)
        self._memo: dict[int, str] = {}
        self._budget = file.limits.elf_needed_bytes
        strtab, strsz = self.value(DT_STRTAB), self.value(DT_STRSZ)
        place = _mapped(segments, strtab)
        self._base, room = place or (-1, 0)
        self._end = self._base + (min(strsz, room) if strsz else room)

    def value(self, wanted: int) -> int:
        """The value of a tag; 0 where there is none."""
        return self._last.get(wanted, 0)

    def text(self, wanted: int) -> str | None:
        return self._string(self._last[wanted]) if wanted in self._last else None

    def texts(self, wanted: int) -> tuple[str, ...]:
        if wanted not in self._last:
            return ()
        offsets = [number for tag, number in self._table if tag == wanted]
        if len(offsets) > self._file.limits.elf_needed:
            raise ElfError(f"more than {self._file.limits.elf_needed} needed names", code="limit-exceeded")
        return tuple(self._string(offset) for offset in offsets)

    def tables(self) -> tuple[tuple[int, int], ...]:
        wanted = dict.fromkeys((*_TABLES, *_ADDRESSES))
        return tuple((tag, self._last[tag]) for tag in wanted if tag in self._last)

    def _string(self, index: int) -> str:
        text = self._memo.get(index)
        if text is None:
            if self._base < 0:
                raise ElfError("the dynamic string table lies outside the loaded segments")
            if not 0 <= index < self._end - self._base:
                raise ElfError(f"string {index} lies outside the dynamic string table", offset=self._base)
            text = decoded(self._file.string(self._base + index, self._end, "a dynamic string"))
            self._budget -= len(text)
            if self._budget < 0:
                raise ElfError("too many bytes of dynamic strings", code="limit-exceeded", offset=self._base)
            self._memo[index] = text
        return text


def _read_only(size: int, segments: tuple[Segment, ...]) -> tuple[tuple[int, int], ...]:
    readable = [one for one in segments if one.type == PT_LOAD and one.flags & (PF_R | PF_W) == PF_R]
    constant = [one for one in readable if not one.flags & PF_X] or readable
    clipped = ((one.offset, min(one.filesz, size - one.offset)) for one in constant)
    return tuple((offset, length) for offset, length in clipped if length > 0)


def _build_id(file: _File, layout: _Layout, segments: tuple[Segment, ...], oddities: list[str]) -> str:
    budget = file.limits.elf_notes
    for segment in segments:
        if segment.type != PT_NOTE or segment.offset + segment.filesz > file.size:
            continue
        if segment.filesz > file.limits.elf_note_bytes:
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


def _notes(raw: bytes, layout: _Layout, align: int) -> Iterator[tuple[bytes, int, bytes]]:
    """Name, type and descriptor of each note; every step grows by at least its header, so it ends."""
    at = 0
    while at + layout.note.size <= len(raw):
        namesz, descsz, kind = layout.note.unpack_from(raw, at)
        at += layout.note.size
        body = -(-(at + namesz) // align) * align
        yield raw[at : at + min(namesz, 64)], kind, raw[body : body + min(descsz, 1024)]
        at = body + -(-descsz // align) * align


def _section_oddities(
    file: _File,
    layout: _Layout,
    place: tuple[int, int, int],
    segments: tuple[Segment, ...],
    table: list[tuple[int, int]] | None,
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
    if table is None:
        return
    strtab = next((_mapped(segments, value) for tag, value in reversed(table) if tag == DT_STRTAB), None)
    dynamic = [one for one in segments if one.type == PT_DYNAMIC][-1]
    raw = file.exactly(offset, entry * count, "the section header table")
    for section in layout.section.iter_unpack(raw):
        if section[1] != SHT_DYNAMIC:
            continue
        start, link = section[4], section[6]
        if start != dynamic.offset:
            yield "section headers name another dynamic table than the program headers"
        elif link >= count or (strtab and layout.section.unpack_from(raw, link * entry)[4] != strtab[0]):
            yield "section headers name another string table than DT_STRTAB"


def read_symbols(source: ElfSource | bytes, elf: Elf, *, limits: Limits) -> Symbols:
    """The names of the dynamic symbols of a file that `read_elf` read. Raises `ElfError`.

    The count comes from DT_HASH or DT_GNU_HASH, else from where the next table begins, bounded by the segment and by
    `Limits.elf_symbols`.
    """
    file = _File(_Bytes(source) if isinstance(source, bytes) else source, limits)
    layout = _LAYOUTS[elf.bits, 1 if elf.little else 2]
    tables = dict(elf.tables)
    symtab = _mapped(elf.segments, tables.get(DT_SYMTAB, -1))
    strtab = _mapped(elf.segments, tables.get(DT_STRTAB, -1))
    entry = layout.symbol.size
    if symtab is None or strtab is None or tables.get(DT_SYMENT, entry) != entry:
        return Symbols(imports=frozenset(), exports=frozenset())
    room = min(symtab[1], max(file.size - symtab[0], 0)) // entry
    count = _symbol_count(file, layout, elf, tables)
    if count is None:
        start = tables[DT_SYMTAB]
        after = [tables[tag] for tag in _ADDRESSES if tables.get(tag, 0) > start]
        count = (min(after) - start) // entry if after else room
    count = min(count, room)
    if count > limits.elf_symbols:
        raise ElfError(f"more than {limits.elf_symbols} dynamic symbols", code="limit-exceeded")
    size = min(tables.get(DT_STRSZ, strtab[1]), strtab[1], max(file.size - strtab[0], 0))
    raw = file.exactly(symtab[0], count * entry, "the symbol table")
    return _named(layout, raw, file.exactly(strtab[0], size, "the dynamic string table"), limits)


def _symbol_count(file: _File, layout: _Layout, elf: Elf, tables: dict[int, int]) -> int | None:
    """Symbols by the hash tables, or None where neither says."""
    plain = _mapped(elf.segments, tables.get(DT_HASH, -1))
    # alpha and 64-bit s390 have hash words of eight bytes; there the string table bounds the symbols.
    if plain and plain[1] >= 8 and not (elf.bits == 64 and elf.machine in (22, 0x9026)):
        (count,) = layout.word.unpack(file.exactly(plain[0] + 4, 4, "the hash table"))
        return int(count)
    place = _mapped(elf.segments, tables.get(DT_GNU_HASH, -1))
    if place is None or place[1] < 16:
        return None
    offset, room = place
    raw = file.exactly(offset, 16, "the GNU hash table")
    buckets, first, bloom, _ = (int(word) for (word,) in layout.word.iter_unpack(raw))
    start = 16 + bloom * (8 if layout.wide else 4)
    if start + 4 * buckets > room or buckets > file.limits.elf_symbols:
        raise ElfError("the GNU hash table is larger than its segment", offset=offset)
    words = layout.word.iter_unpack(file.exactly(offset + start, 4 * buckets, "the GNU hash table"))
    last = max((int(word) for (word,) in words), default=0)
    if last < first:
        # Nothing is exported; how many symbols are imported the table then does not say.
        return None
    return _chain_end(file, layout, (offset, room), start + 4 * buckets, last - first) + first


def _chain_end(file: _File, layout: _Layout, place: tuple[int, int], chains: int, index: int) -> int:
    """One past the index of the chain word that ends the last chain (its lowest bit is set)."""
    offset, room = place
    at = chains + 4 * index
    while at < room:
        length = min(1024, room - at) // 4 * 4
        if not length:
            break
        for (word,) in layout.word.iter_unpack(file.exactly(offset + at, length, "the GNU hash table")):
            index += 1
            if word & 1:
                return index
        if index > file.limits.elf_symbols:
            raise ElfError(f"more than {file.limits.elf_symbols} dynamic symbols", code="limit-exceeded")
        at += length
    raise ElfError("a chain of the GNU hash table has no end", offset=offset)


def _named(layout: _Layout, raw: bytes, strings: bytes, limits: Limits) -> Symbols:
    imports: set[str] = set()
    exports: set[str] = set()
    budget = limits.elf_symbol_bytes
    for fields in layout.symbol.iter_unpack(raw):
        if layout.wide:
            name, info, _, section, _, _ = fields
        else:
            name, _, _, info, _, section = fields
        if not name:
            continue
        end = strings.find(b"\0", name, name + budget + 1)
        if end < 0:
            if name + budget < len(strings):
                raise ElfError(f"symbol names of more than {limits.elf_symbol_bytes} bytes", code="limit-exceeded")
            raise ElfError(f"symbol name {name} lies outside the dynamic string table")
        budget -= end - name
        if section == 0:
            imports.add(decoded(strings[name:end]))
        elif info >> 4:
            exports.add(decoded(strings[name:end]))
    return Symbols(imports=frozenset(imports), exports=frozenset(exports))
