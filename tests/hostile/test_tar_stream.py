"""Hostile and odd tar streams at the level of one layer: bytes in, operations or a typed error out."""

from __future__ import annotations

import io
import random
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from tests.patience import SLOW
from xraydiff.errors import ImageError, LimitExceeded, XraydiffError
from xraydiff.facts import FileType
from xraydiff.layers import Note, Opaque, Operation, Put, Whiteout
from xraydiff.layers.reader import read_layer
from xraydiff.layers.spool import MemoryContent
from xraydiff.limits import Limits

END = bytes(1024)
LIBARCHIVE = "libarchive+libarchive/libarchive/test/odd-tar.bundle.tar"
TAR_SPLIT = "vbatts+tar-split/archive/tar/testdata.bundle.tar"
TOKIO = "astral-sh+tokio-tar/tests/archives.bundle.tar"


def header(
    name: bytes,
    size: int | bytes = 0,
    kind: bytes = b"0",
    *,
    link: bytes = b"",
    magic: bytes = b"ustar\x0000",
    uid: bytes = b"0000000\0",
    rest: bytes = b"",
) -> bytes:
    field = size if isinstance(size, bytes) else b"%011o\0" % size
    raw = b"".join(
        (
            name.ljust(100, b"\0"),
            b"0000644\0",
            uid,
            b"0000000\0",
            field.ljust(12, b"\0"),
            b"00000000000\0",
            b" " * 8,
            kind,
            link.ljust(100, b"\0"),
            magic,
            rest,
        )
    ).ljust(512, b"\0")
    return raw[:148] + b"%06o\0 " % sum(raw) + raw[156:]


def entry(name: bytes, data: bytes = b"", kind: bytes = b"0", *, link: bytes = b"") -> bytes:
    return header(name, len(data), kind, link=link) + data + bytes(-len(data) % 512)


def record(key: bytes, value: bytes) -> bytes:
    length = len(key) + len(value) + 3
    while len(b"%d %s=%s\n" % (length, key, value)) != length:
        length += 1
    return b"%d %s=%s\n" % (length, key, value)


def pax(*pairs: tuple[bytes, bytes], kind: bytes = b"x") -> bytes:
    return entry(b"PaxHeaders/x", b"".join(record(*pair) for pair in pairs), kind)


def read(data: bytes, limits: Limits | None = None) -> list[Operation]:
    return list(read_layer(MemoryContent(data), limits=limits or Limits()))


def puts(operations: list[Operation]) -> list[Put]:
    return [item for item in operations if isinstance(item, Put)]


def names(operations: list[Operation]) -> list[str]:
    return [item.name for item in puts(operations)]


def notes(operations: list[Operation]) -> list[tuple[str, bool]]:
    return [(item.code, item.fatal) for item in operations if isinstance(item, Note)]


def error(data: bytes, limits: Limits | None = None) -> ImageError:
    started = time.process_time()
    with pytest.raises(ImageError) as caught:
        read(data, limits)
    assert time.process_time() - started < 5 * SLOW
    assert "\n" not in str(caught.value)
    return caught.value


def test_tar_bad_checksum_mid() -> None:
    bad = bytearray(entry(b"b", b"x"))
    bad[148:156] = b"000000\0 "
    found = error(entry(b"a", b"1") + bytes(bad) + entry(b"c") + END)
    assert (found.code, found.offset) == ("tar-bad-header", 1024)


def test_tar_garbage_block_mid() -> None:
    found = error(entry(b"a") + b"X" * 512 + entry(b"b") + END)
    assert (found.code, found.offset) == ("tar-bad-header", 512)


@pytest.mark.parametrize("zeros", [512, 1024, 4096], ids=["lone_zero_block", "entries_after_eof", "far_after_eof"])
def test_tar_entries_after_the_end(zeros: int) -> None:
    found = read(entry(b"a") + bytes(zeros) + entry(b"b") + END)
    assert names(found) == ["a"]
    assert notes(found) == [("tar-trailing-data", True)]


def test_tar_trailing_byte_at_the_very_end() -> None:
    assert notes(read(entry(b"a") + bytes(3 << 20) + b"\0\0\1")) == [("tar-trailing-data", True)]


def test_tar_estargz_toc_after_eof() -> None:
    found = read(entry(b"a") + END + entry(b"stargz.index.json", b"{}") + END)
    assert names(found) == ["a"]
    assert notes(found) == [("estargz", False)]


