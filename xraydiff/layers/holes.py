"""Runs of zeros, which a temporary file does not store: what is left of a chunk without them."""

from __future__ import annotations

__all__ = ["occupied", "runs"]

_PIECE = 16 << 10
"""Shorter runs are written: a file system's own blocks have 4 KiB, and a look at each would cost as much as hashing."""
_ZEROS = bytes(_PIECE)


def runs(chunk: bytes) -> list[tuple[int, int]]:
    """Start and end of each part of a chunk that is not zeros, in whole pieces of 16 KiB."""
    found: list[tuple[int, int]] = []
    size = len(chunk)
    for start in range(0, size, _PIECE):
        end = min(start + _PIECE, size)
        if chunk.startswith(_ZEROS if end - start == _PIECE else bytes(end - start), start):
            continue
        if found and found[-1][1] == start:
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return found


def occupied(chunk: bytes) -> int:
    """The bytes that a spool stores of a chunk."""
    return sum(end - start for start, end in runs(chunk))
