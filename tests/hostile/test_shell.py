"""Shell scripts made to cost time or memory: each is read, or refused with a gap, within two seconds."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.patience import SLOW
from xraydiff.facts import Edge, Firing, ImageConfig, Node
from xraydiff.paths import ImagePath, image_path
from xraydiff.references import Command, Context, Gap, Subject
from xraydiff.references.readers.shell import ShellReader
from xraydiff.testing import ImageBuilder
from xraydiff.tree import FileTree

SECONDS = 3.0
MANY = 100_000


def _tree() -> FileTree:
    builder = ImageBuilder().file("/bin/ls", b"\x7fELF", mode=0o755).file("/bin/sh", b"\x7fELF", mode=0o755)
    for number in range(3_000):
        builder.file(f"/data/{number:05}.sh", b"x", mode=0o755)
    return builder.tree()


TREE = _tree()


def _read(data: bytes) -> list[Edge | Gap]:
    subject = Subject(node=Node(path="/start.sh"), path=image_path("/start.sh"), file=None, tree=TREE, data=data)
    context = Context(original=TREE, config=ImageConfig(), env={}, path=(ImagePath("/bin"),), cwd=ImagePath("/"))
    return [item for item in ShellReader().read(subject, context) if not isinstance(item, Command)]


NESTED = {
    "parentheses": b"(",
    "spaced parentheses": b"( ",
    "substitutions": b"$(",
    "substitutions in quotes": b'"$(',
    "commands in substitutions": b"a $(",
    "arithmetic": b"$((",
    "parameters": b"${a:-",
    "parameters in quotes": b'"${a:-',
    "if": b"if a; then ",
    "elif": b"if a; then b; elif ",
    "while": b"while a; do ",
    "for": b"for a in b; do ",
    "case": b"case a in a) ",
    "braces": b"{ ",
    "backticks": b"`",
    "functions": b"f() ",
    "function bodies": b"f() { ",
    "functions on lines": b"f()\n",
    "spaced functions": b"f ( ) ",
    "function keywords": b"function f ",
    "arrays": b"a=(",
    "tests": b"[[ ( ",
    "brackets": b"[ ",
    "process substitutions": b"a <(",
}
CHAINED = {
    "pipes": b"a|",
    "pipes over lines": b"a |\n",
    "pipes of errors": b"a|&",
    "and": b"a && ",
    "or": b"a || ",
    "not": b"! ",
    "background": b"a & ",
    "assignments": b"a=b ",
    "appends": b"a+=$a$a;",
    "words": b"a ",
    "redirections": b">a ",
    "less than": b"<",
    "dollars": b"$",
    "open quotes": b'"a',
    "concatenations": b"a\"b\"'c'",
    "here-documents": b"cat <<A;",
    "here-documents over lines": b"cat <<A\n",
    "here-strings": b"cat <<<a;",
    "statements": b"ls\n",
    "backslashes": b"\\",
    "newlines": b"\n",
    "comments": b"#a\n",
    "case arms": b"a) b;; ",
    "alternatives": b"a|b|",
    "wrappers": b"exec ",
    "globs": b"ls /data/*1*2*3*;",
    "loops over globs": b"for f in /data/*; do $f; done;",
    "calls": b"f $a;",
    "doubling": b"a=$a$a;",
    "sources": b". /data/00001.sh;",
    "names": b"cat /data/0000*;",
    "evals": b"eval 'ls';",
    "traps": b"trap 'ls' EXIT;",
    "expansions": b"${a%b*}",
    "positional": b'set -- a "$@";',
    "shifts": b"shift;",
    "lists": b'"$@"',
}


def _timed(data: bytes) -> list[Edge | Gap]:
    start = time.process_time()
    items = _read(data)
    assert time.process_time() - start < SECONDS * SLOW
    return items


@pytest.mark.parametrize("piece", NESTED.values(), ids=NESTED)
@pytest.mark.parametrize("closed", ["open", "with a command"])
def test_nesting(piece: bytes, closed: str) -> None:
    items = _timed(piece * MANY + (b"" if closed == "open" else b"ls"))
    # `[ [ [` is one command with its words, which are read.
    assert any(isinstance(item, Gap) for item in items) is (piece != b"[ ")


def test_nesting_that_is_closed() -> None:
    for left, right in ((b"( ", b")"), (b"if a; then ", b"fi;"), (b"a $(", b")"), (b"{ ", b"}; ")):
        items = _timed(left * 50_000 + b"ls;" + right * 50_000)
        assert any(isinstance(item, Gap) and item.reason in ("too-deep", "malformed") for item in items)


@pytest.mark.parametrize("piece", CHAINED.values(), ids=CHAINED)
def test_chains(piece: bytes) -> None:
    _timed(piece * MANY)
    _timed((piece * (1 << 21))[: 1 << 21])


def test_chains_below_the_bound_are_read() -> None:
    for piece in (b"ls|", b"f() ", b"a=(", b"cat <<A;", b"f()\n"):
        _timed(piece * 1_990 + b"ls")
    assert any(isinstance(item, Edge) for item in _read(b"ls|" * 1_000 + b"ls"))


def test_calls_do_not_multiply() -> None:
    lines = [b"f0() { ls; }"]
    lines += [b"f%d() { f%d a; f%d b; f%d $1; }" % (n, n - 1, n - 1, n - 1) for n in range(1, 2_000)]
    _timed(b"\n".join([*lines, b"f1999 x"]))


def test_variables_do_not_multiply() -> None:
    branches = b"\n".join(b"if a; then x=%d; else x=b%d; fi" % (n, n) for n in range(5_000))
    _timed(branches + b"\n$x$x$x$x$x$x$x$x$x /data/$x$x$x")
    _timed(b"for f in /data/*; do for g in /data/*; do $f$g; cat $f/$g; done; done\n" * 100)


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"a;" * (25 << 20),
        lambda: b"#!/bin/sh\n" + b"x" * (50 << 20),
        lambda: bytes(50 << 20),
    ],
    ids=["minified", "one word", "zeros"],
)
def test_too_large(make: Callable[[], bytes]) -> None:
    (gap,) = _timed(make())
    assert isinstance(gap, Gap)
    assert gap.reason == "too-large"


def test_bytes_of_any_kind() -> None:
    _timed(bytes(range(1, 256)) * 8_000)
    _timed(b"\xff\xfe ls\n" * 50_000)
    items = _read(b"\xff=1\nls \xff\n\xe2\x28 x\ncat /d\xff\n/bin/ls\n")
    # The third line is no shell's: what stands behind it is read line by line, as what may never run.
    found = [(item.line, item.firing) for item in items if isinstance(item, Edge) and item.target.path == "/bin/ls"]
    assert found == [(2, Firing.LOAD), (5, Firing.DEFERRED)]


def test_an_archive_behind_a_script_is_left_out() -> None:
    items = _read(b"#!/bin/sh\nls\nexit 0\n\x1f\x8b\0\0" + bytes(range(256)) * 1_000)
    assert [item.target.path for item in items if isinstance(item, Edge)] == ["/bin/ls"]


def test_marks_of_our_own_are_only_text() -> None:
    text = "\ud800 \ud801 x\n".encode("utf-8", "surrogatepass")
    assert [item for item in _read(b"ls " + text) if isinstance(item, Gap)] == []
