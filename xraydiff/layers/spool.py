"""Where bytes lie: host files read by offset, anonymous temporary files, memory; and their SHA-256, by threads."""

from __future__ import annotations

import hashlib
import os  # noqa: TID251  opens the archives that the user names, and the temporary files
import stat
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from xraydiff.errors import ImageClosedError, ImageError, LimitExceeded
from xraydiff.layers import Note
from xraydiff.layers.compression import Compression, decompress, sniff
from xraydiff.layers.content import Content
from xraydiff.layers.holes import runs
from xraydiff.limits import DEFAULT, Limits

__all__ = [
    "Digester",
    "FileContent",
    "Filling",
    "MemoryContent",
    "Region",
    "SpoolContent",
    "StreamEnded",
    "Unpacked",
    "spool",
    "unpack",
]

_CHUNK = 1 << 20
_WORTH_A_THREAD = 128 << 10
"""Starting a thread takes about as long as hashing 64 KiB."""


class MemoryContent:
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read_at(self, offset: int, length: int) -> bytes:
        """As `Content.read_at`."""
        _check(self.size, offset, length)
        return self._data[offset : offset + length]


class Region:
    """A part of another content, as a layer is of an archive. Raises `ImageError` where it does not lie inside."""

    def __init__(self, content: Content, start: int, size: int) -> None:
        _check(content.size, start, size)
        self._content = content
        self._start = start
        self.size = size

    def read_at(self, offset: int, length: int) -> bytes:
        """As `Content.read_at`."""
        _check(self.size, offset, length)
        return self._content.read_at(self._start + offset, length)


class _Descriptor:
    """An open descriptor that is read by offset, so that threads share it without a position."""

    _name = ""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._release = weakref.finalize(self, os.close, descriptor)
        self.size = size

    def close(self) -> None:
        """Release the file; safe to call twice, and done when this is collected."""
        self._descriptor = -1
        self._release()

    def read_at(self, offset: int, length: int) -> bytes:
        """As `Content.read_at`."""
        _check(self.size, offset, length)
        if self._descriptor < 0:
            raise ImageClosedError("the image is closed")
        try:
            data = os.pread(self._descriptor, length, offset)
            while 0 < len(data) < length and (
                more := os.pread(self._descriptor, length - len(data), offset + len(data))
            ):
                data += more
        except OSError as error:
            raise ImageError(f"cannot be read: {error.strerror}", code="unreadable", path=self._name or None) from error
        if len(data) < length:
            raise self._changed()
        return data

    def _changed(self) -> ImageError:
        return ImageError("changed while it was read", code="changed-while-read", path=self._name or None)


class FileContent(_Descriptor):
    """A regular file of the host. A context manager.

    Raises `ImageError` where it cannot be opened or is no regular file. With `follow` false the last component of the
    path may not be a symlink, as is right for every path that input has a say in.
    """

    def __init__(self, path: str | os.PathLike[str], *, follow: bool = True) -> None:
        name = Path(path).name
        # A FIFO would block without O_NONBLOCK; regular files do not know it.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
        try:
            descriptor = os.open(path, flags)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a path"
            raise ImageError(f"cannot be opened: {reason}", code="unreadable", path=name) from error
        self._stat = os.fstat(descriptor)
        super().__init__(descriptor, self._stat.st_size)
        self._name = name
        if not stat.S_ISREG(self._stat.st_mode):
            self.close()
            raise ImageError("is no regular file", code="unreadable", path=name)

    def verify(self) -> None:
        """Check that size and time of change are what they were. Raises `ImageError` (`changed-while-read`)."""
        if self._descriptor < 0:
            raise ImageClosedError("the image is closed")
        now = os.fstat(self._descriptor)
        if (now.st_size, now.st_mtime_ns) != (self._stat.st_size, self._stat.st_mtime_ns):
            raise self._changed()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SpoolContent(_Descriptor):
    """An anonymous temporary file, gone when it is closed or collected."""

    def __init__(self) -> None:
        try:
            with tempfile.TemporaryFile(buffering=0) as file:
                descriptor = os.dup(file.fileno())
        except OSError as error:
            raise _no_space(error) from error
        super().__init__(descriptor, 0)
        self.digest = ""
        """`sha256:...` of everything, once it was filled."""
        self.occupied = 0
        """The bytes that were written, holes left out."""

    def fill(self, chunks: Iterable[bytes], *, limits: Limits) -> None:
        """Write all chunks and take their digest, each hashed by a thread while the next one is made.

        Runs of zeros become holes, so that a bomb of zeros takes no disk. Raises `LimitExceeded` beyond
        `limits.layer_bytes`, or `limits.spool_bytes` without the holes; `ImageError` (`spool-failed`) where the disk is
        full.
        """
        for _ in self.steps(chunks, limits=limits):
            pass

    def steps(self, chunks: Iterable[bytes], *, limits: Limits) -> Iterator[None]:
        """As `fill`, with a pause behind every chunk, to look at what is there before the next one is made."""
        sha256 = hashlib.sha256()
        hashing: threading.Thread | None = None
        for chunk in chunks:
            if self.size + len(chunk) > limits.layer_bytes:
                raise LimitExceeded(f"more than {limits.layer_bytes} bytes", hint="limit layer_bytes")
            self._write(chunk)
            if self.occupied > limits.spool_bytes:
                message = f"more than {limits.spool_bytes} bytes for temporary files"
                raise LimitExceeded(message, hint="limit spool_bytes")
            if hashing is not None:
                hashing.join()
                hashing = None
            if len(chunk) < _WORTH_A_THREAD:
                sha256.update(chunk)
            else:
                hashing = threading.Thread(target=sha256.update, args=(chunk,), daemon=True)
                hashing.start()
            yield
        if hashing is not None:
            hashing.join()
        self.grow()
        self.digest = f"sha256:{sha256.hexdigest()}"

    def write(self, data: bytes, /) -> None:
        """Append bytes, as an archive's writer does; call `grow` behind the last. Raises what `fill` raises."""
        self._write(data)

    def _write(self, chunk: bytes) -> None:
        at, self.size = self.size, self.size + len(chunk)
        view = memoryview(chunk)
        try:
            for start, end in runs(chunk):
                self.occupied += end - start
                done = start
                while done < end:
                    done += os.pwrite(self._descriptor, view[done:end], at + done)
        except OSError as error:
            raise _no_space(error) from error

    def grow(self) -> None:
        """Give the file its size where it ends in a hole."""
        try:
            os.ftruncate(self._descriptor, self.size)
        except OSError as error:
            raise _no_space(error) from error


