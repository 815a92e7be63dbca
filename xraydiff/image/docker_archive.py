"""What `docker save` writes: manifest.json, which names a config and layers by path, as Docker and others fill it.

Docker image spec 1.2, "Combined Image JSON + Filesystem Changeset Format"; podman, kaniko and bazel write it too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from xraydiff.errors import ImageError, LimitExceeded
from xraydiff.facts import ImageConfig, Platform, Problem
from xraydiff.image.archive import Archive
from xraydiff.image.blobs import compression_of, read_document
from xraydiff.image.config import parse_config
from xraydiff.image.json_text import Fields, parse_json, shown
from xraydiff.image.names import same_name
from xraydiff.image.parts import Parts, StoredLayer
from xraydiff.image.platforms import matches
from xraydiff.layers.compression import Compression
from xraydiff.limits import Limits

__all__ = ["MANIFEST", "lists_images", "read_docker_archive"]

MANIFEST = "manifest.json"
_WHAT = "manifest.json"
_PROMISED = re.compile(r"(?:blobs/sha256/|sha256:)([0-9a-f]{64})")
_USUAL = re.compile(r"([0-9a-f]{64})\.json")
_BLOB_NAME = re.compile(r"blobs/(sha256|sha512)/([0-9a-f]{64}|[0-9a-f]{128})")
_TYPE = "application/vnd.docker.image.rootfs.diff.tar"
_LISTED = 20
"""Images that a message lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One image of manifest.json."""

    config: str
    layers: tuple[str, ...]
    tags: tuple[str, ...]


def read_docker_archive(
    archive: Archive, *, name: str, selector: str, platform: Platform | None, limits: Limits
) -> Parts:
    """The image that `selector` (a tag or a config's digest, or empty) and `platform` choose.

    Raises `ImageError`: `bad-manifest`, `bad-json`, `ambiguous-image` with a list of what to choose from,
    `no-such-image`, `no-such-platform`, `missing-blob`; `IntegrityError` where the config is not what its name says.
    """
    entries = _entries(archive, limits)
    chosen = _choose(archive, entries, name=name, selector=selector, platform=platform, limits=limits)
    data, digest = _config(archive, chosen, limits)
    config = parse_config(data, limits=limits)
    if platform is not None and not matches(platform, config.platform):
        message = f"the image is for {config.platform}, not {platform}"
        raise ImageError(message, code="no-such-platform")
    return Parts(
        digest=digest,
        config=config,
        config_json=data,
        layers=tuple(_layer(archive, path, index) for index, path in enumerate(chosen.layers)),
        problems=(*archive.problems, *_edited(chosen, digest)),
    )


def lists_images(archive: Archive, *, limits: Limits) -> bool:
    """Whether an archive's manifest.json is that of `docker save`, and no file of a program."""
    try:
        return MANIFEST in archive and bool(_entries(archive, limits))
    except ImageError:
        return False


def _entries(archive: Archive, limits: Limits) -> list[_Entry]:
    content = archive.open(MANIFEST)
    if content.size > limits.archive_manifest:
        message = f"{_WHAT} has {content.size} bytes, more than {limits.archive_manifest}"
        raise LimitExceeded(message, hint="limit archive_manifest")
    parsed = parse_json(content.read_at(0, content.size), what=_WHAT, limits=limits)
    if not isinstance(parsed, list) or not parsed:
        raise ImageError(f"{_WHAT} lists no image", code="bad-manifest")
    if len(parsed) > limits.descriptors:
        raise LimitExceeded(f"{_WHAT} lists {len(parsed)} images, more than {limits.descriptors}")
    entries: dict[_Entry, None] = {}
    for index, item in enumerate(parsed):
        fields = Fields(item, what=_WHAT, place=f"[{index}]")
        entry = _Entry(
            config=fields.text("Config"), layers=fields.texts("Layers") or (), tags=fields.texts("RepoTags") or ()
        )
        if not entry.config:
            raise ImageError(f"{_WHAT}: [{index}] names no config", code="bad-manifest")
        if len(entry.layers) > limits.layers:
            raise LimitExceeded(f"{_WHAT}: {len(entry.layers)} layers, more than {limits.layers}", hint="limit layers")
        entries[entry] = None
    return list(entries)


def _choose(
    archive: Archive, entries: list[_Entry], *, name: str, selector: str, platform: Platform | None, limits: Limits
) -> _Entry:
    left = entries
    if selector:
        left = [entry for entry in entries if any(same_name(tag, selector) for tag in entry.tags)]
        if not left and selector.startswith("sha256:"):
            left = [entry for entry in entries if _config(archive, entry, limits)[1] == selector]
        if not left:
            message = f"no image {shown(selector)} in the archive; it holds {_listed(archive, entries, name, limits)}"
            raise ImageError(message, code="no-such-image")
    if len(left) > 1 and platform is not None:
        left = [entry for entry in left if matches(platform, _parsed(archive, entry, limits).platform)]
        if not left:
            raise ImageError(f"no image for {platform} in the archive", code="no-such-platform")
    if len(left) > 1:
        message = f"the archive holds {len(left)} images; choose one: {_listed(archive, left, name, limits)}"
        raise ImageError(message, code="ambiguous-image")
    return left[0]


def _listed(archive: Archive, entries: list[_Entry], name: str, limits: Limits) -> str:
    """What to write to choose one of the images."""
    choices = sorted({f"{name}#{shown(tag)}" for entry in entries for tag in entry.tags})
    for entry in entries[:_LISTED]:
        if not entry.tags:
            choices.append(f"{name}#{_config(archive, entry, limits)[1]}")
    more = f" and {len(choices) - _LISTED} more" if len(choices) > _LISTED else ""
    return ", ".join(choices[:_LISTED]) + more


def _parsed(archive: Archive, entry: _Entry, limits: Limits) -> ImageConfig:
    return parse_config(_config(archive, entry, limits)[0], limits=limits)


def _config(archive: Archive, entry: _Entry, limits: Limits) -> tuple[bytes, str]:
    """The config's bytes and digest, which its name must promise rightly if it promises one.

    `ID.json` promises none: engines load an image whose config was edited there, under the id that follows from it.
    """
    named = _PROMISED.fullmatch(entry.config)
    promised = f"sha256:{named[1]}" if named else ""
    data = read_document(archive.open(entry.config), promised, what="the image config", limits=limits)
    return data, f"sha256:{hashlib.sha256(data).hexdigest()}"


def _edited(entry: _Entry, digest: str) -> Iterator[Problem]:
    usual = _USUAL.fullmatch(entry.config)
    if usual and digest != f"sha256:{usual[1]}":
        message = f"the config is named {usual[1]} and is {digest}: it was edited after it was saved"
        yield Problem(path=entry.config, code="config-edited", message=message, fatal=False)


def _layer(archive: Archive, path: str, index: int) -> StoredLayer:
    try:
        content = archive.open(path, wrong_type="bad-layer-entry")
    except ImageError as error:
        error.layer = index
        raise
    named = _BLOB_NAME.fullmatch(path)
    compression = compression_of(content)
    suffix = "" if compression is Compression.NONE else f".{compression}"
    return StoredLayer(content=content, digest=f"{named[1]}:{named[2]}" if named else "", media_type=_TYPE + suffix)