@pytest.mark.parametrize(
    "tail",
    [
        entry(b"stargz.index.json", b"{}") + entry(b"evil") + END,
        entry(b"stargz.index.json", b"{}") + entry(b"stargz.index.json", b"{}") + END,
        entry(b"stargz.index.json", b"", b"2", link=b"x") + END,
        header(b"stargz.index.json", 4096) + bytes(1024),
        header(b"stargz.index.json", b"-1"),
        b"s",
    ],
    ids=["entry_behind", "twice", "link", "cut", "bad_size", "too_short"],
)
def test_tar_estargz_toc_with_something_to_hide(tail: bytes) -> None:
    assert notes(read(entry(b"a") + END + tail)) == [("tar-trailing-data", True)]


def test_tar_joined_without_end_blocks(corpus: Path) -> None:
    data = (corpus / "quay+claircore/pkg/tarfs/testdata/concat.tar").read_bytes()
    found = read(data)
    assert notes(found) == []
    assert [(put.name, put.type.value) for put in puts(found)] == [
        ("./", "dir"),
        ("./run/", "dir"),
        ("./run/logs/", "dir"),
        ("./run/logs/log.txt", "file"),
        ("./var/", "dir"),
        ("./var/run", "symlink"),
        ("./", "dir"),
        ("./var/", "dir"),
        ("./var/run/", "dir"),
        ("./var/run/console/", "dir"),
        ("./var/run/console/algo.txt", "file"),
    ]


def test_tar_truncated_header() -> None:
    found = error(entry(b"a") + entry(b"b")[:200])
    assert (found.code, found.offset) == ("tar-truncated", 512)


def test_tar_truncated_body() -> None:
    found = error(entry(b"a") + entry(b"dir/b", bytes(2000))[:1500])
    assert (found.code, found.offset, found.path) == ("tar-truncated", 512, "dir/b")


def test_tar_truncated_extended_header() -> None:
    assert error(header(b"x", 100, b"x") + b"9 a").code == "tar-truncated"


@pytest.mark.parametrize("cut", [1024, 512], ids=["none", "one"])
def test_tar_no_eof_blocks(cut: int) -> None:
    found = read((entry(b"a", b"x") + END)[:-cut])
    assert names(found) == ["a"]
    assert notes(found) == [("tar-no-end", False)]


def test_tar_last_padding_missing() -> None:
    found = read(entry(b"a", b"xyz")[:515])
    assert (names(found), notes(found)) == (["a"], [("tar-no-end", False)])


@pytest.mark.parametrize("data", [b"", END, bytes(10240)])
def test_tar_empty_layer(data: bytes) -> None:
    assert read(data) == []


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ((2**96 - 512).to_bytes(12, "big"), "negative"),
        (b"\x80" + (2**70).to_bytes(11, "big"), "63 bits"),
        (b"99999999999\0", "octal"),
        (b"0x1f\0", "octal"),
        (b"1_0\0", "octal"),
        (b"-7\0", "octal"),
        (b"+7\0", "octal"),
    ],
)
def test_tar_bad_size(field: bytes, words: str) -> None:
    found = error(entry(b"a") + header(b"b", field) + END)
    assert (found.code, found.offset, found.path) == ("tar-bad-number", 512, "b")
    assert words in found.message


@pytest.mark.parametrize("value", [b"-1536", b"1.5", b"0x10", b"1_000", b" 7", b"9" * 30])
def test_tar_bad_size_pax(value: bytes) -> None:
    assert error(pax((b"size", value)) + entry(b"a") + END).code == "tar-bad-number"


def test_tar_huge_size() -> None:
    started = time.process_time()
    found = error(header(b"a", b"\x80" + (2**62).to_bytes(11, "big")))
    assert (found.code, found.path) == ("tar-truncated", "a")
    assert time.process_time() - started < 0.1 * SLOW


def test_tar_big_ids() -> None:
    """As tar-rs' biguid_gnu.tar and biguid_pax.tar: 4294967294 does not fit into seven octal digits."""
    big = 4294967294
    binary = b"\x80" + big.to_bytes(7, "big")
    found = read(header(b"a", uid=binary) + pax((b"uid", b"%d" % big), (b"gid", b"%d" % big)) + entry(b"b") + END)
    assert [(put.name, put.uid, put.gid) for put in puts(found)] == [("a", big, 0), ("b", big, big)]


