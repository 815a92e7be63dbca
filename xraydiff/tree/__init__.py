"""What is there: the layers of an image squashed into one read-only tree, with lazy content and lazy digests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from xraydiff.facts import File, Problem
from xraydiff.paths import ImagePath
from xraydiff.tree.glob import glob, matches
from xraydiff.tree.resolve import Resolution
from xraydiff.tree.squash import squash
from xraydiff.tree.view import Tree

__all__ = ["FileTree", "Resolution", "Tree", "glob", "matches", "squash"]


class FileTree(Protocol):
    """A squashed image: a mapping from real paths to files, sorted by path. The root is always there."""

    files: Mapping[ImagePath, File]
    problems: tuple[Problem, ...]
    """Everything that reading found; a `fatal` one of scope reading means that the tree is not whole."""

    @property
    def complete(self) -> bool:
        """Whether every layer was read whole."""

    def resolve(self, path: str, *, follow: bool = True) -> Resolution:
        """Resolve inside the image; with `follow` false the last component is not followed (lstat)."""

    def children(self, path: ImagePath) -> tuple[str, ...]:
        """Sorted names in a directory given by its real path; empty for anything else."""

    def below(self, path: ImagePath) -> Iterator[ImagePath]:
        """Every path strictly below a real directory, sorted."""

    def links(self, path: ImagePath) -> tuple[ImagePath, ...]:
        """All names of the same inode, sorted, this one included (hard links)."""

    def content(self, path: ImagePath, *, limit: int | None = None) -> bytes:
        """The bytes of a regular file by its real path; `b""` for an empty one.

        Raises `LimitExceeded` where the file is larger than `limit` (default `Limits.file`), `ImageError` where it is
        no regular file, `ImageClosedError` after the image was closed.
        """

    def read_at(self, path: ImagePath, offset: int, length: int) -> bytes:
        """At most `length` bytes of a regular file from `offset`; short only at its end."""

    def digest(self, path: ImagePath) -> str:
        """SHA-256 of a regular file's content, 64 hex digits, remembered."""
