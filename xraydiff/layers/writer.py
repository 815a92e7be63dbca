"""A deterministic tar writer: ustar headers, and PAX records for what does not fit them.

The same calls give the same bytes: no clock, no user names, no host. Names are written as the bytes that they stand
for; one that is no UTF-8 gets `hdrcharset=BINARY` (POSIX.1-2008, pax, "hdrcharset").
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from xraydiff.facts import FileType
from xraydiff.layers.headers import BLOCK, padded
from xraydiff.layers.pax import XATTR
from xraydiff.paths import encoded

__all__ = ["Sink", "TarWriter"]

_KINDS = {
    FileType.FILE: b"0",
    FileType.SYMLINK: b"2",
    FileType.CHARACTER: b"3",
    FileType.BLOCK: b"4",
    FileType.DIRECTORY: b"5",
    FileType.FIFO: b"6",
}
_NAME, _PREFIX = 100, 155
_IDS, _SIZES, _DEVICES = 8**7, 8**11, 8**7


class Sink(Protocol):
    """What an archive is written to."""

    def write(self, data: bytes, /) -> object:
        """Take all bytes."""


class TarWriter:
    """Writes entries in the order in which they are added; `close` ends the archive, not the sink."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def add(
        self,
        name: str,
        kind: FileType = FileType.FILE,
        *,
        mode: int = 0o644,
        uid: int = 0,
        gid: int = 0,
        size: int = 0,
        mtime: int = 0,
        target: str = "",
        hardlink: bool = False,
        device: tuple[int, int] | None = None,
        xattrs: Iterable[tuple[str, bytes]] = (),
        data: Iterable[bytes] = (),
    ) -> None:
        """Write one entry; `data` gives exactly `size` bytes, and only a file that is no hard link has any.

        A directory's name gets its trailing slash. Raises `ValueError` for what tar cannot hold (a socket, a NUL in a
        name, `=` in the name of an attribute, a negative number other than `mtime`) and for data of another length, in
        which case the archive is spoilt.
        """
        stored = encoded(name)
        if kind is FileType.DIRECTORY and not stored.endswith(b"/"):
            stored += b"/"
        link = encoded(target)
        if kind not in _KINDS or not stored or 0 in stored + link:
            raise ValueError(f"tar holds no such entry: {kind} {name!a}")
        if min(mode, uid, gid, size, *(device or ())) < 0 or mode > 0o7777:
            raise ValueError(f"a number out of range: {name!a}")
        if size and (kind is not FileType.FILE or hardlink):
            raise ValueError(f"content where none can be: {name!a}")
        records = _records(stored, link, xattrs, uid=uid, gid=gid, size=size, mtime=mtime)
        if records:
            self._extended(stored, records)
        flag = b"1" if hardlink else _KINDS[kind]
        owner, numbers = (mode, uid, gid), (size, mtime)
        self._sink.write(_header(stored, flag, link=link, owner=owner, numbers=numbers, device=device or (0, 0)))
        self._content(name, size, data)

    def close(self) -> None:
        """Write the two zero blocks that end an archive."""
        self._sink.write(bytes(2 * BLOCK))

    def _content(self, name: str, size: int, data: Iterable[bytes]) -> None:
        written = 0
        for chunk in data:
            written += len(chunk)
            if written > size:
                break
            self._sink.write(chunk)
        if written != size:
            raise ValueError(f"{written} bytes of content or more, where {size} were announced: {name!a}")
        self._sink.write(bytes(padded(size) - size))

    def _extended(self, name: bytes, records: list[tuple[bytes, bytes]]) -> None:
        body = b"".join(_record(key, value) for key, value in records)
        base = bytes(byte if 32 < byte < 127 else 95 for byte in name.rstrip(b"/").rpartition(b"/")[2][:80])
        self._sink.write(_header(b"PaxHeaders/" + base, b"x", owner=(0o644, 0, 0), numbers=(len(body), 0)))
        self._content("extended header", len(body), [body])


def _records(
    name: bytes, link: bytes, xattrs: Iterable[tuple[str, bytes]], *, uid: int, gid: int, size: int, mtime: int
) -> list[tuple[bytes, bytes]]:
    """What the plain header cannot say, in a fixed order."""
    records: list[tuple[bytes, bytes]] = []
    if not name.isascii() or _split(name) is None:
        records.append((b"path", name))
    if not link.isascii() or len(link) > _NAME:
        records.append((b"linkpath", link))
    numbers = ((b"uid", uid, _IDS), (b"gid", gid, _IDS), (b"size", size, _SIZES), (b"mtime", mtime, _SIZES))
    records += [(key, b"%d" % value) for key, value, bound in numbers if not 0 <= value < bound]
    attributes = [(encoded(key), value) for key, value in sorted(xattrs)]
    for key, value in attributes:
        if not key or b"=" in key or 0 in key:
            raise ValueError(f"a PAX record cannot hold an attribute of this name: {key!r}")
        records.append((XATTR + key, value))
    if any(not _is_utf8(value) for key, value in records if key in (b"path", b"linkpath")):
        records.insert(0, (b"hdrcharset", b"BINARY"))
    return records


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _record(key: bytes, value: bytes) -> bytes:
    """`LENGTH KEY=VALUE` and a newline, where LENGTH counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """A name as prefix and name of a ustar header, or None where it does not fit."""
    if len(name) <= _NAME:
        return b"", name
    slash = name.rfind(b"/", len(name) - _NAME - 1, min(_PREFIX + 1, len(name) - 1))
    if slash < 1:
        return None
    return name[:slash], name[slash + 1 :]


def _header(
    name: bytes,
    kind: bytes,
    *,
    owner: tuple[int, int, int],
    numbers: tuple[int, int],
    link: bytes = b"",
    device: tuple[int, int] = (0, 0),
) -> bytes:
    """A ustar header; what does not fit is cut or 0, since a PAX record says it."""
    before, base = _split(name) or (b"", name[:_NAME])
    size, mtime = numbers
    if max(device) >= _DEVICES:
        raise ValueError("a device number that tar cannot hold")
    fields = (
        base.ljust(_NAME, b"\0"),
        *(b"%07o\0" % (value if value < _IDS else 0) for value in owner),
        *(b"%011o\0" % (value if 0 <= value < _SIZES else 0) for value in (size, mtime)),
        b" " * 8,
        kind,
        link[:_NAME].ljust(_NAME, b"\0"),
        b"ustar\x0000",
        bytes(64),
        *(b"%07o\0" % value for value in device),
        before.ljust(_PREFIX, b"\0"),
        bytes(12),
    )
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]
