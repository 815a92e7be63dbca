"""What is known of software, as data: TOML files, each row with its reason, its source, and whom it serves.

`OURS.rows(Companion)` are the rows of one table, which is read when it is first needed; `OURS.named(Wrapper)` finds
them by name. A user's file adds rows to the tables of `FOR_USERS` (docs/companions.md).
"""

from __future__ import annotations

import os  # noqa: TID251  only for the type os.PathLike of a name
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from xraydiff.errors import UsageError
from xraydiff.escaping import escaped
from xraydiff.knowledge.calls import Call, Effect, calls_of
from xraydiff.knowledge.commands import Interpreter, Wrapper
from xraydiff.knowledge.companions import Companion
from xraydiff.knowledge.java import Facility
from xraydiff.knowledge.programs import DataDirectory, Tools
from xraydiff.knowledge.rows import NamedRow, Row
from xraydiff.knowledge.searches import Search
from xraydiff.knowledge.text import read_rows
from xraydiff.limits import DEFAULT, Limits

__all__ = [
    "FOR_USERS",
    "OURS",
    "TABLES",
    "Call",
    "Companion",
    "DataDirectory",
    "Effect",
    "Facility",
    "Knowledge",
    "NamedRow",
    "Row",
    "Search",
    "Tools",
    "calls_of",
    "load",
    "read",
]

R = TypeVar("R", bound=Row)
N = TypeVar("N", bound=NamedRow)

TABLES: Final[tuple[type[Row], ...]] = (Call, Companion, DataDirectory, Facility, Search, Tools, Wrapper, Interpreter)
"""The types of all rows: each knows the name of its table and the file of ours that holds it."""
FOR_USERS: Final[tuple[type[Row], ...]] = (Call, Companion, DataDirectory, Wrapper, Interpreter)
"""What a user's file may hold."""


class Knowledge:
    """The rows of every table: ours, and after them those of a user."""

    def __init__(self, own: Mapping[type[Row], Sequence[Row]] = MappingProxyType({})) -> None:
        """With a user's rows by their type."""
        self._own = {kind: tuple(rows) for kind, rows in own.items()}
        self._rows: dict[type[Row], tuple[Any, ...]] = {}
        self._named: dict[type[Row], Mapping[str, Any]] = {}

    def rows(self, kind: type[R]) -> tuple[R, ...]:
        """The rows of a table, in the order of the files."""
        if kind not in self._rows:
            self._rows[kind] = (*_ours(kind.FILE).get(kind, ()), *self._own.get(kind, ()))
        return self._rows[kind]

    def named(self, kind: type[N]) -> Mapping[str, N]:
        """The rows of a table by each of their names; a user's row counts instead of ours."""
        if kind not in self._named:
            self._named[kind] = MappingProxyType({name: row for row in self.rows(kind) for name in row.names})
        return self._named[kind]


OURS: Final = Knowledge()
"""The rows that come with this package."""


@cache
def _ours(file: str) -> Mapping[type[Row], tuple[Row, ...]]:
    kinds = tuple(kind for kind in TABLES if file == kind.FILE)
    return read_rows(files(__package__).joinpath(file).read_text("utf-8"), file, kinds, DEFAULT)


def load(text: str, name: str = "knowledge.toml", *, limits: Limits = DEFAULT) -> Knowledge:
    """Ours and the rows of a TOML text. Raises `UsageError` that names line and field."""
    return Knowledge(read_rows(text, name, FOR_USERS, limits))


def read(*paths: str | os.PathLike[str], limits: Limits = DEFAULT) -> Knowledge:
    """Ours and the rows of TOML files of the host. Raises `UsageError`: `NAME: line 4: companion[0].then: ...`."""
    own: dict[type[Row], tuple[Row, ...]] = {}
    for path in paths:
        for kind, rows in _of_file(path, limits).items():
            own[kind] = (*own.get(kind, ()), *rows)
    return Knowledge(own) if own else OURS


def _of_file(path: str | os.PathLike[str], limits: Limits) -> Mapping[type[Row], tuple[Row, ...]]:
    name = escaped(Path(path).name)
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(limits.knowledge + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "cannot be read"
        raise UsageError(f"{name}: {reason}") from error
    if len(data) > limits.knowledge:
        raise UsageError(f"{name}: larger than {limits.knowledge} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: not UTF-8 at byte {error.start}") from error
    return read_rows(text, name, FOR_USERS, limits)
