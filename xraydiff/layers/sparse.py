"""Sparse files: the maps of old GNU headers and of PAX formats 0.0, 0.1 and 1.0 (GNU tar manual, "Sparse Formats").

Every function raises `ValueError` for a malformed map and `LimitExceeded` for one that is too large.
"""

from __future__ import annotations

from xraydiff.errors import LimitExceeded
from xraydiff.facts import Extent
from xraydiff.layers.content import Content
from xraydiff.layers.headers import BLOCK, number, padded
from xraydiff.layers.pax import whole
from xraydiff.limits import Limits

__all__ = ["Pairs", "extents", "in_content", "in_header", "in_records", "version"]

Pairs = list[tuple[int, int]]
"""Position in the file and number of bytes stored there."""

_SLOT = 24
_IN_HEADER, _IN_BLOCK = 4, 21


def in_header(block: bytes, source: Content, position: int, limits: Limits) -> tuple[Pairs, int, int]:
    """An old GNU map: its pairs, the size of the file, and where the content starts.

    `position` is where the header's block ends; further parts of the map follow there, each saying whether it is the
    last.
    """
    if block[257:265] != b"ustar  \0":
        raise ValueError("a sparse file has no GNU header")
    pairs = _slots(block, 386, _IN_HEADER)
    size = number(block[483:495], "realsize")
    more, start = block[482], position
    while more:
        if position - start >= limits.sparse_map:
            raise _too_large(limits)
        if position + BLOCK > source.size:
            raise ValueError("the archive ends inside a sparse map")
        block = source.read_at(position, BLOCK)
        position += BLOCK
        pairs += _slots(block, 0, _IN_BLOCK)
        more = block[504]
    return pairs, size, position


def _slots(block: bytes, start: int, most: int) -> Pairs:
    """Pairs of number fields up to the first empty one."""
    pairs: Pairs = []
    for at in range(start, start + most * _SLOT, _SLOT):
        if not block[at]:
            break
        pairs.append((number(block[at : at + 12], "sparse offset"), number(block[at + 12 : at + 24], "sparse length")))
    return pairs


def version(records: dict[bytes, bytes]) -> str:
    """Which PAX format the records use: `0`, `1`, or empty for no sparse file; unknown ones are none, as for Go."""
    major, minor = records.get(b"GNU.sparse.major", b""), records.get(b"GNU.sparse.minor", b"")
    if major == b"1" and minor == b"0":
        return "1"
    if major == b"0" and minor in (b"0", b"1"):
        return "0"
    if major or minor:
        return ""
    return "0" if records.get(b"GNU.sparse.map") else ""


def in_records(records: dict[bytes, bytes]) -> Pairs:
    """The map of formats 0.0 and 0.1, which stands in the extended header."""
    count = whole(records.get(b"GNU.sparse.numblocks", b""), "GNU.sparse.numblocks")
    raw = records.get(b"GNU.sparse.map", b"")
    numbers = raw.split(b",") if raw else []
    if len(numbers) != 2 * count:
        raise ValueError("a sparse map has another length than it says")
    return _paired(numbers)


def in_content(source: Content, position: int, stored: int, limits: Limits) -> tuple[Pairs, int]:
    """The map of format 1.0, which stands before the content, one number a line, and how many bytes it takes."""
    body = source.read_at(position, min(stored, limits.sparse_map))
    cut = stored > len(body)
    first = body.find(b"\n", 0, 20)
    if first < 0:
        raise ValueError("a sparse map does not start with its length")
    count = whole(body[:first], "the length of a sparse map")
    if 4 * count > limits.sparse_map:
        raise _too_large(limits)
    lines = body[first + 1 :].split(b"\n", 2 * count)
    if len(lines) <= 2 * count:
        raise _too_large(limits) if cut else ValueError("a sparse map is shorter than it says")
    used = padded(len(body) - len(lines[-1]))
    if used > stored:
        raise ValueError("the archive ends inside a sparse map")
    return _paired(lines[:-1]), used


def _paired(numbers: list[bytes]) -> Pairs:
    values = (whole(value, "a sparse map") for value in numbers)
    return list(zip(values, values, strict=True))


def extents(pairs: Pairs, *, size: int, offset: int, stored: int) -> tuple[Extent, ...]:
    """The stored parts of a file of `size` bytes whose `stored` bytes stand at `offset` of the layer."""
    end = used = 0
    found: list[Extent] = []
    for position, length in pairs:
        if position < end or position + length > size:
            raise ValueError("the parts of a sparse file overlap or lie beyond its end")
        end = position + length
        if length:
            found.append(Extent(position=position, offset=offset + used, length=length))
            used += length
    if used != stored:
        raise ValueError(f"the parts of a sparse file have {used} bytes, but {stored} are stored")
    return tuple(found)


def _too_large(limits: Limits) -> LimitExceeded:
    return LimitExceeded(f"a sparse map is larger than {limits.sparse_map} bytes", hint="limit sparse_map")
