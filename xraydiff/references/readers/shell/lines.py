"""The lines of a script behind something that does not parse, each taken for itself.

A quote that nothing closes has the rest of a script for its text, and what a parser of ours does not know may look like
one. So those lines are read again as commands that may run: too much is found then, and nothing is hidden.
"""

from __future__ import annotations

import re
from typing import Final

from xraydiff.references.readers.shell.syntax import parse

__all__ = ["by_themselves"]

_OPENS: Final = re.compile(
    r"\s*(?:(?:if|then|elif|else|while|until|do|time|!)(?=[\s;]|\Z)|[{}()]|;;|(?:fi|done|esac)(?=[\s;)|&<>]|\Z)[\s|&;]*"
    r"|[\w*?.|\"'-]{1,200}\)|[\w-]{1,100}[ \t]*\(\)[ \t]*\{?)"
)
_CLOSES: Final = re.compile(r"(?:;[ \t]*)?(?:\bthen|\bdo|\{|\|\||&&|\||;;|\\)[ \t]*\Z")
_QUOTE: Final = re.compile(r"[\"'`(]")
_HERE: Final = re.compile(r"<<-?")
_PEELS: Final = 4
"""Keywords and brackets before the command of one line: `} else if ! x; then` has four."""
_LONG: Final = 4_096
"""Characters of a line that is a command; beyond it is data."""
_STEPS: Final = 2_000


def by_themselves(data: str, start: int, *, most: int) -> str | None:
    """A script of the same lines, with the commands of those from a place on; None where these are more than `most`."""
    first = data.rfind("\n", 0, start) + 1
    lines = data[first:].split("\n")
    if len(lines) > most:
        return None
    return "\n" * data.count("\n", 0, first) + "\n".join(map(_command, lines))


def _command(line: str) -> str:
    line = _HERE.sub("  ", line[:_LONG]).strip("\r")
    for _ in range(_PEELS):
        if not line.strip() or _parses(line):
            return line
        line = _CLOSES.sub("", _OPENS.sub("", line, count=1) if _OPENS.match(line) else line)
    if _parses(line):
        return line
    quote = _QUOTE.search(line)
    head = line[: quote.start()] if quote is not None else ""
    return head if _parses(head) else ""


def _parses(line: str) -> bool:
    script = parse(line, depth=50, steps=_STEPS)
    return script.error < 0 and not script.stopped
