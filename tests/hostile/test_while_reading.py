"""The ground moves: an archive that changes while it is read, a full disk. One line, exit 3, nothing written."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from xraydiff.cli import run
from xraydiff.errors import ImageError
from xraydiff.image.sources import open_image
from xraydiff.testing import Format, ImageBuilder
from xraydiff.tree import squash

NOISE = random.Random(0).randbytes(3 << 20)  # noqa: S311  incompressible, not secret


def archive(path: Path, form: Format = "docker-archive") -> Path:
    builder = ImageBuilder(name="app:1").config(cmd=["/a"]).file("/a", NOISE)
    return builder.layer().file("/b", NOISE[::-1]).write(path, format=form)


def shrunk(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def grown(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(512))


def rewritten(path: Path) -> None:
    """The same size, other bytes, another time."""
    size = path.stat().st_size
    path.write_bytes(bytes(size))
    os.utime(path, ns=(0, 0))


CHANGES: list[Callable[[Path], None]] = [shrunk, emptied, grown, rewritten]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("command", ["files", "inspect", "compare", "gate"])
def test_an_archive_that_changes(
    command: str,
    change: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It changes when its first half was read."""
    path, other = archive(tmp_path / "app.tar"), ImageBuilder().file("/c", "c").write(tmp_path / "other.tar")
    size, real = path.stat().st_size, os.pread
    seen = {"bytes": 0, "done": 0}

    def pread(descriptor: int, length: int, offset: int) -> bytes:
        seen["bytes"] += length
        if seen["bytes"] > size // 3 and not seen["done"]:
            seen["done"] = 1
            change(path)
        return real(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", pread)
    arguments = [command, str(path), str(other)] if command in ("compare", "gate") else [command, str(path)]
    out = [] if command == "gate" else ["-o", str(tmp_path / "out")]
    assert run([*arguments, *out]) == 3
    said = capsys.readouterr()
    assert seen["done"]
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert "app.tar" in said.err
    assert str(tmp_path) not in said.err
    assert not (tmp_path / "out").exists()


def test_an_archive_that_is_deleted_is_still_open(tmp_path: Path) -> None:
    path = archive(tmp_path / "app.tar")
    with open_image(path) as image:
        path.unlink()
        assert set(squash(image).files) == {"/", "/a", "/b"}


@pytest.mark.parametrize("change", [shrunk, emptied, grown, rewritten])
def test_a_blob_of_a_layout_that_changes(change: Callable[[Path], None], tmp_path: Path) -> None:
    folder = archive(tmp_path / "layout", "oci-layout")
    with open_image(folder) as image:
        for path in (folder / "blobs" / "sha256").iterdir():
            if path.stat().st_size > len(NOISE):
                change(path)
        with pytest.raises(ImageError):
            squash(image)


def test_content_that_changes_after_it_was_verified(tmp_path: Path) -> None:
    """What is read later is what was verified, or an error, as far as a file system can tell."""
    path = archive(tmp_path / "app.tar")
    with open_image(path) as image:
        tree = squash(image)
        shrunk(path)
        with pytest.raises(ImageError, match="changed while it was read"):
            tree.content(next(one for one in tree.files if one == "/b"))


def limited(most: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


@pytest.mark.parametrize("source", ["gzip layers", "standard input"])
def test_the_disk_is_full(source: str, tmp_path: Path) -> None:
    """A limit of one megabyte for every file stands for the end of the disk."""
    builder = ImageBuilder().file("/a", NOISE)
    path = builder.write(tmp_path / "app.tar", compression="gzip" if source == "gzip layers" else "none")
    spools = tmp_path / "spools"
    spools.mkdir()
    reference = "-" if source == "standard input" else str(path)
    with path.open("rb") as stdin:
        ran = subprocess.run(
            [sys.executable, "-P", "-m", "xraydiff", "files", reference, "-o", str(tmp_path / "out")],
            stdin=stdin,
            env={**os.environ, "TMPDIR": str(spools)},
            preexec_fn=limited(1 << 20),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert ran.returncode == 3
    assert len(ran.stderr.splitlines()) == 1
    assert "temporary directory cannot take the uncompressed data" in ran.stderr
    assert not (tmp_path / "out").exists()
    assert not list(spools.iterdir())


@pytest.mark.parametrize("output", ["stdout", "file"])
def test_the_disk_of_the_output_is_full(output: str, tmp_path: Path) -> None:
    """A report that was written in part must not look like one, and must not look like a pass."""
    builder = ImageBuilder()
    for number in range(3000):
        builder.file(f"/{'n' * 200}{number}")
    path = builder.write(tmp_path / "app.tar")
    where = ["-o", str(tmp_path / "out")] if output == "file" else []
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [sys.executable, "-P", "-m", "xraydiff", "files", str(path), *where],
            stdout=full if output == "stdout" else subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=limited(100_000),
            check=False,
            timeout=60,
        )
    assert ran.returncode not in (0, 1)
    assert b"Traceback" not in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["app.tar"]
