"""A shell script that starts Java, line by line: what it assigns, and what it hands to `java`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from xraydiff.paths import decoded

__all__ = ["Assignment", "Line", "Run", "lines_of", "unquoted"]

_ASSIGNED: Final = re.compile(
    r"^[ \t]*(?:export[ \t]+|local[ \t]+|readonly[ \t]+)?([A-Za-z_]\w{0,60})=([^\n]{0,20000})$", re.MULTILINE | re.ASCII
)
_TOKEN: Final = re.compile(r"""(?:"[^"\n]*"|'[^'\n]*'|[^\s"';&|<>()])+""")
_TELLS: Final = re.compile(rb"java|-jar|-cp |-classpath|CLASSPATH")
_RUNS: Final = re.compile(
    r"(?:[\w./${}-]*/)?java\Z|\$\{?_?(?:RUN_?JAVA|JAVA(?:CMD|_CMD|_EXE|_BIN|BIN|_RUN)?)\}?\Z", re.IGNORECASE
)
_PROBES: Final = frozenset({"which", "-v", "type", "hash", "-x", "-f", "-n", "-z", "-e", "echo", "="})
"""Words before a program that only ask for it."""
_LINES: Final = 2_000
"""Lines of a script that are looked at for a launch; start scripts have 300."""
_WORDS: Final = 2_000
"""Words of a command: as many as entries of a class path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """`NAME=value`, without quotes."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A command that starts Java."""

    words: tuple[str, ...]
    """Behind the program, with their quotes."""
    detail: str


Line = Assignment | Run


def lines_of(data: bytes) -> tuple[Line, ...]:
    """The lines of a script that assign something or start Java, from top to bottom."""
    return tuple(_lines(decoded(data))) if _TELLS.search(data) else ()


def _lines(text: str) -> Iterator[Line]:
    for line in islice(_candidates(text), _LINES):
        assigned = _ASSIGNED.match(line)
        if assigned:
            yield Assignment(name=assigned[1], value=unquoted(assigned[2].strip()))
            continue
        tokens = _TOKEN.findall(line)
        at = next((at for at, token in enumerate(tokens) if _RUNS.match(unquoted(token))), -1)
        if at >= 0 and not (at and tokens[at - 1] in _PROBES):
            yield Run(words=tuple(tokens[at + 1 :][:_WORDS]), detail=" ".join(line.split())[:100])


def _candidates(text: str) -> Iterator[str]:
    """Lines, continued ones joined and comments left out."""
    for line in text.replace("\\\n", " ").split("\n"):
        if ("java" in line.lower() or "=" in line or "-jar" in line) and not line.lstrip().startswith("#"):
            yield line


def unquoted(text: str) -> str:
    """A word as the shell hands it on, near enough."""
    return text.replace('"', "").replace("'", "")
