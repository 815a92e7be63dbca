"""Where an image comes from: sources that give a config and layers, verified to the last byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from xraydiff.facts import ImageConfig, Problem
from xraydiff.layers import Operation

__all__ = ["Image", "Layer", "LayerContent", "Progress"]

Progress = Callable[[str, int, int], None]
"""Called with what is read, bytes or layers done, and how many there are in all, 0 where nobody
knows."""


class LayerContent(Protocol):
    """The uncompressed bytes of a layer, by offset; never mapped: a file that shrinks is an error and not a SIGBUS."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes. Raises `ImageError` where the bytes are not there any more."""


class Layer(Protocol):
    """One layer of an image, base layer first."""

    index: int
    digest: str
    """Of the blob as stored, `sha256:...`; empty where the source gives none (old docker-archives)."""
    diff_id: str
    """Of the uncompressed tar, from the config."""
    media_type: str

    def operations(self) -> Iterator[Operation]:
        """What the layer says, in order; to be believed only once the iterator is exhausted.

        That is when digest and diff_id are checked. Raises `ImageError` on malformed or unverified bytes.
        """

    @property
    def content(self) -> LayerContent:
        """The bytes, once `operations` was exhausted."""


@dataclass(slots=True, kw_only=True, eq=False)
class Image:
    """An open image, a context manager; closed, it holds no file or spool, and content raises `ImageClosedError`."""

    reference: str
    """Without the host's directories: `app.tar`, `app.tar#app:1`, `docker:app:1`."""
    digest: str
    """Of the config (the image id), `sha256:...`."""
    config: ImageConfig
    layers: tuple[Layer, ...]
    problems: list[Problem] = field(default_factory=list)
    """Found while opening; those found while reading layers are the tree's."""
    paths: tuple[str, ...] = ()
    """Host paths that hold it, so that an output never overwrites an input; never printed."""
    config_json: bytes = b""
    """The config as stored, with the fields that `ImageConfig` does not know."""
    opened: ExitStack = field(default_factory=ExitStack, repr=False)
    """Files and spools that the image holds open."""

    def close(self) -> None:
        """Release everything; safe to call twice."""
        self.opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
