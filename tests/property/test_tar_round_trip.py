"""What the tar writer writes, the tar reader and others read back."""

from __future__ import annotations

import io
import tarfile

from hypothesis import given, settings
from hypothesis import strategies as st

from xraydiff.errors import ImageError
from xraydiff.facts import FileType
from xraydiff.layers import Note, Put
from xraydiff.layers.reader import read_layer, read_members
from xraydiff.layers.spool import MemoryContent
from xraydiff.layers.writer import TarWriter
from xraydiff.paths import decoded

NAMES = (
    st.one_of(
        st.binary(min_size=1, max_size=300),
        st.text(st.sampled_from("ab/.\u00e9"), min_size=1, max_size=400).map(str.encode),
        st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=8).map(b"/".join),
    )
    .map(lambda raw: raw.replace(b"\0", b"_"))
    .map(decoded)
)
IDS = st.one_of(st.integers(0, 70_000), st.integers(0, 2**32), st.integers(0, 10**17))
XATTRS = st.dictionaries(
    st.binary(min_size=1, max_size=20).map(lambda raw: decoded(raw.replace(b"\0", b"_").replace(b"=", b"_"))),
    st.binary(max_size=60),
    max_size=3,
)


@st.composite
def entries(draw: st.DrawFn) -> tuple[Put, bytes]:
    kind = draw(st.sampled_from([kind for kind in FileType if kind is not FileType.SOCKET]))
    hardlink = kind is FileType.FILE and draw(st.booleans())
    data = draw(st.binary(max_size=1200)) if kind is FileType.FILE and not hardlink else b""
    device = (draw(st.integers(0, 4095)), draw(st.integers(0, 8**7 - 1)))
    name = draw(NAMES)
    if kind is FileType.DIRECTORY and not name.endswith("/"):
        name += "/"
    put = Put(
        name=name,
        type=kind,
        mode=draw(st.integers(0, 0o7777)),
        uid=draw(IDS),
        gid=draw(IDS),
        size=len(data),
        mtime=draw(st.one_of(st.integers(0, 2**33), st.integers(-(10**17), 10**17))),
        target=draw(NAMES) if hardlink or kind is FileType.SYMLINK else "",
        hardlink=hardlink,
        device=device if kind in (FileType.CHARACTER, FileType.BLOCK) else None,
        xattrs=tuple(sorted(draw(XATTRS).items())),
    )
    return put, data


def written(items: list[tuple[Put, bytes]]) -> bytes:
    stream = io.BytesIO()
    writer = TarWriter(stream)
    for put, data in items:
        writer.add(
            put.name,
            put.type,
            mode=put.mode,
            uid=put.uid,
            gid=put.gid,
            size=put.size,
            mtime=put.mtime,
            target=put.target,
            hardlink=put.hardlink,
            device=put.device,
            xattrs=put.xattrs,
            data=[data[start : start + 100] for start in range(0, len(data), 100)],
        )
    writer.close()
    return stream.getvalue()


@settings(max_examples=150, deadline=None)
@given(st.lists(entries(), max_size=5))
def test_round_trip(items: list[tuple[Put, bytes]]) -> None:
    stream = written(items)
    found = [item for item in read_members(MemoryContent(stream)) if not isinstance(item, Note)]
    assert len(found) == len(items)
    for back, (put, data) in zip(found, items, strict=True):
        assert stream[back.offset : back.offset + back.size] == data
        fields = ("name", "type", "mode", "uid", "gid", "size", "mtime", "target", "hardlink", "device", "xattrs")
        for field in fields:
            assert getattr(back, field) == getattr(put, field), field


@settings(max_examples=100, deadline=None)
@given(st.lists(entries(), max_size=4))
def test_tarfile_agrees(items: list[tuple[Put, bytes]]) -> None:
    with tarfile.open(fileobj=io.BytesIO(written(items)), errors="surrogateescape", encoding="utf-8") as archive:
        members = archive.getmembers()
    assert len(members) == len(items)
    for member, (put, _) in zip(members, items, strict=True):
        assert member.name.rstrip("/") == put.name.rstrip("/")
        assert (member.mode, member.uid, member.gid, member.size) == (put.mode, put.uid, put.gid, put.size)


@settings(max_examples=300, deadline=None)
@given(st.lists(entries(), min_size=1, max_size=4), st.data())
def test_damage_is_told_or_changes_nothing_that_counts(items: list[tuple[Put, bytes]], data: st.DataObject) -> None:
    stream = bytearray(written(items))
    whole = list(read_members(MemoryContent(bytes(stream))))
    at = data.draw(st.integers(0, len(stream) - 1))
    stream[at] ^= data.draw(st.integers(1, 255))
    try:
        found = list(read_layer(MemoryContent(bytes(stream))))
        members = list(read_members(MemoryContent(bytes(stream))))
    except ImageError:
        return
    fatal = any(isinstance(item, Note) and item.fatal for item in (*found, *members))
    assert fatal or len(members) >= len(whole)
