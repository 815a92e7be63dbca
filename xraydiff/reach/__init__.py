"""Who needs whom: the walk from configs and kept files, through the original, to what is missing; its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xraydiff.facts import Certainty, Edge, Evidence, FileType, Node, Owner, WalkDepth, When
from xraydiff.paths import ImagePath

__all__ = ["Followed", "Missing", "Reach", "ReaderCount", "Trail", "Unfollowed", "Unread"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Trail:
    """A chain of evidence as its last step and the trail before it, which the trails of other paths share."""

    before: Trail | None
    step: Evidence
    length: int

    def steps(self) -> tuple[Evidence, ...]:
        """The whole chain, root first; made anew each time."""
        found = []
        at: Trail | None = self
        while at is not None:
            found.append(at.step)
            at = at.before
        return tuple(reversed(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A path that the original has, that slim does not resolve to the same type, and that a reference needs."""

    path: ImagePath
    """Real path in the original; of a symlink that is itself missing, its own path."""
    type: FileType
    certainty: Certainty
    trail: Trail = field(compare=False, repr=False)
    """The best chain, as long as it is."""
    edge: Edge
    """The last edge of the chain."""
    cause: ImagePath
    """The first missing path of the chain: what a kept file or config refers to; `path` itself for a direct target."""
    cause_edge: Edge
    """The edge from what was kept to `cause`."""
    owner: Owner
    """Of the missing path."""
    stops_start: bool = False
    """Whether the start cannot go on without it: every edge of the chain is PROVEN and stops its source."""
    when: When = When.USE
    """The moment at which it would be missed."""

    @property
    def chain(self) -> tuple[Evidence, ...]:
        """Root first, this path last; the best chain. All chains of an image together may be the square of it."""
        return self.trail.steps()


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """One edge that the walk followed, with what the table made of it."""

    edge: Edge
    certainty: Certainty
    """Of this edge alone, not of the chain."""
    standing: str
    """The row of the table that judged it."""
    missing: bool
    """Whether slim lacks its target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderCount:
    """How many files one reader accepted, parsed to the end, and understood only in part."""

    reached: int
    parsed: int
    not_understood: int


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Unfollowed:
    """A reference in one node that a reader could not follow."""

    node: Node
    reader: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Unread:
    """A reached file that was not read whole, so that its dependencies may be missing undetected."""

    path: str
    """Empty for an image config."""
    kept: bool
    """Whether it is slim's; otherwise it is one of the original that would have to come back."""
    reader: str
    """The reader that gave up, or the language that has none."""
    reason: str
    """A stable word, as a gap's."""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The answer of the walk; every collection in sorted order."""

    missing: Mapping[ImagePath, Missing]
    followed: tuple[Followed, ...]
    """Every edge that the table lets count; `why`, the graph and the benchmark read them."""
    active: frozenset[ImagePath]
    """Kept files that load edges reach from the entrypoint."""
    broken_start: tuple[Evidence, ...]
    """Non-empty where the entrypoint or its load chain does not resolve in slim: the chain to the first break."""
    unfollowed: tuple[Unfollowed, ...]
    """Everything that readers met and could not follow, names that programs compute included."""
    unread: tuple[Unread, ...]
    """What of it closes the gate, and what no reader exists for."""
    coverage: Mapping[str, ReaderCount]
    files_read: int
    """Files whose bytes the walk looked at."""
    files_parsed: int
    """Files among them that a parser of a language read."""
    depth: WalkDepth = WalkDepth.POSSIBLE
