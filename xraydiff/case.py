"""What one comparison holds: the two images as they were read, and what each step of the pipeline found out of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from xraydiff.diff import ImageDiff
from xraydiff.facts import Certainty, Closure, Evidence, ImageConfig, Inventory, Problem, When
from xraydiff.image import Image
from xraydiff.inventory.protocol import Inventory as PluggedIn
from xraydiff.inventory.take import take
from xraydiff.limits import DEFAULT, Limits
from xraydiff.minifier.run import UNKNOWN_RUN, Run
from xraydiff.owners import Owners
from xraydiff.paths import ImagePath
from xraydiff.reach import Missing, Reach
from xraydiff.tree import FileTree
from xraydiff.tree.view import Tree

__all__ = ["Case", "Cause", "Need", "Side"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two images, as it was read."""

    reference: str
    digest: str
    """Of the config (the image id)."""
    config: ImageConfig
    layers: int
    tree: FileTree
    inventory: Inventory
    problems: tuple[Problem, ...] = ()
    """What could not be read of it."""

    @classmethod
    def of(cls, image: Image, tree: Tree, *, inventories: Iterable[PluggedIn] = (), limits: Limits = DEFAULT) -> Self:
        """An open image and its tree, with what it holds; raises like `take`."""
        inventory, problems = take(tree, image.config, limits=limits, inventories=inventories)
        return cls(
            reference=image.reference,
            digest=image.digest,
            config=image.config,
            layers=len(image.layers),
            tree=tree,
            inventory=inventory,
            problems=(*image.problems, *tree.problems, *problems),
        )


class Need(StrEnum):
    """What kind of thing is missing; each has its family of rules."""

    LIBRARY = "ELF"
    TLS = "TLS"
    CERTIFICATE = "CRT"
    SHELL = "SHL"
    COMMAND = "SCR"
    MODULE = "MOD"
    APPLICATION = "APP"
    DATA = "DAT"
    IDENTITY = "USR"
    DIRECTORY = "DIR"
    ASKED = "INC"
    PACKAGE = "PKG"
    """Nothing but the rest of a package that was kept in part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Missing paths that one source refers to in one way, with all their own dependencies that are missing."""

    need: Need
    source: str
    """The last kept node of the chain, as text."""
    direct: tuple[Missing, ...]
    """What the source itself refers to, most certain first."""
    restore: tuple[ImagePath, ...]
    """All of it with its closure, sorted."""
    certainty: Certainty
    when: When
    closures: tuple[Closure, ...] = ()
    """Which of `restore` only follow from a direct target."""

    @property
    def chain(self) -> tuple[Evidence, ...]:
        """The best chain, up to the first missing path."""
        return self.direct[0].chain

    @property
    def stops_start(self) -> bool:
        """Whether the start cannot go on without one of the direct targets."""
        return any(top.stops_start for top in self.direct)

    @property
    def first(self) -> Missing:
        """The most certain direct target."""
        return self.direct[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that is known of a comparison; rules judge it, the report tells it."""

    original: Side
    slim: Side
    diff: ImageDiff
    owners: Owners
    """Of the original's files."""
    run: Run = UNKNOWN_RUN
    """Evidence of the minifier's run, and the paths that it was to include."""
    unfinished: tuple[Problem, ...] = ()
    """Why the walk did not come to its end."""
    reach: Reach | None = None
    """None where the images are no pair, or not read whole."""
    causes: tuple[Cause, ...] = ()
    """What is missing, grouped; every family of rules takes those of its own need."""
    start: Cause | None = None
    """What breaks the start, apart from the others: one finding tells of it, whatever is missing."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What could not be read of either image, and why the walk did not come to its end."""
        sides = (("original", self.original), ("slim", self.slim))
        read = (replace(problem, image=name) for name, side in sides for problem in side.problems)
        return (*read, *self.unfinished)

    def causes_of(self, need: Need) -> Iterator[Cause]:
        """The causes that one family of rules takes."""
        return (cause for cause in self.causes if cause.need is need)

    @property
    def referenced(self) -> frozenset[ImagePath]:
        """Every missing path that something left, or coming back, refers to."""
        causes = self.causes if self.start is None else (*self.causes, self.start)
        return frozenset(path for cause in causes for path in cause.restore)
