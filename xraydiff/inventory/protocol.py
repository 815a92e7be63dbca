"""What an inventory of somebody else is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from xraydiff.facts import ImageConfig, Problem
from xraydiff.tree import FileTree

__all__ = ["Inventory"]


class Inventory(Protocol):
    """A plug-in inventory: lines about one image. Ours are typed and stand in `inventory.take`."""

    name: str

    def take(self, tree: FileTree, config: ImageConfig) -> Iterable[str | Problem]:
        """Sorted lines, and problems of scope analysis for what could not be read."""
