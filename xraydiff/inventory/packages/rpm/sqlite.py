"""rpm's SQLite database (`rpmdb.sqlite`), opened as what it is: a program for a virtual machine from a stranger.

SQLite, "Defense Against The Dark Arts". The bytes are opened in memory, so no file of the image (`-journal`, `-wal`)
can stand beside them; what the write-ahead log holds is put in first, by "The WAL File Format".
"""

from __future__ import annotations

import sqlite3
import struct
from array import array
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from xraydiff.inventory.packages.rpm.source import BadDatabase, Blob, Source
from xraydiff.limits import MIB, Limits

__all__ = ["MAGIC", "Log", "log_head", "read"]

MAGIC: Final = b"SQLite format 3\0"
_HEADER: Final = 100
_PAGE_SIZES: Final = frozenset(1 << power for power in range(9, 17))
_LOG_HEADER = struct.Struct(">IIIIIIII")
_FRAME = struct.Struct(">IIIIII")
_LOG_MAGIC: Final = 0x377F0682
_LOG_VERSION: Final = 3_007_000
_CALLBACK: Final = 1_000
"""Instructions of SQLite's virtual machine between two looks at the clock that they are."""
_STATEMENTS: Final = 256 << 10
"""Bytes of an SQL text: rpm's whole schema has 3 KB."""
_MESSAGE: Final = 200
_SCHEMA = "SELECT type, name, rootpage FROM sqlite_master WHERE type IN ('view', 'trigger') OR lower(name) = 'packages'"


def read(source: Source, log: bytes = b"") -> Iterator[Blob]:
    """The headers of table Packages, by package number, with what the write-ahead log adds. Raises `BadDatabase`."""
    limits = source.limits
    with closing(sqlite3.connect(":memory:")) as database:
        try:
            _protect(database, limits)
            database.deserialize(_content(source, log))
            for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0", "query_only=ON"):
                database.execute(f"PRAGMA {pragma}").close()
            _check(database)
            yield from _rows(database, limits)
            # A damaged page can hide rows without an error; the table's pages are checked, not its many indexes.
            (verdict,) = database.execute("PRAGMA quick_check('Packages')").fetchone()
            if verdict != "ok":
                raise BadDatabase(f"SQLite: {verdict}"[:_MESSAGE])
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            raise BadDatabase(f"SQLite: {error}") from error


def _protect(database: sqlite3.Connection, limits: Limits) -> None:
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, limits.package_record)
    database.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, _STATEMENTS)
    database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    database.setlimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1)
    left = limits.rpm_steps // _CALLBACK

    def stop() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    database.set_progress_handler(stop, _CALLBACK)


def _check(database: sqlite3.Connection) -> None:
    """Whether `Packages` is a plain table: a view or a computed column would run whatever its author wrote."""
    rows = database.execute(_SCHEMA).fetchmany(2)
    if not rows:
        raise BadDatabase("SQLite: no table Packages")
    if len(rows) > 1 or rows[0][0] != "table" or not isinstance(rows[0][2], int) or rows[0][2] < 1:
        raise BadDatabase("SQLite: views, triggers or virtual tables, which rpm does not make")
    columns = database.execute("SELECT name, hidden FROM pragma_table_xinfo('Packages')").fetchmany(3)
    if sorted(columns) != [("blob", 0), ("hnum", 0)]:
        raise BadDatabase("SQLite: the columns of Packages are not rpm's")


def _rows(database: sqlite3.Connection, limits: Limits) -> Iterator[Blob]:
    size = 0
    for (blob,) in database.execute("SELECT blob FROM Packages NOT INDEXED ORDER BY rowid"):
        if not isinstance(blob, bytes):
            raise BadDatabase("SQLite: a package that is no blob")
        size += len(blob)
        if size > limits.rpm_database:
            raise BadDatabase(f"SQLite: more than {limits.rpm_database} bytes of packages")
        yield Blob(at=-1, data=blob)


def _content(source: Source, log: bytes) -> bytearray:
    """The database with its log put in, and in the form that needs none: one in memory cannot have a log (1.3.3)."""
    content = bytearray(source.size)
    for offset in range(0, source.size, MIB):
        content[offset : offset + MIB] = source.read(offset, MIB)
    if len(content) < _HEADER or not content.startswith(MAGIC):
        raise BadDatabase("SQLite: not a database", 0)
    head = log_head(log)
    if head is not None and _page_size(content) == head.page:
        _put_in(content, log, head, source.limits)
    content[18:20] = b"\1\1"
    return content


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """The header of a write-ahead log."""

    page: int
    salts: tuple[int, int]
    order: str
    """Of the words that the checksums add up."""
    start: tuple[int, int]
    """The checksum of the log's header, with which that of the first frame goes on."""


def _put_in(content: bytearray, log: bytes, head: Log, limits: Limits) -> None:
    """Write the committed pages of the log into the database.

    Frames from before the last checkpoint, and what was never committed, stand in real logs too and are left out.
    """
    pages, count = _committed(log, head)
    if not count:
        return
    size = count * head.page
    if size > limits.rpm_database:
        raise BadDatabase(f"SQLite: a log that makes the database larger than {limits.rpm_database} bytes")
    del content[size:]
    content.extend(bytes(size - len(content)))
    for number, at in pages.items():
        if number <= count:
            content[(number - 1) * head.page : number * head.page] = log[at : at + head.page]


def _page_size(content: bytearray) -> int:
    (size,) = struct.unpack_from(">H", content, 16)
    return 65_536 if size == 1 else int(size)


def log_head(log: bytes) -> Log | None:
    """What a write-ahead log begins with; None where SQLite itself would not read it."""
    if len(log) < _LOG_HEADER.size:
        return None
    magic, version, page, _, first, second, *sums = _LOG_HEADER.unpack_from(log)
    if magic & ~1 != _LOG_MAGIC or version != _LOG_VERSION or page not in _PAGE_SIZES:
        return None
    order = ">" if magic & 1 else "<"
    start = _checksum(log[: _LOG_HEADER.size - 8], order, (0, 0))
    return Log(page=page, salts=(first, second), order=order, start=start) if start == tuple(sums) else None


def _committed(log: bytes, head: Log) -> tuple[dict[int, int], int]:
    """Where the newest committed content of each page stands, and how many pages the database then has."""
    committed: dict[int, int] = {}
    pending: dict[int, int] = {}
    pages, running = 0, head.start
    for at in range(_LOG_HEADER.size, len(log) - _FRAME.size - head.page + 1, _FRAME.size + head.page):
        number, commit, first, second, *sums = _FRAME.unpack_from(log, at)
        if (first, second) != head.salts or not number:
            break
        body = at + _FRAME.size
        running = _checksum(log[at : at + 8], head.order, running)
        running = _checksum(log[body : body + head.page], head.order, running)
        if running != tuple(sums):
            break
        pending[number] = body
        if commit:
            committed.update(pending)
            pending.clear()
            pages = commit
    return committed, pages


def _checksum(data: bytes, order: str, start: tuple[int, int]) -> tuple[int, int]:
    first, second = start
    words = array("I", data)
    if (order == ">") == (_HOST == "<"):
        words.byteswap()
    for index in range(0, len(words), 2):
        first = (first + words[index] + second) & 0xFFFFFFFF
        second = (second + words[index + 1] + first) & 0xFFFFFFFF
    return first, second


_HOST: Final = "<" if array("H", [1]).tobytes() == b"\1\0" else ">"
