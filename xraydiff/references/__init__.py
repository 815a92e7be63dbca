"""What a file asks for: per-file readers, called on demand by the walk. A reader says what it saw and nothing else.

Readers know neither owners nor each other. They look names up in the tree of the *original*; a name that resolves to
nothing there gives no edge, since slimming did not take it. What a reader meets but cannot follow is a `Gap`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from xraydiff.facts import Edge, File, ImageConfig, Node
from xraydiff.lookups import Context
from xraydiff.paths import ImagePath
from xraydiff.sightings import Gap
from xraydiff.tree import FileTree

__all__ = ["Context", "Depth", "Gap", "Reader", "Subject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The node that is read: a file's real path and bytes, or an inline script."""

    node: Node
    path: ImagePath
    """Real path of the file; of an inline script the path of the file that holds it."""
    file: File | None
    """None for an inline script and a config."""
    tree: FileTree
    """The tree that gives the content: slim's for a kept file, the original's for a restored one."""
    data: bytes
    """The content, read once for all readers; empty for a directory or config."""
    config: ImageConfig | None = None
    """Of a config node."""


class Depth:
    """What the walk wants of a file; by the certainty table of DESIGN.md section 1."""

    HEADERS = "headers"
    """A kept package file: ELF headers, `#!` and literals only."""
    FULL = "full"
    """Application files, scripts reached by exec, restored files."""


class Reader(Protocol):
    """A reader of one language or format."""

    name: str
    language: str
    """Of the inline scripts that it reads, or empty."""
    depth: str
    """`Depth.HEADERS` for readers that also run on kept package files, else `Depth.FULL`."""

    def accepts(self, subject: Subject) -> bool:
        """Whether this reader reads that file; decided by name, mode and first bytes, cheap."""

    def read(self, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """Its references, in the order of the file. Never raises for bad content: that is a `Gap`."""
