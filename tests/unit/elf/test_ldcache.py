"""Loader caches in each format, built here as ldconfig writes them."""

from __future__ import annotations

import struct

import pytest

from tests.elf_files import CacheRows, loader_cache
from xraydiff.elf.format import ElfError, NotLoadableError
from xraydiff.elf.ldcache import CacheEntry, read_cache

ROWS: CacheRows = [("libz.so.1", "/lib/libz.so.1", 0x303, 0), ("liba.so.1", "/opt/liba.so.1", 0x303, 1 << 63)]


def _old(rows: CacheRows, order: str = "<", tail: bytes = b"") -> bytes:
    strings = bytearray(tail)
    entries = b""
    for name, path, flags, _ in rows:
        key = len(strings)
        strings += name.encode() + b"\0"
        value = len(strings)
        strings += path.encode() + b"\0"
        entries += struct.pack(order + "iII", flags, key, value)
    return b"ld.so-1.7.0\0" + struct.pack(order + "I", len(rows)) + entries + bytes(strings)


def test_the_new_format_in_both_byte_orders() -> None:
    for order in "<>":
        found = read_cache(loader_cache(ROWS, order))
        assert found["libz.so.1"] == (CacheEntry(path="/lib/libz.so.1", flags=0x303),)
        assert found["liba.so.1"][0].hwcap == 1 << 63


def test_the_old_format() -> None:
    found = read_cache(_old([("libz.so.1", "/lib/libz.so.1", 3, 0)]))
    assert found == {"libz.so.1": (CacheEntry(path="/lib/libz.so.1", flags=3),)}


def test_the_new_format_inside_the_old_one_wins() -> None:
    old = _old([])
    combined = old + b"\0" * (-len(old) % 8) + loader_cache(ROWS)
    assert read_cache(combined) == read_cache(loader_cache(ROWS))


def test_variants_are_named_by_the_extension() -> None:
    rows: CacheRows = [
        ("libz.so.1", "/lib/glibc-hwcaps/x86-64-v3/libz.so.1", 0x303, (1 << 62) | 1),
        ("libz.so.1", "/lib/libz.so.1", 0x303, 0),
    ]
    entries = read_cache(loader_cache(rows, variants=("x86-64-v2", "x86-64-v3")))["libz.so.1"]
    assert [(one.variant, one.hwcap) for one in entries] == [("x86-64-v3", 0), ("", 0)]


@pytest.mark.parametrize(
    "names", [["liba.so", "libb.so"], ["libx.so.2", "libx.so.10"], ["b", "a", "b"], ["lib1.so", "lib01.so"]]
)
def test_entries_that_a_binary_search_would_miss_are_an_error(names: list[str]) -> None:
    with pytest.raises(ElfError) as caught:
        read_cache(loader_cache([(name, "/lib/x", 0x303, 0) for name in names]))
    assert not isinstance(caught.value, NotLoadableError)


def test_the_order_of_ldconfig() -> None:
    names = ["libx.so.10", "libx.so.2", "libx.so", "libx-1.so", "libB.so", "libB.so"]
    assert list(read_cache(loader_cache([(name, "/lib/x", 0x303, 0) for name in names]))) == names[:5]


def test_strings_that_overlap_are_bounded() -> None:
    """Four thousand entries that all name the tail of one long string would cost their square."""
    rows: CacheRows = [("a" * 4000, "/lib/x", 0x303, 0)] * 4000
    data = bytearray(loader_cache(rows[:1] * 4000))
    for number in range(4000):
        struct.pack_into("<I", data, 48 + 24 * number + 4, 48 + 24 * 4000 + number)
    with pytest.raises(ElfError) as caught:
        read_cache(bytes(data[: 48 + 24 * 4000 + 5000]))
    assert caught.value.code in ("limit-exceeded", "elf-malformed")


@pytest.mark.parametrize("data", [b"", b"ld.so", b"glibc-ld.so.cache1.1", b"ld.so-1.7.0\0\xff\xff\xff\xff", b"x" * 99])
def test_what_the_loader_would_not_use_is_an_error(data: bytes) -> None:
    with pytest.raises(ElfError):
        read_cache(data)


def test_every_prefix_and_every_changed_byte_is_an_answer_or_an_error() -> None:
    whole = loader_cache(ROWS, variants=("x86-64-v3",))
    damaged = [whole[:length] for length in range(len(whole))]
    damaged += [whole[:at] + b"\xff" + whole[at + 1 :] for at in range(len(whole))]
    for data in damaged:
        try:
            found = read_cache(data)
        except ElfError:
            continue
        assert all(isinstance(name, str) for name in found)