class StreamEnded(Exception):  # noqa: N818  an answer of a stream, which whoever reads it ahead takes as such
    """There are fewer bytes than were requested."""


class Filling:
    """A stream on its way into a spool, read by offset: what is asked for and not there yet is taken from the stream.

    Its size is not known, so that `size` is the most that it may have. Satisfies `Content`, but for the end.
    """

    def __init__(self, chunks: Iterable[bytes], *, limits: Limits) -> None:
        self.content = SpoolContent()
        self.size = limits.layer_bytes
        self._steps = self.content.steps(chunks, limits=limits)

    def read_at(self, offset: int, length: int) -> bytes:
        """Exactly these bytes. Raises `StreamEnded` where the stream has fewer, and what `SpoolContent.fill` raises."""
        while self.content.size < offset + length:
            if next(self._steps, self) is self:
                raise StreamEnded
            self.content.grow()
        return self.content.read_at(offset, length)

    def finish(self) -> SpoolContent:
        """Take the rest."""
        for _ in self._steps:
            pass
        return self.content


class Digester:
    """The SHA-256 of a content, taken by a thread beside whatever the caller does; hashlib lets other threads run.

    Close the content only after `result` or `cancel`.
    """

    def __init__(self, content: Content) -> None:
        self._content = content
        self._sha256 = hashlib.sha256()
        self._error: ImageError | ImageClosedError | None = None
        self._stop = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        size = self._content.size
        try:
            for offset in range(0, size, _CHUNK):
                if self._stop:
                    return
                self._sha256.update(self._content.read_at(offset, min(_CHUNK, size - offset)))
        except (ImageError, ImageClosedError) as error:
            self._error = error

    def result(self) -> str:
        """`sha256:` and 64 hex digits; waits. Raises what reading the content raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        if self._stop:
            raise ImageClosedError("the digest was given up")
        return f"sha256:{self._sha256.hexdigest()}"

    def cancel(self) -> None:
        """Give up; safe to call at any time."""
        self._stop = True
        self._thread.join()


@dataclass(slots=True, kw_only=True, eq=False)
class Unpacked:
    """A stored stream (a layer's blob, an archive) and its plain bytes. Close it when the plain bytes are done with."""

    compression: Compression
    content: Content
    """The plain bytes: the source itself, or a spool."""
    notes: tuple[Note, ...]
    """What decompression found."""
    _stored: Digester
    _spool: SpoolContent | None

    @property
    def occupied(self) -> int:
        """The bytes that the spool takes on disk, where there is one."""
        return 0 if self._spool is None else self._spool.occupied

    def digests(self) -> tuple[str, str]:
        """`sha256:...` of the stored and of the plain bytes; waits. Raises `ImageError` where reading failed."""
        stored = self._stored.result()
        return stored, stored if self._spool is None else self._spool.digest

    def close(self) -> None:
        """Release the spool, not the source; safe to call twice."""
        self._stored.cancel()
        if self._spool is not None:
            self._spool.close()


def unpack(source: Content, *, limits: Limits = DEFAULT) -> Unpacked:
    """Make a stream readable by offset: a compressed one goes into a spool once, a plain one stays where it is.

    The digest of the stored bytes is taken beside the decompression, or beside the reading that follows.
    Raises what `decompress` and `SpoolContent.fill` raise.
    """
    compression = sniff(source.read_at(0, min(6, source.size)))
    digester = Digester(source)
    notes: list[Note] = []
    try:
        plain = (
            None if compression is Compression.NONE else spool(decompress(source, notes, limits=limits), limits=limits)
        )
    except BaseException:
        digester.cancel()
        raise
    return Unpacked(
        compression=compression,
        content=source if plain is None else plain,
        notes=tuple(notes),
        _stored=digester,
        _spool=plain,
    )


def spool(chunks: Iterable[bytes], *, limits: Limits = DEFAULT) -> SpoolContent:
    """A spool filled from chunks of any size, with its digest. Raises what `SpoolContent.fill` raises."""
    content = SpoolContent()
    try:
        content.fill(chunks, limits=limits)
    except BaseException:
        content.close()
        raise
    return content


def _check(size: int, offset: int, length: int) -> None:
    if offset < 0 or length < 0 or offset + length > size:
        raise ImageError(f"{length} bytes at {offset} are asked for, where only {size} are", code="short-read")


def _no_space(error: OSError) -> ImageError:
    message = f"the temporary directory cannot take the uncompressed data: {error.strerror}"
    return ImageError(message, code="spool-failed", hint="TMPDIR names another one")
