"""The 512-byte header of a tar entry: ustar (POSIX.1-1988), GNU, star and V7, read as Go's archive/tar reads them.

Docker, containerd and Podman all unpack layers with archive/tar, so where readers differ, its reading is what a
container would see.
"""

from __future__ import annotations

import struct
from zlib import adler32

__all__ = ["BLOCK", "FIELDS", "ZERO", "Fields", "checksum_matches", "is_ustar", "number", "padded", "prefix", "text"]

BLOCK = 512
ZERO = bytes(BLOCK)
FIELDS = struct.Struct("=100s8s8s8s12s12s8sB100s")
Fields = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, int, bytes]
"""Name, mode, uid, gid, size, mtime, checksum, type, link name."""

_MAX_NUMBER = 1 << 63
_ADLER_SUM = 0xFFFF


def padded(size: int) -> int:
    """A number of bytes rounded up to whole blocks."""
    return (size + BLOCK - 1) & -BLOCK


def text(raw: bytes) -> bytes:
    """A text field up to its first NUL."""
    end = raw.find(0)
    return raw if end < 0 else raw[:end]


def number(raw: bytes, what: str, *, signed: bool = False) -> int:
    """A number field: octal digits between spaces and NULs, or base-256 of GNU and star where the first bit is set.

    An empty field is 0. Raises `ValueError` for anything else, for a negative number that may not be `signed`, and for
    one beyond 63 bits.
    """
    digits = raw.strip(b" \0")
    if digits.isdigit() or not digits:
        try:
            return int(digits or b"0", 8)
        except ValueError:
            raise ValueError(f"the field {what} is no octal number") from None
    if raw[0] & 0x80:
        value = _base256(raw)
    else:
        # What follows a NUL is no part of the number.
        digits = text(digits).rstrip(b" ")
        if not digits.isdigit() or digits.strip(b"01234567"):
            raise ValueError(f"the field {what} is no octal number")
        value = int(digits, 8)
    if value < 0 and not signed:
        raise ValueError(f"the field {what} is negative")
    if not -_MAX_NUMBER <= value < _MAX_NUMBER:
        raise ValueError(f"the field {what} has more than 63 bits")
    return value


def _base256(raw: bytes) -> int:
    """Two's complement, big endian, without the first bit, which only marks the encoding."""
    bits = 8 * len(raw) - 1
    value = int.from_bytes(raw, "big") & ((1 << bits) - 1)
    return value - (1 << bits) if value >> (bits - 1) else value


def checksum_matches(block: bytes, stored: bytes) -> bool:
    """Whether the header's bytes add up to its checksum field, that field itself counted as eight spaces.

    The low half of Adler-32 is 1 + the sum of the bytes modulo 65521, at a sixth of the cost of `sum`; a part of at
    most 256 bytes cannot reach the modulus, so this is exact.
    """
    total = (
        (adler32(block[:148]) & _ADLER_SUM)
        + (adler32(block[156:334]) & _ADLER_SUM)
        + (adler32(block[334:]) & _ADLER_SUM)
        + (8 * 32 - 3)
    )
    try:
        claimed = number(stored, "checksum")
    except ValueError:
        return False
    if total == claimed:
        return True
    # Some old writers added signed characters.
    high = sum(byte > 127 for byte in block[:148]) + sum(byte > 127 for byte in block[156:])
    return total - 256 * high == claimed


def is_ustar(block: bytes) -> bool:
    """Whether the header has the magic of POSIX or GNU, so that the fields behind the link name mean something."""
    return block[257:263] == b"ustar\0" or block[257:265] == b"ustar  \0"


def prefix(block: bytes) -> bytes:
    """The directory part that stands in a field of its own; empty in the GNU and V7 formats.

    Go's writer once put a prefix into GNU headers, where times stand: such a field is a prefix if it is no number.
    """
    if not block[345]:
        return b""
    if block[257:263] == b"ustar\0":
        star = block[508:] == b"tar\0"
        return text(block[345:476] if star else block[345:500])
    if block[257:265] != b"ustar  \0":
        return b""
    try:
        number(block[345:357], "atime", signed=True)
        if block[357]:
            number(block[357:369], "ctime", signed=True)
    except ValueError:
        name = text(block[345:500])
        return name if name.isascii() else b""
    return b""
