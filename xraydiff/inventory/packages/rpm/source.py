"""What the formats of rpm's database are read from, and what they give: one blob for each package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xraydiff.limits import Limits

__all__ = ["BadDatabase", "Blob", "Source"]


class BadDatabase(Exception):  # noqa: N818  it never leaves this folder
    """A database whose structure is broken, so that not all packages can be known."""

    def __init__(self, message: str, offset: int = -1) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A database file: its size and its bytes from an offset, fewer only at its end."""

    size: int
    read: Callable[[int, int], bytes]
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """One package's header, and where it stands; -1 where the format does not say."""

    at: int
    data: bytes
