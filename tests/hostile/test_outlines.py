"""Text made to cost the scanners of large scripts: time grows as the text does, and no faster."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.patience import SLOW
from xraydiff.facts import Edge, ImageConfig, Node
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, image_path
from xraydiff.references import Command, Context, Gap, Reader, Subject
from xraydiff.references.readers.node import NodeReader
from xraydiff.references.readers.node.lexer import lex
from xraydiff.references.readers.perl import PerlReader
from xraydiff.references.readers.php import PhpReader
from xraydiff.references.readers.php.lexer import lex as lex_php
from xraydiff.references.readers.python import PythonReader
from xraydiff.references.readers.ruby import RubyReader
from xraydiff.references.readers.shell import ShellReader
from xraydiff.testing import ImageBuilder

TREE = ImageBuilder().file("/usr/bin/convert", b"\x7fELF", mode=0o755).file("/app/a.js", b"x").tree()
CONTEXT = Context(original=TREE, config=ImageConfig(), env={}, path=(ImagePath("/usr/bin"),), cwd=ImagePath("/app"))
SMALL = 300_000
"""Bytes: more than a parser takes."""
READERS: dict[str, tuple[Reader, bytes]] = {
    "js": (NodeReader(), b"require;"), "php": (PhpReader(), b"<?php "), "rb": (RubyReader(), b""),
    "pl": (PerlReader(), b""),
}  # fmt: skip
PIECES: dict[str, list[bytes]] = {
    "js": [
        *(
            b"require(",
            b"require('a');",
            b"import a ",
            b"import {",
            b"export {",
            b"export *",
            b"/[",
            b"/a",
            b"=/[/",
            b"`${",
        ),
        *(
            b"`",
            b"'",
            b"/*",
            b"x.exec('",
            b"x.join(__dirname,",
            b"new Worker(",
            b"a={b",
            b"{a}=require(",
            b"if(a)/",
            b"\\",
        ),
        *(b"require'", b"__dirname+", b"'./a'", b"require(require,", b"var a=require('a').b.c.d(", b"(0,a.execSync)(`"),
        b"import{a}from'fs';a(",
    ],
    "php": [
        *(
            b"require '",
            b"exec(",
            b"`",
            b"use a,",
            b"use a{",
            b"new a ",
            b"a::",
            b"<<<A\n",
            b"<<<'A'\n",
            b"#",
            b"?><?php ",
        ),
        *(b"include a", b"{", b"__DIR__ . ", b"$a = 'b';exec($a);", b"/*", b"namespace a;", b"file('a').", b'"'),
    ],
    "rb": [
        *(b"system(", b"system 'a'\n", b"`", b"require <<A\n", b"A='b'\n  system A\n", b"File.read(", b"%x(", b"#{"),
        *(b"  require a,\n", b"__dir__", b"spawn [", b"  # a\n", b"open{"),
    ],
    "pl": [
        *(
            b"system(",
            b"system 'a';\n",
            b"`",
            b"require <<A;\n",
            b"$a='b';\n  system $a;\n",
            b"open(A,",
            b"qx(",
            b"use a ",
        ),
        *(b"do '", b"  # a\n", b"-e '", b"__FILE__", b"exec {", b"copy'"),
    ],
}
ROWS = [(suffix, piece) for suffix, pieces in PIECES.items() for piece in pieces]


def _read(reader: Reader, name: str, data: bytes, limits: Limits | None = None) -> list[Edge | Gap]:
    path = image_path(f"/app/{name}")
    subject = Subject(node=Node(path=path), path=path, file=None, tree=TREE, data=data)
    context = Context(
        original=TREE, config=ImageConfig(), env={}, path=CONTEXT.path, cwd=CONTEXT.cwd, limits=limits or Limits()
    )
    return [item for item in reader.read(subject, context) if not isinstance(item, Command)]


def _seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


@pytest.mark.parametrize(
    ("suffix", "piece"), ROWS, ids=lambda value: repr(value) if isinstance(value, bytes) else value
)
def test_four_times_the_text_takes_no_more_than_some_times_as_long(suffix: str, piece: bytes) -> None:
    reader, opening = READERS[suffix]

    def reading(size: int) -> float:
        return _seconds(lambda: _read(reader, f"x.{suffix}", opening + piece * (size // len(piece))))

    small, large = reading(SMALL), reading(4 * SMALL)
    assert large < 8 * SLOW
    assert large < 10 * max(small, 0.5)


@pytest.mark.parametrize("piece", [b"/[", b"/", b"`${", b"'", b"if(a)/", b"/*", b"=/a[", b"}/", b"\\", b"{", b")"])
def test_the_lexer_of_javascript(piece: bytes) -> None:
    for size in (SMALL, 4 * SMALL):
        assert _seconds(lambda: lex(piece * (size // len(piece)))) < 2 * SLOW  # noqa: B023  called here


@pytest.mark.parametrize("piece", [b"<<<A%d\n", b"'", b"#", b"?><?php ", b"{", b"/*", b"`", b"<<<A\n"])
def test_the_lexer_of_php(piece: bytes) -> None:
    for size in (SMALL, 4 * SMALL):
        count = size // len(piece)
        data = b"".join(piece.replace(b"%d", b"%d" % number) for number in range(count))
        assert _seconds(lambda: lex_php(b"<?php " + data)) < 2 * SLOW  # noqa: B023  called here


def test_lines_of_a_shell_script_behind_an_error() -> None:
    for piece in (b"if a; then\n", b"'a\n", b"a) b\n", b"(((\n", b"$(\n", b"cat <<A\n"):
        for size in (SMALL, 4 * SMALL):
            data = b"#!/bin/sh\n)\n" + piece * (size // len(piece))
            assert _seconds(lambda: _read(ShellReader(), "x.sh", data)) < 12 * SLOW  # noqa: B023  called here


def test_words_of_python_behind_the_bound() -> None:
    for piece in (b"system(", b"import a\n", b"open('a')\n", b"  run(\n", b"A = 'b'\nrun(A)\n", b"__file__ "):
        for size in (SMALL, 4 * SMALL):
            data = b"'a'\n" + piece * (size // len(piece))
            limits = Limits(script_tokens=1_000)
            assert _seconds(lambda: _read(PythonReader(), "x.py", data, limits)) < 8 * SLOW  # noqa: B023  called here
