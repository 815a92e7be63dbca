"""How many texts of a module's expressions are followed, and how far a pattern of them looks for files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from xraydiff.paths import ImagePath, image_path
from xraydiff.references.kit.evaluation import HOLE, UNKNOWN, Texts
from xraydiff.references.kit.evaluation import concatenated as every_way
from xraydiff.references.kit.lookup import candidates
from xraydiff.tree import FileTree

__all__ = ["concatenated", "expand", "union"]

MAX_CHOICES: Final = 64
"""Possible texts of one expression; a table of plug-ins has about ten."""


def union(*choices: Texts) -> Texts:
    """Every text once, in order; unknown only where nothing is known."""
    texts = dict.fromkeys(text for one in choices for text in one if text != HOLE)
    return tuple(texts)[:MAX_CHOICES] or UNKNOWN


def concatenated(parts: Sequence[Texts]) -> Texts:
    """Every way to put the parts one after the other; unknown where there are too many or one grows too long."""
    return every_way(parts, most=MAX_CHOICES)


def expand(tree: FileTree, pattern: str, *, most: int) -> tuple[tuple[ImagePath, ...], int]:
    """The files and directories that a pattern matches, sorted, and how many names were looked at; nothing where these
    are more than `most`. A hole matches anything but a slash; a dot that begins a name must stand in the pattern.
    """  # noqa: D205  two sentences that belong together
    found: list[ImagePath] = [ImagePath("/")]
    looked = 0
    for part in (part for part in pattern.split("/") if part):
        following: dict[ImagePath, None] = {}
        for directory in found:
            for name in candidates(tree, directory, part):
                looked += 1
                if looked > most:
                    return (), looked
                if name is not None:
                    following.setdefault(image_path(f"{directory}/{name}"))
        found = list(following)
    return tuple(sorted(path for path in found if path != "/" and tree.resolve(path).file is not None)), looked
