"""The `#!` line of a script: its interpreter, and the program that `env` finds for it (execve(2), env(1))."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from xraydiff.commands.start import find_executable
from xraydiff.errors import LimitExceeded
from xraydiff.facts import Edge, EdgeKind, Firing, Node
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, basename, escaped, join
from xraydiff.references import Context, Depth, Gap, ParsedReader, Subject
from xraydiff.references.kit.shebang import ScriptLine, parse
from xraydiff.references.readers.shebang.env import started

__all__ = ["Shebang", "ShebangReader"]

_LIBRARIES = ("/lib/python", "/site-packages/", "/dist-packages/", "/node_modules/", "/gems/", "/ruby/", "/perl")
"""Where modules lie that carry a `#!` line from their authors' tests and are imported, hardly ever started."""
_SHELL = "/bin/sh"
"""What execvp(3) starts for a file that the kernel gives back with ENOEXEC (_PATH_BSHELL)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shebang:
    """The first line of a script; None where the kernel finds no interpreter in it."""

    line: ScriptLine | None


class ShebangReader(ParsedReader[Shebang]):
    """Reads the first line of executable scripts."""

    name = "shebang"
    depth = Depth.LOADER

    def accepts(self, subject: Subject) -> bool:
        """Whether the file is a script that can be started by itself: `#!` and an execute bit."""
        file = subject.file
        return file is not None and bool(file.mode & 0o111) and subject.data.startswith(b"#!")

    def parse(self, data: bytes, form: str, limits: Limits) -> Shebang:
        """The line as the kernel reads it."""
        del form, limits
        return Shebang(line=parse(data))

    def resolve(self, parsed: Shebang, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """An edge to the interpreter and, through `env`, to the program that it starts."""
        try:
            yield from _edges(parsed.line, subject, context)
        except LimitExceeded as error:
            yield Gap(node=subject.node, reason="too-large", detail=error.message)


def _edges(line: ScriptLine | None, subject: Subject, context: Context) -> Iterator[Edge | Gap]:
    firing = Firing.DEFERRED if _is_module(subject.path) else Firing.LOAD
    if line is None:
        yield from _by_a_shell(subject, context, firing)
        return
    interpreter = line.interpreter
    path = join(context.cwd, interpreter)
    if not interpreter or context.original.resolve(path).file is None:
        hint = " (the line ends in CR LF)" if interpreter.endswith("\r") else ""
        yield Gap(node=subject.node, reason="not-loadable", detail=f"no interpreter {escaped(interpreter)}{hint}")
        return
    yield _edge(subject, path, interpreter, firing)
    if basename(interpreter) == "env":
        yield from _by_env(subject, context, line.argument, firing)


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
