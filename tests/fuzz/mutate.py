"""Damage to bytes that is the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Sequence

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 63, (1 << 64) - 1)
_WORDS: tuple[bytes, ...] = (
    b"-1",
    b"0",
    b"99999999999999999999",
    b"\0",
    b"\n",
    b"\r\n",
    b"../",
    b"/",
    b"\\",
    b"%s",
    b"\xff\xfe",
    b"\xed\xb2\x80",
)
_WORDS += (
    b'"',
    b"'",
    b"{",
    b"[",
    b"(",
    b"$(",
    b"`",
    b"<<",
    b"#",
    b":",
    b",",
    b"=",
    b"null",
    b"1e999",
    b"\xc3\xa9",
    b" ",
)


def mutated(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """One of the seeds with one to six changes: bits, numbers, words, parts moved, doubled, repeated or cut."""
    raw = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 6)):
        if not raw:
            break
        at = chance.randrange(len(raw))
        end = min(len(raw), at + chance.choice((1, 2, 8, 64, 512, 4096)))
        match chance.randrange(9):
            case 0:
                raw[at] ^= 1 << chance.randrange(8)
            case 1:
                width = chance.choice((1, 2, 4, 8))
                number = chance.choice(_NUMBERS) & ((1 << 8 * width) - 1)
                raw[at : at + width] = number.to_bytes(width, "little" if chance.random() < 0.5 else "big")
            case 2:
                word = chance.choice(_WORDS)
                raw[at : at + chance.choice((0, len(word)))] = word
            case 3:
                del raw[at:end]
            case 4:
                raw[at:at] = raw[at:end]
            case 5:
                raw[at:end] = bytes(end - at)
            case 6:
                other = chance.choice(seeds)
                start = chance.randrange(max(1, len(other)))
                raw[at:end] = other[start : start + chance.choice((8, 64, 512))]
            case 7:
                raw[at:at] = raw[at : at + chance.choice((1, 4, 16))] * chance.choice((10, 100, 2000))
            case _:
                if chance.random() < 0.3:
                    del raw[at:]
    return bytes(raw[: 1 << 20])
