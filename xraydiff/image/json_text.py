"""How JSON that others wrote becomes typed values: strict, bounded, and every error names the field."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import NoReturn

from xraydiff.errors import ImageError, LimitExceeded
from xraydiff.image.json_memory import Meter, TooCostly, TooDeep
from xraydiff.limits import Limits
from xraydiff.paths import escaped

__all__ = ["Fields", "canonical_json", "parse_json", "shown"]

_DIGITS = 30
"""A 64-bit number has twenty; more are an attack on conversion."""
_SHOWN = 200
"""Characters of their text that a message repeats."""


def shown(text: str) -> str:
    """Their text for one line of ours: escaped, and cut where it is long."""
    return escaped(text[:_SHOWN]) + ("..." if len(text) > _SHOWN else "")


def parse_json(data: bytes, *, what: str, limits: Limits) -> object:
    """The value of a JSON text (RFC 8259), stricter than `json.loads`.

    Refused with `ImageError` of code `bad-json`: bytes that are not UTF-8, a byte order mark, NaN and infinities,
    numbers of more than thirty characters, a key that an object has twice, brackets deeper than `limits.json_depth`.
    More bytes than `limits.manifest`, and values that take much more memory than their text (`limits.json_expansion`),
    raise `LimitExceeded`. Escaped lone surrogates are allowed, as JSON allows them.
    """
    if len(data) > limits.manifest:
        raise LimitExceeded(f"{what} has {len(data)} bytes, more than {limits.manifest}", hint="limit manifest")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _bad(what, f"not UTF-8 at byte {error.start}") from None
    if text.startswith("\ufeff"):
        raise _bad(what, "starts with a byte order mark")
    most = limits.json_free + limits.json_expansion * len(data)
    try:
        strict = _Strict(what, Meter(text, depth=limits.json_depth, most=most))
        parsed: object = json.loads(
            text,
            parse_int=strict.number,
            parse_float=strict.fraction,
            parse_constant=strict.constant,
            object_pairs_hook=strict.pairs,
        )
    except json.JSONDecodeError as error:
        raise _bad(what, f"{error.msg} in line {error.lineno}, column {error.colno}") from None
    except TooDeep:
        message = f"{what} nests deeper than {limits.json_depth} levels"
        raise ImageError(message, code="bad-json", hint="limit json_depth") from None
    except TooCostly:
        message = f"{what} has {len(data)} bytes, and its values would take more than {most}"
        raise LimitExceeded(message, hint="limit json_expansion") from None
    return parsed


class _Strict:
    """What `json.loads` makes of numbers, words and objects of one text; each raises what `parse_json` raises."""

    def __init__(self, what: str, meter: Meter) -> None:
        self._what = what
        self._meter = meter

    def number(self, digits: str) -> int:
        if len(digits) > _DIGITS:
            raise _bad(self._what, f"a number of {len(digits)} characters")
        return int(digits)

    def fraction(self, digits: str) -> float:
        value = float(digits) if len(digits) <= 2 * _DIGITS else math.inf
        if not math.isfinite(value):
            raise _bad(self._what, "a number that is too long or too large")
        return value

    def constant(self, word: str) -> NoReturn:
        raise _bad(self._what, f"{word} is no JSON")

    def pairs(self, items: list[tuple[str, object]]) -> dict[str, object]:
        value = dict(items)
        if len(value) != len(items):
            seen: set[str] = set()
            twice = next(key for key, _ in items if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise _bad(self._what, f"the key {shown(twice)} stands twice in one object")
        self._meter.keep(value)
        return value


def canonical_json(value: object) -> str:
    """The one JSON text of a value: ASCII, sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


