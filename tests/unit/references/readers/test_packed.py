"""What is packed, told by its first and last bytes, and when that is a gap."""

from __future__ import annotations

import io
import zipfile

import pytest

from xraydiff.paths import ImagePath
from xraydiff.references.readers.packed import PackedReader, packed, packed_program
from xraydiff.testing import ImageBuilder, read

CODE = b"\xa7\r\r\n" + bytes(12) + b"\xe3rest"
"""Byte-code of CPython 3.11."""


def archive(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name in names:
            file.writestr(zipfile.ZipInfo(name), b"x")
    return stream.getvalue()


def gaps(path: str, data: bytes, *, language: str = "", mode: int = 0o755) -> list[tuple[str, str]] | None:
    """Reasons and details of the gaps in one file; None where the reader lets it pass."""
    reading = read(PackedReader(), ImageBuilder().file(path, data, mode=mode), path, language=language)
    assert not reading.edges
    return [(gap.reason, gap.detail) for gap in reading.gaps] if reading.accepted else None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (archive("__main__.py"), "Python in an archive"),
        (archive("lib/App.pm"), "Perl in an archive"),
        (archive("ebin/app.beam"), "Erlang in an archive"),
        (archive("index.php"), "PHP in an archive"),
        (archive("main.rb"), "Ruby in an archive"),
        (archive("main.luac"), "Lua in an archive"),
        (archive("notes.txt"), ""),
        (archive("a/B.class", "b.py"), ""),
        (b"#!/bin/sh\n" + archive("notes.txt"), "an archive behind a script"),
        (b"#!/bin/sh\nexit\n" + bytes(8), "an archive behind a script"),
        (b"#!/bin/sh\nexit\n", ""),
        (CODE, "Python byte-code"),
        (b"YARB\3", "Ruby byte-code"),
        (b"\x1bLuaR", "Lua byte-code"),
        (b"import os\r\n", ""),
        (b"", ""),
    ],
)
def test_what_it_is(data: bytes, said: str) -> None:
    assert packed(data, data) == said


@pytest.mark.parametrize(
    ("path", "data", "said"),
    [
        ("/app/a.pyc", CODE, "Python byte-code"),
        ("/app/__pycache__/a.cpython-311.pyc", CODE, ""),
        ("/app/beside.pyc", CODE, ""),
        ("/app/a.egg", archive("a.py"), "Python in an archive"),
        ("/app/a.sh", b"#!/bin/sh\n" + bytes(8), ""),
    ],
)
def test_a_file_without_a_first_line(path: str, data: bytes, said: str) -> None:
    tree = ImageBuilder().file(path, data).file("/app/beside.py", b"x").tree()
    assert packed_program(tree, ImagePath(path)) == said


def test_an_interpreter_s_program_and_one_that_starts_itself_are_gaps() -> None:
    zipapp = b"#!/usr/bin/env python3\n" + archive("__main__.py")
    assert gaps("/app/a", zipapp) == [("no-reader", "Python in an archive")]
    assert gaps("/app/a", zipapp, mode=0o644) is None
    assert gaps("/app/a", zipapp, mode=0o644, language="python") == [("no-reader", "Python in an archive")]


@pytest.mark.parametrize("data", [b"<?php x();" + bytes(4), b"\xff\xfei\0m\0"], ids=["NUL", "UTF-16"])
def test_a_source_that_is_no_text_is_a_gap(data: bytes) -> None:
    assert gaps("/app/a.php", data, mode=0o644) == [("not-text", "a source that holds bytes of no text")]
    assert gaps("/app/a.png", data, mode=0o644) is None
