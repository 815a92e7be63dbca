"""An OCI image layout, as a tar or as a directory (OCI image-spec, image-layout.md), and which image of it is meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from xraydiff.errors import ImageError, IntegrityError, LimitExceeded
from xraydiff.facts import ImageConfig, Platform, Problem
from xraydiff.image.archive import Archive
from xraydiff.image.blobs import compression_of, read_document, verify_bytes
from xraydiff.image.config import parse_config
from xraydiff.image.json_text import Fields, parse_json, shown
from xraydiff.image.manifest import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    Descriptor,
    Index,
    Manifest,
    check_image,
    is_foreign,
    parse_document,
)
from xraydiff.image.names import same_name
from xraydiff.image.parts import Parts, StoredLayer
from xraydiff.image.platforms import UNKNOWN, matches
from xraydiff.layers.compression import Compression
from xraydiff.layers.content import Content
from xraydiff.layers.spool import MemoryContent
from xraydiff.limits import Limits

__all__ = ["INDEX", "LAYOUT", "ArchiveStore", "Store", "holds_config", "read_oci_layout"]

INDEX = "index.json"
LAYOUT = "oci-layout"
REF_NAME = "org.opencontainers.image.ref.name"
IMAGE_NAME = "io.containerd.image.name"
REFERENCE_TYPE = "vnd.docker.reference.type"
"""An annotation of BuildKit's attestations."""
_LISTED = 20
"""Choices that a message lists."""


class Store(Protocol):
    """Where the files of a layout lie."""

    lazy: bool
    """Whether a layer is fetched when its first byte is asked for, so that none is asked for before it is needed."""

    def document(self, name: str) -> Content | None:
        """`index.json` or `oci-layout`, None where it is absent."""

    def blob(self, digest: str) -> Content | None:
        """A blob by its digest (already checked for form), None where it is absent.

        Raises `ImageError` for what is no regular file.
        """


class ArchiveStore:
    """A layout in a tar."""

    lazy = False

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def document(self, name: str) -> Content | None:
        """`index.json` or `oci-layout`, None where it is absent."""
        return self._archive.open(name) if name in self._archive else None

    def blob(self, digest: str) -> Content | None:
        """A blob by its digest, None where it is absent. Raises what `Archive.open` raises for links and devices."""
        name = f"blobs/{digest.replace(':', '/')}"
        return self._archive.open(name) if name in self._archive else None


@dataclass(slots=True, kw_only=True)
class _Choice:
    """A manifest that could be meant."""

    descriptor: Descriptor
    names: set[str] = field(default_factory=set)
    """Names of index.json under which it was found."""


def read_oci_layout(store: Store, *, name: str, selector: str, platform: Platform | None, limits: Limits) -> Parts:
    """The image that `selector` (a name of index.json or a manifest's digest, or empty) and `platform` choose.

    Raises `ImageError`: `bad-layout`, `bad-json`, `bad-manifest`, `ambiguous-image` with a list of what to choose from,
    `ambiguous-manifest`, `no-image-in-index`, `no-such-image`, `no-such-platform`, `not-an-image`, `missing-blob`,
    `bad-descriptor`; `IntegrityError` where a manifest or config is not what its descriptor promises.
    """
    reader = _Reader(store, limits)
    reader.check_layout()
    index = reader.index()
    walked = reader.walk(index.manifests) if selector.startswith("sha256:") else {}
    if selector in walked:
        return reader.parts(walked[selector].descriptor, platform)
    choices = list(reader.walk(_selected(index, selector, name)).values())
    return reader.parts(_choose(reader, choices, name, platform), platform)


def holds_config(store: Store, digest: str, *, limits: Limits) -> bool:
    """Whether a layout names an image with this config, or no image at all; for archives with two tables of contents.

    Raises `ImageError` where its documents cannot be read.
    """
    reader = _Reader(store, limits)
    choices = reader.walk(reader.index().manifests)
    manifests = [reader.manifest(choice.descriptor) for choice in choices.values() if reader.has(choice.descriptor)]
    return not manifests or any(manifest.config.digest == digest for manifest in manifests)


