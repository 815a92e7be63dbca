"""Contents by offset, spools and digests."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
from pathlib import Path

import pytest

from xraydiff.errors import ImageClosedError, ImageError
from xraydiff.layers.compression import Compression
from xraydiff.layers.content import Content
from xraydiff.layers.spool import Digester, FileContent, MemoryContent, Region, SpoolContent, spool, unpack

DATA = bytes(range(256)) * 20_000


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "app.tar"
    path.write_bytes(DATA)
    return path


def contents(stored: Path) -> list[Content]:
    return [
        MemoryContent(DATA),
        FileContent(stored),
        spool([DATA[:7], b"", DATA[7:]]),
        Region(MemoryContent(b"xx" + DATA), 2, len(DATA)),
    ]


def test_every_content_reads_by_offset(stored: Path) -> None:
    for content in contents(stored):
        assert content.size == len(DATA)
        assert content.read_at(1000, 3000) == DATA[1000:4000]
        assert content.read_at(len(DATA), 0) == b""
        assert Region(content, 10, 20).read_at(5, 15) == DATA[15:30]
        assert Digester(content).result() == digest(DATA)
        for offset, length in ((-1, 1), (0, -1), (len(DATA), 1), (0, len(DATA) + 1)):
            with pytest.raises(ImageError, match="are asked for"):
                content.read_at(offset, length)


def test_a_region_lies_inside() -> None:
    with pytest.raises(ImageError, match="are asked for"):
        Region(MemoryContent(b"abc"), 2, 2)


def test_a_file_that_shrinks_is_an_error(stored: Path) -> None:
    with FileContent(stored) as content:
        content.verify()
        with stored.open("r+b") as file:
            file.truncate(1000)
        with pytest.raises(ImageError, match="changed while it was read") as caught:
            content.read_at(500, 1000)
        assert (caught.value.code, caught.value.path) == ("changed-while-read", "app.tar")
        with pytest.raises(ImageError, match="changed while it was read"):
            Digester(content).result()
        with pytest.raises(ImageError, match="changed while it was read"):
            content.verify()


def test_a_file_that_is_written_to_is_an_error(stored: Path) -> None:
    with FileContent(stored) as content:
        os.utime(stored, ns=(1, 1))
        with pytest.raises(ImageError, match="changed while it was read"):
            content.verify()


def test_only_regular_files_are_opened(tmp_path: Path, stored: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(stored)
    for name in ("pipe", ".", "absent"):
        with pytest.raises(ImageError) as caught:
            FileContent(tmp_path / name)
        assert str(tmp_path) not in str(caught.value)
    with pytest.raises(ImageError, match="cannot be opened"):
        FileContent(tmp_path / "link", follow=False)
    with pytest.raises(ImageError, match="not a path"):
        FileContent("a\0b")
    FileContent(tmp_path / "link").close()


def test_nothing_is_read_after_closing(stored: Path) -> None:
    file, temporary = FileContent(stored), spool([DATA])
    for content in (file, temporary):
        content.close()
        content.close()
        with pytest.raises(ImageClosedError):
            content.read_at(0, 1)
        with pytest.raises(ImageClosedError):
            Digester(content).result()
    with pytest.raises(ImageClosedError):
        file.verify()


def test_a_digest_can_be_given_up() -> None:
    digester = Digester(MemoryContent(DATA))
    digester.cancel()
    digester.cancel()
    with pytest.raises(ImageClosedError):
        digester.result()


def test_a_spool_knows_its_digest() -> None:
    zeros = bytes(1 << 20)
    for chunks in ([], [b"a"], [zeros, b"x", zeros], [DATA, zeros, DATA, zeros]):
        content = spool(chunks)
        whole = b"".join(chunks)
        assert (content.size, content.digest) == (len(whole), digest(whole))
        assert content.read_at(0, content.size) == whole
        content.close()


def test_a_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("xraydiff.layers.spool.os.pwrite", full)
    with pytest.raises(ImageError, match="No space left on device") as caught:
        spool([b"x"])
    assert caught.value.code == "spool-failed"
    assert "\n" not in str(caught.value)


def test_a_missing_temporary_directory_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/absent/directory")
    with pytest.raises(ImageError, match="temporary directory"):
        SpoolContent()


def test_unpack_leaves_plain_bytes_where_they_are() -> None:
    source = MemoryContent(DATA)
    unpacked = unpack(source)
    assert unpacked.content is source
    assert unpacked.compression is Compression.NONE
    assert unpacked.digests() == (digest(DATA), digest(DATA))
    unpacked.close()


def test_unpack_gives_both_digests() -> None:
    packed = gzip.compress(DATA, mtime=0)
    unpacked = unpack(MemoryContent(packed))
    assert unpacked.compression is Compression.GZIP
    assert unpacked.digests() == (digest(packed), digest(DATA))
    assert unpacked.content.read_at(5, 1000) == DATA[5:1005]
    unpacked.close()
    with pytest.raises(ImageClosedError):
        unpacked.content.read_at(0, 1)


def test_the_digest_covers_bytes_behind_the_stream() -> None:
    packed = gzip.compress(b"abc") + b"behind"
    unpacked = unpack(MemoryContent(packed))
    assert [note.code for note in unpacked.notes] == ["compressed-trailing-data"]
    assert unpacked.digests() == (digest(packed), digest(b"abc"))
    unpacked.close()
