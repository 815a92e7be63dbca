"""The names of a file's dynamic symbols: what it imports and what it offers, read within bounds."""

from __future__ import annotations

from dataclasses import dataclass

from xraydiff.elf.format import Elf
from xraydiff.elf.layouts import ADDRESSES, DT_GNU_HASH, DT_HASH, DT_STRSZ, DT_STRTAB, DT_SYMTAB, LAYOUTS, Layout
from xraydiff.elf.memory import Memory
from xraydiff.elf.source import ElfError, ElfSource, Source
from xraydiff.limits import Limits
from xraydiff.paths import decoded

__all__ = ["Symbols", "read_symbols"]

_EIGHT_BYTE_HASHES = frozenset((22, 0x9026))
"""s390 and alpha: 64-bit files of theirs have hash words of eight bytes; the next table then bounds the symbols."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbols:
    """Names of the dynamic symbol table; sets for membership, never iterated for output unsorted."""

    imports: frozenset[str]
    """Undefined names."""
    exports: frozenset[str]
    """Defined names of global, weak or unique binding."""


def read_symbols(source: ElfSource | bytes, elf: Elf, *, limits: Limits) -> Symbols:
    """The names of the dynamic symbols of a file that `read_elf` read. Raises `ElfError`.

    A loader comes to the imported ones by relocations and never counts them. The count of DT_HASH or DT_GNU_HASH is
    therefore the least: up to where the next table begins, whatever looks like a symbol is taken for one.
    """
    file = Source(source)
    layout = LAYOUTS[elf.bits, elf.little]
    memory = Memory(file, elf.segments, bits=elf.bits, started=elf.interpreter is not None)
    tables = dict(elf.tables)
    if DT_SYMTAB not in tables or DT_STRTAB not in tables:
        return Symbols(imports=frozenset(), exports=frozenset())
    symtab, strtab = memory.place(tables[DT_SYMTAB]), memory.place(tables[DT_STRTAB])
    if symtab is None or strtab is None:
        raise ElfError("the symbol table lies outside the loaded segments")
    entry = layout.symbol.size
    room = min(symtab[1], max(file.size - symtab[0], 0)) // entry
    counted = _counted(file, layout, memory, elf, limits)
    after = [tables[tag] - tables[DT_SYMTAB] for tag in ADDRESSES if tables.get(tag, 0) > tables[DT_SYMTAB]]
    fitting = min(after) // entry if after else 0
    if counted is None:
        counted = fitting if after else room
    sure = min(counted, room)
    count = min(max(sure, fitting), room)
    if count > limits.elf_symbols:
        raise ElfError(f"more than {limits.elf_symbols} dynamic symbols", code="limit-exceeded")
    raw = file.exactly(symtab[0], count * entry, "the symbol table")
    highest = max((int(fields[0]) for fields in layout.symbol.iter_unpack(raw[: sure * entry])), default=0)
    wanted = max(tables.get(DT_STRSZ, 0), highest + limits.elf_string)
    strings = file.exactly(strtab[0], min(wanted, strtab[1], max(file.size - strtab[0], 0)), "the dynamic string table")
    return _named(layout, raw, strings, sure, limits)


def _counted(file: Source, layout: Layout, memory: Memory, elf: Elf, limits: Limits) -> int | None:
    """Symbols by the hash tables, or None where neither says."""
    tables = dict(elf.tables)
    counts: list[int] = []
    plain = memory.place(tables.get(DT_HASH, -1))
    if plain and plain[1] >= 8 and not (elf.bits == 64 and elf.machine in _EIGHT_BYTE_HASHES):
        (count,) = layout.word.unpack(file.exactly(plain[0] + 4, 4, "the hash table"))
        counts.append(int(count))
    place = memory.place(tables.get(DT_GNU_HASH, -1))
    if place is not None and place[1] >= 16:
        count = _by_gnu_hash(file, layout, place, limits)
        counts += [count] if count is not None else []
    return max(counts, default=None)


def _by_gnu_hash(file: Source, layout: Layout, place: tuple[int, int], limits: Limits) -> int | None:
    """Symbols by DT_GNU_HASH; None where nothing is exported: it does not say then how many are imported."""
    offset, room = place
    raw = file.exactly(offset, 16, "the GNU hash table")
    buckets, first, bloom, _ = (int(word) for (word,) in layout.word.iter_unpack(raw))
    start = 16 + bloom * (8 if layout.wide else 4)
    if start + 4 * buckets > room or buckets > limits.elf_symbols:
        raise ElfError("the GNU hash table is larger than its segment", offset=offset)
    words = layout.word.iter_unpack(file.exactly(offset + start, 4 * buckets, "the GNU hash table"))
    last = max((int(word) for (word,) in words), default=0)
    if last < first:
        return None
    chain = start + 4 * (buckets + last - first)
    return _chain_end(file, layout, (offset + chain, room - chain), last - first, limits) + first


def _chain_end(file: Source, layout: Layout, place: tuple[int, int], index: int, limits: Limits) -> int:
    """One past the index of the chain word that ends the last chain (its lowest bit is set).

    `place` is where that chain begins and how much is mapped there, `index` which word of all chains that is.
    """
    offset, room = place
    room = min(room, max(file.size - offset, 0))
    at = 0
    while at < room:
        length = min(1024, room - at) // 4 * 4
        if not length:
            break
        for (word,) in layout.word.iter_unpack(file.exactly(offset + at, length, "the GNU hash table")):
            index += 1
            if word & 1:
                return index
        if index > limits.elf_symbols:
            raise ElfError(f"more than {limits.elf_symbols} dynamic symbols", code="limit-exceeded")
        at += length
    raise ElfError("a chain of the GNU hash table has no end", offset=offset)


def _named(layout: Layout, raw: bytes, strings: bytes, sure: int, limits: Limits) -> Symbols:
    """The names of the symbols; behind the first `sure` ones what has no name is no symbol."""
    imports: set[str] = set()
    exports: set[str] = set()
    budget = limits.elf_symbol_bytes
    for number, fields in enumerate(layout.symbol.iter_unpack(raw)):
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
            if number >= sure:
                continue
            raise ElfError(f"symbol name {name} lies outside the dynamic string table")
        budget -= end - name
        if section == 0:
            imports.add(decoded(strings[name:end]))
        elif info >> 4:
            exports.add(decoded(strings[name:end]))
    return Symbols(imports=frozenset(imports), exports=frozenset(exports))
