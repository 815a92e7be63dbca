"""`#!` lines as the kernel and env read them."""

from __future__ import annotations

import pytest

from tests.elf_files import make_tree
from xraydiff.facts import Edge, EdgeKind, Firing, ImageConfig, Node
from xraydiff.paths import ROOT, ImagePath
from xraydiff.references import Command, Context, Gap, Subject
from xraydiff.references.readers.shebang import ShebangReader

FILES: dict[str, bytes | str | None] = {
    "/bin/sh": b"elf",
    "/usr/bin/env": b"elf",
    "/usr/bin/python3": b"elf",
    "/srv/tool": b"elf",
}


def _read(line: bytes, path: str = "/usr/bin/x") -> list[Edge | Gap]:
    tree = make_tree({**FILES, path: line})
    place = ImagePath(path)
    subject = Subject(node=Node(path=path), path=place, file=tree.files[place], tree=tree, data=line)
    reader = ShebangReader()
    assert reader.accepts(subject)
    config = ImageConfig(workdir="/srv")
    context = Context(
        original=tree, config=config, env={}, path=(ImagePath("/bin"), ImagePath("/usr/bin")), cwd=ImagePath("/srv")
    )
    return [item for item in reader.read(subject, context) if not isinstance(item, Command)]


def _targets(line: bytes, path: str = "/usr/bin/x") -> list[str]:
    return [item.target.path for item in _read(line, path) if isinstance(item, Edge)]


@pytest.mark.parametrize(
    ("line", "targets"),
    [
        (b"#!/bin/sh\n", ["/bin/sh"]),
        (b"#!/usr/bin/env python3\n", ["/usr/bin/env", "/usr/bin/python3"]),
        (b"#!/usr/bin/env -S python3 -u\n", ["/usr/bin/env", "/usr/bin/python3"]),
        (b"#!/usr/bin/env -S -i -u HOME LANG=C python3 -u\n", ["/usr/bin/env", "/usr/bin/python3"]),
        (b"#!/usr/bin/env --split-string=python3 -u\n", ["/usr/bin/env", "/usr/bin/python3"]),
        (b"#!/usr/bin/env python3 -u\n", ["/usr/bin/env"]),
        (b"#!/usr/bin/env -i\n", ["/usr/bin/env"]),
        (b"#!/usr/bin/env absent\n", ["/usr/bin/env"]),
        (b"#!tool\n", ["/srv/tool"]),
        (b"#!/absent\n", []),
    ],
)
def test_the_programs(line: bytes, targets: list[str]) -> None:
    assert _targets(line) == targets


def test_an_edge_tells_word_and_line() -> None:
    (edge,) = _read(b"#!/bin/sh\n")
    assert isinstance(edge, Edge)
    assert (edge.kind, edge.firing, edge.detail, edge.line) == (EdgeKind.INTERPRETS, Firing.LOAD, "/bin/sh", 1)


def _gaps(line: bytes) -> list[str]:
    return [item.reason for item in _read(line) if isinstance(item, Gap)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"#!/bin/sh\r\n", "not-loadable"),
        (b"#!/absent\n", "not-loadable"),
        (b"#!\0/bin/sh\n", "not-loadable"),
        (b"#!/usr/bin/env\n", "not-loadable"),
        (b"#!/usr/bin/env -i\n", "not-loadable"),
        (b"#!/usr/bin/env LANG=C\n", "not-loadable"),
        (b"#!/usr/bin/env python3\r\n", "unresolved-command"),
        (b"#!/usr/bin/env -S 'x\n", "malformed"),
        (b"#!/usr/bin/env --nonsense\n", "malformed"),
        (b"#!/usr/bin/env python3 -u\n", "unresolved-command"),
    ],
)
def test_what_starts_nothing_is_said(line: bytes, reason: str) -> None:
    assert _gaps(line) == [reason]


def test_an_argument_that_ends_in_cr_is_the_interpreters_own_affair() -> None:
    assert _targets(b"#!/bin/sh -e\r\n") == ["/bin/sh"]
    assert _gaps(b"#!/bin/sh -e\r\n") == []


@pytest.mark.parametrize("line", [b"#!\n", b"#!  \t\n", b"#!" + b" " * 300 + b"/usr/bin/python3\n"])
def test_without_an_interpreter_a_shell_reads_the_file_itself(line: bytes) -> None:
    """The kernel gives ENOEXEC, and every shell and execvp(3) then take the file for a script of theirs."""
    edges = [item for item in _read(line) if isinstance(item, Edge)]
    assert [(edge.target.path, edge.target.language) for edge in edges] == [("/bin/sh", ""), ("/usr/bin/x", "shell")]
    assert _gaps(line) == ["not-loadable"]


def test_a_module_is_hardly_ever_started() -> None:
    (edge,) = _read(b"#!/bin/sh\n", "/usr/lib/python3.11/base64.py")
    assert isinstance(edge, Edge)
    assert edge.firing is Firing.DEFERRED


def test_only_executable_scripts_are_read() -> None:
    tree = make_tree({"/x": b"#!/bin/sh\n", "/y": b"text"}, modes={"/x": 0o644})
    for path in (ImagePath("/x"), ImagePath("/y")):
        data = tree.content(path)
        subject = Subject(node=Node(path=path), path=path, file=tree.files[path], tree=tree, data=data)
        assert not ShebangReader().accepts(subject)
    script = Subject(node=Node(path="/x"), path=ROOT, file=None, tree=tree, data=b"#!/bin/sh\n")
    assert not ShebangReader().accepts(script)
