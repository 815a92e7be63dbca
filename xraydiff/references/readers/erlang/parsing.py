"""From the bytes of a file of Erlang to what it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from xraydiff.limits import Limits
from xraydiff.paths import decoded
from xraydiff.references.kit.recorder import Lost
from xraydiff.references.readers.erlang.beam import Beam, TermError, read_beam, read_terms
from xraydiff.references.readers.erlang.names import is_beam

__all__ = ["Parsed", "parse"]

_ATOM: Final = r"(?:'[^'\n]{1,255}'|[a-z][\w@]{0,254})"
_LISTED: Final = re.compile(r"\{\s{0,99}(applications|included_applications|modules)\s{0,99},\s{0,99}\[([^\[\]]*)\]")
_CALLBACK: Final = re.compile(r"\{\s{0,99}mod\s{0,99},\s{0,99}\{\s{0,99}(" + _ATOM + r")")
_RELEASED: Final = re.compile(r"\{\s{0,99}(" + _ATOM + r")\s{0,99},\s{0,99}\"([\w.+-]{1,100})\"")
_NAME: Final = re.compile(_ATOM)
_COMMENT: Final = re.compile(r"(?m)^[ \t]*%[^\n]*$")
_CALLED: Final = re.compile(r"(?<![\w@:.'?])([a-z][\w@]{0,254}):[a-z][\w@]{0,254}\(")
_WORD: Final = re.compile(r"[^\s\"';&|<>()]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a file names; of the fields but the last at most one kind is filled."""

    beam: Beam | None = None
    boot: tuple[str, ...] = ()
    """Atoms of a boot file, each once."""
    listed: tuple[tuple[str, str], ...] = ()
    """Of an application's resource file: `mod`, `modules`, `applications` or `included_applications`, and a name."""
    released: tuple[tuple[str, str], ...] = ()
    """Of a release: applications and their versions."""
    called: tuple[str, ...] = ()
    """Modules that an escript calls."""
    lost: tuple[Lost, ...] = ()


def parse(data: bytes, form: str, limits: Limits) -> Parsed:
    """What a file names; `form` is the suffix of its name, where Erlang has it."""
    try:
        if is_beam(data, form):
            return Parsed(beam=read_beam(data, limits))
        if data.startswith(b"\x83"):
            return Parsed(boot=tuple(dict.fromkeys(read_terms(data, limits).atoms)))
    except TermError as error:
        return Parsed(lost=(Lost(error.reason, error.detail),))
    if len(data) > limits.script_scan:
        return Parsed(lost=(Lost("too-large", f"{len(data)} bytes"),))
    if form == ".app":
        return Parsed(listed=tuple(_listed(_COMMENT.sub("", decoded(data)))))
    if form == ".rel":
        found = _RELEASED.finditer(_COMMENT.sub("", decoded(data)))
        return Parsed(released=tuple((_plain(match[1]), match[2]) for match in found))
    return _escript(data)


def _listed(text: str) -> Iterator[tuple[str, str]]:
    """application(4): its callback module, and what it lists."""
    for match in _CALLBACK.finditer(text):
        yield "mod", _plain(match[1])
    for match in _LISTED.finditer(text):
        for name in _NAME.findall(match[2]):
            yield match[1], _plain(name)


def _escript(data: bytes) -> Parsed:
    """escript(1): a source text, or a packed body behind at most three lines."""
    if any(part.startswith((b"PK", b"FOR1")) for part in data.split(b"\n", 3)[1:]):
        return Parsed(lost=(Lost("no-reader", "the body of an escript is packed"),))
    text = _COMMENT.sub("", decoded(data))
    return Parsed(called=tuple(dict.fromkeys(match[1] for match in _CALLED.finditer(text))))


def _plain(atom: str) -> str:
    return atom.strip("'")
