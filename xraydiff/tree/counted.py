"""A tree whose look-ups are counted against the budget of a comparison, whoever asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from xraydiff.budget import BYTES_SEARCHED, NAMES, Budget
from xraydiff.facts import File, Problem
from xraydiff.paths import ImagePath
from xraydiff.tree.resolve import Resolution

if TYPE_CHECKING:
    from xraydiff.tree import FileTree

_COMPONENTS = 6
"""Bits to shift the length of a path by: a step for each 64 characters besides the one of the look-up."""


class CountedTree:
    """Satisfies `FileTree`; every method raises `WorkLimit` where the budget is spent."""

    def __init__(self, tree: FileTree, budget: Budget) -> None:
        self._tree = tree
        self._spend = budget.spend
        self._listed: set[ImagePath] = set()
        self.files: Mapping[ImagePath, File] = tree.files
        self.problems: tuple[Problem, ...] = tree.problems

    @property
    def complete(self) -> bool:
        """Whether every layer was read whole."""
        return self._tree.complete

    def resolve(self, path: str, *, follow: bool = True) -> Resolution:
        """As the tree does; a step, and more for long paths."""
        self._spend(1 + (len(path) >> _COMPONENTS))
        return self._tree.resolve(path, follow=follow)

    def children(self, path: ImagePath) -> tuple[str, ...]:
        """As the tree does; by names once, since the tree remembers them. Whoever goes through them pays for that."""
        names = self._tree.children(path)
        self._spend(1 if path in self._listed else 1 + len(names) // NAMES)
        self._listed.add(path)
        return names

    def below(self, path: ImagePath) -> Iterator[ImagePath]:
        """As the tree does; paid for as it is gone through."""
        self._spend(1)
        for count, below in enumerate(self._tree.below(path), 1):
            if not count % NAMES:
                self._spend(1)
            yield below

    def links(self, path: ImagePath) -> tuple[ImagePath, ...]:
        """As the tree does."""
        names = self._tree.links(path)
        self._spend(1 + len(names) // NAMES)
        return names

    def content(self, path: ImagePath, *, limit: int | None = None) -> bytes:
        """As the tree does; by bytes."""
        data = self._tree.content(path, limit=limit)
        self._spend(1 + len(data) // BYTES_SEARCHED)
        return data

    def read_at(self, path: ImagePath, offset: int, length: int) -> bytes:
        """As the tree does; by bytes."""
        data = self._tree.read_at(path, offset, length)
        self._spend(1 + len(data) // BYTES_SEARCHED)
        return data

    def digest(self, path: ImagePath) -> str:
        """As the tree does; remembered, so by the look-up only where it is known."""
        self._spend(1 + self._tree.files[path].size // BYTES_SEARCHED)
        return self._tree.digest(path)