def test_tar_pax_size_conflict() -> None:
    found = read(pax((b"size", b"1024")) + header(b"a", 0) + bytes(1024) + entry(b"b") + END)
    assert [(put.name, put.size) for put in puts(found)] == [("a", 1024), ("b", 0)]
    assert notes(found) == [("tar-size-conflict", True)]


def test_tar_size_behind_a_nul() -> None:
    found = read(header(b"a", b"\0" * 6 + b"01000\0") + entry(b"hidden from engines") + END)
    assert [(put.name, put.size) for put in puts(found)] == [("a", 512)]
    assert notes(found) == [("tar-size-conflict", True)]


def test_tar_pax_over_longlink() -> None:
    data = pax((b"size", b"2048")) + entry(b"././@LongLink", b"file_long\0", b"L")
    data += header(b"file_a", 2048) + entry(b"hidden", b"y" * 500) + bytes(1024) + entry(b"file_b") + END
    found = read(data)
    assert [(put.name, put.size) for put in puts(found)] == [("file_long", 2048), ("file_b", 0)]
    assert notes(found) == []


@pytest.mark.parametrize(
    "body",
    [
        b"0 a=b\n",
        b"4 a=\n",
        b"99999999 a=b\n",
        b"100 a=b\n",
        b"x a=b\n",
        b" 6 a=b\n",
        b"+6 a=b\n",
        b"6 a=b\0",
        b"6 abc\n",
        b"5 =b\n",
        b"8 a\0b=c\n",
        b"1" * 60_000,
        b"6 a=b\n\0",
        b"13 path=name",
    ],
)
def test_tar_bad_pax(body: bytes) -> None:
    started = time.process_time()
    assert error(entry(b"x", body, b"x") + entry(b"a") + END).code == "tar-bad-pax"
    assert time.process_time() - started < 0.1 * SLOW


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_tar_extended_header_too_large(kind: bytes) -> None:
    found = error(header(b"x", (1 << 20) + 1, kind) + bytes(2 << 20))
    assert isinstance(found, LimitExceeded)
    assert "extended_header" in str(found)
    assert "1048576" in str(found)


def test_tar_global_pax_100k_keys() -> None:
    body = b"".join(record(b"k%d" % index, b"") for index in range(70_000))
    assert "pax_records" in str(error(entry(b"x", body[:1_000_000], b"g") + entry(b"a") + END))


def test_tar_pax_chain_5000() -> None:
    found = error(pax((b"path", b"n")) * 5000 + entry(b"a") + END)
    assert found.code == "tar-bad-pax"
    assert "too many extension headers" in found.message


def test_tar_pax_repeated_header_that_loses_a_record() -> None:
    found = read(pax((b"path", b"one")) + pax((b"mtime", b"1")) + entry(b"two") + END)
    assert (names(found), notes(found)) == (["two"], [("tar-repeated-header", True)])


@pytest.mark.parametrize("end", [END, b""])
@pytest.mark.parametrize("pending", [pax((b"path", b"n")), entry(b"x", b"long\0", b"L"), entry(b"x", b"long\0", b"K")])
def test_tar_pending_extended_header(pending: bytes, end: bytes) -> None:
    assert error(entry(b"a") + pending + end).code == "tar-bad-pax"
    assert error(pending + pax((b"comment", b"x"), kind=b"g") + entry(b"a") + END).code == "tar-bad-pax"


@pytest.mark.parametrize("key", [b"path", b"linkpath"])
def test_tar_pax_nul_in_a_name(key: bytes) -> None:
    assert error(pax((key, b"evil\0.txt")) + entry(b"a") + END).code == "tar-bad-name"


def test_tar_long_name_conflict() -> None:
    found = read(pax((b"path", b"one")) + entry(b"x", b"two\0", b"L") + entry(b"three") + END)
    assert (names(found), notes(found)) == (["two"], [("tar-name-conflict", True)])


def test_tar_global_header_is_ignored_as_by_engines() -> None:
    found = read(pax((b"path", b"other"), (b"size", b"3"), kind=b"g") + entry(b"a", b"1") + END)
    assert [(put.name, put.size) for put in puts(found)] == [("a", 1)]
    assert notes(found) == [("tar-global-header", True)] * 2
    assert notes(read(pax((b"comment", b"commit"), kind=b"g") + entry(b"a") + END)) == []


