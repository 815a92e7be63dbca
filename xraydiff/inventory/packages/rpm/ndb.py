"""The format `ndb` of rpm (`Packages.db`): pages of slots, each pointing at a package's blob (rpm, lib/backend/ndb)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from xraydiff.inventory.packages.rpm.source import BadDatabase, Blob, Source

__all__ = ["MAGIC", "read"]

MAGIC: Final = b"RpmP"
_PAGE: Final = 4_096
_BLOCK: Final = 16
"""Blobs are counted in blocks of this size."""
_SLOT = struct.Struct("<4sIII")
_HEAD = struct.Struct("<4sIII")
_TAIL = struct.Struct("<II4s")


def read(source: Source) -> Iterator[Blob]:
    """The blobs of all slots in use, in the order of the slots. Raises `BadDatabase` where its structure is broken."""
    pages = _slot_pages(source)
    packages: set[int] = set()
    for number in range(pages):
        page = source.read(number * _PAGE, _PAGE)
        if len(page) < _PAGE:
            raise BadDatabase("cut off inside its slots", number * _PAGE)
        # The header takes the place of the first two slots.
        for start in range(2 * _SLOT.size if number == 0 else 0, _PAGE, _SLOT.size):
            at = number * _PAGE + start
            magic, package, offset, blocks = _SLOT.unpack_from(page, start)
            if magic != b"Slot":
                raise BadDatabase("a slot that is none", at)
            if not offset:
                continue
            if not package or package in packages:
                raise BadDatabase(f"package {package} stands twice", at)
            packages.add(package)
            yield _blob(source, package, offset * _BLOCK, blocks * _BLOCK, pages * _PAGE)


def _slot_pages(source: Source) -> int:
    start = source.read(0, 2 * _SLOT.size)
    if len(start) < 2 * _SLOT.size or start[:4] != MAGIC:
        raise BadDatabase("not a database of rpm's format ndb", 0)
    version, _, pages, _ = struct.unpack_from("<IIII", start, 4)
    if version != 0:
        raise BadDatabase(f"version {version} of the format ndb", 4)
    if not 0 < pages <= source.size // _PAGE:
        raise BadDatabase(f"{pages} pages of slots in a file of {source.size} bytes", 12)
    return int(pages)


def _blob(source: Source, package: int, at: int, room: int, first: int) -> Blob:
    if at < first or room > source.limits.package_record or at + room > source.size:
        raise BadDatabase(f"package {package}: {room} bytes that are not there", at)
    data = source.read(at, room)
    if len(data) < _HEAD.size + _TAIL.size:
        raise BadDatabase(f"package {package}: no room for a blob", at)
    magic, own, _, size = _HEAD.unpack_from(data)
    if magic != b"BlbS" or own != package or _HEAD.size + size + _TAIL.size > len(data):
        raise BadDatabase(f"package {package}: its blob does not begin as one", at)
    checksum, again, end = _TAIL.unpack_from(data, len(data) - _TAIL.size)
    if end != b"BlbE" or again != size:
        raise BadDatabase(f"package {package}: its blob does not end as one", at)
    if zlib.adler32(data[: len(data) - _TAIL.size]) != checksum:
        raise BadDatabase(f"package {package}: its blob does not match its checksum", at)
    return Blob(at=at, data=data[_HEAD.size : _HEAD.size + size])
