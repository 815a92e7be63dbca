"""Compressed streams: detected by their first bytes, decompressed member by member, frame by frame, within bounds.

gzip (RFC 1952) by ISA-L, which checks CRC and length of every member; zstd (RFC 8878) by the standard library or its
backport. Output comes in bounded chunks; input that ends before its last member or frame does is an error.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator
from enum import StrEnum
from typing import Protocol

from xraydiff.errors import ImageError, LimitExceeded, UnsupportedImage
from xraydiff.layers import Note
from xraydiff.layers.content import Content
from xraydiff.layers.holes import occupied
from xraydiff.limits import DEFAULT, Limits

__all__ = ["Compression", "decompress", "sniff"]


class Compression(StrEnum):
    """What the first bytes of a stream say."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"
    BZIP2 = "bzip2"
    XZ = "xz"
    LZ4 = "lz4"


_MAGIC = (
    (b"\x1f\x8b\x08", Compression.GZIP),
    (b"\x28\xb5\x2f\xfd", Compression.ZSTD),
    (b"BZh", Compression.BZIP2),
    (b"\xfd7zXZ\0", Compression.XZ),
    (b"\x04\x22\x4d\x18", Compression.LZ4),
)
_SKIPPABLE = b"\x2a\x4d\x18"
"""Behind a first byte of 0x50 to 0x5f: a frame of zstd that holds no data."""
_CHUNK = 1 << 20
"""Bytes of output at once."""
_INPUT = 256 << 10
_FIRST = 1 << 10
"""Bytes given to a fresh member: what it leaves unused is copied, and a stream may have millions of tiny members."""
_FRAME_HEADER = 18
"""Bytes of the longest zstd frame header, magic included."""
_BLOCK_RATIO = 32_768
"""A zstd block of four bytes gives at most 128 KiB."""


class _Decompressor(Protocol):
    """The interface that bz2 began and both libraries follow."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def sniff(head: bytes) -> Compression:
    """The compression that a stream's first bytes (six or more) announce; `NONE` for everything else, tar included."""
    for magic, compression in _MAGIC:
        if head.startswith(magic):
            return compression
    if head[1:4] == _SKIPPABLE and 0x50 <= head[0] <= 0x5F:
        return Compression.ZSTD
    return Compression.NONE


def decompress(source: Content, notes: list[Note], *, limits: Limits = DEFAULT) -> Iterator[bytes]:
    """The plain bytes of a gzip or zstd stream, in chunks of at most 1 MiB.

    Bytes behind the stream that are not zeros are appended to `notes` (`compressed-trailing-data`, fatal); their digest
    is the caller's business. Raises `UnsupportedImage` for other compressions, `LimitExceeded` where size or ratio
    cross their bounds, `ImageError` for a stream that is cut (`compressed-truncated`), damaged (`compressed-corrupt`)
    or compressed twice (`tar-bad-header`).
    """
    stream = _Stream(source, sniff(source.read_at(0, min(_FRAME_HEADER, source.size))), notes, limits)
    first = True
    for chunk in stream.chunks():
        if first and (inner := sniff(chunk)) is not Compression.NONE:
            raise ImageError(f"compressed twice: {inner} inside {stream.compression}", code="tar-bad-header", offset=0)
        first = False
        yield chunk


