"""Berkeley DB's hash format, as rpm's `Packages` uses it: pages of keys and values, values in chains of pages.

Oracle Berkeley DB, dbinc/db_page.h; every page is looked at in order, so that no bucket list can lead in circles.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from xraydiff.inventory.packages.rpm.source import BadDatabase, Blob, Source

__all__ = ["is_hash", "read"]

HASH_MAGIC: Final = 0x061561
_META: Final = 512
"""Bytes of a hash database's first page that hold its description."""
_HEADER: Final = 26
"""Bytes before the entries of a page (SIZEOF_PAGE)."""
_HASH_META = 8
_HASH_PAGES: Final = frozenset({2, 13})
"""P_HASH_UNSORTED of Berkeley DB before 4.6, and P_HASH."""
_OVERFLOW: Final = 7
_KEY_DATA, _OFF_PAGE = 1, 3
_PAGE_SIZES: Final = frozenset(1 << power for power in range(9, 17))
_NO_HEADER = b"\0\0\0\0"
"""The key under which rpm keeps the number of its next package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """What the first page says."""

    order: str
    """`<` or `>`: the byte order of the machine that wrote it."""
    page: int
    last: int
    """Number of the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    number: int
    following: int
    entries: int
    used: int
    """Of an overflow page: bytes of the value on it."""
    type: int
    data: bytes


def is_hash(start: bytes) -> bool:
    """Whether a file begins as a hash database does, in either byte order."""
    return len(start) >= 16 and HASH_MAGIC in struct.unpack("<I", start[12:16]) + struct.unpack(">I", start[12:16])


def read(source: Source) -> Iterator[Blob]:
    """The values of a hash database in the order of its pages. Raises `BadDatabase` where its structure is broken."""
    layout = _layout(source)
    seen: set[int] = set()
    for number in range(1, layout.last + 1):
        page = _page(source, layout, number)
        if page.type in _HASH_PAGES:
            yield from _values(source, layout, page, seen)


def _layout(source: Source) -> _Layout:
    start = source.read(0, _META)
    if len(start) < _META:
        raise BadDatabase("shorter than the first page of a hash database", 0)
    order = next((order for order in "<>" if struct.unpack_from(f"{order}I", start, 12)[0] == HASH_MAGIC), None)
    if order is None:
        raise BadDatabase("not a hash database of Berkeley DB", 12)
    page, encryption, kind, flags, last = struct.unpack_from(f"{order}IBBBxxxxxI", start, 20)
    if page not in _PAGE_SIZES or kind != _HASH_META:
        raise BadDatabase(f"pages of {page} bytes and a first page of type {kind}", 20)
    if encryption or flags & 1:
        raise BadDatabase("encrypted or checksummed pages, which rpm does not make", 24)
    if not 0 < last < -(-source.size // page):
        raise BadDatabase(f"{last + 1} pages of {page} bytes in a file of {source.size}", 32)
    return _Layout(order=order, page=page, last=last)


def _page(source: Source, layout: _Layout, number: int) -> _Page:
    data = source.read(number * layout.page, layout.page)
    if len(data) < layout.page:
        raise BadDatabase("cut off inside a page", number * layout.page)
    own, _, following, entries, used, _, kind = struct.unpack_from(f"{layout.order}IIIHHBB", data, 8)
    # A page of zeros is one that was set aside and never used.
    if kind in _HASH_PAGES or kind == _OVERFLOW:
        if own != number:
            raise BadDatabase(f"page {number} calls itself {own}", number * layout.page)
    elif kind > 13:
        raise BadDatabase(f"a page of type {kind}", number * layout.page)
    return _Page(number=number, following=following, entries=entries, used=used, type=kind, data=data)


def _values(source: Source, layout: _Layout, page: _Page, seen: set[int]) -> Iterator[Blob]:
    at = page.number * layout.page
    if page.entries % 2 or _HEADER + 2 * page.entries > layout.page:
        raise BadDatabase(f"{page.entries} entries on one page", at)
    starts = struct.unpack_from(f"{layout.order}{page.entries}H", page.data, _HEADER)
    # Entries are packed from the end of the page, so each ends where the one before it starts.
    ends = (layout.page, *starts)
    for index in range(0, page.entries, 2):
        key = _item(page, starts[index], ends[index], at)
        item = _item(page, starts[index + 1], ends[index + 1], at)
        if key == bytes([_KEY_DATA]) + _NO_HEADER:
            continue
        yield Blob(at=at + starts[index + 1], data=_value(source, layout, item, at, seen))


def _item(page: _Page, start: int, end: int, at: int) -> bytes:
    if not _HEADER + 2 * page.entries <= start < end <= len(page.data):
        raise BadDatabase("an entry that lies outside of its page", at)
    return page.data[start:end]


def _value(source: Source, layout: _Layout, item: bytes, at: int, seen: set[int]) -> bytes:
    if item[0] == _KEY_DATA:
        return item[1:]
    if item[0] != _OFF_PAGE or len(item) < 12:
        raise BadDatabase(f"a value of type {item[0]}", at)
    first, size = struct.unpack_from(f"{layout.order}II", item, 4)
    if size > source.limits.package_record:
        raise BadDatabase(f"a value of {size} bytes", at)
    return _chain(source, layout, first, size, seen)


def _chain(source: Source, layout: _Layout, first: int, size: int, seen: set[int]) -> bytes:
    """A value that lies on pages of its own; no page belongs to two values."""
    parts: list[bytes] = []
    left, number = size, first
    while left > 0:
        at = number * layout.page
        if not 0 < number <= layout.last:
            raise BadDatabase(f"a value that goes on at page {number} of {layout.last}", at)
        if number in seen:
            raise BadDatabase(f"a value that comes back to page {number}", at)
        seen.add(number)
        page = _page(source, layout, number)
        if page.type != _OVERFLOW or not 0 < page.used <= layout.page - _HEADER or page.used > left:
            raise BadDatabase(f"a value that goes on at a page of type {page.type} with {page.used} bytes", at)
        parts.append(page.data[_HEADER : _HEADER + page.used])
        left -= page.used
        number = page.following
    return b"".join(parts)
