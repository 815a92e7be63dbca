from __future__ import annotations

import gzip
import io
import os
import socket
import tarfile
from pathlib import Path

import pytest

from tests.image_archives import Layout, docker_archive
from xraydiff.cli import run
from xraydiff.errors import ImageError, LimitExceeded, UsageError
from xraydiff.image import rootfs
from xraydiff.image.sources import open_image
from xraydiff.limits import Limits
from xraydiff.pipeline import compare
from xraydiff.tree import Tree, squash
from xraydiff.tree.listing import listing


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small file system on disk."""
    root = tmp_path / "root"
    for name in ("etc/ssl", "usr/bin", "empty", "caf\u00e9"):
        (root / name).mkdir(parents=True)
    (root / "etc/hostname").write_text("one\n")
    (root / "usr/bin/tool").write_bytes(os.urandom(3000))
    (root / "usr/bin/tool").chmod(0o4755)
    os.link(root / "usr/bin/tool", root / "usr/bin/other")
    (root / "bin").symlink_to("usr/bin")
    (root / "etc/ssl/out").symlink_to("/etc/passwd")
    (root / "etc/up").symlink_to("../../../../etc")
    os.mkfifo(root / "pipe")
    Path(os.fsdecode(os.fsencode(root) + b"/\xff")).write_text("odd")
    (root / "large").write_bytes(bytes(5_000_000))
    return root


def squashed(path: Path, limits: Limits | None = None) -> Tree:
    with open_image(path, rootfs=True, limits=limits or Limits()) as image:
        return squash(image)


def rows(path: Path) -> list[str]:
    with open_image(path, rootfs=True) as image:
        return list(listing(squash(image), digests=True))


def packed(tree: Path, path: Path) -> Path:
    """The same by `tar`, as docker export writes it."""
    with tarfile.open(path, "w") as archive:
        archive.add(tree, ".")
    return path


def test_a_directory_is_what_its_tar_is(tree: Path, tmp_path: Path) -> None:
    listed = rows(tree)
    assert listed == rows(packed(tree, tmp_path / "export.tar"))
    assert any(line.startswith("/usr/bin/tool\tfile\t0o4755\t3000\t") for line in listed)
    assert any(line.startswith("/etc/ssl/out\tsymlink\t") and line.endswith("\t/etc/passwd") for line in listed)
    assert any(line.startswith("/pipe\t") for line in listed)
    assert any(line.startswith(r"/\xff" + "\t") for line in listed)


def test_hard_links_owners_and_times(tree: Path) -> None:
    found = squashed(tree)
    tool = next(path for path in found.files if path == "/usr/bin/tool")
    assert found.links(tool) == ("/usr/bin/other", "/usr/bin/tool")
    info = (tree / "usr/bin/tool").stat()
    file = found.files[tool]
    assert (file.uid, file.gid, file.mtime) == (info.st_uid, info.st_gid, info.st_mtime_ns // 10**9)


def test_the_same_tree_gives_the_same_digest(tree: Path, tmp_path: Path) -> None:
    with open_image(tree, rootfs=True) as one, open_image(tree, rootfs=True) as other:
        assert one.digest == other.digest
        (tree / "etc/hostname").write_text("two\n")
        with open_image(tree, rootfs=True) as changed:
            assert changed.digest != one.digest


def test_its_config_says_nothing(tree: Path) -> None:
    with open_image(tree, rootfs=True) as image:
        assert image.reference == "root"
        assert (image.config.cmd, image.config.entrypoint, image.config.env) == (None, None, ())
        assert [(problem.code, problem.fatal) for problem in image.problems] == [("no-config", False)]


def test_a_report_of_two_trees(tree: Path, tmp_path: Path) -> None:
    original = packed(tree, tmp_path / "original.tar")
    (tree / "etc/hostname").unlink()
    with (
        open_image(original, rootfs=True) as before,
        open_image(tree, rootfs=True) as after,
        compare(before, after) as comparison,
    ):
        report = comparison.report
        assert [change.path for change in report.removed] == ["/etc/hostname"]
        assert report.complete


def test_compressed_and_from_a_stream(tree: Path, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.add(tree, ".")
    stream.seek(0)
    with open_image(stream, rootfs=True) as image:
        assert list(listing(squash(image), digests=True)) == rows(tree)


def test_a_socket_is_left_out(tree: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(tree)  # a path of a socket is short
        try:
            server.bind("s")
        finally:
            os.chdir(here)
        with open_image(tree, rootfs=True) as image:
            assert [(one.code, one.path, one.fatal) for one in image.problems[1:]] == [("socket", "/s", False)]
            assert "/s" not in squash(image).files


@pytest.mark.parametrize("size", [3 << 20, (3 << 20) + 5, 512, 70_000])
def test_holes_are_what_they_stand_for(tmp_path: Path, size: int) -> None:
    """A sparse file reads as its zeros, wherever its data stands, and is not written out."""
    root = tmp_path / "root"
    root.mkdir()
    with (root / "sparse").open("wb") as file:
        file.truncate(size)
        for at in (0, size // 2, size - 5):
            file.seek(at)
            file.write(b"data!")
    with (root / "hole").open("wb") as file:
        file.truncate(size)
    assert rows(root) == rows(packed(root, tmp_path / "root.tar"))
    content, _ = rootfs.pack(root, limits=Limits())
    assert content.occupied < 300_000
    content.close()


def test_what_is_mounted_inside_is_said(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another device number stands for a mount, which takes root to make."""
    real = os.fstat(os.open(tree / "empty", os.O_RDONLY)).st_ino
    fstat, lstat = os.fstat, os.lstat

    def elsewhere(info: os.stat_result) -> os.stat_result:
        if info.st_ino != real:
            return info
        fields = list(info)
        fields[2] += 1
        return os.stat_result(fields, {"st_mtime_ns": info.st_mtime_ns, "st_rdev": 0})

    monkeypatch.setattr(rootfs.os, "fstat", lambda descriptor: elsewhere(fstat(descriptor)))  # type: ignore[attr-defined]  # the module as it is used there
    monkeypatch.setattr(rootfs.os, "lstat", lambda name, dir_fd=None: elsewhere(lstat(name, dir_fd=dir_fd)))  # type: ignore[attr-defined]
    (tree / "empty" / "inside").write_text("x")
    with open_image(tree, rootfs=True) as image:
        assert [(one.code, one.path, one.fatal) for one in image.problems[1:]] == [("mount-point", "/empty", True)]
        files = squash(image).files
        assert "/empty" in files
        assert "/empty/inside" not in files


