"""The bytes of one ELF file, by offset: every read is checked against the end of the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from xraydiff.errors import XraydiffError
from xraydiff.paths import ImagePath
from xraydiff.tree import FileTree

__all__ = ["Bytes", "ElfError", "ElfSource", "NotLoadableError", "Source", "TreeSource"]

_HEAD = 4096
"""Bytes read first: the header, the program headers, the interpreter and the notes of real files lie there."""


class ElfError(XraydiffError):
    """The file begins like ELF and is not understood, or it crosses a bound (`code` `limit-exceeded`)."""

    code = "elf-malformed"

    @property
    def reason(self) -> str:
        """Why a reader that met it did not read the file, in the words of gaps."""
        return "too-large" if self.code == "limit-exceeded" else "malformed"


class NotLoadableError(ElfError):
    """The kernel and the loaders refuse the file as well, or die of it before any of its code runs."""

    @property
    def reason(self) -> str:
        """Nothing was lost: what cannot be loaded needs nothing."""
        return "not-loadable"


class ElfSource(Protocol):
    """The bytes of one file, by offset."""

    @property
    def size(self) -> int:
        """Bytes of the whole file."""

    def read_at(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`; short only at the end."""


@dataclass(frozen=True, slots=True)
class Bytes:
    """A file that was read whole."""

    data: bytes

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.data)

    def read_at(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`."""
        return self.data[offset : offset + length]


@dataclass(frozen=True, slots=True)
class TreeSource:
    """A regular file of an image, by its real path, so that a large file is not read whole."""

    tree: FileTree
    path: ImagePath

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.tree.files[self.path].size

    def read_at(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`."""
        return self.tree.read_at(self.path, offset, length)


class Source:
    """A file with its first bytes at hand."""

    __slots__ = ("_source", "head", "size")

    def __init__(self, source: ElfSource | bytes) -> None:
        self._source = Bytes(source) if isinstance(source, bytes) else source
        self.size = self._source.size
        self.head = self._source.read_at(0, _HEAD)

    def exactly(self, offset: int, length: int, what: str) -> bytes:
        """So many bytes from an offset. Raises `ElfError` where the file ends before."""
        if offset < 0 or length < 0 or offset + length > self.size:
            raise ElfError(f"{what} lies outside the file", offset=offset)
        if offset + length <= len(self.head):
            return self.head[offset : offset + length]
        return self._source.read_at(offset, length)
