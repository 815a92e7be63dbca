"""The tar writer, read back by others."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from xraydiff.facts import FileType
from xraydiff.layers.writer import TarWriter

LONG = "d/" * 90 + "file"
HUGE = "component" * 30


def sample() -> bytes:
    stream = io.BytesIO()
    writer = TarWriter(stream)
    writer.add("etc", FileType.DIRECTORY, mode=0o755)
    writer.add("etc/shadow", mode=0o640, uid=0, gid=42, size=5, mtime=1_700_000_000, data=[b"ab", b"", b"cde"])
    writer.add(LONG, size=512, data=[bytes(512)])
    writer.add(HUGE, FileType.SYMLINK, mode=0o777, target="t" * 120)
    writer.add("hard", target="etc/shadow", hardlink=True)
    writer.add("null", FileType.CHARACTER, device=(1, 3), mode=0o666)
    writer.add("sda", FileType.BLOCK, device=(8, 0))
    writer.add("pipe", FileType.FIFO)
    writer.add("caf\u00e9", uid=4_294_967_294, gid=8**7, mtime=-1)
    writer.add("caf\udce9", FileType.SYMLINK, target="\udcff")
    writer.add("ping", xattrs=[("user.z", b""), ("security.capability", b"\1\0\n=\xff")])
    writer.close()
    return stream.getvalue()


def test_the_same_calls_give_the_same_bytes() -> None:
    assert sample() == sample()
    assert len(sample()) % 512 == 0
    assert sample().endswith(bytes(1024))


def test_tarfile_reads_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(sample())) as archive:
        members = {member.name: member for member in archive}
        assert list(members) == [
            *["etc", "etc/shadow", LONG, HUGE, "hard", "null", "sda", "pipe", "caf\u00e9", "caf\udce9", "ping"]
        ]
        stream = archive.extractfile("etc/shadow")
        assert stream is not None
        assert stream.read() == b"abcde"
    shadow = members["etc/shadow"]
    assert (shadow.mode, shadow.gid, shadow.mtime) == (0o640, 42, 1_700_000_000)
    assert members[LONG].pax_headers == {}
    assert members[HUGE].linkname == "t" * 120
    assert (members["hard"].type, members["hard"].linkname) == (tarfile.LNKTYPE, "etc/shadow")
    assert (members["null"].devmajor, members["null"].devminor) == (1, 3)
    assert (members["caf\u00e9"].uid, members["caf\u00e9"].gid, members["caf\u00e9"].mtime) == (4_294_967_294, 8**7, -1)
    assert members["caf\udce9"].linkname == "\udcff"
    assert set(members["ping"].pax_headers) == {"SCHILY.xattr.security.capability", "SCHILY.xattr.user.z"}


def test_gnu_tar_reads_it(tmp_path: Path) -> None:
    tar = shutil.which("tar")
    if tar is None:
        pytest.skip("there is no tar command")
    path = tmp_path / "out.tar"
    path.write_bytes(sample())
    done = subprocess.run([tar, "-tf", str(path), "--quoting-style=escape"], capture_output=True, check=True)
    assert done.stdout.decode().splitlines()[:5] == ["etc/", "etc/shadow", LONG, HUGE, "hard"]
    assert done.stdout.count(b"\n") == 11
    assert b"caf\\351\n" in done.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        lambda out: out.add("a", FileType.SOCKET),
        lambda out: out.add(""),
        lambda out: out.add("a\0b"),
        lambda out: out.add("a", FileType.SYMLINK, target="a\0b"),
        lambda out: out.add("a", uid=-1),
        lambda out: out.add("a", mode=0o100644),
        lambda out: out.add("a", FileType.DIRECTORY, size=1, data=[b"x"]),
        lambda out: out.add("a", hardlink=True, target="b", size=1, data=[b"x"]),
        lambda out: out.add("a", size=2, data=[b"x"]),
        lambda out: out.add("a", size=2, data=[b"xxx"]),
        lambda out: out.add("a", data=[b"x"]),
        lambda out: out.add("a", xattrs=[("user.a=b", b"")]),
        lambda out: out.add("a", FileType.BLOCK, device=(8**7, 0)),
    ],
)
def test_what_tar_cannot_hold(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(ValueError):
        wrong(TarWriter(io.BytesIO()))
