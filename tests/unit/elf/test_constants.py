"""Strings that code and tables give by address and length, machine by machine."""

from __future__ import annotations

import struct

import pytest

from tests.elf_files import AARCH64, CODE, RISCV, TEXTS, X86_64, coded, x86
from xraydiff.elf.constants import constants, decodes
from xraydiff.elf.format import ElfError, read_elf
from xraydiff.limits import DEFAULT, Limits


def found(data: bytes, limits: Limits = DEFAULT) -> list[bytes]:
    return list(constants(data, read_elf(data, limits=limits), limits=limits))


BLOB = b"Bad Gateway/srv/data/app.jsontemplates/*.html0123456789abcdef"
APP, TEMPLATES = TEXTS + 11, TEXTS + 29


MOV_18 = b"\xbb\x12\x00\x00\x00"
"""`mov ebx, 18`."""


@pytest.mark.parametrize(
    "code",
    [
        x86(APP, MOV_18),
        x86(APP, b"\x48\x89\x10", b"\x90" * 20, b"\x48\xc7\x40\x08\x12\x00\x00\x00"),
        x86(b"\x48\xc7\x84\x24\x88\x00\x00\x00\x12\x00\x00\x00", APP),
        x86(b"\x48\xc7\x44\x24\x08\x12\x00\x00\x00", APP),
        x86(APP, b"\x90" * 50, TEMPLATES, b"\xb9\x10\x00\x00\x00"),
        x86(APP, TEMPLATES, b"\xb9\x10\x00\x00\x00", MOV_18),
    ],
    ids=[
        "beside it",
        "stored later",
        "stored before",
        "on the stack",
        "told by where the next begins",
        "behind that of another",
    ],
)
def test_code_of_x86_64(code: bytes) -> None:
    assert b"/srv/data/app.json" in found(coded(code, BLOB))


def test_an_address_of_a_program_that_is_not_moved() -> None:
    code = b"\xbf" + struct.pack("<I", APP) + b"\xbe\x12\x00\x00\x00"
    assert found(coded(code, BLOB, type_=2)) == [b"/srv/data/app.json"]
    assert found(coded(code, BLOB, type_=3)) == []


def arm(target: int, *moves: int) -> bytes:
    page = (target >> 12) - (CODE >> 12)
    adrp = 0x90000000 | (page & 3) << 29 | (page >> 2 & 0x7FFFF) << 5
    add = 0x91000000 | (target & 0xFFF) << 10
    return struct.pack(f"<{2 + len(moves)}I", adrp, add, *moves)


@pytest.mark.parametrize(
    ("target", "move", "text"),
    [
        (APP, 0xD2800001 | 18 << 5, b"/srv/data/app.json"),
        (APP, 0x52800001 | 18 << 5, b"/srv/data/app.json"),
        # `orr x1, xzr, #16`: a constant that is a run of bits is loaded so.
        (TEMPLATES, 0xB2400000 | 60 << 16 | 0 << 10 | 31 << 5 | 1, b"templates/*.html"),
    ],
    ids=["movz", "movz of 32 bits", "orr"],
)
def test_code_of_aarch64(target: int, move: int, text: bytes) -> None:
    assert text in found(coded(arm(target, move), BLOB, machine=AARCH64))


def test_a_page_that_lies_before_the_code() -> None:
    code = bytes(0x3000 - CODE) + struct.pack("<3I", 0x90000000 | 0x7FFFF << 5 | 3 << 29, 0x91000000, 0xD2800081)
    assert found(coded(b"", b"", machine=AARCH64)) == []
    data = coded(code, b"", machine=AARCH64)
    assert found(data) == []  # it points into code of zeros, which is no text


def table(*rows: tuple[int, int]) -> bytes:
    return b"".join(struct.pack("<QQ", *row) for row in rows)


def test_tables_of_addresses_and_lengths() -> None:
    texts = BLOB.ljust(64, b"\0") + table((APP, 18), (TEMPLATES, 16), (TEXTS, 1 << 40), (5, 18))
    assert found(coded(b"", texts)) == [b"/srv/data/app.json", b"templates/*.html"]


@pytest.mark.parametrize(("machine", "kind"), [(X86_64, 8), (AARCH64, 1027)])
def test_tables_that_relocations_fill(machine: int, kind: int) -> None:
    slot = TEXTS + 64
    texts = BLOB.ljust(64, b"\0") + table((0, 18)) + struct.pack("<QQQ", slot, kind, APP)
    assert found(coded(b"", texts, machine=machine)) == [b"/srv/data/app.json"]


@pytest.mark.parametrize(
    "data",
    [
        coded(x86(APP, MOV_18), BLOB, machine=RISCV),
        coded(x86(TEXTS + 0x1000, MOV_18), BLOB),
        coded(x86(APP, b"\xbb\xff\xff\x00\x00"), BLOB[:11] + b"\x01" + BLOB[12:]),
        coded(x86(APP, MOV_18), BLOB)[: TEXTS + 20],
    ],
    ids=["another machine", "outside of the segments", "no text", "cut off"],
)
def test_what_is_none(data: bytes) -> None:
    assert found(data) == []


def test_a_segment_of_nothing_but_addresses_is_read_once() -> None:
    texts = table(*[(TEXTS, 16)] * 4096)
    assert len(found(coded(x86(*[TEXTS] * 200), texts))) <= 1


@pytest.mark.parametrize(
    ("head", "known"),
    [
        (coded(b"", b""), True),
        (coded(b"", b"", machine=AARCH64), True),
        (coded(b"", b"", machine=RISCV), False),
        (coded(b"", b"", class_=1), False),
        (b"\x7fELF", False),
        (b"", False),
    ],
)
def test_machines(head: bytes, known: bool) -> None:
    assert decodes(head[:20]) is known


def test_more_addresses_than_the_bound_are_an_error() -> None:
    data = coded(x86(*range(TEXTS, TEXTS + 50, 2)), BLOB.ljust(64))
    assert found(data, Limits(elf_addresses=25))
    with pytest.raises(ElfError, match="more than 24 addresses") as error:
        found(data, Limits(elf_addresses=24))
    assert error.value.reason == "too-large"
