"""What was reached and not read closes the gate; what merely lies there does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from tests.java_files import jar
from xraydiff.commands.start import environment, search_path, working_directory
from xraydiff.facts import Edge, Outlook
from xraydiff.owners import find_owners
from xraydiff.pipeline import compare
from xraydiff.reach.walk import walk
from xraydiff.references import Context, Depth, Gap, Reader, Subject
from xraydiff.references.readers.config import ConfigReader
from xraydiff.report.document import Report
from xraydiff.testing import ImageBuilder, elf

PROGRAM = elf(interpreter="/lib/ld.so", executable=True)
OTHER_MACHINE = (243).to_bytes(2, "little")
"""RISC-V, whose code nobody reads here."""
GO = elf(data=["* Go buildinf:"], executable=True).replace(b"* Go", b"\xff Go")
GO = GO[:18] + OTHER_MACHINE + GO[20:]
RUST = elf(data=["/rustc/" + "0123456789" * 4 + "/library/core/src/panicking.rs"], executable=True)
RUST = RUST[:18] + OTHER_MACHINE + RUST[20:]

BUNDLE = b"!function(e){" + b'e.push(function(t,n,r){"use strict";var i=r(12);t.exports=i("x")});' * 80_000 + b"}([]);"
ARCHIVE = jar({"__main__.py": b"import shop"})

Files = Mapping[str, bytes]


def judged(files: Files, *, entrypoint: tuple[str, ...] = ()) -> Report:
    """The report of an image that lost one file which nobody names."""
    builders = []
    for extra in ({"/usr/share/doc/readme": b"x"}, {}):
        builder = ImageBuilder().config(entrypoint=list(entrypoint))
        for path, data in {"/lib/ld.so": elf(soname="ld.so"), **files, **extra}.items():
            builder.file(path, data, mode=0o755)
        builders.append(builder)
    with compare(builders[0].image(), builders[1].image()) as comparison:
        return comparison.report


def gaps(report: Report) -> list[tuple[str, str, str]]:
    return [(problem.path, problem.reader, problem.code) for problem in report.problems if problem.reader]


RUN_UNREAD: Mapping[str, tuple[Files, tuple[str, ...], tuple[str, str]]] = {
    "Go": ({"/app/main": GO}, ("/app/main",), ("/app/main", "Go")),
    "Rust": ({"/app/main": RUST}, ("/app/main",), ("/app/main", "Rust")),
    "Go that is called like a runtime": ({"/app/node": GO}, ("/app/node",), ("/app/node", "Go")),
    "Go that a script ends in": (
        {"/bin/sh": PROGRAM, "/app/run": b"#!/bin/sh\nexec /app/main\n", "/app/main": GO},
        ("/app/run",),
        ("/app/main", "Go"),
    ),
    "Go that Python runs": (
        {
            "/usr/bin/python3.11": PROGRAM,
            "/usr/lib/python3.11/os.py": b"",
            "/app/main.py": b"import subprocess\n\ndef f():\n    subprocess.run(['/app/main'])\n",
            "/app/main": GO,
        },
        ("/usr/bin/python3.11", "/app/main.py"),
        ("/app/main", "Go"),
    ),
    "R": ({"/usr/bin/Rscript": PROGRAM, "/app/a": b"x = 1"}, ("/usr/bin/Rscript", "/app/a"), ("/app/a", "r")),
    "Lua that another program runs": (
        {"/usr/bin/lua5.4": PROGRAM, "/app/main": PROGRAM, "/app/a.lua": b"redis.call('get', 'x')\n"},
        ("/app/main", "/app/a.lua"),
        ("/app/a.lua", "lua"),
    ),
    "Tcl by its #! line": (
        {"/usr/bin/tclsh8.6": PROGRAM, "/app/main": b"#!/usr/bin/tclsh8.6\nexec date\n"},
        ("/app/main",),
        ("/app/main", "Tcl"),
    ),
    "an interpreter of which nobody has heard": (
        {"/usr/bin/frob": PROGRAM, "/app/main": b"#!/usr/bin/env frob\n"},
        ("/app/main",),
        ("/app/main", "the language of frob"),
    ),
    ".NET": ({"/usr/bin/dotnet": PROGRAM, "/app/a.dll": b"MZ"}, ("dotnet", "/app/a.dll"), ("/app/a.dll", ".NET")),
    "a program with an archive behind it": (
        {"/app/main": PROGRAM + ARCHIVE},
        ("/app/main",),
        ("/app/main", "an archive behind a program"),
    ),
    "a packed program": ({"/app/main": PROGRAM + b"UPX!\x0d"}, ("/app/main",), ("/app/main", "a packed program")),
}


@pytest.mark.parametrize("name", sorted(RUN_UNREAD))
def test_what_is_run_and_has_no_reader_is_said(name: str) -> None:
    files, entrypoint, (path, language) = RUN_UNREAD[name]
    report = judged(files, entrypoint=entrypoint)
    assert (path, language, "no-reader") in gaps(report)
    assert report.complete
    assert report.summary.outlook is Outlook.UNKNOWN
    assert all(problem.hint for problem in report.problems if problem.reader)


MERELY_THERE: Mapping[str, tuple[Files, tuple[str, ...]]] = {
    "a Go program that nobody runs": ({"/app/main": PROGRAM, "/app/tool": GO}, ("/app/main",)),
    "gosu": ({"/usr/sbin/gosu": GO, "/app/main": PROGRAM}, ("/usr/sbin/gosu", "app", "/app/main")),
    "Rust within node": ({"/usr/bin/node": RUST, "/app/a.js": b"1;"}, ("/usr/bin/node", "/app/a.js")),
    "tini": ({"/usr/bin/tini": PROGRAM, "/app/main": PROGRAM}, ("/usr/bin/tini", "--", "/app/main")),
    "an extension of Rust": (
        {
            "/usr/bin/python3.11": PROGRAM,
            "/usr/lib/python3.11/os.py": b"",
            "/usr/lib/python3/dist-packages/rusty/__init__.py": b"from rusty import _rusty\n",
            "/usr/lib/python3/dist-packages/rusty/_rusty.abi3.so": RUST,
            "/app/main.py": b"import rusty\n",
        },
        ("/usr/bin/python3.11", "/app/main.py"),
    ),
    "a program that knows of archives": ({"/app/main": PROGRAM + b"PK\x05\x06" + bytes(64)}, ("/app/main",)),
    "a runtime of which the start makes no use": (
        {"/app/main": PROGRAM, "/usr/bin/dotnet": PROGRAM, "/usr/bin/lua": PROGRAM, "/usr/bin/tclsh": PROGRAM},
        ("/app/main",),
    ),
    "awk that prints a column": (
        {
            "/bin/sh": PROGRAM,
            "/usr/bin/awk": PROGRAM,
            "/app/run": b"#!/bin/sh\nawk '{print $1}' /proc/meminfo\nexec /app/main\n",
            "/app/main": PROGRAM,
        },
        ("/app/run",),
    ),
    "a bundle of five megabytes": (
        {"/usr/bin/node": PROGRAM, "/app/main.js": BUNDLE},
        ("/usr/bin/node", "/app/main.js"),
    ),
    "a #! line of a library": (
        {"/bin/false": PROGRAM, "/app/main": PROGRAM, "/app/lib.txt": b"#!/bin/false\n"},
        ("/app/main",),
    ),
}


@pytest.mark.parametrize("name", sorted(MERELY_THERE))
def test_what_merely_lies_there_or_asks_for_nothing_is_no_gap(name: str) -> None:
    files, entrypoint = MERELY_THERE[name]
    report = judged(files, entrypoint=entrypoint)
    assert gaps(report) == []
    assert report.summary.outlook is Outlook.CLEAN


def test_a_plug_in_that_reads_a_language_speaks_for_its_interpreter() -> None:
    class Lua:
        name, language, depth = "lua", "lua", Depth.FULL

        def accepts(self, subject: Subject) -> bool:
            return subject.node.language == "lua"

        def read(self, _subject: Subject, _context: Context) -> Iterable[Edge | Gap]:
            return ()

    builder = ImageBuilder().file("/usr/bin/lua5.4", PROGRAM, mode=0o755).file("/app/a", "x = 1")
    config = builder.config(entrypoint=["/usr/bin/lua5.4", "/app/a"]).image().config
    tree = builder.tree()
    context = Context(
        original=tree,
        config=config,
        env=environment(config),
        path=search_path(config),
        cwd=working_directory(config),
    )
    unread = []
    without: list[Reader] = [ConfigReader()]
    for readers in (without, [*without, Lua()]):
        owners = find_owners(tree, (), config)
        reach = walk(tree, tree, (config, config), owners=owners, readers=readers, context=context)
        unread.append([(one.path, one.reader) for one in reach.unread])
    assert unread == [[("/app/a", "lua"), ("/usr/bin/lua5.4", "Lua")], []]
