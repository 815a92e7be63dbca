"""What segments become in memory, page by page."""

from __future__ import annotations

import pytest

from xraydiff.elf.memory import PAGE, PT_LOAD, Memory, Segment
from xraydiff.elf.source import ElfError, NotLoadableError, Source

FILE = bytes(number % 251 + 1 for number in range(4 * PAGE))


def _load(offset: int, vaddr: int, filesz: int, memsz: int | None = None, *, flags: int = 4) -> Segment:
    memsz = filesz if memsz is None else memsz
    return Segment(type=PT_LOAD, flags=flags, offset=offset, vaddr=vaddr, filesz=filesz, memsz=memsz, align=PAGE)


def _memory(*segments: Segment, data: bytes = FILE, started: bool = False) -> Memory:
    return Memory(Source(data), segments, bits=64, started=started)


def test_whole_pages_are_mapped() -> None:
    memory = _memory(_load(0x1010, 0x5010, 16))
    assert memory.exactly(0x5000, PAGE, "it") == FILE[0x1000:0x2000]
    assert memory.place(0x5020) == (0x1020, PAGE - 0x20)
    for address in (0x4FFF, 0x6000):
        with pytest.raises(ElfError, match="outside the loaded segments"):
            memory.piece(address, 1, "it")


def test_a_writable_segment_ends_in_zeros() -> None:
    memory = _memory(_load(0, 0x1000, 100, 2 * PAGE, flags=6))
    assert memory.exactly(0x1000, 200, "it") == FILE[:100] + bytes(100)
    assert memory.exactly(0x2F00, 0x100, "it") == bytes(0x100)
    assert memory.place(0x1000 + 100) is None


def test_what_loaders_map_differently_is_an_error() -> None:
    memory = _memory(_load(0, 0x1000, 100, 2 * PAGE))
    assert memory.exactly(0x1000, 100, "it") == FILE[:100]
    with pytest.raises(ElfError):
        memory.exactly(0x1000, 101, "it")


def test_the_later_of_two_segments_is_seen() -> None:
    memory = _memory(_load(0, 0x1000, 2 * PAGE), _load(0x3000, 0x2000, 16))
    assert memory.exactly(0x1FF0, 0x20, "it") == FILE[0xFF0:0x1000] + FILE[0x3000:0x3010]
    assert memory.piece(0x1000, 3 * PAGE, "it") == FILE[:PAGE]


def test_musl_maps_no_second_segment_over_the_lowest_page() -> None:
    segments = _load(0, 0, PAGE), _load(0x2000, 0, 16)
    with pytest.raises(ElfError):
        _memory(*segments).piece(0, 1, "it")
    assert _memory(*segments, started=True).piece(0, 4, "it") == FILE[0x2000:0x2004]


def test_behind_the_end_of_the_file() -> None:
    memory = _memory(_load(0, 0, 40 * PAGE), data=FILE[:100])
    assert memory.exactly(0, 200, "it") == FILE[:100] + bytes(100)
    with pytest.raises(ElfError) as caught:
        memory.piece(PAGE, 1, "it")
    assert not isinstance(caught.value, NotLoadableError)
    with pytest.raises(NotLoadableError):
        memory.piece(20 * PAGE, 1, "it")


def test_strings_across_segments_and_around_the_address_space() -> None:
    data = b"a" * PAGE + b"b" * 10 + bytes(PAGE)
    memory = _memory(_load(0, 0x1000, PAGE), _load(PAGE, 0x2000, PAGE), data=data)
    assert memory.string(0x1FFE, 100, "it") == b"aa" + b"b" * 10
    assert memory.string(0x1FFE - (1 << 64), 100, "it") == b"aa" + b"b" * 10
    with pytest.raises(ElfError) as caught:
        memory.string(0x1000, 4000, "it")
    assert caught.value.code == "limit-exceeded"
