"""Where an image comes from: sources that give a config and layers, verified to the last byte."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from xraydiff.facts import ImageConfig, Problem
from xraydiff.layers import Operation

__all__ = ["Image", "Layer", "LayerContent"]


class LayerContent(Protocol):
    """The uncompressed bytes of a layer, by offset; never mapped, so a file that shrinks is an error and not a SIGBUS."""

    size: int

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
        """What the layer says, in order. Raises `ImageError` on malformed or unverified bytes: digest and diff_id are
        checked when the iterator is exhausted, which is the only time when its answer may be believed."""

    @property
    def content(self) -> LayerContent:
        """The bytes, once `operations` was exhausted."""


@dataclass(slots=True, kw_only=True, eq=False)
class Image:
    """An open image. A context manager; closing releases files and spools, after which content raises `ImageClosedError`."""

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
    _close: list[object] = field(default_factory=list)

    def close(self) -> None:
        """Release everything; safe to call twice."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
