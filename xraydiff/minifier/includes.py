"""The paths that the minifier was to include, as its `--include-path-file` takes them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from xraydiff.conventions import ENGINE_TREES
from xraydiff.errors import UsageError
from xraydiff.limits import DEFAULT, Limits
from xraydiff.minifier.files import HostPath, read_host_file
from xraydiff.minifier.run import UNKNOWN_RUN, Asked, Run
from xraydiff.paths import decoded, escaped

_MODE: Final = re.compile(r"(?P<path>.*):(?P<mode>[^:]*)\Z", re.DOTALL)
_OCTAL: Final = re.compile(r"[0-7]+(?:#[0-9]+){0,2}\Z")
_SHOWN_CHARACTERS: Final = 100
"""How much of a path that is too long a message shows."""


def read_includes(file: HostPath, run: Run = UNKNOWN_RUN, *, limits: Limits = DEFAULT) -> Run:
    """A run with the paths of a file as the minifier's `--include-path-file` takes it. Raises `UsageError`.

    One path a line, trimmed, without comments; behind the last `:` a mode (`0755`, `0755#1000#1000`).
    """
    name, data = read_host_file(file, limits.include_file)
    lines = data.split(b"\n")
    nul = next((number for number, line in enumerate(lines, 1) if b"\0" in line), 0)
    if nul:
        raise UsageError(f"{escaped(name)}: line {nul}: no path holds a NUL byte; is this a text file?")
    includes: dict[str, Asked] = {}
    for number, line in enumerate(lines, 1):
        text = decoded(line).strip()
        if text:
            one = _include(number, text, limits.path)
            includes.setdefault(one.path, one)
    if len(includes) > limits.include_lines:
        raise UsageError(f"{escaped(name)}: more than {limits.include_lines} paths")
    return replace(run, asked=(*run.asked, *includes.values()))


def _include(number: int, text: str, max_length: int) -> Asked:
    found = _MODE.match(text)
    path = text
    if found is not None:
        path = found["path"].strip()
        if not _OCTAL.match(found["mode"].strip()):
            # The minifier takes what follows the last colon for a mode, so it cannot name such a path.
            return Asked(line=number, path=text[:max_length], problem="a path with a colon needs a mode behind it")
    path = path.rstrip("/") or "/"
    if len(path) > max_length:
        return Asked(line=number, path=f"{path[:_SHOWN_CHARACTERS]}...", problem="longer than any path")
    if not path.startswith("/"):
        return Asked(line=number, path=path, problem="not an absolute path")
    if path == "/" or any(path == one or path.startswith(one + "/") for one in ENGINE_TREES):
        return Asked(line=number, path=path, problem="the minifier ignores this directory")
    return Asked(line=number, path=path)
