"""The header of one rpm package as its database stores it: an index of tags over a block of data, big-endian.

rpm's documentation, "Header format"; bounds as in rpm's lib/header.cc (HEADER_TAGS_MAX, HEADER_DATA_MAX).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from xraydiff.limits import Limits
from xraydiff.paths import decoded

__all__ = ["BadHeader", "Header", "parse"]

MAGIC: Final = b"\x8e\xad\xe8\x01\x00\x00\x00\x00"
"""What a header begins with in a package file; databases leave it out, but some tools keep it."""
_INTRO = struct.Struct(">II")
_ENTRY = struct.Struct(">iIiI")
_INT16, _INT32, _STRING, _STRINGS, _TRANSLATED = 3, 4, 6, 8, 9
_WIDTHS = {_INT16: "H", _INT32: "I"}

NAME, VERSION, RELEASE, EPOCH, ARCH = 1000, 1001, 1002, 1003, 1022
OLDFILENAMES, FILEMODES, FILEDIGESTS, FILEFLAGS = 1027, 1030, 1035, 1037
SOURCERPM, PROVIDENAME, REQUIRENAME = 1044, 1047, 1049
DIRINDEXES, BASENAMES, DIRNAMES, FILEDIGESTALGO = 1116, 1117, 1118, 5011

_TEXTS: Final = frozenset({NAME, VERSION, RELEASE, ARCH, SOURCERPM})
_LISTS: Final = frozenset({OLDFILENAMES, FILEDIGESTS, PROVIDENAME, REQUIRENAME, BASENAMES, DIRNAMES})
_NUMBERS: Final = frozenset({EPOCH, FILEMODES, FILEFLAGS, DIRINDEXES, FILEDIGESTALGO})


class BadHeader(Exception):  # noqa: N818  it never leaves this folder
    """A header that says something that cannot be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The tags that we use, by their number."""

    texts: Mapping[int, str] = field(default_factory=dict)
    lists: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    numbers: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """`[EPOCH:]VERSION-RELEASE`, as `rpm -q` prints it; an epoch of 0 or none is left out."""
        epoch = self.numbers.get(EPOCH, (0,))[0]
        parts = [text for text in (self.texts.get(VERSION, ""), self.texts.get(RELEASE, "")) if text]
        return (f"{epoch}:" if epoch else "") + "-".join(parts)


def parse(blob: bytes, limits: Limits) -> Header:
    """Read one header, with or without its eight bytes of magic. Raises `BadHeader`."""
    start = len(MAGIC) if blob.startswith(MAGIC) else 0
    if len(blob) < start + _INTRO.size:
        raise BadHeader("shorter than the lengths that a header begins with")
    tags, size = _INTRO.unpack_from(blob, start)
    data = start + _INTRO.size + tags * _ENTRY.size
    if not 0 < tags <= limits.rpm_header_tags or data + size > len(blob):
        raise BadHeader(f"says {tags} tags and {size} bytes, has {len(blob)} bytes")
    store = blob[data : data + size]
    # Of a tag that stands twice the later counts: what rpm adds to an installed package follows the signed region.
    index = {entry[0]: entry for entry in _ENTRY.iter_unpack(blob[start + _INTRO.size : data])}
    most = limits.package_lines
    return Header(
        texts={tag: _strings(store, tag, index[tag][1], index[tag][2], 1)[0] for tag in _TEXTS & index.keys()},
        lists={tag: _strings(store, *_bounded(index[tag], most)) for tag in _LISTS & index.keys()},
        numbers={tag: _integers(store, *_bounded(index[tag], most)) for tag in _NUMBERS & index.keys()},
    )


def _bounded(entry: tuple[int, int, int, int], most: int) -> tuple[int, int, int, int]:
    if entry[3] > most:
        raise BadHeader(f"tag {entry[0]} has {entry[3]} values")
    return entry


def _strings(store: bytes, tag: int, kind: int, offset: int, count: int) -> tuple[str, ...]:
    if kind not in (_STRING, _STRINGS, _TRANSLATED):
        raise BadHeader(f"tag {tag} is of type {kind}, not text")
    # Each string has its null byte, so more of them than bytes cannot be.
    if not 0 <= offset < len(store) or not 0 < count <= len(store) - offset:
        raise BadHeader(f"tag {tag} points out of the data")
    *parts, _ = store[offset:].split(b"\0", count)
    if len(parts) < count:
        raise BadHeader(f"tag {tag} ends without a null byte")
    return tuple(map(decoded, parts))


def _integers(store: bytes, tag: int, kind: int, offset: int, count: int) -> tuple[int, ...]:
    code = _WIDTHS.get(kind)
    if code is None:
        raise BadHeader(f"tag {tag} is of type {kind}, not a number")
    width = struct.calcsize(code)
    if not 0 <= offset <= len(store) or not 0 < count <= (len(store) - offset) // width:
        raise BadHeader(f"tag {tag} points out of the data")
    return struct.unpack_from(f">{count}{code}", store, offset)
