"""The TOML text of tables of knowledge: rows with the line and the field of what is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import TypeVar

from xraydiff.errors import UsageError
from xraydiff.escaping import escaped
from xraydiff.knowledge.rows import Row, WrongRowError, row_of, shown
from xraydiff.limits import Limits

__all__ = ["read_rows"]

R = TypeVar("R", bound=Row)


def read_rows(text: str, name: str, kinds: Sequence[type[Row]], limits: Limits) -> Mapping[type[Row], tuple[Row, ...]]:
    """The rows of each table of a text, which may hold the tables of `kinds` and nothing else.

    Raises `UsageError` that names file, line and field: `NAME: line 4: companion[0].then: must be a list of texts`.
    """
    document = _document(text, name, limits)
    tables = {kind.TABLE: kind for kind in kinds}
    wanted = ", ".join(f"[[{table}]]" for table in sorted(tables))
    if not document or not set(document) <= set(tables) or not all(_is_array(rows) for rows in document.values()):
        raise UsageError(f"{name}: the text must hold {wanted} tables and nothing else")
    found = {table: rows for table, rows in document.items() if isinstance(rows, list)}
    if sum(map(len, found.values())) > limits.knowledge_rows:
        raise UsageError(f"{name}: more than {limits.knowledge_rows} rows")
    return {tables[table]: _rows(tables[table], rows, text, name) for table, rows in found.items()}


def _is_array(rows: object) -> bool:
    return isinstance(rows, list) and bool(rows)


def _document(text: str, name: str, limits: Limits) -> dict[str, object]:
    # A parser of TOML looks at a key of thousands of parts thousands of times; no row needs such a line.
    long = next((n for n, line in enumerate(text.split("\n"), 1) if len(line) > limits.knowledge_line), 0)
    if long:
        raise UsageError(f"{name}: line {long}: longer than {limits.knowledge_line} characters")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said, _, place = str(error).rpartition(" (at ")
        line = re.match(r"line ([0-9]+)", place)
        where = f"line {line[1]}: " if line else ""
        raise UsageError(f"{name}: {where}not TOML: {escaped(said or str(error))}") from error
    except RecursionError as error:
        raise UsageError(f"{name}: nested too deep") from error
    except ValueError as error:  # a number of too many digits
        raise UsageError(f"{name}: not TOML: {escaped(str(error))}") from error


def _rows(kind: type[R], rows: Sequence[object], text: str, name: str) -> tuple[R, ...]:
    made: list[R] = []
    for index, row in enumerate(rows):
        field = f"{kind.TABLE}[{index}]"
        if not isinstance(row, dict):
            raise UsageError(f"{name}: {field}: is no table")
        try:
            made.append(row_of(kind, row))
        except WrongRowError as error:
            line = _line(text, kind.TABLE, len(rows), index, error.key)
            where = f"line {line}: " if line else ""
            raise UsageError(f"{name}: {where}{field}.{shown(error.key)}: {error.message}") from error
    return tuple(made)


def _line(text: str, table: str, rows: int, index: int, key: str) -> int:
    """Line of a key of a row, else of the row, 0 where that is not known: the parser keeps no places."""
    lines = text.split("\n")
    head = re.compile(rf"\s{{0,100}}\[\[\s{{0,100}}{re.escape(table)}\s{{0,100}}\]\]")
    heads = [number for number, line in enumerate(lines, 1) if head.match(line)]
    if len(heads) != rows:
        return 0
    first = heads[index]
    other = (number for number, line in enumerate(lines, 1) if number > first and line.lstrip().startswith("[["))
    end = next(other, len(lines) + 1)
    start = re.compile(rf"\s{{0,100}}[\"']?{re.escape(key)}[\"']?\s{{0,100}}=")
    return next((number for number in range(first + 1, end) if start.match(lines[number - 1])), first)
