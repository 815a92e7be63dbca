"""Images of a registry (OCI distribution-spec): manifests at once, each layer only when it is read, into a spool."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from xraydiff.errors import ImageClosedError, ImageError, IntegrityError, UsageError
from xraydiff.facts import Platform
from xraydiff.image import Image, Progress
from xraydiff.image.blobs import BlobLayer, verify_bytes
from xraydiff.image.json_text import shown
from xraydiff.image.manifest import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    OCI_INDEX,
    OCI_MANIFEST,
    Index,
    Manifest,
    is_foreign,
    parse_document,
)
from xraydiff.image.names import split_name
from xraydiff.image.oci_layout import INDEX, read_oci_layout
from xraydiff.image.parts import to_image
from xraydiff.image.registry_client import RegistryClient
from xraydiff.layers.content import Content
from xraydiff.layers.spool import MemoryContent, SpoolContent, spool
from xraydiff.limits import Limits

__all__ = ["open_registry_image"]

_ACCEPT = ", ".join(sorted(INDEX_TYPES | MANIFEST_TYPES))
_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


def open_registry_image(
    name: str, *, platform: Platform | None, limits: Limits, progress: Progress | None, opened: ExitStack
) -> Image:
    """The image `HOST[:PORT]/NAME[:TAG][@DIGEST]`; its manifest and config are read, its layers are not yet.

    Raises `UsageError` for a text that is no such name, before anything is sent; `ImageError` for everything that a
    registry may answer instead of the image (see `RegistryClient`), `IntegrityError` where bytes are not what their
    digest promises, and what `read_oci_layout` raises. Only `opened` closes the connection.
    """
    named = split_name(name)
    if named is None or not named.host:
        hint = "registry:HOST/NAME:TAG or registry:HOST/NAME@sha256:..."
        raise UsageError(f"not an image of a registry: '{shown(name)}'", hint=hint)
    client = RegistryClient(named.host, named.repository, limits=limits)
    opened.callback(client.close)
    reference = f"registry:{shown(name)}"
    wanted = named.digest or named.tag or "latest"
    store = _RegistryStore(client, wanted, reference=reference, limits=limits, progress=progress, opened=opened)
    parts = read_oci_layout(store, name=reference, selector="", platform=platform, limits=limits)
    image = to_image(parts, reference=reference, limits=limits, opened=opened, check=lambda: None)
    for layer in image.layers:
        if isinstance(layer, BlobLayer):
            # The next layer is fetched when it is asked for, and not before.
            layer.following = None
    return image


class _RegistryStore:
    """A repository as the layout of the one image that was asked for; satisfies `oci_layout.Store`."""

    lazy = True

    def __init__(
        self,
        client: RegistryClient,
        name: str,
        *,
        reference: str,
        limits: Limits,
        progress: Progress | None,
        opened: ExitStack,
    ) -> None:
        """`name` is a tag or a digest."""
        self._client = client
        self._name = name
        self._reference = reference
        self._limits = limits
        self._progress = progress
        self._opened = opened
        self._documents: dict[str, MemoryContent] = {}
        self._manifests: set[str] = set()
        self._configs: set[str] = set()
        self._sizes: dict[str, int] = {}
        self._foreign: set[str] = set()
        self._blobs: dict[str, Content] = {}

    def document(self, name: str) -> Content | None:
        """What a layout would say: its version, and an index with the one image."""
        return MemoryContent(self._top() if name == INDEX else _LAYOUT)

    def blob(self, digest: str) -> Content | None:
        """A manifest or config, read and kept; or a layer, which is read when its bytes are asked for."""
        if digest in self._manifests:
            return self._manifest(digest)
        if digest in self._foreign and not self._client.has_blob(digest):
            return None
        if digest not in self._blobs:
            if digest in self._configs:
                most = self._limits.manifest
                self._blobs[digest] = MemoryContent(self._client.fetch("blobs", digest, accept="*/*", most=most)[0])
            else:
                self._blobs[digest] = self._layer(digest)
        return self._blobs[digest]

    def _top(self) -> bytes:
        """An index that holds only what the tag or digest is."""
        most = self._limits.manifest
        data, media_type, claimed = self._client.fetch("manifests", self._name, accept=_ACCEPT, most=most)
        digest = self._name if ":" in self._name else f"sha256:{hashlib.sha256(data).hexdigest()}"
        verify_bytes(data, digest, what="the manifest")
        if claimed and claimed != digest and claimed.startswith("sha256:"):
            raise IntegrityError(f"the registry calls the manifest {shown(claimed)} and sends {digest}")
        document, _ = parse_document(data, what="the manifest", declared=media_type, limits=self._limits)
        self._keep(digest, data, document)
        if media_type not in INDEX_TYPES | MANIFEST_TYPES:
            media_type = OCI_INDEX if isinstance(document, Index) else OCI_MANIFEST
        descriptor = {"mediaType": media_type, "digest": digest, "size": len(data)}
        return json.dumps({"schemaVersion": 2, "manifests": [descriptor]}).encode()

    def _manifest(self, digest: str) -> Content | None:
        """A manifest of an index; None where the registry holds it not, as when only some platforms were pushed."""
        if digest not in self._documents:
            try:
                data, _, _ = self._client.fetch("manifests", digest, accept=_ACCEPT, most=self._limits.manifest)
            except ImageError as error:
                if error.code == "no-such-image":
                    return None
                raise
            verify_bytes(data, digest, what="the manifest")
            document, _ = parse_document(data, what=f"the manifest {digest}", declared="", limits=self._limits)
            self._keep(digest, data, document)
        return self._documents[digest]

    def _keep(self, digest: str, data: bytes, document: Index | Manifest) -> None:
        """Remember a verified document, and what its descriptors say about where and how large others are."""
        self._documents[digest] = MemoryContent(data)
        self._manifests.add(digest)
        if isinstance(document, Index):
            self._manifests.update(each.digest for each in document.manifests)
            return
        self._configs.add(document.config.digest)
        for layer in document.layers:
            self._sizes[layer.digest] = layer.size
            if is_foreign(layer.media_type):
                self._foreign.add(layer.digest)

    def _layer(self, digest: str) -> Content:
        layer = _RemoteLayer(digest, self._sizes.get(digest, 0), self._chunks, self._limits)
        self._opened.callback(layer.close)
        return layer

    def _chunks(self, digest: str, size: int) -> Iterator[bytes]:
        done = 0
        for chunk in self._client.stream(digest, size):
            yield chunk
            done += len(chunk)
            if self._progress is not None:
                self._progress(self._reference, done, size)


class _RemoteLayer:
    """A layer's blob that is fetched when its first byte is asked for; satisfies `Content`."""

    def __init__(self, digest: str, size: int, chunks: Callable[[str, int], Iterator[bytes]], limits: Limits) -> None:
        self.size = size
        self._digest = digest
        self._chunks = chunks
        self._limits = limits
        self._spool: SpoolContent | None = None
        self._closed = False

    def read_at(self, offset: int, length: int) -> bytes:
        """As `Content.read_at`. Raises what the registry's client raises, `IntegrityError` for other bytes."""
        if self._closed:
            raise ImageClosedError("the image is closed")
        if self._spool is None:
            self._spool = self._fetched()
        return self._spool.read_at(offset, length)

    def close(self) -> None:
        """Release the spool; safe to call twice."""
        self._closed = True
        if self._spool is not None:
            self._spool.close()

    def _fetched(self) -> SpoolContent:
        content = spool(self._chunks(self._digest, self.size), limits=self._limits)
        message = ""
        if content.size != self.size:
            more = "more than " if content.size > self.size else ""
            message = f"the layer {self._digest} has {more}{min(content.size, self.size)} bytes, not {self.size}"
        elif self._digest.startswith("sha256:") and content.digest != self._digest:
            message = f"the layer should be {self._digest} and is {content.digest}"
        if message:
            content.close()
            raise IntegrityError(message, code="size-mismatch" if content.size != self.size else "digest-mismatch")
        return content
