"""Which programs start others and which run scripts, by the name of a program (knowledge/commands.toml)."""

from __future__ import annotations

import re
from typing import Final

from xraydiff.knowledge import OURS, Knowledge
from xraydiff.knowledge.commands import Interpreter, Wrapper
from xraydiff.paths import basename

__all__ = ["called", "interpreter", "unversioned", "wrapper"]

_VERSION: Final = re.compile(r"[0-9.]+\Z")


def wrapper(name: str, knowledge: Knowledge = OURS) -> Wrapper | None:
    """The row of a program that starts others, by its base name."""
    return knowledge.named(Wrapper).get(name)


def interpreter(name: str, knowledge: Knowledge = OURS) -> Interpreter | None:
    """The row of a program that runs scripts, by its base name: a version may stand behind it, but of no shell's."""
    rows = knowledge.named(Interpreter)
    known = rows.get(name)
    if known is not None:
        return known
    known = rows.get(unversioned(name))
    return None if known is None or known.flags else known


def unversioned(name: str) -> str:
    """The name of a program without its version: `python` for `python3.11`."""
    return _VERSION.sub("", name)


def called(word: str, real: str | None, knowledge: Knowledge = OURS) -> str:
    """The name by which a program is known: what it is called, or what a link of another name leads to."""
    name = basename(word)
    if real is None or wrapper(name, knowledge) is not None or interpreter(name, knowledge) is not None:
        return name
    target = basename(real)
    row = wrapper(target, knowledge)
    if row is not None:
        # A link to busybox is the applet that it is called.
        return name if row.applets else target
    return target if interpreter(target, knowledge) is not None else name
