"""The minifier's run as evidence; never a list of the image's files, since its report leaves out what flags added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["UNKNOWN_RUN", "Asked", "Run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One line of an include file: a path that the minifier was to keep."""

    line: int
    path: str
    """Without the mode that a line may end in."""
    problem: str = ""
    """Why the minifier does not follow the line; it says so nowhere but in its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Evidence of the minifier's run; paths as the run saw them, absolute."""

    used: frozenset[str] = frozenset()
    """Files that a process opened to read or to execute."""
    looked_for: frozenset[str] = frozenset()
    """Files that a process looked for (stat, access) and did not open."""
    asked: tuple[Asked, ...] = ()
    """Paths that the minifier was to include, in the order of the file."""


UNKNOWN_RUN: Final = Run()
"""The run of a minifier that left no report and no include file."""
