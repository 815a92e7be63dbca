"""Row 49: a table of contents that shows lazily pulling nodes another image than the tar, or cannot be compared."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import struct
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.image_archives import CONFIG, LAYER, MANIFEST, Json, Layout, as_json, config_of, opened
from xraydiff.facts import Problem
from xraydiff.image.sources import open_image
from xraydiff.limits import Limits
from xraydiff.testing import ImageBuilder
from xraydiff.tree import squash

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

POSITION = "io.github.containers.zstd-chunked.manifest-position"
Change = Callable[[list[Json]], None]


def problems(layout: Layout, limits: Limits | None = None) -> list[Problem]:
    with opened(layout.archive(), limits=limits or Limits()) as image:
        return list(squash(image).problems)


def codes(layout: Layout, limits: Limits | None = None) -> list[tuple[str, bool]]:
    return [(problem.code, problem.fatal) for problem in problems(layout, limits)]


def tar() -> bytes:
    builder = (
        ImageBuilder()
        .directory("/a")
        .file("/a/b", b"hello" * 100, mode=0o4755, uid=7)
        .file("/empty", xattrs={"user.k": b"v"})
    )
    builder.symlink("/l", "a/b").hardlink("/h", "/a/b").device("/dev0", 1, 3).fifo("/p").whiteout("/x").opaque("/a")
    archive = io.BytesIO(builder.build())
    with tarfile.open(fileobj=archive) as outer:
        name = next(name for name in outer.getnames() if name.endswith("layer.tar"))
        member = outer.extractfile(name)
        assert member is not None
        return member.read()


def entries() -> list[Json]:
    """What both formats say of that tar."""
    out: list[Json] = []
    kinds = {b"0": "reg", b"5": "dir", b"2": "symlink", b"1": "hardlink", b"3": "char", b"6": "fifo"}
    with tarfile.open(fileobj=io.BytesIO(tar())) as archive:
        for info in archive:
            entry: Json = {
                "name": info.name,
                "type": kinds[info.type],
                "mode": info.mode,
                "uid": info.uid,
                "gid": info.gid,
            }
            if info.pax_headers:
                entry["xattrs"] = {"user.k": "dg=="}
            if info.linkname:
                entry["linkName"] = info.linkname
            if info.isreg() and info.size:
                file = archive.extractfile(info)
                assert file is not None
                entry |= {"size": info.size, "digest": f"sha256:{hashlib.sha256(file.read()).hexdigest()}"}
            out.append(entry)
    return out


def one_layer(blob: bytes, plain: bytes, media_type: str, **annotations: str) -> Layout:
    layout = Layout()
    layer = layout.put(blob, media_type, annotations=annotations)
    manifest = {"schemaVersion": 2, "config": layout.put(config_of((plain,)), CONFIG), "layers": [layer]}
    layout.manifests = [layout.put(as_json(manifest), MANIFEST)]
    return layout


def table(change: Change | None = None, raw: bytes | None = None) -> bytes:
    listed = entries()
    if change is not None:
        change(listed)
    return as_json({"version": 1, "entries": listed}) if raw is None else raw


def estargz(text: bytes, *, digest: str | None = None, offset: int | None = None) -> Layout:
    """As stargz-snapshotter writes it: the tar, a member with the table, an empty member that tells where that is."""
    first = gzip.compress(tar(), mtime=0)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo("stargz.index.json")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    behind = stream.getvalue()
    place = b"%016xSTARGZ" % (len(first) if offset is None else offset)
    extra = b"SG" + struct.pack("<H", len(place)) + place
    footer = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff" + struct.pack("<H", len(extra)) + extra + b"\x01\0\0\xff\xff" + bytes(8)
    blob = first + gzip.compress(behind, mtime=0) + footer
    annotations = {} if digest is None else {"containerd.io/snapshot/stargz/toc.digest": digest}
    return one_layer(blob, tar() + behind, f"{LAYER}+gzip", **annotations)


def chunked(
    text: bytes,
    *,
    footer: bool = True,
    annotation: bool = True,
    long: bool = False,
    wrong: tuple[int, int, int] | None = None,
) -> Layout:
    """As containers/storage writes it: the tar, a skippable frame with the table, one that tells where that is."""
    packed = zstd.compress(text)
    blob = zstd.compress(tar())
    place = wrong or (len(blob) + 8, len(packed), len(text))
    blob += struct.pack("<II", 0x184D2A50, len(packed)) + packed
    if footer:
        payload = struct.pack("<4Q", *place, 1) + bytes(24 if long else 0) + (b"GNUlInUx" if long else b"GnUlInUx")
        blob += struct.pack("<II", 0x184D2A50, len(payload)) + payload
    annotations = {POSITION: ":".join(map(str, (*place, 1)))} if annotation else {}
    return one_layer(blob, tar(), f"{LAYER}+zstd", **annotations)


def entry(listed: list[Json], name: str) -> Json:
    return next(one for one in listed if one["name"] == name)


def setting(name: str, key: str, value: object) -> Change:
    return lambda listed: entry(listed, name).update({key: value})


CHANGES: dict[str, Change] = {
    "size": setting("a/b", "size", 499),
    "digest": setting("a/b", "digest", f"sha256:{'0' * 64}"),
    "no digest": setting("a/b", "digest", ""),
    "mode": setting("a/b", "mode", 0o755),
    "attributes": setting("a/b", "xattrs", {"security.capability": "AQAAAg=="}),
    "other attributes": setting("empty", "xattrs", {"user.k": "eA=="}),
    "owner": setting("a/b", "uid", 0),
    "target": setting("l", "linkName", "/etc/passwd"),
    "hard link": setting("h", "linkName", "empty"),
    "type": setting("empty", "type", "dir"),
    "one more": lambda listed: listed.append({"name": "evil", "type": "reg"}),
    "one less": lambda listed: listed.remove(entry(listed, "empty")),
    "another name": setting("empty", "name", "a/full"),
    "a whiteout less": lambda listed: listed.remove(entry(listed, ".wh.x")),
    "nothing": lambda listed: listed.clear(),
}
NONE = [
    b"",
    b"{",
    b"[]",
    b'{"entries": 1}',
    b'{"entries": [{"name": "a", "type": "odd"}]}',
    b"[" * 100_000,
    b'{"entries": [1]}',
]
NONE += [b'{"entries": [{"name":"a","type":"reg"},{"name":"./a","type":"reg"}]}', b"\xff"]


@pytest.mark.parametrize("digest", [None, f"sha256:{hashlib.sha256(table()).hexdigest()}"])
def test_estargz_toc_that_agrees(digest: str | None) -> None:
    assert codes(estargz(table(), digest=digest)) == [("estargz", False)]


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_estargz_toc_mismatch(change: str) -> None:
    found = problems(estargz(table(CHANGES[change])))
    assert [(one.code, one.fatal) for one in found] == [("estargz", False), ("toc-mismatch", True)]
    assert "nodes that pull lazily see another image" in found[1].message


@pytest.mark.parametrize("raw", NONE)
def test_estargz_toc_that_is_none(raw: bytes) -> None:
    assert ("unverified-toc", True) in codes(estargz(table(raw=raw)))


def test_estargz_toc_that_its_annotation_does_not_mean() -> None:
    assert ("unverified-toc", True) in codes(estargz(table(), digest=f"sha256:{'0' * 64}"))


@pytest.mark.parametrize("offset", [0, 5, 1 << 40, (1 << 64) - 1])
def test_estargz_footer_that_leads_elsewhere(offset: int) -> None:
    """A second table could lie anywhere in the blob, in the content of a file."""
    assert ("unverified-toc", True) in codes(estargz(table(), offset=offset))


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize(("footer", "annotation"), [(True, True), (True, False), (False, True)])
def test_zstd_chunked_toc(footer: bool, annotation: bool, long: bool) -> None:
    def made(change: Change | None = None) -> Layout:
        return chunked(table(change), footer=footer, annotation=annotation, long=long)

    assert codes(made()) == [("zstd-chunked", False)]
    for name, change in CHANGES.items():
        found = codes(made(change))
        assert found == [("zstd-chunked", False), ("toc-mismatch", True)], name


@pytest.mark.parametrize("raw", NONE)
def test_zstd_chunked_toc_that_is_none(raw: bytes) -> None:
    assert ("unverified-toc", True) in codes(chunked(table(raw=raw)))


@pytest.mark.parametrize("wrong", [(0, 10, 10), (1 << 60, 10, 10), (8, 1 << 50, 10), (8, 10, 1 << 50), (8, 0, 0)])
def test_zstd_chunked_position_that_leads_elsewhere(wrong: tuple[int, int, int]) -> None:
    assert ("unverified-toc", True) in codes(chunked(table(), wrong=wrong))


@pytest.mark.parametrize("text", ["", "1:2", "-1:2:3:1", "1:2:3:x", "9" * 50])
def test_zstd_chunked_annotation_that_is_none(text: str) -> None:
    layout = one_layer(zstd.compress(tar()), tar(), f"{LAYER}+zstd", **{POSITION: text})
    assert ("unverified-toc", True) in codes(layout)


def test_a_table_that_is_too_large() -> None:
    for layout in (chunked(table()), estargz(table())):
        assert ("unverified-toc", True) in codes(layout, Limits(toc=100))


def test_the_real_ones_agree(corpus: Path, tmp_path: Path) -> None:
    with open_image(corpus / "wagoodman+dive/.data/test-oci-estargz-image.tar") as image:
        assert [(one.code, one.fatal) for one in squash(image).problems] == [("estargz", False)]
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not here to write zstd:chunked")
    builder = ImageBuilder().file("/a/b", "hello" * 1000).file("/e").symlink("/l", "a/b").hardlink("/h", "/a/b")
    builder.directory("/d").layer().whiteout("/a/b").opaque("/d").file(
        "/d/x", "x", mode=0o4755, xattrs={"user.a": b"v"}
    )
    archive = builder.write(tmp_path / "a.tar")
    copy = ["skopeo", "copy", "--insecure-policy", "--dest-compress-format", "zstd:chunked"]
    subprocess.run([*copy, f"docker-archive:{archive}", f"oci:{tmp_path}/layout:1"], check=True, capture_output=True)
    with open_image(tmp_path / "layout") as image:
        manifest = next(p for p in (tmp_path / "layout/blobs/sha256").iterdir() if b'"schemaVersion"' in p.read_bytes())
        assert "manifest-position" in json.dumps(json.loads(manifest.read_bytes()))
        found = [(one.code, one.fatal) for one in squash(image).problems]
        assert found == [("zstd-chunked", False), ("zstd-chunked", False)]
