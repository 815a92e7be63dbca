"""What all readers of layers need: bytes by offset."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Content"]


class Content(Protocol):
    """Bytes by offset: a file, a part of one, a spool, or memory."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes. Raises `ImageError` where they are not there."""
