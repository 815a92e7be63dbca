"""The `#!` line of a script: its interpreter, and the program that `env` finds for it (execve(2), env(1))."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from xraydiff.errors import LimitExceeded
from xraydiff.facts import Edge, EdgeKind, Firing, Node
from xraydiff.paths import ImagePath, basename, decoded, join
from xraydiff.references import Context, Depth, Gap, Subject
from xraydiff.start import find_executable

__all__ = ["ShebangReader", "parse"]

BUFFER = 256
"""BINPRM_BUF_SIZE of Linux 5.1 and later: the kernel sees no more of the file."""
_LIBRARIES = ("/lib/python", "/site-packages/", "/dist-packages/", "/node_modules/", "/gems/", "/ruby/", "/perl")
"""Where modules lie that carry a `#!` line from their authors' tests and are imported, hardly ever started."""
_ENV_VALUES = frozenset({"-u", "--unset", "-C", "--chdir"})


def parse(data: bytes) -> tuple[str, str] | None:
    """Interpreter and its one argument (or empty) as the kernel takes them, or None where it refuses the line.

    fs/binfmt_script.c: blanks around both are dropped, the rest of the line is one argument, and a line cut off by the
    buffer counts only if the interpreter's name ends within it.
    """
    if not data.startswith(b"#!"):
        return None
    line, newline, _ = data[2:BUFFER].partition(b"\n")
    line = line.split(b"\0", 1)[0].lstrip(b" \t")
    if not newline and len(data) >= BUFFER and not (b" " in line or b"\t" in line):
        return None
    words = line.replace(b"\t", b" ").split(b" ", 1)
    if not words[0]:
        return None
    argument = line[len(words[0]) :].strip(b" \t")
    return decoded(words[0]), decoded(argument)


class ShebangReader:
    """Reads the first line of executable scripts."""

    name = "shebang"
    language = ""
    depth = Depth.HEADERS

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
    parsed = parse(subject.data[: BUFFER + 1])
    if parsed is None:
        yield Gap(node=subject.node, reason="malformed", detail="a #! line without an interpreter")
        return
    interpreter, argument = parsed
    if (argument or interpreter).endswith("\r"):
        yield Gap(node=subject.node, reason="malformed", detail="a #! line that ends in CR LF names no program")
        return
    firing = Firing.DEFERRED if _is_module(subject.path) else Firing.LOAD
    path = join(context.cwd, interpreter)
    if context.original.resolve(path).file is None:
        return
    yield _edge(subject, path, interpreter, firing)
    if basename(interpreter) != "env":
        return
    try:
        word = _program_of_env(argument)
    except ValueError:
        yield Gap(node=subject.node, reason="malformed", detail=f"env {argument}")
        return
    program = find_executable(word, context.original, context.path, context.cwd)
    if program is not None:
        yield _edge(subject, program, word, firing)


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


def _program_of_env(argument: str) -> str:
    """The command word that `env` starts: its one argument, or with `-S` the first word that is no option or setting.

    Raises `ValueError` where quotes do not match.
    """
    if not argument.startswith(("-", "--")):
        return argument if "=" not in argument else ""
    text = argument
    for prefix in ("--split-string=", "--split-string ", "-vS", "-S"):
        if argument.startswith(prefix):
            text = argument[len(prefix) :]
            break
    else:
        # Without -S the rest of the line is one option to env, which then starts nothing.
        return ""
    words = iter(shlex.split(text))
    for word in words:
        if word in _ENV_VALUES:
            next(words, "")
        elif not word.startswith("-") and "=" not in word:
            return word
    return ""
