"""What OCI and Docker manifests and indexes say (OCI image-spec: descriptor.md, manifest.md, image-index.md)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from xraydiff.errors import ImageError, UnsupportedImage
from xraydiff.facts import Platform
from xraydiff.image.json_text import Fields, parse_json, shown
from xraydiff.limits import Limits

__all__ = ["Descriptor", "Index", "Manifest", "check_digest", "check_image", "is_foreign", "parse_document"]

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFEST_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
CONFIG_TYPES = frozenset({OCI_CONFIG, DOCKER_CONFIG})

_DIGEST = re.compile(r"(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})")
_GRAMMAR = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+")
_LAYER = re.compile(
    r"application/vnd\.(?:oci\.image\.layer(?:\.nondistributable)?\.v1\.tar"
    r"|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar)(?:[.+](?:gzip|zstd))?"
)
"""The specified types and the spellings of the wild: `diff.tar.zstd`, `diff.tar+gzip`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """A reference to a blob by digest and size (descriptor.md), both checked for form and not yet against the bytes."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str]
    platform: Platform | None = None
    artifact_type: str = ""
    data: bytes | None = None
    """The blob itself, where the descriptor embeds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An image index or manifest list."""

    manifests: tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An image manifest; layers with the base layer first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    artifact_type: str = ""


def check_digest(digest: str, *, what: str) -> str:
    """The digest itself, safe to be a file name. Raises `ImageError` (`bad-descriptor`, `unsupported-digest`)."""
    if _DIGEST.fullmatch(digest):
        return digest
    algorithm = digest.partition(":")[0]
    if len(digest) <= 256 and algorithm not in ("sha256", "sha512") and _GRAMMAR.fullmatch(digest):
        message = f"{what}: a digest of {algorithm}, which is not supported; sha256 and sha512 are"
        raise ImageError(message, code="unsupported-digest")
    raise ImageError(f"{what}: '{shown(digest)}' is no digest", code="bad-descriptor")


def parse_document(data: bytes, *, what: str, declared: str, limits: Limits) -> tuple[Index | Manifest, str]:
    """An index or manifest, and what is odd about its media type (empty where nothing is).

    What it is is told by its content. A document that could be read as both, or whose own media type and whose
    descriptor say the contrary, is refused as `ambiguous-manifest` (CVE-2021-41190). Raises `UnsupportedImage` for
    schema 1, `ImageError` for everything else that is no manifest.
    """
    fields = Fields(parse_json(data, what=what, limits=limits), what=what)
    if fields.integer("schemaVersion") == 1 or fields.has("fsLayers"):
        raise UnsupportedImage(f"{what} is of schema 1, which holds no config; pull and save the image anew")
    own = fields.text("mediaType")
    looks_index, looks_manifest = fields.has("manifests"), fields.has("layers") or fields.has("config")
    says = [kind for kind in (_kind(own), _kind(declared)) if kind]
    if looks_index and looks_manifest:
        _ambiguous(f"{what} has both manifests and layers or config: it could be read as two different images")
    if not looks_index and not looks_manifest and "index" not in says:
        # `"manifests": null` is an index without images; an unrelated document is none.
        raise ImageError(f"{what} is neither an image manifest nor an index", code="bad-manifest")
    kind = "manifest" if looks_manifest else "index"
    if any(said != kind for said in says):
        media_type = next(media for media in (own, declared) if _kind(media) not in ("", kind))
        _ambiguous(
            f"{what} is an {'image manifest' if looks_manifest else 'index'}, and its media type is {media_type}"
        )
    odd = f"{what} says {shown(own)}, its descriptor {shown(declared)}" if own and declared and own != declared else ""
    if kind == "index":
        manifests = fields.nested_list("manifests", most=limits.descriptors) or ()
        return Index(manifests=tuple(_descriptor(item, what=what) for item in manifests)), odd
    return _manifest(fields, what, limits), odd


def is_foreign(media_type: str) -> bool:
    """Whether a layer may lie elsewhere (layer.md, "Non-Distributable Layers")."""
    return ".nondistributable." in media_type or ".foreign." in media_type


def _manifest(fields: Fields, what: str, limits: Limits) -> Manifest:
    config = fields.nested("config")
    if config is None:
        raise ImageError(f"{what} names no config", code="bad-manifest")
    layers = fields.nested_list("layers", most=limits.layers) or ()
    return Manifest(
        config=_descriptor(config, what=what),
        layers=tuple(_descriptor(layer, what=what) for layer in layers),
        artifact_type=fields.text("artifactType"),
    )


def check_image(manifest: Manifest) -> None:
    """Refuse manifests of what is no image of plain layers: artifacts, attestations, encrypted layers."""
    config = manifest.config.media_type
    if config not in CONFIG_TYPES:
        kind = f", artifact type {shown(manifest.artifact_type)}" if manifest.artifact_type else ""
        raise ImageError(
            f"not a container image: its config is {shown(config) or 'of no type'}{kind}", code="not-an-image"
        )
    for index, layer in enumerate(manifest.layers):
        if layer.media_type.endswith("+encrypted"):
            raise UnsupportedImage(f"an encrypted layer ({shown(layer.media_type)})", layer=index)
        if not _LAYER.fullmatch(layer.media_type):
            message = f"not a container image: a layer is {shown(layer.media_type) or 'of no type'}"
            raise ImageError(message, code="not-an-image", layer=index)


def _descriptor(fields: Fields, *, what: str) -> Descriptor:
    digest = check_digest(fields.text("digest"), what=what)
    size = fields.integer("size")
    if size is None or size < 0:
        said = "no size" if size is None else f"the size {size}"
        raise ImageError(f"{what}: the descriptor of {digest} has {said}", code="bad-descriptor")
    platform = fields.nested("platform")
    return Descriptor(
        media_type=fields.text("mediaType"),
        digest=digest,
        size=size,
        annotations=fields.mapping("annotations"),
        platform=_platform(platform) if platform else None,
        artifact_type=fields.text("artifactType"),
        data=_embedded(fields, digest, what) if fields.has("data") else None,
    )


def _platform(fields: Fields) -> Platform:
    return Platform(os=fields.text("os"), architecture=fields.text("architecture"), variant=fields.text("variant"))


def _embedded(fields: Fields, digest: str, what: str) -> bytes:
    try:
        return base64.b64decode(fields.text("data"), validate=True)
    except (binascii.Error, ValueError):
        message = f"{what}: the embedded data of {digest} is no base64"
        raise ImageError(message, code="bad-descriptor") from None


def _kind(media_type: str) -> str:
    if media_type in INDEX_TYPES:
        return "index"
    return "manifest" if media_type in MANIFEST_TYPES else ""


def _ambiguous(message: str) -> NoReturn:
    raise ImageError(message, code="ambiguous-manifest")