def test_tar_name_nonutf8() -> None:
    found = read(entry(b"caf\xe9") + entry(b"caf\xe8") + pax((b"path", b"\xfd")) + entry(b"x") + END)
    assert names(found) == ["caf\udce9", "caf\udce8", "\udcfd"]


def test_tar_name_control_chars() -> None:
    assert names(read(entry(b"a\n::error::x") + entry(b"\x1b[2J") + END)) == ["a\n::error::x", "\x1b[2J"]
    found = error(entry(b"a\n::error::\x1b[2J", b"xxx")[:513])
    assert found.path == "a\\x0a::error::\\x1b[2J"


def test_tar_name_empty() -> None:
    found = read(entry(b"") + entry(b".", b"", b"5") + entry(b"../b") + END)
    assert (names(found), notes(found)) == ([".", "../b"], [("tar-bad-name", True)])


@pytest.mark.parametrize(
    "pairs", [[(b"path", b"n" * 5000)], [(b"path", b"a/" * 50_000)], [(b"linkpath", b"a/" * 50_000)]]
)
def test_tar_name_too_long(pairs: list[tuple[bytes, bytes]]) -> None:
    found = read(pax(*pairs) + entry(b"a", b"", b"2") + entry(b"b") + END)
    assert (names(found), notes(found)) == (["b"], [("limit-exceeded", True)])
    assert all(len(item.path) <= 256 for item in found if isinstance(item, Note))


def test_tar_duplicate_file() -> None:
    found = read(entry(b"a", b"1") + entry(b"a", b"22") + END)
    assert [(put.name, put.size) for put in puts(found)] == [("a", 1), ("a", 2)]


def expanded(data: bytes, put: Put) -> bytes:
    assert put.extents is not None
    content = bytearray(put.size)
    for extent in put.extents:
        content[extent.position : extent.position + extent.length] = data[extent.offset : extent.offset + extent.length]
    return bytes(content)


