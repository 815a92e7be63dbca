"""Hostile compressed streams at the level of one layer."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import resource
import sys
import tarfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.patience import SLOW
from xraydiff.errors import ImageError, LimitExceeded, UnsupportedImage
from xraydiff.layers import Note, Put
from xraydiff.layers.compression import Compression, decompress, sniff
from xraydiff.layers.reader import read_layer
from xraydiff.layers.spool import FileContent, MemoryContent, spool, unpack
from xraydiff.limits import Limits

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SKIPPABLE = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"


def layer(*names: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 3000
            archive.addfile(info, io.BytesIO(hashlib.sha256(name.encode()).digest() * 94))
    return stream.getvalue()


PLAIN = layer("a", "b", "c")


def read(data: bytes, limits: Limits | None = None) -> tuple[bytes, list[Note]]:
    notes: list[Note] = []
    return b"".join(decompress(MemoryContent(data), notes, limits=limits or Limits())), notes


def error(data: bytes, limits: Limits | None = None) -> ImageError:
    started = time.process_time()
    with pytest.raises(ImageError) as caught:
        read(data, limits)
    assert time.process_time() - started < 5 * SLOW
    return caught.value


def zstd_frame(data: bytes, *, checksum: bool = True, window_log: int = 0) -> bytes:
    options = {int(zstd.CompressionParameter.checksum_flag): int(checksum)}
    if window_log:
        options[int(zstd.CompressionParameter.window_log)] = window_log
    compressor = zstd.ZstdCompressor(options=options)
    return compressor.compress(data) + compressor.flush()


HALF = len(PLAIN) // 2


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(PLAIN),
        gzip.compress(PLAIN[:HALF]) + gzip.compress(PLAIN[HALF:]),
        gzip.compress(PLAIN) + gzip.compress(b""),
        b"".join(gzip.compress(PLAIN[start : start + 10]) for start in range(0, len(PLAIN), 10)),
        gzip.compress(PLAIN) + bytes(700),
        zstd_frame(PLAIN),
        zstd_frame(PLAIN[:HALF]) + zstd_frame(PLAIN[HALF:]),
        SKIPPABLE + zstd_frame(PLAIN),
        zstd_frame(PLAIN) + SKIPPABLE,
        SKIPPABLE + zstd_frame(PLAIN[:HALF]) + SKIPPABLE + zstd_frame(PLAIN[HALF:]) + bytes(9),
        zstd_frame(PLAIN, checksum=False),
    ],
    ids=[
        "gz",
        "gz_multi_member",
        "gz_empty_member_last",
        "gz_tiny_members",
        "gz_trailing_zeros",
        "zstd",
        "zstd_two_frames",
        "zstd_skippable_first",
        "zstd_skippable_last",
        "zstd_everything",
        "zstd_no_checksum",
    ],
)
def test_everything_is_read(data: bytes) -> None:
    plain, notes = read(data)
    assert plain == PLAIN
    assert notes == []
    unpacked = unpack(MemoryContent(data))
    assert unpacked.digests() == tuple(f"sha256:{hashlib.sha256(part).hexdigest()}" for part in (data, PLAIN))
    assert [put.name for put in read_layer(unpacked.content) if isinstance(put, Put)] == ["a", "b", "c"]
    unpacked.close()


def test_every_cut_of_a_gzip_stream_is_seen() -> None:
    data = gzip.compress(PLAIN[:600])
    for length in range(3, len(data)):
        assert error(data[:length]).code == "compressed-truncated", length


def test_every_cut_of_a_zstd_stream_is_seen() -> None:
    data = zstd_frame(PLAIN[:600])
    for length in range(4, len(data)):
        assert error(data[:length]).code == "compressed-truncated", length


def test_a_cut_second_member_is_seen() -> None:
    first = gzip.compress(b"first")
    assert error(first + gzip.compress(PLAIN)[:-3]).code == "compressed-truncated"
    frame = zstd_frame(b"first")
    assert error(frame + zstd_frame(PLAIN)[:-5]).code == "compressed-truncated"
    assert error(frame + SKIPPABLE[:-1]).code == "compressed-truncated"


def test_gz_bad_crc_and_isize() -> None:
    data = gzip.compress(PLAIN)
    assert error(data[:-8] + b"abcd" + data[-4:]).code == "compressed-corrupt"
    assert error(data[:-4] + b"\1\0\0\0").code == "compressed-corrupt"


def test_every_damaged_byte_is_seen() -> None:
    # Bytes 4 to 9 of a gzip header are a time and labels, which no check covers.
    for data, free in ((gzip.compress(PLAIN[:900]), range(4, 10)), (zstd_frame(PLAIN[:900]), range(0))):
        for at in range(3, len(data)):
            if at in free:
                continue
            changed = bytearray(data)
            changed[at] ^= 0x41
            try:
                plain, notes = read(bytes(changed))
            except ImageError:
                continue
            assert plain == PLAIN[:900] or any(note.fatal for note in notes), at


@pytest.mark.parametrize("pack", [gzip.compress, zstd_frame])
@pytest.mark.parametrize("tail", [b"garbage", bytes(3000) + b"x", b"\x1f", b"\x1f\x8b\x09\0", b"\x28\xb5\x2f"])
def test_trailing_garbage(pack: Callable[[bytes], bytes], tail: bytes) -> None:
    data = pack(PLAIN)
    plain, notes = read(data + tail)
    assert plain == PLAIN
    assert [(note.code, note.fatal) for note in notes] == [("compressed-trailing-data", True)]
    assert notes[0].offset == len(data) + len(tail) - len(tail.lstrip(b"\0"))


def gzip_zeros(mebibytes: int) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1 << 20)
    return b"".join([compressor.compress(zeros) for _ in range(mebibytes)]) + compressor.flush()


def test_gz_bomb_by_ratio() -> None:
    found = error(gzip_zeros(200), Limits(gzip_ratio=500))
    assert isinstance(found, LimitExceeded)
    assert "gzip_ratio" in str(found)


def test_gz_bomb_by_size() -> None:
    assert "layer_bytes" in str(error(gzip_zeros(80), Limits(layer_bytes=70 << 20)))
    with pytest.raises(LimitExceeded, match="layer_bytes"):
        spool([bytes(1 << 20)] * 3, limits=Limits(layer_bytes=2 << 20))


def test_gz_small_runs_of_zeros_are_no_bomb() -> None:
    assert len(read(gzip_zeros(60), Limits(gzip_ratio=10))[0]) == 60 << 20


def test_a_spool_of_zeros_takes_no_disk() -> None:
    content = spool(decompress(MemoryContent(gzip_zeros(100)), []))
    assert content.size == 100 << 20
    assert content.digest == f"sha256:{hashlib.sha256(bytes(100 << 20)).hexdigest()}"
    assert content.read_at((100 << 20) - 5, 5) == bytes(5)
    assert os.fstat(content._descriptor).st_blocks * 512 < 4 << 20
    content.close()


@pytest.mark.parametrize("inner", [gzip.compress, zstd_frame, bz2.compress])
@pytest.mark.parametrize("outer", [gzip.compress, zstd_frame])
def test_compressed_twice(outer: Callable[[bytes], bytes], inner: Callable[[bytes], bytes]) -> None:
    found = error(outer(inner(PLAIN)))
    assert found.code == "tar-bad-header"
    assert "compressed twice" in found.message


def test_zstd_13_byte_fcs() -> None:
    started = time.process_time()
    assert error(bytes.fromhex("28b52ffde06c06060663636363")).code == "compressed-corrupt"
    assert time.process_time() - started < 0.1 * SLOW


def test_zstd_skippable_frame_without_an_end() -> None:
    assert error(bytes.fromhex("502a4d18f8ffffff28b52ffd")).code == "compressed-truncated"


def test_zstd_window_2gib() -> None:
    found = error(zstd_frame(PLAIN, window_log=31))
    assert isinstance(found, LimitExceeded)
    assert "zstd_window_log" in str(found)
    assert read(zstd_frame(PLAIN, window_log=27))[0] == PLAIN
    assert isinstance(error(zstd_frame(PLAIN, window_log=27), Limits(zstd_window_log=26)), LimitExceeded)


def test_zstd_bomb() -> None:
    compressor = zstd.ZstdCompressor(options={int(zstd.CompressionParameter.window_log): 27})
    frame = b"".join([compressor.compress(bytes(1 << 20)) for _ in range(140)]) + compressor.flush()
    assert len(frame) < 10_000
    found = error(frame * 100)
    assert isinstance(found, LimitExceeded)
    assert "zstd_ratio" in str(found)


def test_zstd_million_skippable_frames() -> None:
    started = time.process_time()
    assert read(b"\x50\x2a\x4d\x18\0\0\0\0" * 200_000 + zstd_frame(PLAIN))[0] == PLAIN
    assert time.process_time() - started < 5 * SLOW


@pytest.mark.parametrize(
    ("data", "name"),
    [(bz2.compress(PLAIN), "bzip2"), (lzma.compress(PLAIN), "xz"), (b"\x04\x22\x4d\x18" + PLAIN, "lz4")],
)
def test_unsupported(data: bytes, name: str) -> None:
    found = error(data)
    assert isinstance(found, UnsupportedImage)
    assert name in found.message
    with pytest.raises(UnsupportedImage, match=name):
        unpack(MemoryContent(data))


def test_sniff() -> None:
    assert sniff(PLAIN) is Compression.NONE
    assert sniff(b"") is Compression.NONE
    assert sniff(b"P*M") is Compression.NONE
    assert sniff(gzip.compress(b"")) is Compression.GZIP
    assert sniff(SKIPPABLE) is Compression.ZSTD


def test_output_comes_in_bounded_chunks() -> None:
    sizes = [len(chunk) for chunk in decompress(MemoryContent(gzip_zeros(40)), [])]
    assert max(sizes) <= 1 << 20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(len(chunk) for chunk in decompress(MemoryContent(gzip_zeros(60)), [])) == 60 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 << 10


def test_archive_tar_gz(corpus: Path) -> None:
    with FileContent(corpus / "aquasecurity+trivy/pkg/fanal/test/testdata/alpine-310.tar.gz") as stored:
        unpacked = unpack(stored)
        assert unpacked.compression is Compression.GZIP
        members = {put.name: put for put in read_layer(unpacked.content) if isinstance(put, Put)}
        layers = [put for name, put in members.items() if name.endswith("layer.tar")]
        assert [put.size for put in layers] == [5818880]
        inner = unpacked.content.read_at(layers[0].offset, layers[0].size)
        entries = list(read_layer(MemoryContent(inner)))
        assert sum(isinstance(item, Put) and item.target != "" and not item.hardlink for item in entries) == 324
        unpacked.close()
        stored.verify()


def test_estargz(corpus: Path) -> None:
    """Four gzip members, the table of contents behind the end of the archive: one-member readers see 512 bytes."""
    content = FileContent(corpus / "wagoodman+dive/.data/test-oci-estargz-image.tar")
    blobs = [put for put in read_layer(content) if isinstance(put, Put) and "blobs/sha256/" in put.name]
    for put in blobs:
        data = content.read_at(put.offset, put.size)
        if sniff(data) is Compression.GZIP:
            plain, notes = read(data)
            assert notes == []
            found = list(read_layer(MemoryContent(plain)))
            assert [(item.name, item.size) for item in found if isinstance(item, Put)] == [("README.md", 11189)]
            assert [(item.code, item.fatal) for item in found if isinstance(item, Note)] == [("estargz", False)]
            break
    else:
        pytest.fail("no gzip layer was found")
    content.close()
