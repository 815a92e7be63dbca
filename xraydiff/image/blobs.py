"""Blobs: stored bytes with the digest and size that were promised for them, verified to the last byte before belief.

OCI image-spec, descriptor.md, "Verification": size first, then digest. A layer's blob also has a diff_id, the digest of
its uncompressed tar (config.md, "Layer DiffID").
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from xraydiff.errors import ImageError, IntegrityError, LimitExceeded
from xraydiff.image.toc import check_tocs
from xraydiff.layers import Note, Operation
from xraydiff.layers.compression import Compression, sniff
from xraydiff.layers.content import Content
from xraydiff.layers.reader import read_layer
from xraydiff.layers.spool import Unpacked, unpack
from xraydiff.limits import MIB, Limits

__all__ = ["Blob", "BlobLayer", "Budget", "compression_of", "read_document", "verify_bytes"]


def verify_bytes(data: bytes, digest: str, *, what: str, size: int | None = None) -> None:
    """Check bytes in memory against what was promised. Raises `IntegrityError` (`size-mismatch`, `digest-mismatch`)."""
    if size is not None and len(data) != size:
        raise _wrong_size(what, digest, size, len(data))
    algorithm = digest.partition(":")[0]
    actual = f"{algorithm}:{hashlib.new(algorithm, data, usedforsecurity=True).hexdigest()}"
    if actual != digest:
        raise _wrong_digest(what, digest, actual)


def read_document(content: Content, digest: str, *, what: str, limits: Limits, size: int | None = None) -> bytes:
    """The bytes of a manifest or config, verified where `digest` is given; looked at only if its size is bearable.

    Raises `IntegrityError` where size or digest differ, `LimitExceeded` where it has more than `limits.manifest` bytes.
    """
    if size is not None and content.size != size:
        raise _wrong_size(what, digest, size, content.size)
    if content.size > limits.manifest:
        raise LimitExceeded(f"{what} has {content.size} bytes, more than {limits.manifest}", hint="limit manifest")
    data = content.read_at(0, content.size)
    if digest:
        verify_bytes(data, digest, what=what)
    return data


def compression_of(content: Content) -> Compression:
    """What the first bytes of a blob say."""
    return sniff(content.read_at(0, min(6, content.size)))


class Budget:
    """The uncompressed bytes that the layers of one image may still have, and those that they may take on disk."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = limits.image_bytes
        self._disk = limits.spool_bytes

    def limits(self) -> Limits:
        """The limits for the next layer."""
        most = max(1, min(self._limits.layer_bytes, self._left))
        return replace(self._limits, layer_bytes=most, spool_bytes=max(1, self._disk))

    def spend(self, size: int, disk: int) -> None:
        """Count an uncompressed layer and what a spool holds of it. Raises `LimitExceeded` where there are too many."""
        if size > self._limits.layer_bytes:
            raise LimitExceeded(
                f"a layer of {size} bytes, more than {self._limits.layer_bytes}", hint="limit layer_bytes"
            )
        self._left -= size
        self._disk -= disk
        if self._left < 0:
            message = f"the layers have more than {self._limits.image_bytes} bytes"
            raise LimitExceeded(message, hint="limit image_bytes")


class Blob:
    """The stored bytes of a layer; decompressed and hashed once, however many layers of the image are this blob."""

    def __init__(self, content: Content, *, digest: str, budget: Budget, check: Callable[[], None]) -> None:
        """`digest` may be empty where the source promises none; `check` raises where the host's file was changed."""
        self.stored = content
        self.digest = digest
        self._budget = budget
        self._check = check
        self._unpacked: Unpacked | None = None
        self._verified: dict[str, str] = {}

    def unpack(self) -> Unpacked:
        """The plain bytes, not yet verified; the digests are taken meanwhile. Raises what decompression raises."""
        if self._unpacked is None:
            unpacked = unpack(self.stored, limits=self._budget.limits())
            try:
                self._budget.spend(unpacked.content.size, unpacked.occupied)
            except BaseException:
                unpacked.close()
                raise
            self._unpacked = unpacked
        return self._unpacked

    def start(self) -> None:
        """Begin to take the digest of bytes that need no decompression, so that they are known when they are needed."""
        if self._unpacked is None and compression_of(self.stored) is Compression.NONE:
            self.unpack()

    def verify(self, diff_id: str) -> None:
        """Wait for the digests and compare. Raises `IntegrityError`, or `ImageError` where the host's file changed."""
        unpacked = self.unpack()
        stored, plain = unpacked.digests()
        self._check()
        if self.digest:
            actual = self._digest("stored", self.stored, stored, self.digest)
            if actual != self.digest:
                raise _wrong_digest("the layer", self.digest, actual)
        actual = self._digest("plain", unpacked.content, plain, diff_id)
        if actual != diff_id:
            raise _wrong_digest("the uncompressed layer", diff_id, actual)

    def close(self) -> None:
        """Release the spool; safe to call twice."""
        if self._unpacked is not None:
            self._unpacked.close()

    def _digest(self, which: str, content: Content, sha256: str, promised: str) -> str:
        """The digest in the algorithm of the promise; sha256 is there already."""
        if promised.startswith("sha256:"):
            return sha256
        if which not in self._verified:
            sha512 = hashlib.sha512()
            for offset in range(0, content.size, MIB):
                sha512.update(content.read_at(offset, min(MIB, content.size - offset)))
            self._verified[which] = f"sha512:{sha512.hexdigest()}"
        return self._verified[which]


class BlobLayer:
    """A layer that lies in a blob; satisfies `Layer`."""

    def __init__(
        self,
        blob: Blob,
        *,
        index: int,
        diff_id: str,
        media_type: str,
        limits: Limits,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        self.index = index
        self.digest = blob.digest
        self.diff_id = diff_id
        self.media_type = media_type
        self.following: Blob | None = None
        """The blob of the next layer, whose digest is taken while this one is read."""
        self._blob = blob
        self._limits = limits
        self._annotations = annotations or {}
        self._read = False

    def operations(self) -> Iterator[Operation]:
        """What the layer says, in order; to be believed only when the iterator is exhausted, because that verifies it.

        Raises `ImageError` on malformed bytes, `IntegrityError` where digest or diff_id differ, `LimitExceeded`.
        """
        try:
            unpacked = self._blob.unpack()
            if self.following is not None:
                # What is wrong with the next layer is said when it is read.
                with suppress(ImageError):
                    self.following.start()
            yield from unpacked.notes
            toc: int | None = None
            for operation in read_layer(unpacked.content, limits=self._limits):
                if isinstance(operation, Note) and operation.code == "estargz":
                    toc = operation.offset
                yield operation
            self._blob.verify(self.diff_id)
            yield from check_tocs(
                self._blob.stored, unpacked.content, behind=toc, annotations=self._annotations, limits=self._limits
            )
        except ImageError as error:
            if error.layer is None:
                error.layer = self.index
            raise
        self._read = True

    @property
    def content(self) -> Content:
        """The bytes of the uncompressed layer. Raises `ImageError` before `operations` was exhausted."""
        if not self._read:
            raise ImageError("asked for content before it was verified", code="unverified", layer=self.index)
        return self._blob.unpack().content


def _wrong_size(what: str, digest: str, promised: int, actual: int) -> IntegrityError:
    named = f" {digest}" if digest else ""
    return IntegrityError(f"{what}{named} has {actual} bytes, not {promised}", code="size-mismatch")


def _wrong_digest(what: str, promised: str, actual: str) -> IntegrityError:
    return IntegrityError(f"{what} should be {promised} and is {actual}", code="digest-mismatch")
