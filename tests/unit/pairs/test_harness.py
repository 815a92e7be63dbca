"""The harness of the pairs, as far as it needs no engine: trees, traces and scores."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from tests.image_archives import Member, special, tar_of
from tests.pairs.harness.measure import Scoring
from tests.pairs.harness.pair import Pair
from tests.pairs.harness.trace import read
from tests.pairs.harness.tree import Tree, read_tree

MEMBERS: tuple[Member, ...] = (
    special("app", tarfile.DIRTYPE),
    ("app/run", b"#!/bin/sh -e\necho\n"),
    ("app/data.txt", b"data"),
    special("app/copy.txt", tarfile.LNKTYPE, "app/data.txt"),
    special("app/spool", tarfile.DIRTYPE),
    special("bin", tarfile.SYMTYPE, "usr/bin"),
    special("etc", tarfile.DIRTYPE),
    ("etc/hosts", b"made by the engine"),
    special("etc/motd", tarfile.SYMTYPE, "../app/data.txt"),
    special("lib64", tarfile.DIRTYPE),
    ("lib64/ld-linux.so.2", b"\x7fELF the loader"),
    special("usr", tarfile.DIRTYPE),
    special("usr/bin", tarfile.DIRTYPE),
    ("usr/bin/dash", b"\x7fELF\0/lib64/ld-linux.so.2\0"),
    special("usr/bin/sh", tarfile.SYMTYPE, "dash"),
)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    archive = tmp_path / "export.tar"
    archive.write_bytes(tar_of(*MEMBERS))
    return read_tree(archive)


def test_a_tree_knows_links_and_leaves_out_what_the_engine_made(tree: Tree) -> None:
    assert "/etc/hosts" not in tree.entries
    assert tree.resolve("/etc/motd") == (["/etc/motd"], "/app/data.txt")
    assert tree.resolve("/bin/sh") == (["/bin", "/usr/bin/sh"], "/usr/bin/dash")
    assert tree.resolve("/bin/../app") == (["/bin"], "/usr/app")
    assert tree.data("/app/copy.txt") == b"data"
    assert tree.row("/app/copy.txt")["type"] == "0"
    assert tree.with_parents(["/app/data.txt", "/nowhere"]) == {"/app", "/app/data.txt"}


def test_a_layer_holds_its_paths_and_no_others(tree: Tree) -> None:
    with tarfile.open(fileobj=io.BytesIO(tree.layer(["/etc/motd", "/app", "/app/copy.txt"]))) as tar:
        assert tar.getnames() == ["app", "app/copy.txt", "etc/motd"]
        assert tar.getmember("app/copy.txt").size == 4


TRACE = r"""
execve("/app/run", ["/app/run"], 0x7ffc /* 3 vars */) = 0
openat(AT_FDCWD</app>, "spool/new", O_WRONLY|O_CREAT, 0666) = 3</app/spool/new>
openat(AT_FDCWD</app>, "/nowhere", O_RDONLY) = -1 ENOENT (No such file or directory)
newfstatat(AT_FDCWD</app>, "/etc/motd", {st_mode=S_IFREG|0644, st_size=4, ...}, 0) = 0
chdir("/app") = 0
access("data.txt", R_OK) = 0
+++ exited with 0 +++
"""


def test_a_trace_keeps_what_was_opened_and_sees_what_was_looked_at(tree: Tree, tmp_path: Path) -> None:
    folder = tmp_path / "trace"
    folder.mkdir()
    (folder / "main.1").write_text(TRACE)
    found = read(tree, folder, "/")
    program = {"/app/run", "/bin", "/usr/bin/sh", "/usr/bin/dash", "/lib64/ld-linux.so.2"}
    assert found.kept == program
    assert found.seen == program | {"/app", "/app/spool", "/etc/motd", "/app/data.txt"}


@pytest.fixture
def scoring(tree: Tree, tmp_path: Path) -> Scoring:
    """Of the tree, /app and its program are left; the message and the spool are needed."""
    rows = [json.dumps(tree.row(path)) for path in ("/app", "/app/run")]
    (tmp_path / "slim.jsonl").write_text("\n".join(rows))
    (tmp_path / "needed.txt").write_text("/app/spool\tuse\n/etc/motd\tuse\n")
    return Scoring(Pair(name="made", folder=tmp_path), tree)


def test_a_link_comes_back_with_its_target_only(scoring: Scoring) -> None:
    assert scoring.missed(scoring.restored(["/etc/motd"])) == ["/app/spool", "/etc/motd"]
    assert scoring.missed(scoring.restored(["/etc/motd", "/app/data.txt"])) == ["/app/spool"]


def test_a_directory_stands_for_what_is_below(scoring: Scoring) -> None:
    back = scoring.restored(["/usr/", "/app/spool"])
    assert back == {"/usr", "/usr/bin", "/usr/bin/dash", "/usr/bin/sh", "/app/spool"}
    assert scoring.size(back) == len(b"\x7fELF\0/lib64/ld-linux.so.2\0")


def test_precision_counts_a_file_once_whatever_its_names(scoring: Scoring) -> None:
    back = scoring.restored(["/app/data.txt", "/app/copy.txt", "/usr/bin/dash"])
    assert scoring.precision(back) == (0.5, ("/usr/bin/dash",))
    assert scoring.precision(set()) == (1.0, ())