class Fields:
    """A JSON object read field by field; an absent field and `null` are the same, as for Go.

    Field names match without regard to case, as engines' readers match them: a second spelling of a field is refused,
    because one reader would take the first and another the last. Every method raises `ImageError` of code `bad-json`
    that names the field where its value has another type.
    """

    __slots__ = ("_by_name", "_place", "_what")

    def __init__(self, value: object, *, what: str, place: str = "") -> None:
        self._what = what
        self._place = place
        if not isinstance(value, dict):
            raise _bad(what, f"{place or 'the document'} is {_kind(value)}, not an object")
        self._by_name: dict[str, object] = {}
        for key, item in value.items():
            name = str(key).casefold()
            if name in self._by_name:
                raise _bad(what, f"{self._at(str(key))} is spelled in two ways")
            self._by_name[name] = item

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._by_name.get(name.casefold()) is not None

    def text(self, name: str) -> str:
        """A string, empty where absent."""
        value = self._by_name.get(name.casefold())
        if value is None:
            return ""
        return value if isinstance(value, str) else self._wrong(name, value, "a string")

    def integer(self, name: str) -> int | None:
        """An integer of 64 bits, None where absent."""
        value = self._by_name.get(name.casefold())
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            self._wrong(name, value, "an integer")
        if not -(1 << 63) <= value < 1 << 63:
            raise _bad(self._what, f"{self._at(name)} does not fit into 64 bits")
        return value

    def flag(self, name: str) -> bool:
        """A boolean, false where absent."""
        value = self._by_name.get(name.casefold())
        if value is None:
            return False
        return value if isinstance(value, bool) else self._wrong(name, value, "a boolean")

    def texts(self, name: str, *, or_one: bool = False) -> tuple[str, ...] | None:
        """A list of strings, None where absent; with `or_one` a bare string is a list of one, as for Docker."""
        value = self._by_name.get(name.casefold())
        if value is None:
            return None
        if or_one and isinstance(value, str):
            return (value,)
        if not isinstance(value, list):
            self._wrong(name, value, "a list of strings")
        texts = []
        for index, item in enumerate(value):
            if not isinstance(item, str):
                self._wrong(f"{name}[{index}]", item, "a string")
            texts.append(item)
        return tuple(texts)

    def keys(self, name: str) -> tuple[str, ...]:
        """The keys of an object whose values say nothing (`ExposedPorts`), sorted; empty where absent."""
        value = self._by_name.get(name.casefold())
        if value is None:
            return ()
        if not isinstance(value, dict):
            self._wrong(name, value, "an object")
        return tuple(sorted(str(key) for key in value))

    def mapping(self, name: str) -> Mapping[str, str]:
        """An object of strings, empty where absent; a null value counts as empty, as for Go."""
        value = self._by_name.get(name.casefold())
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._wrong(name, value, "an object of strings")
        found = {}
        for key in sorted(value):
            item = "" if value[key] is None else value[key]
            if not isinstance(item, str):
                self._wrong(f"{name}.{key}", item, "a string")
            found[key] = item
        return found

    def nested(self, name: str) -> Fields | None:
        """An object, None where absent."""
        value = self._by_name.get(name.casefold())
        return None if value is None else Fields(value, what=self._what, place=self._at(name))

    def nested_list(self, name: str, *, most: int | None = None) -> tuple[Fields, ...] | None:
        """A list of objects, None where absent. Raises `LimitExceeded` where there are more than `most`."""
        value = self._by_name.get(name.casefold())
        if value is None:
            return None
        if not isinstance(value, list):
            self._wrong(name, value, "a list of objects")
        if most is not None and len(value) > most:
            raise LimitExceeded(f"{self._what}: {self._at(name)} has {len(value)} items, more than {most}")
        return tuple(
            Fields(item, what=self._what, place=f"{self._at(name)}[{index}]") for index, item in enumerate(value)
        )

    def bad(self, name: str, message: str) -> ImageError:
        """The error to raise for a field whose value has the right type and makes no sense."""
        return _bad(self._what, f"{self._at(name)} {message}")

    def _at(self, name: str) -> str:
        return f"{self._place}.{shown(name)}" if self._place else shown(name)

    def _wrong(self, name: str, value: object, wanted: str) -> NoReturn:
        raise _bad(self._what, f"{self._at(name)} is {_kind(value)}, not {wanted}")


def _bad(what: str, message: str) -> ImageError:
    return ImageError(f"{what}: {message}", code="bad-json")


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return type(value).__name__
