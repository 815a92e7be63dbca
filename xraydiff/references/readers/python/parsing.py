"""From the bytes of a file to what it says in itself."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import islice
from typing import Final

from xraydiff.conventions import ELF_MAGIC
from xraydiff.limits import Limits
from xraydiff.paths import decoded
from xraydiff.references.kit.outline import uncommented
from xraydiff.references.readers.python.names import COMMANDS, SERVERS
from xraydiff.references.readers.python.native import words
from xraydiff.references.readers.python.outline import outline
from xraydiff.references.readers.python.script import Parsed, PythonScript
from xraydiff.references.readers.python.syntax import parse as parse_module

__all__ = ["parse"]

_SAYS_SOMETHING: Final = (b"import", b"'", b'"')
"""A module without any of these refers to nothing."""
_PLAIN: Final = re.compile(
    rb"^([ \t]*)(?:import[ \t]{1,9}([A-Za-z_][\w.]{0,200})|from[ \t]{1,9}(\.{0,9}[\w.]{0,200})[ \t]{1,9}import\b)",
    re.MULTILINE,
)
_COMMAND: Final = re.compile(
    r"(?:^|[\s;&|(\"'=/])((?:"
    + "|".join(re.escape(name) for name in sorted(SERVERS, reverse=True))
    + r"|python[\d.]{0,6}|pypy[\d.]{0,6})[ \t][^\n;&|)]{0,4000})"
)
_MAX_COMMANDS: Final = 100
"""Commands of one text."""


def parse(data: bytes, form: str, limits: Limits) -> Parsed:
    """What a file says; what it is, is told by its form, else by its first bytes."""
    if form == COMMANDS:
        return _commands(data, limits)
    if data.startswith(ELF_MAGIC):
        return Parsed(names=words(data))
    if not any(word in data for word in _SAYS_SOMETHING):
        return Parsed()
    if len(data) > limits.script_scan:
        return Parsed(plain=_plain(data, limits), too_large=f"{len(data)} bytes")
    script = parse_module(data, levels=limits.script_depth, tokens=limits.script_tokens)
    if script.too_long < 0:
        return Parsed(script=script)
    behind, complete = _behind(data, script.too_long, limits)
    if complete:
        return Parsed(script=script, behind=behind)
    lost = f"more than {limits.script_tokens} words and signs"
    return Parsed(script=script, behind=behind, plain=_plain(data, limits), too_large=lost)


def _behind(data: bytes, start: int, limits: Limits) -> tuple[PythonScript | None, bool]:
    """The outline of what lies behind an offset, and whether everything of it was read."""
    rest, lost = outline(data, start, limits)
    if rest is None:
        return None, not lost
    script = parse_module(rest, levels=limits.script_depth, tokens=limits.script_tokens)
    return script, not lost and script.too_long < 0


def _plain(data: bytes, limits: Limits) -> tuple[tuple[bool, str], ...]:
    found = islice(_PLAIN.finditer(data), limits.edges_per_file)
    return tuple((bool(match[1]), (match[2] or match[3]).decode("utf-8", "surrogateescape")) for match in found)


def _commands(data: bytes, limits: Limits) -> Parsed:
    text = decoded(uncommented(data[: limits.script_scan]))
    lost = f"{len(data)} bytes" if len(data) > limits.script_scan else ""
    return Parsed(commands=tuple(_command_lines(text)), too_large=lost)


def _command_lines(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The Python programs that a list of commands starts."""
    for match in islice(_COMMAND.finditer(text), _MAX_COMMANDS):
        line = match[1].strip().rstrip("\"'")
        try:
            yield line, tuple(shlex.split(line, comments=True))
        except ValueError:
            yield line, tuple(line.split())