class _Reader:
    """Reads verified documents of one layout and collects what is odd about them."""

    def __init__(self, store: Store, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self.problems: list[Problem] = []

    def check_layout(self) -> None:
        """`oci-layout` must be there and of a version that we know."""
        content = self._store.document(LAYOUT)
        if content is None:
            self._odd("missing-oci-layout", "the layout has no file oci-layout")
            return
        data = read_document(content, "", what=LAYOUT, limits=self._limits)
        fields = Fields(parse_json(data, what=LAYOUT, limits=self._limits), what=LAYOUT)
        version = fields.text("imageLayoutVersion")
        if version.partition(".")[0] != "1":
            message = f"imageLayoutVersion is {shown(version) or 'absent'}, not 1.0.0"
            raise ImageError(message, code="bad-layout")

    def index(self) -> Index:
        content = self._store.document(INDEX)
        if content is None:
            raise ImageError("the layout has no index.json", code="bad-layout")
        data = read_document(content, "", what=INDEX, limits=self._limits)
        parsed, odd = parse_document(data, what=INDEX, declared="", limits=self._limits)
        if odd:
            self._odd("media-type-mismatch", odd)
        if not isinstance(parsed, Index):
            raise ImageError("index.json is an image manifest, not an index", code="bad-layout")
        return parsed

    def walk(self, tops: Iterable[Descriptor]) -> dict[str, _Choice]:
        """The manifests that descriptors lead to, by digest, nested indexes opened; every digest is visited once."""
        found: dict[str, _Choice] = {}
        visited: set[str] = set()
        stack = [(top, 1, _name(top)) for top in tops][::-1]
        count = len(stack)
        while stack:
            descriptor, depth, name = stack.pop()
            if _is_attestation(descriptor):
                continue
            if descriptor.media_type in MANIFEST_TYPES or not descriptor.media_type:
                choice = found.setdefault(descriptor.digest, _Choice(descriptor=descriptor))
                choice.names |= {name} - {""}
            if descriptor.media_type not in INDEX_TYPES or descriptor.digest in visited:
                continue
            visited.add(descriptor.digest)
            if depth > self._limits.index_depth:
                message = f"indexes nest deeper than {self._limits.index_depth} levels"
                raise LimitExceeded(message, hint="limit index_depth")
            nested = self._nested(descriptor)
            count += len(nested)
            if count > self._limits.descriptors:
                message = f"the indexes hold more than {self._limits.descriptors} descriptors"
                raise LimitExceeded(message, hint="limit descriptors")
            stack.extend((child, depth + 1, name) for child in reversed(nested))
        return found

    def has(self, descriptor: Descriptor) -> bool:
        """Whether the blob is in the layout, or embedded in the descriptor."""
        return descriptor.data is not None or self._store.blob(descriptor.digest) is not None

    def manifest(self, descriptor: Descriptor) -> Manifest:
        what = f"the manifest {descriptor.digest}"
        data = read_document(
            self._blob(descriptor), descriptor.digest, what=what, limits=self._limits, size=descriptor.size
        )
        parsed, odd = parse_document(data, what=what, declared=descriptor.media_type, limits=self._limits)
        if odd:
            self._odd("media-type-mismatch", odd)
        if not isinstance(parsed, Manifest):
            raise ImageError(f"{what} is an index, which its descriptor does not say", code="ambiguous-manifest")
        return parsed

    def config(self, manifest: Manifest) -> tuple[bytes, ImageConfig]:
        descriptor = manifest.config
        content = self._blob(descriptor)
        what = "the image config"
        data = read_document(content, descriptor.digest, what=what, limits=self._limits, size=descriptor.size)
        return data, parse_config(data, limits=self._limits)

    def parts(self, descriptor: Descriptor, platform: Platform | None) -> Parts:
        """The image of a manifest."""
        manifest = self.manifest(descriptor)
        check_image(manifest)
        data, config = self.config(manifest)
        if platform is not None and not matches(platform, config.platform):
            message = f"the image is for {config.platform}, not {platform}"
            raise ImageError(message, code="no-such-platform")
        said = descriptor.platform
        if said is not None and not matches(said, config.platform):
            self._odd("platform-mismatch", f"the index says {said}, the config {config.platform}")
        layers = tuple(self._layer(layer, index) for index, layer in enumerate(manifest.layers))
        return Parts(
            digest=manifest.config.digest,
            config=config,
            config_json=data,
            layers=layers,
            problems=tuple(self.problems),
        )

    def _nested(self, descriptor: Descriptor) -> tuple[Descriptor, ...]:
        """The descriptors of an index that is in the layout; none for one that lies elsewhere."""
        if not self.has(descriptor):
            return ()
        what = f"the index {descriptor.digest}"
        data = read_document(
            self._blob(descriptor), descriptor.digest, what=what, limits=self._limits, size=descriptor.size
        )
        parsed, odd = parse_document(data, what=what, declared=descriptor.media_type, limits=self._limits)
        if odd:
            self._odd("media-type-mismatch", odd)
        return parsed.manifests if isinstance(parsed, Index) else ()

    def _layer(self, descriptor: Descriptor, index: int) -> StoredLayer:
        try:
            if is_foreign(descriptor.media_type) and not self.has(descriptor):
                return StoredLayer(content=None, digest=descriptor.digest, media_type=descriptor.media_type)
            content = self._blob(descriptor)
            if content.size != descriptor.size:
                message = f"the layer {descriptor.digest} has {content.size} bytes, not {descriptor.size}"
                raise IntegrityError(message, code="size-mismatch")
            if not self._store.lazy:
                self._check_compression(descriptor.media_type, compression_of(content), index)
        except ImageError as error:
            error.layer = index
            raise
        return StoredLayer(
            content=content,
            digest=descriptor.digest,
            media_type=descriptor.media_type,
            key=descriptor.digest,
            annotations=descriptor.annotations,
        )

    def _check_compression(self, media_type: str, found: Compression, index: int) -> None:
        """Engines go by the bytes, not by the media type, and so do we."""
        said = next(
            (each for each in (Compression.GZIP, Compression.ZSTD) if media_type.endswith(each)), Compression.NONE
        )
        if said is not found:
            message = f"the media type {shown(media_type)} says compression {said}, the bytes say {found}"
            self._odd("media-type-mismatch", message, layer=index)

    def _blob(self, descriptor: Descriptor) -> Content:
        if descriptor.data is not None:
            what = "the data that a descriptor embeds for"
            if len(descriptor.data) != descriptor.size:
                message = f"{what} {descriptor.digest} has {len(descriptor.data)} bytes, not {descriptor.size}"
                raise IntegrityError(message, code="size-mismatch")
            verify_bytes(descriptor.data, descriptor.digest, what=f"{what} {descriptor.digest}")
            return MemoryContent(descriptor.data)
        content = self._store.blob(descriptor.digest)
        if content is None:
            raise ImageError(f"the layout does not hold {descriptor.digest}", code="missing-blob")
        return content

    def _odd(self, code: str, message: str, *, layer: int = -1) -> None:
        self.problems.append(Problem(layer=layer, code=code, message=message, fatal=False))


# --- choosing ---------------------------------------------------------------------------------------------------------


def _selected(index: Index, selector: str, name: str) -> tuple[Descriptor, ...]:
    if not selector:
        return index.manifests
    found = tuple(each for each in index.manifests if _is_named(each, selector))
    if not found:
        names = sorted({f"{name}#{shown(_name(each))}" for each in index.manifests if _name(each)})
        held = f"; it holds {_list(names)}" if names else ""
        raise ImageError(f"no image {shown(selector)} in the layout{held}", code="no-such-image")
    return found


def _choose(reader: _Reader, choices: list[_Choice], name: str, platform: Platform | None) -> Descriptor:
    """The one manifest that is meant."""
    if platform is not None:
        choices = _for_platform(reader, choices, platform)
    if len(choices) > 1:
        # An index may list platforms or artifacts whose blobs were left out of this copy.
        present = [choice for choice in choices if reader.has(choice.descriptor)]
        choices = _images(reader, present) if present else choices[:1]
    if len(choices) == 1:
        return choices[0].descriptor
    if not choices:
        message = "the index holds no image, only attestations, artifacts or nothing at all"
        raise ImageError(message, code="no-image-in-index")
    raise _ambiguous(choices, reader, name)


def _images(reader: _Reader, choices: list[_Choice]) -> list[_Choice]:
    """Those of several manifests that are images and no artifacts."""
    images = []
    for choice in choices:
        try:
            check_image(reader.manifest(choice.descriptor))
        except ImageError as error:
            if error.code != "not-an-image":
                raise
        else:
            images.append(choice)
    return images


def _for_platform(reader: _Reader, choices: list[_Choice], platform: Platform) -> list[_Choice]:
    found, offered = [], set()
    for choice in choices:
        its = _platform(reader, choice)
        if its is None:
            continue
        offered.add(str(its))
        if matches(platform, its):
            found.append(choice)
    if not found:
        held = f"; there is {', '.join(shown(each) for each in sorted(offered)[:_LISTED])}" if offered else ""
        raise ImageError(f"no image for {platform}{held}", code="no-such-platform")
    return found


def _platform(reader: _Reader, choice: _Choice) -> Platform | None:
    """The platform of a manifest as the index says it, else as its config does; None for what is no image."""
    if choice.descriptor.platform is not None:
        return choice.descriptor.platform
    if not reader.has(choice.descriptor):
        return None
    manifest = reader.manifest(choice.descriptor)
    try:
        check_image(manifest)
    except ImageError:
        return None
    return reader.config(manifest)[1].platform


def _ambiguous(choices: list[_Choice], reader: _Reader, name: str) -> ImageError:
    """What to write to choose: names where there are several, and platforms."""
    names = sorted({f"{name}#{shown(each)}" for choice in choices for each in choice.names})
    platforms = sorted({str(its) for choice in choices if (its := _platform(reader, choice)) is not None})
    ways = []
    if len(names) > 1:
        ways.append(f"one of {_list(names)}")
    if len(platforms) > 1:
        ways.append(f"--platform {_list([shown(each) for each in platforms])}")
    if not ways:
        ways.append(_list([f"{name}#{choice.descriptor.digest}" for choice in choices]))
    message = f"the layout holds {len(choices)} images; choose {' and '.join(ways)}"
    return ImageError(message, code="ambiguous-image")


def _list(items: list[str]) -> str:
    more = f" and {len(items) - _LISTED} more" if len(items) > _LISTED else ""
    return ", ".join(items[:_LISTED]) + more


def _name(descriptor: Descriptor) -> str:
    return descriptor.annotations.get(IMAGE_NAME) or descriptor.annotations.get(REF_NAME, "")


def _is_named(descriptor: Descriptor, selector: str) -> bool:
    if selector in (descriptor.digest, descriptor.annotations.get(REF_NAME)):
        return True
    return any(same_name(each, selector) for each in _names(descriptor))


def _names(descriptor: Descriptor) -> Iterator[str]:
    for key in (IMAGE_NAME, REF_NAME):
        if value := descriptor.annotations.get(key):
            yield value


def _is_attestation(descriptor: Descriptor) -> bool:
    return descriptor.platform == UNKNOWN or REFERENCE_TYPE in descriptor.annotations
