"""The `#!` line of a script as the kernel takes it (execve(2)), and the programs that it names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from xraydiff.conventions import SCRIPT_LINE, SHELLS
from xraydiff.paths import decoded

__all__ = ["ScriptLine", "interpreter", "is_shell_script", "parse", "programs", "words"]

_STARTERS: Final = frozenset({"env", "busybox", "with-contenv"})
"""Programs that start the one which their argument names."""
_BLANK: Final = b" \t"
_END: Final = re.compile(rb"[ \t\0]")


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """What the kernel starts for a script."""

    interpreter: str
    argument: str
    """The rest of the line, which is one argument; or empty."""


def parse(data: bytes) -> ScriptLine | None:
    """Interpreter and argument by the first bytes of a file, or None where the kernel gives ENOEXEC.

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
    return ScriptLine(decoded(name), decoded(argument))


def words(data: bytes) -> tuple[str, ...]:
    """The interpreter and the words behind it, options and settings of the environment left out.

    `#!/usr/bin/env -S A=b lua5.4 -x` has `/usr/bin/env` and `lua5.4`, `#!/bin/busybox sh` both of its words.
    """
    line = parse(data)
    found = f"{line.interpreter} {line.argument}".split() if line is not None else ()
    return tuple(word for word in found if not word.startswith("-") and "=" not in word)


def programs(data: bytes) -> tuple[str, ...]:
    """Base names of these words."""
    return tuple(word.rpartition("/")[2] for word in words(data))


def interpreter(data: bytes) -> str:
    """Base name of the program that reads the script, behind `env` and its like; empty where the line names none."""
    return next((name for name in programs(data) if name not in _STARTERS), "")


def is_shell_script(data: bytes) -> bool:
    """Whether a `#!` line names a shell: itself, through `env`, or as an applet of busybox."""
    return interpreter(data) in SHELLS