@pytest.mark.parametrize("target", ["../../secret", "/etc"])
def test_a_directory_that_becomes_a_link_is_not_followed(
    tree: Path, tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody swaps it between the look and the step."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("do not read")
    real = os.lstat

    def swapping(name: bytes, *, dir_fd: int) -> os.stat_result:
        info = real(name, dir_fd=dir_fd)
        if name == b"ssl":
            (tree / "etc/ssl/out").unlink()
            (tree / "etc/ssl").rmdir()
            (tree / "etc/ssl").symlink_to(target)
        return info

    monkeypatch.setattr(os, "lstat", swapping)
    with pytest.raises(ImageError, match="/etc/ssl: changed while it was read"):
        open_image(tree, rootfs=True)


@pytest.mark.parametrize("change", ["grows", "shrinks", "is replaced by a pipe"])
def test_a_file_that_changes(tree: Path, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.lstat
    file = tree / "large"

    def changing(name: bytes, *, dir_fd: int) -> os.stat_result:
        info = real(name, dir_fd=dir_fd)
        if name == b"large":
            match change:
                case "grows":
                    monkeypatch.setattr(os, "pread", growing)
                case "shrinks":
                    monkeypatch.setattr(os, "pread", shrinking)
                case _:
                    file.unlink()
                    os.mkfifo(file)
        return info

    read = os.pread

    def growing(descriptor: int, length: int, at: int) -> bytes:
        with file.open("ab") as more:
            more.write(b"more")
        return read(descriptor, length, at)

    def shrinking(descriptor: int, length: int, at: int) -> bytes:
        os.truncate(file, 10)
        return read(descriptor, length, at)

    monkeypatch.setattr(os, "lstat", changing)
    with pytest.raises(ImageError, match="/large: changed while it was read") as caught:
        open_image(tree, rootfs=True)
    assert caught.value.code == "changed-while-read"


@pytest.mark.parametrize(
    "limits", [Limits(entries_per_layer=5), Limits(layer_bytes=1_000_000), Limits(components=1)], ids=str
)
def test_bounds(tree: Path, limits: Limits) -> None:
    (tree / "a/b/c/d").mkdir(parents=True)
    with pytest.raises(LimitExceeded):
        squashed(tree, limits)


def test_a_deep_tree(tmp_path: Path) -> None:
    """Deeper than a path that the system takes in one piece."""
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d" * 20, dir_fd=here)
        below = os.open("d" * 20, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    found = squashed(tmp_path)
    assert any(problem.code == "limit-exceeded" and problem.fatal for problem in found.problems)


def test_no_descriptor_is_left(tree: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    rows(tree)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("reference", ["docker:app", "registry:h.example/app:1"])
def test_images_are_no_file_systems(reference: str) -> None:
    with pytest.raises(UsageError, match="no bare file system"):
        open_image(reference, rootfs=True)


def test_no_platform_to_choose(tree: Path) -> None:
    with pytest.raises(UsageError, match="platform"):
        open_image(tree, rootfs=True, platform="linux/amd64")


def unpacked(archive: bytes, folder: Path) -> Path:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize("how", ["archive", "compressed", "stream", "directory"])
@pytest.mark.parametrize("kind", ["docker", "oci"])
def test_an_image_is_no_file_system(kind: str, how: str, tmp_path: Path) -> None:
    """Compared as it lies there, an image has nothing that anybody could miss."""
    data = docker_archive() if kind == "docker" else Layout().archive()
    path = tmp_path / "app"
    match how:
        case "directory":
            unpacked(data, path)
        case "compressed":
            path.write_bytes(gzip.compress(data))
        case _:
            path.write_bytes(data)
    with pytest.raises(UsageError, match="an image and no bare file system \\(leave --rootfs out\\)"):
        open_image(io.BytesIO(data) if how == "stream" else path, rootfs=True)


@pytest.mark.parametrize("files", [{"manifest.json": '{"name": "Edge"}'}, {"index.json": "{}"}, {"oci-layout": "{}"},
                                   {"manifest.json": "[]", "index.json": "{}"}], ids="+".join)  # fmt: skip
def test_files_of_a_program_that_have_such_names_are_no_image(files: dict[str, str], tree: Path) -> None:
    for name, text in files.items():
        (tree / name).write_text(text)
    assert {f"/{name}" for name in files} < set(squashed(tree).files)
    assert {f"/{name}" for name in files} < set(squashed(packed(tree, tree.parent / "export.tar")).files)


@pytest.mark.parametrize("command", ["files", "inspect", "compare", "suggest"])
def test_the_option_and_an_image(command: str, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "app.tar").write_bytes(docker_archive())
    images = [str(tmp_path / "app.tar")] if command in ("files", "inspect") else [str(tree), str(tmp_path / "app.tar")]
    assert run([command, *images, "--rootfs"]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "xraydiff: app.tar: an image and no bare file system (leave --rootfs out)\n")


def test_without_the_option_it_is_offered(tree: Path, tmp_path: Path) -> None:
    for path in (tree, packed(tree, tmp_path / "export.tar")):
        with pytest.raises(ImageError, match="--rootfs") as caught:
            open_image(path)
        assert caught.value.code == "not-an-image"


@pytest.mark.parametrize(
    "command", [["files"], ["inspect"], ["compare", "other"], ["suggest", "other"]], ids=lambda command: str(command[0])
)
def test_the_option(command: list[str], tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    others = [str(packed(tree, tmp_path / "other.tar")) for _ in command[1:]]
    (tree / "etc/new").write_text("x")
    assert run([command[0], str(tree), *others, "--rootfs"]) == 0
    assert capsys.readouterr().out or command[0] == "suggest"
    assert run([command[0], str(tree), *others]) == 3
