"""Rows of knowledge: what every row must say, and how the values of a TOML table become those of a dataclass.

A row's type declares its table: `TABLE` is the name in the text, `FILE` the file of ours, its fields are the keys (a
trailing underscore is dropped: `except_`). Fields may be texts, numbers, booleans, enums, regular expressions, tuples
and sets of these, mappings, dataclasses, and classes with a method `of(text)`. A set of texts may be one text of words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum, IntEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, ClassVar, Final, Protocol, TypeVar, get_args, get_origin, get_type_hints

from xraydiff.escaping import escaped
from xraydiff.paths import encoded

__all__ = ["NamedRow", "Row", "WrongRowError", "allowed", "row_of", "shown"]

R = TypeVar("R", bound="Row")
_SHOWN: Final = 80


class WrongRowError(ValueError):
    """A key of a row whose value is not what it must be; the loader adds file, line and row."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What every row of every table must say."""

    TABLE: ClassVar[str]
    """Its name in the text: rows are `[[TABLE]]`."""
    FILE: ClassVar[str]
    """The file of ours that holds the table."""
    SERVES: ClassVar[int] = 1
    """How many different things `serves` must name."""

    reason: str
    """Why it is so, for people; findings may show it."""
    source: str
    """Where the software's own documentation or source says so."""
    serves: tuple[str, ...]
    """Whom the row is for: packages or images of tests, or published specifications."""

    def check(self) -> None:
        """Raise `WrongRowError` where values contradict each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRow(Row):
    """A row that is looked up by its names; of two rows with the same name the later one counts."""

    names: frozenset[str]


class _FromText(Protocol):
    @classmethod
    def of(cls, text: str) -> Any:
        """The value that a text stands for; raises `ValueError` with a message."""


def allowed(*values: Enum) -> Mapping[str, Any]:
    """Metadata of a field that takes only some values of its enum."""
    return {"allowed": values}


def shown(text: str) -> str:
    """A text of the file as it may stand in an error."""
    return escaped(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def row_of(kind: type[R], table: Mapping[str, object]) -> R:
    """The row that a TOML table holds. Raises `WrongRowError`."""
    row: R = _made(kind, table, "")
    if len(set(row.serves)) < row.SERVES:
        wanted = "two packages or images at least: a row for one image is no rule"
        raise WrongRowError("serves", f"must name {wanted}")
    row.check()
    return row


def _made(kind: Any, table: Mapping[str, object], outer: str) -> Any:
    """A dataclass from a table; `outer` is the key of the row that holds the table, empty for the row itself."""
    known = _keys(kind)
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise WrongRowError(outer or unknown[0], f"unknown key; known are {', '.join(sorted(known))}")
    values: dict[str, Any] = {}
    for key, (field, hint) in known.items():
        if key in table or (field.default is MISSING and field.default_factory is MISSING):
            values[field.name] = _value(table.get(key), hint, outer or key, field.metadata.get("allowed"))
    return kind(**values)


@cache
def _keys(kind: type[Any]) -> Mapping[str, tuple[Field[Any], Any]]:
    """The keys of a table with the fields that they fill and the fields' types."""
    hints = get_type_hints(kind)
    return {field.name.rstrip("_"): (field, hints[field.name]) for field in fields(kind)}


def _value(value: object, hint: Any, key: str, allowed: Sequence[Enum] | None = None) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is UnionType:
        (hint,) = (one for one in inner if one is not NoneType)
        return _value(value, hint, key, allowed)
    if origin is frozenset and inner[0] is str and isinstance(value, str):
        return frozenset(_text(value, key).split())
    if origin in (tuple, frozenset):
        return origin(_items(value, inner[0], key))
    if origin is re.Pattern:
        return _expression(_text(value, key), key, inner[0])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {name: _value(one, inner[1], key) for name, one in _table(value, key).items()}
    if issubclass(hint, Enum):
        return _word(value, allowed or tuple(hint), key)
    if _is_table(hint):
        return _made(hint, _table(value, key), key)
    return _simple(value, hint, key)


def _is_table(hint: type[Any]) -> bool:
    return is_dataclass(hint) and not hasattr(hint, "of")


def _simple(value: object, hint: Any, key: str) -> Any:
    if hint is str:
        return _text(value, key)
    if hint in (int, bool):
        if type(value) is not hint:
            raise WrongRowError(key, f"must be {'a number' if hint is int else 'true or false'}")
        return value
    maker: type[_FromText] = hint
    text = _text(value, key)
    try:
        return maker.of(text)
    except ValueError as error:
        raise WrongRowError(key, f"{shown(text)}: {error}") from error


def _text(value: object, key: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise WrongRowError(key, "must be a text")
    return value


def _items(value: object, hint: Any, key: str) -> Iterable[Any]:
    texts = hint is str or hasattr(hint, "of")
    if not isinstance(value, list) or not value or (texts and not all(isinstance(one, str) and one for one in value)):
        raise WrongRowError(key, f"must be a list of {'texts' if texts else 'values'}")
    return [_value(one, hint, key) for one in value]


def _table(value: object, key: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise WrongRowError(key, "must be a table")
    return value


def _word(value: object, known: Sequence[Enum], key: str) -> Enum:
    words = {one.name.lower() if isinstance(one, IntEnum) else str(one.value): one for one in known}
    if not isinstance(value, str) or value not in words:
        raise WrongRowError(key, f"must be one of {', '.join(sorted(words))}")
    return words[value]


def _expression(text: str, key: str, kind: type[str | bytes]) -> re.Pattern[Any]:
    if _repeats_a_repeat(text):
        raise WrongRowError(key, "repeats a group that repeats, which can take for ever: write it without")
    try:
        return re.compile(encoded(text), re.MULTILINE) if kind is bytes else re.compile(text, re.MULTILINE)
    except (re.error, OverflowError, RecursionError, UnicodeEncodeError) as error:
        raise WrongRowError(key, f"no regular expression: {escaped(str(error))}") from error


def _repeats_a_repeat(pattern: str) -> bool:
    """Whether a repeated group holds a repetition without a bound: `(a+)+` takes twice as long with each letter."""
    open_groups = [False]
    repeats_inside = False
    for token in _TOKEN.finditer(pattern):
        text = token[0]
        if text == "(":
            open_groups.append(False)
        elif text == ")" or text.startswith(")"):
            inside = open_groups.pop() if len(open_groups) > 1 else False
            again = text.endswith(_UNBOUNDED)
            repeats_inside |= inside and again
            open_groups[-1] |= inside or again
        elif text.endswith(_UNBOUNDED) and not text.startswith("\\"):
            open_groups[-1] = True
    return repeats_inside


_TOKEN: Final = re.compile(r"\\.|\[\^?\]?(?:[^\]\\]|\\.)*\]|\)(?:[*+]|\{[0-9]*,\})?|\(|[*+]|\{[0-9]*,\}", re.DOTALL)
_UNBOUNDED: Final = ("*", "+", ",}")
