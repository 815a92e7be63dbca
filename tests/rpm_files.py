"""Databases of rpm in all three forms, written from their specifications: inputs for tests of the readers."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

Value = str | int | Sequence[str] | Sequence[int]

NAME, VERSION, RELEASE, EPOCH, ARCH = 1000, 1001, 1002, 1003, 1022
OLDFILENAMES, FILEMODES, FILEDIGESTS, FILEFLAGS = 1027, 1030, 1035, 1037
PROVIDENAME, REQUIRENAME = 1047, 1049
DIRINDEXES, BASENAMES, DIRNAMES, FILEDIGESTALGO = 1116, 1117, 1118, 5011
_SHORT = {FILEMODES}


def header(tags: Mapping[int, Value]) -> bytes:
    """A header blob as databases hold it: lengths, index, data."""
    index, data = b"", b""
    for tag, value in tags.items():
        kind, width, count, raw = _encoded(tag, value)
        data += b"\0" * (-len(data) % width)
        index += struct.pack(">IIII", tag, kind, len(data), count)
        data += raw
    return struct.pack(">II", len(index) // 16, len(data)) + index + data


def _encoded(tag: int, value: Value) -> tuple[int, int, int, bytes]:
    if isinstance(value, str):
        return 6, 1, 1, value.encode() + b"\0"
    items = [value] if isinstance(value, int) else list(value)
    if all(isinstance(item, int) for item in items):
        code, kind = ("H", 3) if tag in _SHORT else ("I", 4)
        return kind, struct.calcsize(code), len(items), struct.pack(f">{len(items)}{code}", *items)
    return 8, 1, len(items), b"".join(str(item).encode() + b"\0" for item in items)


def package(name: str, files: Mapping[str, int] | None = None, **more: Value) -> bytes:
    """A header of a package with files by path and mode; `more` takes names of tags."""
    tags: dict[int, Value] = {NAME: name, VERSION: "1", RELEASE: "2", ARCH: "x86_64"}
    if files:
        folders = sorted({path.rpartition("/")[0] + "/" for path in files})
        tags[FILEMODES] = list(files.values())
        tags[DIRINDEXES] = [folders.index(path.rpartition("/")[0] + "/") for path in files]
        tags[BASENAMES] = [path.rpartition("/")[2] for path in files]
        tags[DIRNAMES] = folders
    tags.update({globals()[name]: value for name, value in more.items()})
    return header(tags)


def sqlite(blobs: Sequence[bytes], extra: str = "") -> bytes:
    """A database as rpm's sqlite backend makes it, with more SQL run at the end."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
        database.execute("CREATE TABLE 'Name' (key TEXT NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL)")
        database.executemany("INSERT INTO Packages (blob) VALUES (?)", [(blob,) for blob in blobs])
        database.commit()
        database.executescript(extra)
        return database.serialize()


def sqlite_with_log(folder: Path, before: Sequence[bytes], after: Sequence[bytes]) -> tuple[bytes, bytes]:
    """A database and its write-ahead log as they stand while a process has them open; `after` is in the log only."""
    path = folder / "rpmdb.sqlite"
    path.write_bytes(sqlite(before))
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA wal_autocheckpoint=0")
        database.executemany("INSERT INTO Packages (blob) VALUES (?)", [(blob,) for blob in after])
        database.commit()
        return path.read_bytes(), (folder / "rpmdb.sqlite-wal").read_bytes()


def ndb(blobs: Sequence[bytes]) -> bytes:
    """A `Packages.db` with one page of slots."""
    slots, body = b"", b""
    for number, blob in enumerate(blobs, 1):
        room = -(-(16 + len(blob) + 12) // 16) * 16
        data = struct.pack("<4sIII", b"BlbS", number, 1, len(blob)) + blob
        data += b"\0" * (room - 12 - len(data))
        data += struct.pack("<II4s", zlib.adler32(data), len(blob), b"BlbE")
        slots += struct.pack("<4sIII", b"Slot", number, (4096 + len(body)) // 16, room // 16)
        body += data
    page = struct.pack("<4sIIIIIII", b"RpmP", 0, 1, 1, len(blobs) + 1, 0, 0, 0) + slots
    return page + struct.pack("<4sIII", b"Slot", 0, 0, 0) * ((4096 - len(page)) // 16) + body


def bdb(blobs: Sequence[bytes], *, order: str = "<", page: int = 4096, inline: bool = False) -> bytes:
    """A hash database with one page of entries; values in chains of pages, or `inline` on that page."""
    chains: list[bytes] = []
    items = [b"\x01" + struct.pack(f"{order}I", 0), b"\x01" + struct.pack(f"{order}I", len(blobs))]
    for number, blob in enumerate(blobs, 1):
        items.append(b"\x01" + struct.pack(f"{order}I", number))
        if inline:
            items.append(b"\x01" + blob)
            continue
        first = 2 + len(chains)
        parts = [blob[at : at + page - 26] for at in range(0, len(blob), page - 26)]
        for index, part in enumerate(parts):
            following = first + index + 1 if index + 1 < len(parts) else 0
            head = struct.pack(f"{order}8xIIIHHBB", first + index, 0, following, 1, len(part), 0, 7)
            chains.append((head + part).ljust(page, b"\0"))
        items.append(b"\x03\0\0\0" + struct.pack(f"{order}II", first, len(blob)))
    last = 1 + len(chains)
    meta = struct.pack(f"{order}8xIIIIBBBBIIIII", 0, 0x061561, 9, page, 0, 8, 0, 0, 0, last, 0, len(blobs), len(blobs))
    return meta.ljust(page, b"\0") + _entries(items, order, page) + b"".join(chains)


def _entries(items: Sequence[bytes], order: str, page: int) -> bytes:
    starts: list[int] = []
    body = b""
    for item in items:
        body = item + body
        starts.append(page - len(body))
    head = struct.pack(f"{order}8xIIIHHBB", 1, 0, 0, len(items), starts[-1], 0, 13)
    head += struct.pack(f"{order}{len(items)}H", *starts)
    return head.ljust(page - len(body), b"\0") + body