class _Stream:
    """One pass over a compressed stream."""

    def __init__(self, source: Content, compression: Compression, notes: list[Note], limits: Limits) -> None:
        self.compression = compression
        self._source = source
        self._limits = limits
        self._notes = notes
        self._fresh, self._error = _library(compression)
        self._ratio = limits.gzip_ratio if compression is Compression.GZIP else limits.zstd_ratio
        self._made = 0
        self._kept = 0

    def chunks(self) -> Iterator[bytes]:
        position = 0
        while position < self._source.size:
            head = self._input(position, _FRAME_HEADER)
            if sniff(head) is not self.compression:
                self._trailing(position)
                return
            if head[1:4] == _SKIPPABLE:
                position = self._skipped(head, position)
                continue
            if self.compression is Compression.ZSTD:
                self._check_frame(head, position)
            position = yield from self._member(position)

    def _member(self, position: int) -> Generator[bytes, None, int]:
        """Decompress one member or frame; gives where it ends."""
        decompressor, start, step, stuck = self._fresh(), position, _FIRST, False
        while not decompressor.eof:
            data = b""
            if decompressor.needs_input:
                data = self._input(position, step)
                if not data:
                    message = f"the {self.compression} data is cut off"
                    raise ImageError(message, code="compressed-truncated", offset=position)
                position += len(data)
                step = min(4 * step, _INPUT)
            elif stuck:
                raise ImageError("the data leads nowhere", code="compressed-corrupt", offset=start)
            try:
                chunk = decompressor.decompress(data, _CHUNK)
            except self._error as error:
                message = f"the {self.compression} data is damaged ({error})"
                raise ImageError(message, code="compressed-corrupt", offset=start) from error
            if chunk:
                self._count(chunk, position)
                yield chunk
            stuck = not chunk and not data
        return position - len(decompressor.unused_data)

    def _input(self, position: int, length: int) -> bytes:
        return self._source.read_at(position, min(length, self._source.size - position))

    def _count(self, chunk: bytes, consumed: int) -> None:
        """Stop at a bomb: too much output, or too much of it for the input that made it, in bytes or on disk."""
        self._made += len(chunk)
        self._kept += occupied(chunk)
        limits = self._limits
        if self._made > limits.layer_bytes:
            message = f"{self.compression} data of more than {limits.layer_bytes} bytes"
            raise LimitExceeded(message, hint="limit layer_bytes")
        if self._made > limits.ratio_after and self._made > self._ratio * consumed:
            message = f"{self.compression} data that expands more than {self._ratio} times, as bombs do"
            raise LimitExceeded(message, offset=consumed, hint=f"limit {self.compression}_ratio")
        if self._kept > limits.ratio_after and self._kept > limits.spool_ratio * consumed:
            message = f"{self.compression} data that takes more than {limits.spool_ratio} times its size on disk"
            raise LimitExceeded(message, offset=consumed, hint="limit spool_ratio")

    def _trailing(self, position: int) -> None:
        """Zeros behind the last member are padding; anything else is said."""
        while position < self._source.size:
            part = self._input(position, _CHUNK)
            rest = part.lstrip(b"\0")
            if rest:
                message = f"bytes behind the {self.compression} data, which engines ignore or refuse"
                offset = position + len(part) - len(rest)
                self._notes.append(Note(code="compressed-trailing-data", message=message, offset=offset))
                return
            position += len(part)

    def _skipped(self, head: bytes, position: int) -> int:
        """Where a skippable zstd frame ends."""
        end = position + 8 + int.from_bytes(head[4:8], "little")
        if len(head) < 8 or end > self._source.size:
            raise ImageError("the zstd data is cut off", code="compressed-truncated", offset=position)
        return end

    def _check_frame(self, head: bytes, position: int) -> None:
        """Refuse a zstd frame by what its header declares, before the library allocates it (RFC 8878, 3.1.1.1)."""
        if len(head) < 6:
            return
        flags = head[4]
        at = 5
        window = 0
        if not flags & 0x20:
            window = 1 << (10 + (head[at] >> 3))
            window += (window >> 3) * (head[at] & 7)
            at += 1
        at += (0, 1, 2, 4)[flags & 3]
        width = (1 if flags & 0x20 else 0, 2, 4, 8)[flags >> 6]
        if len(head) < at + width:
            return
        size = int.from_bytes(head[at : at + width], "little") + (256 if width == 2 else 0)
        rest = self._source.size - position
        if size > _BLOCK_RATIO * rest:
            message = f"a zstd frame declares {size} bytes, which {rest} bytes cannot hold"
            raise ImageError(message, code="compressed-corrupt", offset=position)
        if flags & 0x20:
            window = size
        if window > 1 << self._limits.zstd_window_log:
            message = f"a zstd frame wants a window of {window} bytes"
            raise LimitExceeded(message, offset=position, hint="limit zstd_window_log")


def _library(compression: Compression) -> tuple[Callable[[], _Decompressor], type[Exception]]:
    """What makes a fresh decompressor, and the error that it raises for damaged data."""
    if compression is Compression.GZIP:
        from isal import igzip_lib

        # The stub declares this class as an instance.
        error: type[Exception] = igzip_lib.IsalError  # type: ignore[assignment]
        return lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP), error
    if compression is Compression.ZSTD:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
        # The window was checked from the frame's header; the library only has to agree.
        options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 31}
        return lambda: zstd.ZstdDecompressor(options=options), zstd.ZstdError
    raise UnsupportedImage(f"{compression} data, which is not read; gzip, zstd and plain tar are")
