"""What ldconfig leaves for ld.so: /etc/ld.so.cache in its old, new and combined formats (glibc, dl-cache.h)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct

from xraydiff.elf.source import ElfError, NotLoadableError
from xraydiff.paths import decoded

__all__ = ["CacheEntry", "read_cache"]

_OLD_MAGIC = b"ld.so-1.7.0"
_NEW_MAGIC = b"glibc-ld.so.cache1.1"
_EXTENSION_MAGIC = 0xEAA42174
_HWCAPS_TAG = 1
_NEW_HEADER, _NEW_ENTRY = 48, 24
_OLD_HEADER, _OLD_ENTRY = 16, 12
_NAMED_HWCAP = 1 << 62
"""DL_CACHE_HWCAP_EXTENSION: the low half is then an index into the names of glibc-hwcaps directories."""


_PIECE = re.compile(r"[0-9]+|[^0-9]", re.DOTALL)
_DIGITS = 18
"""Of a number, as many as count: real ones have eight, and Python reads longer ones in the square of their length."""
_REPEATED = 4
"""How often, on average, a byte of the cache may belong to a string: a soname is the end of its own path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntry:
    """Where ldconfig found a soname."""

    path: str
    flags: int
    """Kind of library and its ABI (`FLAG_*` of ldconfig.h)."""
    hwcap: int = 0
    """Legacy hardware bits, 0 for a library that every CPU may load."""
    variant: str = ""
    """Name of the glibc-hwcaps directory that it lies in."""


def read_cache(data: bytes) -> Mapping[str, tuple[CacheEntry, ...]]:
    """Entries by soname, in the order of the file.

    Raises `NotLoadableError` for a file that ld.so would not use, and `ElfError` for one in which its binary search
    would miss entries: only ldconfig's order is known.
    """
    if data.startswith(_NEW_MAGIC):
        return _new(data)
    if not data.startswith(_OLD_MAGIC) or len(data) < _OLD_HEADER:
        raise NotLoadableError("not a loader cache")
    little, count = _count(data, 12, len(data) - _OLD_HEADER, _OLD_ENTRY)
    end = _OLD_HEADER + count * _OLD_ENTRY
    aligned = -(-end // 8) * 8
    if data.startswith(_NEW_MAGIC, aligned):
        return _new(data[aligned:])
    found = _Entries()
    strings = _Strings(data, end)
    for flags, key, value in Struct(("<" if little else ">") + "iII").iter_unpack(data[_OLD_HEADER:end]):
        entry = CacheEntry(path=strings.at(end + value), flags=flags)
        found.add(strings.at(end + key), entry)
    return found.all()


def _new(data: bytes) -> Mapping[str, tuple[CacheEntry, ...]]:
    if len(data) < _NEW_HEADER:
        raise NotLoadableError("the loader cache is cut off")
    little, count = _count(data, 20, len(data) - _NEW_HEADER, _NEW_ENTRY)
    order = "<" if little else ">"
    end = _NEW_HEADER + count * _NEW_ENTRY
    strings = _Strings(data, end)
    variants = _variants(data, order, strings)
    found = _Entries()
    for flags, key, value, _, hwcap in Struct(order + "iIIIQ").iter_unpack(data[_NEW_HEADER:end]):
        variant = ""
        if hwcap & _NAMED_HWCAP:
            index = hwcap & 0xFFFFFFFF
            variant = variants[index] if index < len(variants) else "?"
        entry = CacheEntry(path=strings.at(value), flags=flags, hwcap=0 if variant else hwcap, variant=variant)
        found.add(strings.at(key), entry)
    return found.all()


class _Entries:
    """Entries by soname, as long as they come in the order that a binary search relies on."""

    def __init__(self) -> None:
        self.found: dict[str, list[CacheEntry]] = {}
        self._last: tuple[str, list[tuple[int, int]]] | None = None

    def add(self, name: str, entry: CacheEntry) -> None:
        """Add the next entry. Raises `ElfError` where ldconfig would have put it elsewhere."""
        if self._last is None or name != self._last[0]:
            key = _key(name)
            if self._last is not None and key >= self._last[1]:
                raise ElfError("the loader cache is not in ldconfig's order")
            self._last = (name, key)
        self.found.setdefault(name, []).append(entry)

    def all(self) -> Mapping[str, tuple[CacheEntry, ...]]:
        """What was added."""
        return {name: tuple(entries) for name, entries in self.found.items()}


def _key(name: str) -> list[tuple[int, int]]:
    """What `_dl_cache_libcmp` compares: numbers as such and above any other character."""
    pieces = _PIECE.findall(name)
    return [(1, int(one[:_DIGITS])) if one[0] in "0123456789" else (0, ord(one)) for one in pieces]


def _count(data: bytes, at: int, room: int, entry: int) -> tuple[bool, int]:
    """Byte order and number of entries: the order in which they fit into the file."""
    for little, order in ((True, "<"), (False, ">")):
        (count,) = Struct(order + "I").unpack_from(data, at)
        if count * entry <= room:
            return little, count
    raise NotLoadableError("the loader cache names more entries than it holds", offset=at)


def _variants(data: bytes, order: str, strings: _Strings) -> tuple[str, ...]:
    """Names of glibc-hwcaps directories, from the extension section (glibc 2.33 and later)."""
    word = Struct(order + "4I")
    (start,) = Struct(order + "I").unpack_from(data, 32)
    if not start or start + 8 > len(data):
        return ()
    magic, sections = Struct(order + "II").unpack_from(data, start)
    if magic != _EXTENSION_MAGIC:
        return ()
    end = min(start + 8 + sections * word.size, start + 8 + (len(data) - start - 8) // word.size * word.size)
    for tag, _, offset, size in word.iter_unpack(data[start + 8 : end]):
        if tag == _HWCAPS_TAG and offset + size <= len(data) and size % 4 == 0:
            return tuple(
                strings.at(index) for (index,) in Struct(order + "I").iter_unpack(data[offset : offset + size])
            )
    return ()


class _Strings:
    """NUL-ended strings of the cache, each read once; one out of bounds is empty, as ld.so skips such entries."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._start = start
        self._known: dict[int, str] = {}
        self._budget = _REPEATED * len(data) + 4096

    def at(self, offset: int) -> str:
        text = self._known.get(offset)
        if text is None:
            text = ""
            if self._start <= offset < len(self._data):
                end = self._data.find(b"\0", offset, offset + 4096)
                text = decoded(self._data[offset:end]) if end >= 0 else ""
            self._budget -= len(text)
            if self._budget < 0:
                raise ElfError("the strings of the loader cache overlap too often", code="limit-exceeded")
            self._known[offset] = text
        return text