def bundle(path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            stream = archive.extractfile(member)
            if stream is not None:
                found[Path(member.name).name] = stream.read()
    return found


def test_tar_sparse_formats(corpus: Path) -> None:
    data = bundle(corpus / TAR_SPLIT)["sparse-formats.tar"]
    found = puts(read(data))
    assert [(put.name, put.size) for put in found] == [
        ("sparse-gnu", 200),
        ("sparse-posix-0.0", 200),
        ("sparse-posix-0.1", 200),
        ("sparse-posix-1.0", 200),
        ("end", 4),
    ]
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for put in found[:4]:
            stream = archive.extractfile(put.name)
            assert stream is not None
            assert expanded(data, put) == stream.read()


def gnu_sparse(pairs: list[tuple[int, int]], stored: int, real: int) -> bytes:
    slots = b"".join(b"%011o\0%011o\0" % pair for pair in pairs[:4]).ljust(96, b"\0")
    more = [pairs[start : start + 21] for start in range(4, len(pairs), 21)]
    rest = bytes(386 - 265) + slots + (b"\1" if more else b"\0")
    size = b"%011o\0" % real if real < 8**11 else b"\x80" + real.to_bytes(11, "big")
    blocks = b"".join(
        b"".join(b"%011o\0%011o\0" % pair for pair in part).ljust(504, b"\0")
        + (b"\1" if part is not more[-1] else b"\0")
        + bytes(7)
        for part in more
    )
    return header(b"s", stored, b"S", magic=b"ustar  \0", rest=rest + size) + blocks


def test_tar_sparse_2e60() -> None:
    found = puts(read(gnu_sparse([(0, 0)], 0, 2**60) + END))
    assert [(put.size, put.extents) for put in found] == [(2**60, ())]


def test_tar_sparse_extended_map() -> None:
    pairs = [(index * 10, 1) for index in range(100)]
    data = gnu_sparse(pairs, 100, 1000) + bytes(range(100)) + bytes(412) + entry(b"next") + END
    found = read(data)
    assert names(found) == ["s", "next"]
    assert expanded(data, puts(found)[0])[::10] == bytes(range(100))
    assert notes(found) == [("sparse-file", False)]


def test_tar_sparse_map_bomb() -> None:
    start = gnu_sparse([(0, 0)] * 5, 0, 10)
    block = start[512:1016] + b"\1" + bytes(7)
    assert "sparse_map" in str(error(start[:512] + block * 5000))
    body = b"100000000\n" + b"0\n0\n" * 1000
    records = (b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.realsize", b"5")
    assert "sparse_map" in str(error(pax(*records) + entry(b"s", body) + END))


def test_tar_sparse_many_maps() -> None:
    one = gnu_sparse([(index * 2, 1) for index in range(4)], 4, 10) + bytes(512)
    assert "sparse_extents" in str(error(one * 5 + END, Limits(sparse_extents=15)))


@pytest.mark.parametrize(
    ("pairs", "stored", "real"),
    [
        ([(0, 10), (5, 10)], 20, 100),
        ([(50, 10), (0, 10)], 20, 100),
        ([(95, 10)], 10, 100),
        ([(0, 10)], 5, 100),
        ([(0, 10)], 20, 100),
        ([(8**11 - 1, 8**11 - 1)], 0, 10),
    ],
    ids=["overlap", "unsorted", "beyond_size", "stored_less", "stored_more", "huge"],
)
def test_tar_sparse_bad(pairs: list[tuple[int, int]], stored: int, real: int) -> None:
    assert error(gnu_sparse(pairs, stored, real) + bytes(1024) + END).code == "tar-bad-sparse"


@pytest.mark.parametrize("body", [b"", b"x\n", b"2\n0\n1\n", b"1\n-1\n5\n", b"1\n0\n5\n", b"\n"])
def test_tar_sparse_bad_1_0(body: bytes) -> None:
    records = (b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.realsize", b"5")
    assert error(pax(*records) + entry(b"s", body) + END).code == "tar-bad-sparse"


@pytest.mark.parametrize("kind", [b"1", b"2", b"5", b"S"])
def test_tar_sparse_of_another_type(kind: bytes) -> None:
    records = (b"GNU.sparse.map", b"0,0"), (b"GNU.sparse.numblocks", b"1")
    assert error(pax(*records) + header(b"s", 0, kind) + END).code == "tar-bad-sparse"


@pytest.mark.parametrize("kind", [b"Z", b"M", b"V", b"D", b"X"])
def test_tar_unknown_type(kind: bytes) -> None:
    found = read(entry(b"odd", b"x" * 512, kind) + entry(b"next") + END)
    assert (names(found), notes(found)) == (["next"], [("unknown-entry-type", True)])


@pytest.mark.parametrize("kind", [b"1", b"2", b"3", b"5", b"6"])
def test_tar_link_with_size_and_data(kind: bytes) -> None:
    found = error(entry(b"l", b"x" * 512, kind, link=b"t") + entry(b"next") + END)
    assert (found.code, found.offset) == ("tar-bad-header", 512)
    assert "l" in found.message


def test_tar_link_with_size_hides_no_entry() -> None:
    hidden = entry(b"hidden")
    found = read(entry(b"l", hidden, b"2", link=b"t") + entry(b"next") + END)
    assert (names(found), notes(found)) == (["l", "hidden", "next"], [("tar-size-ignored", False)])


def test_tar_too_many_entries() -> None:
    found = error(entry(b"a") * 11 + END, Limits(entries_per_layer=10))
    assert isinstance(found, LimitExceeded)
    assert "entries_per_layer" in str(found)
    assert len(read(entry(b"a") * 10 + END, Limits(entries_per_layer=10))) == 10


def test_tar_too_many_attribute_bytes() -> None:
    one = pax((b"SCHILY.xattr.user.a", bytes(1000))) + entry(b"a")
    assert "xattr_bytes" in str(error(one * 5 + END, Limits(xattr_bytes=3000)))


@pytest.mark.parametrize("head", [b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\0"])
def test_tar_compressed_bytes(head: bytes) -> None:
    found = error(head.ljust(1024, b"x"))
    assert found.code == "tar-bad-header"
    assert "where a tar archive was expected" in found.message


# --- whiteouts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"etc/.wh.passwd", Whiteout(name="etc/passwd")),
        (b"./.wh.a", Whiteout(name="./a")),
        (b"/.wh.a", Whiteout(name="/a")),
        (b"../x/.wh.a", Whiteout(name="../x/a")),
        (b"etc/.wh.a/", Whiteout(name="etc/a")),
        (b"etc/.wh.a/.", Whiteout(name="etc/a")),
        (b"etc/.wh.caf\xe9", Whiteout(name="etc/caf\udce9")),
        (b"etc/.wh..wh..opq", Opaque(name="etc/")),
        (b".wh..wh..opq", Opaque(name="")),
        (b"etc/.wh..wh..opqX", Whiteout(name="etc/.wh..opqX")),
        (b"etc/.wh..hidden", Whiteout(name="etc/.hidden")),
        (b"etc/.wh....", Whiteout(name="etc/...")),
    ],
)
def test_whiteouts(name: bytes, expected: Operation) -> None:
    assert read(entry(name) + END) == [expected]


@pytest.mark.parametrize("name", [b".wh.", b".wh..", b".wh...", b"etc/.wh.", b"etc/.wh..", b"etc/.wh..."])
def test_whiteout_of_nothing(name: bytes) -> None:
    found = read(entry(name) + entry(b"a") + END)
    assert (names(found), notes(found)) == (["a"], [("invalid-whiteout", True)])
    assert len(found) == 2


@pytest.mark.parametrize(
    "name", [b"x.wh.y", b".wh.etc/somefile", b".wh..wh.aufs", b".wh..wh.plnk/1.2", b"./.wh..wh.orph"]
)
def test_names_that_are_no_whiteouts(name: bytes) -> None:
    assert names(read(entry(name) + END)) == [name.decode()]


@pytest.mark.parametrize("name", [b".wh.etc/", b"a/.wh..wh..opq/", b".wh..wh.plnk/", b".wh.a"])
def test_a_directory_is_no_whiteout(name: bytes) -> None:
    assert [(put.name, put.type) for put in puts(read(entry(name, b"", b"5") + END))] == [
        (name.decode(), FileType.DIRECTORY)
    ]


@pytest.mark.parametrize(("kind", "data"), [(b"1", b""), (b"2", b""), (b"0", b"x"), (b"3", b"")])
def test_odd_whiteouts_count_by_their_name(kind: bytes, data: bytes) -> None:
    found = read(entry(b"etc/.wh.a", data, kind, link=b"t") + END)
    assert notes(found) == [("odd-whiteout", False)]
    assert found[1:] == [Whiteout(name="etc/a")]


# --- real files -------------------------------------------------------------------------------------------------------

OK: dict[str, tuple[int, list[str]]] = {
    # libarchive
    "test_compat_gtar_1.tar": (2, []),
    "test_compat_perl_archive_tar.tar": (1, []),
    "test_compat_solaris_tar_acl.tar": (4, ["unknown-entry-type!"] * 4),
    "test_compat_tar_hardlink_1.tar": (2, ["tar-size-ignored", "tar-no-end"]),
    "test_pax_filename_encoding.tar": (2, []),
    "test_read_format_gtar_sparse_reuse.tar": (1, ["sparse-file"]),
    "test_read_format_tar_concatenated.tar": (1, ["tar-trailing-data!"]),
    "test_read_format_tar_empty_filename.tar": (0, ["tar-bad-name!"]),
    "test_read_format_tar_pax_negative_time.tar": (1, []),
    "test_read_format_tar_timestamp_overflow.tar": (1, ["tar-size-conflict!", "tar-no-end"]),
    # tokio-tar
    "7z_long_path.tar": (2, []),
    "directory.tar": (3, []),
    "duplicate_dirs.tar": (2, []),
    "empty_filename.tar": (0, ["tar-bad-name!", "tar-no-end"]),
    "file_times.tar": (1, []),
    "link.tar": (2, []),
    "pax-header-precedence.tar": (3, ["tar-size-conflict!"]),
    "pax-hidden-entry.tar": (3, []),
    "pax-overrides-extension-header.tar": (2, []),
    "pax-phantom-entry.tar": (2, []),
    "pax2.tar": (1, []),
    "paxlongname.tar": (1, []),
    "reading_files.tar": (2, []),
    "simple.tar": (3, []),
    "simple_missing_last_header.tar": (3, []),
    "spaces.tar": (1, []),
    "sparse-1.tar": (1, ["sparse-file"]),
    "sparse-large.tar": (1, ["sparse-file"]),
    "sparse.tar": (4, ["sparse-file"] * 4),
    # tar-split, of Go's archive/tar
    "file-and-dir.tar": (2, []),
    "gnu-incremental.tar": (2, ["unknown-entry-type!", "sparse-file", "tar-no-end"]),
    "gnu-long-nul.tar": (1, []),
    "gnu-multi-hdrs.tar": (1, ["tar-no-end"]),
    "gnu-nil-sparse-data.tar": (1, ["sparse-file"]),
    "gnu-nil-sparse-hole.tar": (1, ["sparse-file"]),
    "gnu-not-utf8.tar": (1, []),
    "gnu-sparse-big.tar": (1, ["sparse-file"]),
    "gnu-utf8.tar": (1, []),
    "gnu.tar": (2, []),
    "hardlink.tar": (2, []),
    "hdr-only.tar": (16, ["tar-size-ignored"] * 7),
    "invalid-go17.tar": (1, []),
    "nil-uid.tar": (1, ["tar-no-end"]),
    "pax-global-records.tar": (4, ["tar-global-header!"] * 2),
    "pax-multi-hdrs.tar": (1, ["tar-repeated-header!", "tar-no-end"]),
    "pax-nil-sparse-data.tar": (1, ["sparse-file"]),
    "pax-nil-sparse-hole.tar": (1, ["sparse-file"]),
    "pax-pos-size-file.tar": (1, ["tar-size-conflict!", "tar-no-end"]),
    "pax-records.tar": (1, []),
    "pax-sparse-big.tar": (1, ["sparse-file"]),
    "pax.tar": (2, []),
    "sparse-formats.tar": (5, ["sparse-file"] * 4),
    "star.tar": (2, []),
    "trailing-slash.tar": (1, []),
    "ustar-file-devs.tar": (1, []),
    "ustar-file-reg.tar": (1, ["tar-no-end"]),
    "ustar.tar": (1, []),
    "v7.tar": (2, []),
    "writer.tar": (3, []),
    "xattrs.tar": (2, []),
}
"""Number of entries, and notes with `!` behind the fatal ones. Two bundles hold a `pax.tar` and an `xattrs.tar`."""

ERRORS = {
    "test_read_format_tar_V_negative_size.tar": "tar-bad-number",
    "test_read_format_tar_acl_oob_read.tar": "tar-bad-pax",
    "test_read_format_tar_invalid_pax_size.tar": "tar-bad-pax",
    "test_read_format_tar_pax_g_large.tar": "limit-exceeded",
    "test_read_pax_empty_val_no_nl.tar": "tar-bad-pax",
    "diff-014-unterminated-pax.tar": "tar-bad-pax",
    "diff-024-pending-pax-boundary.tar": "tar-bad-pax",
    "diff-039-truncated-entry-body.tar": "tar-truncated",
    "issue10968.tar": "tar-bad-number",
    "issue11169.tar": "tar-bad-pax",
    "issue12435.tar": "tar-bad-number",
    "neg-size.tar": "tar-bad-number",
    "pax-bad-hdr-file.tar": "tar-bad-pax",
    "pax-bad-mtime-file.tar": "tar-bad-number",
    "pax-nul-path.tar": "tar-bad-name",
    "pax-nul-xattrs.tar": "tar-bad-pax",
    "pax-path-hdr.tar": "tar-bad-pax",
    "writer-big.tar": "tar-truncated",
    "writer-big-long.tar": "tar-truncated",
}


def gnu_count(data: bytes) -> int | None:
    """How many entries GNU tar lists, or None where it fails or is not there."""
    tar = shutil.which("tar")
    if tar is None:
        return None
    done = subprocess.run([tar, "--quoting-style=escape", "-tf", "-"], input=data, capture_output=True, check=False)
    return done.stdout.count(b"\n") if done.returncode == 0 else None


@pytest.mark.parametrize("path", [LIBARCHIVE, TAR_SPLIT, TOKIO], ids=["libarchive", "tarsplit", "tokio"])
def test_tar_corpus(corpus: Path, path: str) -> None:
    files = {name: data for name, data in bundle(corpus / path).items() if name.endswith(".tar")}
    assert files
    for name, data in sorted(files.items()):
        if name in ERRORS:
            assert error(data).code == ERRORS[name], name
            continue
        found = read(data)
        told = [code + ("!" if fatal else "") for code, fatal in notes(found)]
        assert (len(puts(found)), told) == OK[name], name
        listed = gnu_count(data)
        if listed is not None and not any(fatal for _, fatal in notes(found)):
            assert len(puts(found)) >= listed, name


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("containers+storage/pkg/archive/testdata/broken.tar", 10),
        ("quay+claircore/pkg/tarfs/testdata/concat.tar", 11),
        ("quay+claircore/pkg/tarfs/testdata/bad_name.tar", 1),
        ("google+osv-scalibr/artifact/image/unpack/testdata/escape.tar", 6),
    ],
)
def test_tar_corpus_layers(corpus: Path, path: str, count: int) -> None:
    data = (corpus / path).read_bytes()
    found = read(data)
    assert len(puts(found)) == count
    assert not any(fatal for _, fatal in notes(found))
    assert gnu_count(data) in (None, count)


def test_tar_corpus_details(corpus: Path) -> None:
    broken = names(read((corpus / "containers+storage/pkg/archive/testdata/broken.tar").read_bytes()))
    assert any("Plack::Middleware::LighttpdScript" in name and name.startswith("root/.cpanm/work/") for name in broken)
    (bad,) = puts(read((corpus / "quay+claircore/pkg/tarfs/testdata/bad_name.tar").read_bytes()))
    assert bad.name.endswith("bad\udcfdname")
    assert bad.size == 9
    escape = read((corpus / "google+osv-scalibr/artifact/image/unpack/testdata/escape.tar").read_bytes())
    assert {put.name: put.target for put in puts(escape)}["/trampoline/"] == "."
    tokio = bundle(corpus / TOKIO)
    sizes = {put.name: put.size for put in puts(read(tokio["pax-header-precedence.tar"]))}
    assert sizes == {"normal.txt": 6, "blob.bin": 1024, "marker.txt": 7}
    xattrs = puts(read(tokio["xattrs.tar"]))
    assert any(("user.pax.flags", b"epm") in put.xattrs for put in xattrs)
    devices = puts(read(bundle(corpus / TAR_SPLIT)["hdr-only.tar"]))
    assert {put.name: put.device for put in devices if put.device} == {"null": (1, 3), "sda": (8, 0)}


def sample() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for index in range(12):
            info = tarfile.TarInfo(f"dir{index}/{'n' * 20 * index}")
            info.size = index * 100
            info.mtime = 1_700_000_000
            if index % 3 == 0:
                info.pax_headers = {"SCHILY.xattr.user.k": "v"}
            archive.addfile(info, io.BytesIO(bytes([65 + index]) * info.size))
    return stream.getvalue()


def mutated(data: bytes, seed: int) -> bytes:
    """Between one and four changes to bytes, blocks, types and sizes, checksums mostly made good again."""
    chance = random.Random(seed)  # noqa: S311  chosen for being repeatable
    raw = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(raw))
        block = min(at - at % 512, len(raw) - 512)
        match chance.randrange(6):
            case 0:
                raw[at] = chance.choice(b"0123456789=\n ,\0\xff")
            case 1:
                del raw[block : block + 512]
            case 2:
                raw[block:block] = raw[block : block + 512]
            case 3:
                raw[block + 156] = chance.choice(b"01234567LKxgSVMDN\0Z")
            case 4:
                sizes = [b"%011o\0" % chance.choice([0, 1, 512, 513, 1 << 30]), bytes(6) + b"01000\0", b"\xff" * 12]
                raw[block + 124 : block + 136] = chance.choice(sizes)
            case _:
                del raw[at + 1 :]
        if len(raw) < 1024:
            break
    if chance.random() < 0.9:
        for start in range(0, len(raw) - 511, 512):
            if raw[start + 257 : start + 262] == b"ustar":
                raw[start + 148 : start + 156] = b" " * 8
                raw[start + 148 : start + 156] = b"%06o\0 " % sum(raw[start : start + 512])
    return bytes(raw)


def test_tar_mutations_never_shorten_a_listing_in_silence() -> None:
    data = sample()
    told = compared = 0
    for seed in range(3000):
        changed = mutated(data, seed)
        try:
            found = read(changed)
        except XraydiffError:
            told += 1
            continue
        if any(fatal for _, fatal in notes(found)):
            told += 1
        elif compared < 200:
            compared += 1
            listed = gnu_count(changed)
            assert listed is None or len(puts(found)) >= listed, seed
    assert told > 1000
    assert compared == 200
