"""Fields of a tar header."""

from __future__ import annotations

import random

import pytest

from xraydiff.layers.headers import checksum_matches, number, padded, prefix


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"0000644\0", 0o644),
        (b"   644 \0", 0o644),
        (b"644\0junk", 0o644),
        (b"\0" * 8, 0),
        (b"        ", 0),
        (b"77777777", 0o77777777),
        (b"\x80\0\0\0\xff\xff\xff\xfe", 4294967294),
        (b"\x80" + (2**63 - 1).to_bytes(11, "big"), 2**63 - 1),
    ],
)
def test_number(raw: bytes, value: int) -> None:
    assert number(raw, "x") == value


def test_negative_numbers_are_for_times_only() -> None:
    assert number(b"\xff" * 12, "mtime", signed=True) == -1
    with pytest.raises(ValueError, match="the field uid is negative"):
        number(b"\xff" * 8, "uid")


@pytest.mark.parametrize(
    "raw", [b"0x10\0", b"8\0", b"1 2\0", b"1_2", b"\x80" + b"\xff" * 11, b"abc", b"-1", b"\xc0" + b"\0" * 11]
)
def test_no_number(raw: bytes) -> None:
    with pytest.raises(ValueError, match="the field x"):
        number(raw, "x")


@pytest.mark.parametrize("fill", [0, 1, 127, 128, 255, None])
def test_checksum_is_the_sum_of_the_bytes(fill: int | None) -> None:
    chance = random.Random(5)  # noqa: S311  repeatable
    for _ in range(50):
        block = bytearray(chance.randbytes(512) if fill is None else bytes([fill]) * 512)
        block[148:156] = b" " * 8
        total = sum(block)
        signed = sum(byte - 256 if byte > 127 else byte for byte in block)
        for claimed in {total, total - 1, total + 1, total % 65521, total - 65521, total + 65521, signed} - {0}:
            if claimed > 0:
                stored = b"%06o\0 " % claimed
                assert checksum_matches(bytes(block), stored) == (claimed in (total, signed)), claimed


def block(magic: bytes, field: bytes, tail: bytes = b"") -> bytes:
    raw = bytes(257) + magic.ljust(8, b"\0")
    return (raw.ljust(345, b"\0") + field).ljust(508, b"\0") + tail.ljust(4, b"\0")


def test_prefix() -> None:
    assert prefix(block(b"ustar\x0000", b"a/b")) == b"a/b"
    assert prefix(block(b"ustar\x0000", b"p" * 155)) == b"p" * 155
    assert prefix(block(b"ustar\x0000", b"p" * 131 + b"00000000000 00000000000 ", b"tar\0")) == b"p" * 131
    assert prefix(block(b"ustar  \0", b"00000000001\x0000000000002\0")) == b""
    assert prefix(block(b"ustar  \0", b"root/of/an/old/writer")) == b"root/of/an/old/writer"
    assert prefix(block(b"ustar  \0", b"\xffroot")) == b""
    assert prefix(block(b"", b"a/b")) == b""


def test_padded() -> None:
    assert [padded(size) for size in (0, 1, 511, 512, 513)] == [0, 512, 512, 512, 1024]
