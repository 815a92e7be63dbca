"""The `#!` line of a script: its interpreter, and the program that `env` finds for it (execve(2), env(1))."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from xraydiff.commands.start import find_executable
from xraydiff.conventions import SCRIPT_LINE
from xraydiff.errors import LimitExceeded
from xraydiff.facts import Edge, EdgeKind, Firing, Node
from xraydiff.paths import ImagePath, basename, decoded, escaped, join
from xraydiff.references import Context, Depth, Gap, Subject
from xraydiff.references.readers.shebang.env import started

__all__ = ["ShebangReader", "parse"]

_LIBRARIES = ("/lib/python", "/site-packages/", "/dist-packages/", "/node_modules/", "/gems/", "/ruby/", "/perl")
"""Where modules lie that carry a `#!` line from their authors' tests and are imported, hardly ever started."""
_SHELL = "/bin/sh"
"""What execvp(3) starts for a file that the kernel gives back with ENOEXEC (_PATH_BSHELL)."""
_BLANK = b" \t"
_END = re.compile(rb"[ \t\0]")


def parse(data: bytes) -> tuple[str, str] | None:
    """Interpreter and its one argument (or empty) as the kernel takes them, or None where it gives ENOEXEC.

    `load_script` of fs/binfmt_script.c: blanks around both are dropped, the rest of the line is one argument, of which
    the buffer may cut off the end, and the interpreter's name must end within the buffer, by a blank, a NUL or the
    line's end. A file shorter than the buffer is as if NULs followed.
    """
    if not data.startswith(b"#!"):
        return None
    buffer = data[:SCRIPT_LINE].ljust(SCRIPT_LINE, b"\0")
    end = buffer.partition(b"\0")[0].find(b"\n")
    if end < 0:
        end = SCRIPT_LINE - 1
        rest = buffer[2:].lstrip(_BLANK)
        if not rest or _END.search(rest) is None:
            return None
    line = buffer[2:end].rstrip(_BLANK).lstrip(_BLANK)
    if not line:
        return None
    name = _END.split(line, maxsplit=1)[0]
    argument = line[len(name) :]
    argument = b"" if argument.startswith(b"\0") else argument.lstrip(_BLANK).partition(b"\0")[0]
    return decoded(name), decoded(argument)


class ShebangReader:
    """Reads the first line of executable scripts."""

    name = "shebang"
    language = ""
    depth = Depth.LOADER

    def accepts(self, subject: Subject) -> bool:
        """Whether the file is a script that can be started by itself: `#!` and an execute bit."""
        file = subject.file
        return file is not None and bool(file.mode & 0o111) and subject.data.startswith(b"#!")

    def read(self, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """An edge to the interpreter and, through `env`, to the program that it starts."""
        try:
            yield from _edges(subject, context)
        except LimitExceeded as error:
            yield Gap(node=subject.node, reason="too-large", detail=error.message)


def _edges(subject: Subject, context: Context) -> Iterator[Edge | Gap]:
    firing = Firing.DEFERRED if _is_module(subject.path) else Firing.LOAD
    parsed = parse(subject.data[:SCRIPT_LINE])
    if parsed is None:
        yield from _by_a_shell(subject, context, firing)
        return
    interpreter, argument = parsed
    path = join(context.cwd, interpreter)
    if not interpreter or context.original.resolve(path).file is None:
        hint = " (the line ends in CR LF)" if interpreter.endswith("\r") else ""
        yield Gap(node=subject.node, reason="not-loadable", detail=f"no interpreter {escaped(interpreter)}{hint}")
        return
    yield _edge(subject, path, interpreter, firing)
    if basename(interpreter) == "env":
        yield from _by_env(subject, context, argument, firing)


def _by_a_shell(subject: Subject, context: Context, firing: Firing) -> Iterator[Edge | Gap]:
    """A line in which the kernel finds no interpreter: shells then read the file themselves, execvp(3) starts one."""
    yield Gap(node=subject.node, reason="not-loadable", detail="a #! line without an interpreter")
    if context.original.resolve(_SHELL).file is not None:
        yield _edge(subject, ImagePath(_SHELL), _SHELL, firing)
    target = Node(path=subject.path, language="shell")
    if target != subject.node:
        yield replace(_edge(subject, subject.path, "#!", firing), target=target, kind=EdgeKind.SOURCES)


def _by_env(subject: Subject, context: Context, argument: str, firing: Firing) -> Iterator[Edge | Gap]:
    """The program that `env` finds, in the PATH and the directory that it sets itself."""
    try:
        command = started(argument, context.env)
    except ValueError as error:
        yield Gap(node=subject.node, reason="malformed", detail=f"env {escaped(argument)}: {error}")
        return
    if command is None:
        yield Gap(node=subject.node, reason="not-loadable", detail=f"env {escaped(argument)} starts no program")
        return
    cwd = join(context.cwd, command.directory)
    path = context.path if command.path is None else tuple(join(cwd, one) for one in command.path.split(":"))
    program = find_executable(command.word, context.original, path, cwd)
    if program is None:
        yield Gap(node=subject.node, reason="unresolved-command", detail=escaped(command.word))
        return
    yield _edge(subject, program, command.word, firing)


def _edge(subject: Subject, path: ImagePath, word: str, firing: Firing) -> Edge:
    return Edge(
        source=subject.node,
        target=Node(path=path),
        kind=EdgeKind.INTERPRETS,
        firing=firing,
        detail=word,
        line=1,
        by=ShebangReader.name,
    )


def _is_module(path: ImagePath) -> bool:
    """Whether a script lies among the modules of a language, where it is imported rather than started."""
    name = basename(path)
    return "." in name and any(part in path for part in _LIBRARIES)
