"""Who needs whom: the walk from configs and kept files, through the original, to what is gone; the certainty table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xraydiff.facts import Certainty, Edge, Evidence, FileType, Node
from xraydiff.paths import ImagePath


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A path that the original has, that slim does not resolve to the same type, and that something asks for."""

    path: ImagePath
    """Real path in the original; of a symlink that is itself gone, its own path."""
    type: FileType
    certainty: Certainty
    chain: tuple[Evidence, ...]
    """Root first, this path last; the best chain."""
    edge: Edge
    """The last edge of the chain."""
    cause: ImagePath
    """The first missing path of the chain: what a kept file or config asked for. Equal to `path` for a direct target."""
    at_start: bool = False
    """Whether the chain is made of load edges from an image config's start command only."""
    symbol_only: bool = False
    """Whether an edge of the chain rests on an imported symbol alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderCount:
    """Files that one reader was given, parsed, and did not understand in part."""

    reached: int
    parsed: int
    not_understood: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The answer of the walk; every mapping in sorted order."""

    missing: Mapping[ImagePath, Missing]
    edges: tuple[Edge, ...]
    """Every edge that was followed, sorted; the table of a benchmark and `why` read them."""
    active: frozenset[ImagePath]
    """Kept files that load edges reach from the entrypoint."""
    broken_start: tuple[Evidence, ...]
    """Non-empty where the entrypoint or its load chain does not resolve in slim: the chain to the first break."""
    unfollowed: tuple[tuple[Node, str, str], ...]
    """What readers met and could not follow: node, reason, detail."""
    coverage: Mapping[str, ReaderCount]
    files_read: int
    files_parsed: int
