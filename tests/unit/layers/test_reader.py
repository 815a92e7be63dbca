"""The tar reader on archives that real writers make."""

from __future__ import annotations

import io
import tarfile

import pytest

from xraydiff.errors import LimitExceeded
from xraydiff.facts import FileType
from xraydiff.layers import Note, Put
from xraydiff.layers.reader import read_layer, read_members
from xraydiff.layers.spool import MemoryContent, Region
from xraydiff.limits import Limits

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def archive(*infos: tarfile.TarInfo, form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as out:
        for info in infos:
            out.addfile(info, io.BytesIO(b"x" * info.size))
    return stream.getvalue()


def made(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def read(data: bytes) -> list[Put]:
    found = list(read_layer(MemoryContent(data)))
    puts = [item for item in found if isinstance(item, Put)]
    assert puts == found
    return puts


@pytest.mark.parametrize("form", FORMATS)
def test_every_type(form: int) -> None:
    data = archive(
        made("dir", tarfile.DIRTYPE, mode=0o1777),
        made("dir/file", size=700, mode=0o104755, uid=1000, gid=50, mtime=1_700_000_000),
        made("link", tarfile.SYMTYPE, linkname="../x"),
        made("hard", tarfile.LNKTYPE, linkname="dir/file"),
        made("null", tarfile.CHRTYPE, devmajor=1, devminor=3),
        made("sda", tarfile.BLKTYPE, devmajor=8, devminor=0),
        made("pipe", tarfile.FIFOTYPE),
        made("old", tarfile.AREGTYPE),
        made("olddir/", tarfile.AREGTYPE),
        made("contiguous", tarfile.CONTTYPE, size=1),
        form=form,
    )
    puts = {put.name: put for put in read(data)}
    assert {name: put.type for name, put in puts.items()} == {
        "dir/": FileType.DIRECTORY,
        "dir/file": FileType.FILE,
        "link": FileType.SYMLINK,
        "hard": FileType.FILE,
        "null": FileType.CHARACTER,
        "sda": FileType.BLOCK,
        "pipe": FileType.FIFO,
        "old": FileType.FILE,
        "olddir/": FileType.DIRECTORY,
        "contiguous": FileType.FILE,
    }
    file = puts["dir/file"]
    assert (file.mode, file.uid, file.gid, file.size, file.mtime) == (0o4755, 1000, 50, 700, 1_700_000_000)
    assert data[file.offset : file.offset + file.size] == b"x" * 700
    assert puts["dir/"].mode == 0o1777
    assert (puts["link"].target, puts["link"].hardlink) == ("../x", False)
    assert (puts["hard"].target, puts["hard"].hardlink) == ("dir/file", True)
    assert (puts["null"].device, puts["sda"].device, file.device) == ((1, 3), (8, 0), None)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_does_not_fit_a_plain_header(form: int) -> None:
    name, link = "d/" * 200 + "n\u00e9", "l" * 300
    info = made(name, tarfile.SYMTYPE, linkname=link, uid=4_294_967_294, gid=2**40, mtime=-5)
    put = read(archive(made("first"), info, made("last"), form=form))[1]
    assert (put.name, put.target, put.uid, put.gid, put.mtime) == (name, link, 4_294_967_294, 2**40, -5)
    assert put.header == 512


def test_attributes_are_sorted_bytes() -> None:
    records = {"SCHILY.xattr.user.b": "\u00e9", "SCHILY.xattr.user.a": "", "SCHILY.xattr.security.capability": "\1\n="}
    (put,) = read(archive(made("a", pax_headers=records)))
    assert put.xattrs == (("security.capability", b"\1\n="), ("user.a", b""), ("user.b", "\u00e9".encode()))


def test_contents_larger_than_the_window_are_skipped() -> None:
    class Counting(MemoryContent):
        got = 0

        def read_at(self, offset: int, length: int) -> bytes:
            self.got += length
            return super().read_at(offset, length)

    data = archive(
        *(made(f"f{index}", size=size) for index, size in enumerate([3 << 20, 65_536, 65_535, 0, 5 << 20, 1]))
    )
    content = Counting(data)
    sizes = [item.size for item in read_layer(content) if isinstance(item, Put)]
    assert sizes == [3 << 20, 65_536, 65_535, 0, 5 << 20, 1]
    assert content.got < 600_000


def test_names_over_many_windows() -> None:
    data = archive(*(made(f"dir/file{index}", size=index % 1500) for index in range(3000)))
    assert [put.name for put in read(data)] == [f"dir/file{index}" for index in range(3000)]


def test_offsets_count_from_the_start_of_the_content() -> None:
    data = archive(made("a", size=5), made("b", size=5))
    content = Region(MemoryContent(b"?" * 1000 + data + b"?" * 10), 1000, len(data))
    puts = [item for item in read_layer(content) if isinstance(item, Put)]
    assert [(put.header, put.offset) for put in puts] == [(0, 512), (1024, 1536)]
    assert content.read_at(puts[1].offset, 5) == b"xxxxx"


def test_members_have_no_whiteouts_and_a_bound_of_their_own() -> None:
    data = archive(made("blobs/.wh.x"), made("y", tarfile.SYMTYPE, linkname="../z/layer.tar"))
    members = [item for item in read_members(MemoryContent(data)) if not isinstance(item, Note)]
    assert [(member.name, member.target) for member in members] == [("blobs/.wh.x", ""), ("y", "../z/layer.tar")]
    with pytest.raises(LimitExceeded, match="archive_members"):
        list(read_members(MemoryContent(data), limits=Limits(archive_members=1)))
