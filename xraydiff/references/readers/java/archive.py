"""Zip archives as the JVM reads them: the central directory decides, entries are expanded one by one within bounds."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, decoded
from xraydiff.tree import FileTree

__all__ = ["Archive", "Budget", "Cost", "JarError", "names_in"]

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL_TAIL = struct.Struct("<2H")
_END_MAGIC, _END64_MAGIC, _LOCATOR_MAGIC = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_CENTRAL_MAGIC, _LOCAL_MAGIC = b"PK\x01\x02", b"PK\x03\x04"
_COMMENT = 0xFFFF
_TAIL = _COMMENT + _END.size + _END64.size + _LOCATOR.size
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 1
_LOCAL_SIZE = 30


class JarError(Exception):
    """A zip archive that cannot be read; `reason` is a gap's word. It never leaves this folder."""

    def __init__(self, reason: str, detail: str) -> None:
        """`reason` is `malformed` or `too-large`."""
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What was read of archives and classes."""

    bytes: int = 0
    classes: int = 0
    code: int = 0


class Budget:
    """What may still be read of archives and classes: of one file, or of all of an image."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bytes = limits.jar_bytes
        self._classes = limits.jar_classes
        self._code = limits.jar_code

    @property
    def limits(self) -> Limits:
        """The limits for one further file; none is below 1."""
        return replace(
            self._limits,
            jar_bytes=max(1, self._bytes),
            jar_classes=max(1, self._classes),
            jar_code=max(1, self._code),
        )

    @property
    def spent(self) -> Cost:
        """What was counted."""
        limits = self._limits
        return Cost(
            bytes=limits.jar_bytes - self._bytes,
            classes=limits.jar_classes - self._classes,
            code=limits.jar_code - self._code,
        )

    def charge(self, cost: Cost) -> None:
        """Count what was read of one file."""
        self._bytes = max(0, self._bytes - cost.bytes)
        self._classes = max(0, self._classes - cost.classes)
        self._code = max(0, self._code - cost.code)

    def expand(self, size: int) -> None:
        """Count expanded bytes. Raises `JarError`."""
        if size > self._bytes:
            raise JarError("too-large", "archives expand to more bytes than are read")
        self._bytes -= size

    def take_class(self) -> None:
        """Count a class. Raises `JarError`."""
        if not self._classes:
            raise JarError("too-large", "archives hold more classes than are read")
        self._classes -= 1

    def take_code(self, size: int) -> bool:
        """Count bytes of classes whose instructions are looked at; whether they may be."""
        if size > self._code:
            return False
        self._code -= size
        return True


