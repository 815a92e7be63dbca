"""Languages that nobody reads, told by the marks of programs, first lines of scripts and endings of sources."""

from __future__ import annotations

import pytest

from xraydiff.paths import ImagePath
from xraydiff.references.readers.foreign import language_of
from xraydiff.testing import ImageBuilder, elf

PROGRAM = elf(executable=True)
OTHER_MACHINE = PROGRAM[:18] + (243).to_bytes(2, "little") + PROGRAM[20:]
"""Of RISC-V, whose code nobody reads here."""
ARCHIVE_END = b"PK\x05\x06" + bytes(4) + b"\1\0\1\0" + bytes(8) + b"\3\0abc"
"""The last record of a zip archive of one member, with a comment."""


def language(path: str, data: bytes, *, ran: bool = True) -> str:
    tree = ImageBuilder().file(path, data, mode=0o755).tree()
    return language_of(tree, ImagePath(path), ran=ran)


@pytest.mark.parametrize(
    ("behind", "said"),
    [
        (b"", ""),
        (b"com.oracle.svm.core", "GraalVM native image"),
        (b"MEI\014\013\012\013\016", "Python packed into a program"),
        (b"\n---- Bun! ----\n", "JavaScript packed into a program"),
        (ARCHIVE_END, "an archive behind a program"),
        (ARCHIVE_END + b"x", ""),
        (b"UPX!\x0d", "a packed program"),
    ],
)
def test_a_program_by_its_marks(behind: bytes, said: str) -> None:
    assert language("/app/main", PROGRAM + behind) == said


@pytest.mark.parametrize(
    ("behind", "said"),
    [(b"\xff Go buildinf:", "Go"), (b"/rustc/" + b"0" * 40 + b"/", "Rust"), (b"RUST_BACKTRACE", "Rust")],
)
def test_what_is_read_where_the_code_of_the_machine_is_known(behind: bytes, said: str) -> None:
    assert language("/app/main", PROGRAM + behind) == ""
    assert language("/app/main", OTHER_MACHINE + behind) == said


def test_a_mark_between_two_pieces_of_a_large_program() -> None:
    data = OTHER_MACHINE + bytes((4 << 20) - len(PROGRAM) - 5) + b"\xff Go buildinf:" + bytes(1 << 20)
    assert language("/app/main", data) == "Go"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/usr/bin/lua5.4", "Lua"),
        ("/usr/bin/tclsh8.6", "Tcl"),
        ("/usr/bin/dotnet", ".NET"),
        ("/usr/bin/gmake", "make"),
        ("/usr/bin/python3.11", ""),
        ("/sbin/tini", ""),
    ],
)
def test_an_interpreter_by_its_name(path: str, said: str) -> None:
    mark = OTHER_MACHINE + b"RUST_BACKTRACE" if said == "" else PROGRAM
    assert language(path, mark) == said


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"#!/usr/bin/lua\n", "Lua"),
        (b"#!/usr/bin/env lua5.4\n", "Lua"),
        (b"#!/usr/bin/env -S A=b tclsh -x\n", "Tcl"),
        (b"#!/opt/frob\n", "the language of frob"),
        (b"#!/bin/cat\n", ""),
        (b"#!\n", ""),
        (b"just text\n", "a program without a #! line"),
        (b"\0\1", "a program of an unknown format"),
        (b"", ""),
    ],
)
def test_a_script_by_its_first_line(data: bytes, said: str) -> None:
    assert language("/app/main", data) == said


@pytest.mark.parametrize(("path", "said"), [("/app/a.lua", "Lua"), ("/app/a.dll", ".NET"), ("/app/a.txt", "")])
def test_a_source_that_is_only_named(path: str, said: str) -> None:
    assert language(path, b"x", ran=False) == said
    assert language("/app/lua", PROGRAM, ran=False) == ""
