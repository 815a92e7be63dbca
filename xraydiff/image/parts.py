"""What every source finds of an image, config and stored layers, and how that becomes an open `Image`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from xraydiff.errors import ImageError
from xraydiff.facts import ImageConfig, Problem
from xraydiff.image import Image, Layer
from xraydiff.image.blobs import Blob, BlobLayer, Budget
from xraydiff.layers.content import Content
from xraydiff.limits import Limits

__all__ = ["Parts", "StoredLayer", "to_image"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLayer:
    """A layer as stored: not yet verified, perhaps compressed."""

    content: Content | None
    """None for a non-distributable layer that the source does not hold."""
    digest: str
    """What the stored bytes must have; empty where nothing promises it."""
    media_type: str
    key: object = None
    """Equal for layers that are the same blob; None where only the content itself tells."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Of its descriptor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A verified config and the layers that a source names for it, base layer first."""

    digest: str
    config: ImageConfig
    config_json: bytes
    layers: tuple[StoredLayer, ...]
    problems: tuple[Problem, ...] = ()


def to_image(
    parts: Parts,
    *,
    reference: str,
    limits: Limits,
    opened: ExitStack,
    check: Callable[[], None],
    paths: tuple[str, ...] = (),
) -> Image:
    """The open image, which takes over `opened`; `check` raises where the host's files were changed since.

    Raises `ImageError` of code `layer-count-mismatch` where the config does not have one diff_id for each layer.
    """
    diff_ids = parts.config.diff_ids
    if len(diff_ids) != len(parts.layers):
        message = f"the config names {len(diff_ids)} layers by diff_id, the manifest {len(parts.layers)}"
        raise ImageError(message, code="layer-count-mismatch")
    problems = [*parts.problems, *_history_problems(parts)]
    layers = _layers(parts, limits, opened, check, problems)
    return Image(
        reference=reference,
        digest=parts.digest,
        config=parts.config,
        config_json=parts.config_json,
        layers=layers,
        problems=problems,
        paths=paths,
        opened=opened.pop_all(),
    )


def _layers(
    parts: Parts, limits: Limits, opened: ExitStack, check: Callable[[], None], problems: list[Problem]
) -> tuple[Layer, ...]:
    """The layers that are there; a missing one is a fatal problem, because the tree is not whole without it."""
    budget = Budget(limits)
    blobs: dict[object, Blob] = {}
    layers: list[BlobLayer] = []
    for index, (stored, diff_id) in enumerate(zip(parts.layers, parts.config.diff_ids, strict=True)):
        if stored.content is None:
            problems.append(_missing(index, stored))
            continue
        key = (stored.key if stored.key is not None else id(stored.content), stored.digest)
        blob = blobs.get(key)
        if blob is None:
            blob = blobs[key] = Blob(stored.content, digest=stored.digest, budget=budget, check=check)
            opened.callback(blob.close)
        layer = BlobLayer(
            blob,
            index=index,
            diff_id=diff_id,
            media_type=stored.media_type,
            limits=limits,
            annotations=stored.annotations,
        )
        if layers:
            layers[-1].following = blob
        layers.append(layer)
    return tuple(layers)


def _missing(index: int, stored: StoredLayer) -> Problem:
    message = f"the non-distributable layer {stored.digest} lies elsewhere, so the image cannot be read whole"
    return Problem(layer=index, code="missing-foreign-layer", message=message)


def _history_problems(parts: Parts) -> list[Problem]:
    filled = sum(not line.empty_layer for line in parts.config.history)
    if not parts.config.history or filled == len(parts.layers):
        return []
    message = f"the history tells of {filled} layers, and there are {len(parts.layers)}"
    return [Problem(code="history-mismatch", message=message, fatal=False)]
