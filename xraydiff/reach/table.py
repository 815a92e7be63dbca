"""The certainty table, firing x standing of the source: the one place where evidence becomes a judgement."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from xraydiff.facts import Certainty, Edge, EdgeKind, Firing, Origin, WalkDepth


class Standing(StrEnum):
    """What the file that an edge leaves is to the image; the rows of the table."""

    CONFIG = "config"
    APPLICATION = "application"
    EXECUTED = "executed script"
    """A script that exec edges reach from an image config, whoever owns it."""
    SETTLED = "executed package script"
    """The same where a package owns it, the run came through it, and slim still has all that it names: what its tests
    found in the run they find again, so that its branches go as they went."""
    ACTIVE_PACKAGE = "active package file"
    """Kept, and reached from the start command by load edges."""
    KEPT_PACKAGE = "kept package file"
    """Kept by an include flag, or because it was only looked at."""
    RESTORED_APPLICATION = "restored application file"
    """It never ran: nothing speaks against its branches."""
    RESTORED_LANGUAGE = "restored language package file"
    RESTORED_OS = "restored OS package file"
    PART = "package kept in part"
    """No file, but the rest of a package that ran, and what that rest needs in turn."""


_PROVEN, _LIKELY, _POSSIBLE, _NONE = Certainty.PROVEN, Certainty.LIKELY, Certainty.POSSIBLE, Certainty.NONE

# PROVEN in the restored rows means "as certain as the way to it": a chain is as certain as its weakest edge.
TABLE: Final[Mapping[Standing, Mapping[Firing, Certainty]]] = {
    Standing.CONFIG: {
        Firing.LOAD: _PROVEN,
        Firing.GUARDED: _LIKELY,
        Firing.DEFERRED: _LIKELY,
        Firing.NAMED: _PROVEN,
        Firing.KEPT_WITH: _LIKELY,
    },
    Standing.APPLICATION: {
        Firing.LOAD: _PROVEN,
        Firing.GUARDED: _LIKELY,
        Firing.DEFERRED: _LIKELY,
        Firing.NAMED: _LIKELY,
        Firing.KEPT_WITH: _LIKELY,
    },
    Standing.EXECUTED: {
        Firing.LOAD: _PROVEN,
        Firing.GUARDED: _LIKELY,
        Firing.DEFERRED: _LIKELY,
        Firing.NAMED: _LIKELY,
        Firing.KEPT_WITH: _LIKELY,
    },
    Standing.SETTLED: {
        Firing.LOAD: _PROVEN,
        Firing.GUARDED: _POSSIBLE,
        Firing.DEFERRED: _POSSIBLE,
        Firing.NAMED: _LIKELY,
        Firing.KEPT_WITH: _LIKELY,
    },
    Standing.ACTIVE_PACKAGE: {
        Firing.LOAD: _PROVEN,
        Firing.GUARDED: _NONE,
        Firing.DEFERRED: _NONE,
        Firing.NAMED: _POSSIBLE,
        Firing.KEPT_WITH: _POSSIBLE,
    },
    Standing.KEPT_PACKAGE: {
        Firing.LOAD: _POSSIBLE,
        Firing.GUARDED: _NONE,
        Firing.DEFERRED: _NONE,
        Firing.NAMED: _POSSIBLE,
        Firing.KEPT_WITH: _POSSIBLE,
    },
    Standing.RESTORED_APPLICATION: {
        Firing.LOAD: _PROVEN,
        Firing.GUARDED: _LIKELY,
        Firing.DEFERRED: _LIKELY,
        Firing.NAMED: _LIKELY,
        Firing.KEPT_WITH: _LIKELY,
    },
    Standing.RESTORED_LANGUAGE: {
        Firing.LOAD: _PROVEN,
        Firing.GUARDED: _LIKELY,
        Firing.DEFERRED: _LIKELY,
        Firing.NAMED: _POSSIBLE,
        Firing.KEPT_WITH: _POSSIBLE,
    },
    Standing.RESTORED_OS: {
        Firing.LOAD: _PROVEN,
        Firing.GUARDED: _LIKELY,
        Firing.DEFERRED: _POSSIBLE,
        Firing.NAMED: _POSSIBLE,
        Firing.KEPT_WITH: _POSSIBLE,
    },
    Standing.PART: {
        Firing.LOAD: _PROVEN,
        Firing.GUARDED: _NONE,
        Firing.DEFERRED: _NONE,
        Firing.NAMED: _NONE,
        Firing.KEPT_WITH: _POSSIBLE,
    },
}

MOST: Final[Mapping[Origin, Certainty]] = {
    Origin.FILE: _PROVEN,
    Origin.SHELL: _PROVEN,
    Origin.COMPANION: _LIKELY,
    Origin.PLACE: _LIKELY,
    Origin.PART: _POSSIBLE,
    # The report of a run is no list of files: what the run touched it need not touch again.
    Origin.RUN: _LIKELY,
    Origin.INCLUDE: _PROVEN,
}
"""The most that an edge may count for, by what gave it; a weak one is POSSIBLE at most."""

ROOT: Final = _PROVEN
"""Configs and kept files: the walk begins there."""
UNREACHED: Final = _NONE
"""What the walk did not come to."""

TO_THE_END: Final[Mapping[WalkDepth, Certainty]] = {WalkDepth.LIKELY: _LIKELY, WalkDepth.POSSIBLE: _POSSIBLE}
"""The least certainty of what is missing and followed to its end, by the depth of a walk."""

PACKAGE_ROWS: Final = frozenset({Standing.ACTIVE_PACKAGE, Standing.KEPT_PACKAGE})
LOADER_KINDS: Final = frozenset({EdgeKind.NEEDS, EdgeKind.INTERPRETS, EdgeKind.LINKS})
"""Load edges that a kept package file cannot have survived without: the loader follows them before any code runs."""

STOPPING: Final = frozenset(
    {EdgeKind.EXECUTES, EdgeKind.IMPORTS, EdgeKind.INTERPRETS, EdgeKind.NEEDS, EdgeKind.SOURCES}
)
"""Kinds whose load edges end their source where the target is missing, unless the reader says otherwise."""


def certainty_of(edge: Edge, standing: Standing, *, launched: bool = False) -> Certainty:
    """How sure one edge is: by itself, whatever else its file names.

    The companions of a program that the start always runs (`launched`) count as those of one that the config names.
    """
    row = Standing.CONFIG if launched and edge.origin is Origin.COMPANION else standing
    if row in PACKAGE_ROWS and edge.firing is Firing.LOAD and edge.kind not in LOADER_KINDS:
        return _NONE
    return min(TABLE[row][edge.firing], _most(edge))


def content_of(standing: Standing) -> Certainty:
    """How sure it is of the files of a directory that is named."""
    return min(TABLE[standing][Firing.KEPT_WITH], MOST[Origin.PLACE])


def looked_for(judged: Certainty) -> Certainty:
    """How sure it is of a file that the minifier's run looked for and did not open: another run is likely to."""
    return _LIKELY if judged is _POSSIBLE else judged


def stops(edge: Edge) -> bool:
    """Whether the source of an edge cannot go on without its target."""
    if edge.firing is not Firing.LOAD or _most(edge) is not _PROVEN:
        return False
    return edge.kind in STOPPING if edge.stops is None else edge.stops


def _most(edge: Edge) -> Certainty:
    return min(MOST[edge.origin], _POSSIBLE) if edge.weak else MOST[edge.origin]