class Archive:
    """The entries of a zip archive by name (APPNOTE.TXT 6.3.10); of a name that stands twice the last counts.

    Bytes may stand before the archive, as in a self-starting jar. Raises `JarError` for what is no archive and for one
    with more than `Limits.jar_entries` entries.
    """

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data = data
        self._limits = limits
        self._base, start, size, count = _directory(data)
        if count > limits.jar_entries:
            raise JarError("too-large", f"{count} entries")
        self._records: dict[str, int] = dict(_records(data, start, start + size, limits.jar_entries))

    def __contains__(self, name: str) -> bool:
        return name in self._records

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all entries, in the order of the central directory."""
        return tuple(self._records)

    def read(self, name: str, budget: Budget) -> bytes:
        """The content of an entry, empty where there is none. Raises `JarError`."""
        at = self._records.get(name)
        if at is None:
            return b""
        fields = _CENTRAL.unpack_from(self._data, at)
        flags, method, packed, size, extra, offset = fields[3], fields[4], fields[8], fields[9], fields[11], fields[16]
        if flags & _ENCRYPTED:
            raise JarError("malformed", f"{name} is encrypted")
        if _FULL32 in (packed, size, offset):
            raw = self._data[at + _CENTRAL.size + fields[10] : at + _CENTRAL.size + fields[10] + extra]
            size, packed, offset = _zip64(raw, size, packed, offset)
        if size > self._limits.jar_entry:
            raise JarError("too-large", f"{name} has {size} bytes")
        budget.expand(size)
        return _expanded(self._stored(name, offset, packed), method, size, name)

    def _stored(self, name: str, offset: int, packed: int) -> memoryview:
        """The bytes of an entry as they stand in the archive; names and extra fields of its own header are passed."""
        at = self._base + offset
        if not 0 <= at <= len(self._data) - _LOCAL_SIZE or self._data[at : at + 4] != _LOCAL_MAGIC:
            raise JarError("malformed", f"{name} has no header where the directory says")
        start = at + _LOCAL_SIZE + sum(_LOCAL_TAIL.unpack_from(self._data, at + _LOCAL_SIZE - 4))
        if start + packed > len(self._data):
            raise JarError("malformed", f"{name} ends behind the archive")
        return memoryview(self._data)[start : start + packed]


def names_in(tree: FileTree, path: ImagePath, limits: Limits) -> tuple[str, ...]:
    """Names of the entries of an archive in an image, of which only the central directory is read.

    Raises `JarError`, and `ImageError` as `FileTree.read_at` does.
    """
    size = tree.files[path].size
    start = max(0, size - _TAIL)
    tail = tree.read_at(path, start, size - start)
    end = _find_end(tail)
    count, length, offset = _END.unpack_from(tail, end)[4:7]
    if count == _FULL16 or _FULL32 in (length, offset):
        end, count, length, _ = _find_end64(tail, end, (count, length, offset))
    if length > limits.jar_bytes:
        raise JarError("too-large", f"a central directory of {length} bytes")
    if length > start + end:
        raise JarError("malformed", "the central directory lies outside of the archive")
    directory = tree.read_at(path, start + end - length, length)
    return tuple(name for name, _ in _records(directory, 0, length, limits.jar_entries))


def _directory(data: bytes) -> tuple[int, int, int, int]:
    """Bytes before the archive, offset and size of the central directory, and the number of entries that it claims."""
    end = _find_end(data)
    _, _, _, _, count, size, offset, _ = _END.unpack_from(data, end)
    if count == _FULL16 or _FULL32 in (size, offset):
        end, count, size, offset = _find_end64(data, end, (count, size, offset))
    base = end - size - offset
    if base < 0 or size > end:
        raise JarError("malformed", "the central directory lies outside of the archive")
    return base, end - size, size, count


def _find_end(data: bytes) -> int:
    """The last end record whose comment reaches the end of the file."""
    lowest = max(0, len(data) - _END.size - _COMMENT)
    at = len(data)
    while (at := data.rfind(_END_MAGIC, lowest, at + 3)) >= 0:
        if at + _END.size <= len(data) and at + _END.size + _END.unpack_from(data, at)[-1] == len(data):
            return at
        if at == lowest:
            break
    raise JarError("malformed", "no end of central directory")


def _find_end64(data: bytes, end: int, plain: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """The Zip64 end record in front of its locator; the plain numbers where there is none."""
    at = end - _LOCATOR.size
    record = at - _END64.size
    if record < 0 or data[at : at + 4] != _LOCATOR_MAGIC or data[record : record + 4] != _END64_MAGIC:
        return (end, *plain)
    *_, count, size, offset = _END64.unpack_from(data, record)
    return record, count, size, offset


def _records(data: bytes, at: int, end: int, most: int) -> Iterator[tuple[str, int]]:
    """Name and offset of each central record; the directory's size bounds them, whatever the end record counts."""
    for _ in range(most + 1):
        if at >= end:
            return
        if at + _CENTRAL.size > end or data[at : at + 4] != _CENTRAL_MAGIC:
            raise JarError("malformed", f"no entry at byte {at} of the central directory")
        name, extra, comment = struct.unpack_from("<3H", data, at + 28)
        start = at + _CENTRAL.size
        if start + name + extra + comment > end:
            raise JarError("malformed", f"the entry at byte {at} ends behind the central directory")
        yield decoded(data[start : start + name]), at
        at = start + name + extra + comment
    raise JarError("too-large", f"more than {most} entries")


def _zip64(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Sizes and offset from the Zip64 extra field (APPNOTE.TXT 4.5.3): only those whose plain field is full."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            numbers = iter(struct.unpack_from(f"<{min(length, len(extra) - at - 4) // 8}Q", extra, at + 4))
            size, packed, offset = (
                next(numbers, plain) if plain == _FULL32 else plain for plain in (size, packed, offset)
            )
            break
        at += 4 + length
    return size, packed, offset


def _expanded(stored: memoryview, method: int, size: int, name: str) -> bytes:
    """Exactly `size` bytes: an entry that holds more or fewer lies about itself."""
    if method == _STORED:
        content = bytes(stored[: size + 1])
    elif method == _DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = inflater.decompress(stored, size + 1)
        except zlib.error as error:
            raise JarError("malformed", f"{name}: {error}") from error
    else:
        raise JarError("malformed", f"{name} is packed by method {method}")
    if len(content) != size:
        raise JarError("malformed", f"{name} does not have the {size} bytes that the directory says")
    return content
