"""Parsed files as bounded JSON: what `ParsedReader.parse` returns, written to bytes and read back.

The form follows from the annotations of the dataclasses: a dataclass is the list of its fields, a tuple, frozenset or
mapping a list, bytes are base64, an enum is the name of its member, and a value of a union that JSON alone does not
tell apart carries the name of its type. Nothing else is known, so that no stored text can make anything run.
"""

from __future__ import annotations

import binascii
import json
import types
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache, cached_property
from typing import Any, Final, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from xraydiff.errors import XraydiffError
from xraydiff.image.json_memory import Meter, TooCostly, TooDeep
from xraydiff.limits import Limits

__all__ = ["StoredError", "dump", "load"]

T = TypeVar("T")

_MAX_INTEGER_DIGITS: Final = 30
"""Characters of an integer: offsets, lines and flags have ten; very long ones cost their square to convert."""


class StoredError(XraydiffError):
    """A stored parse that is damaged, or of another version."""

    code = "bad-stored"


def dump(parsed: Any) -> bytes:
    """The JSON of a dataclass; raises `TypeError` for what is no plain frozen data."""
    return json.dumps(_record(parsed.__class__).dump(parsed), ensure_ascii=True, separators=(",", ":")).encode("ascii")


def load(type_: type[T], data: bytes, limits: Limits) -> T:
    """The dataclass of that type which `dump` wrote. Raises `StoredError` for everything else."""
    if len(data) > limits.parsed:
        raise StoredError(f"stored data has {len(data)} bytes, more than {limits.parsed}")
    wanted: Any = type_
    loaded: T = _record(wanted).load(_json(data, limits))
    return loaded


def _json(data: bytes, limits: Limits) -> object:
    """A JSON text of lists, strings, integers, booleans and null."""
    try:
        text = data.decode("ascii")
        Meter(text, depth=limits.parsed_depth, most=limits.parsed_memory)
        value: object = json.loads(
            text, parse_int=_integer, parse_float=_refuse, parse_constant=_refuse, object_pairs_hook=_refuse
        )
    except TooDeep:
        raise StoredError(f"stored data nests deeper than {limits.parsed_depth} levels") from None
    except TooCostly:
        raise StoredError(f"stored data would take more than {limits.parsed_memory} bytes of memory") from None
    except ValueError as error:
        raise StoredError(f"stored data is no JSON of ours: {error}") from None
    return value


def _integer(digits: str) -> int:
    return int(digits) if len(digits) <= _MAX_INTEGER_DIGITS else _refuse(digits)


def _refuse(value: object) -> NoReturn:
    del value
    raise ValueError("an object, a fraction or a long number")


class _Mismatch(Exception):  # noqa: N818  caught by the record that names the field
    """A value of another type than the annotation of its field."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"no {wanted}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Codec:
    """How values of one annotation become JSON and come back."""

    made: type
    """Of the values; what a union tells its members apart by."""
    json: type
    """Of their JSON."""
    dump: Callable[[Any], object]
    load: Callable[[Any], object]
    """Raises `_Mismatch` for JSON of another type."""


class _Record:
    """A dataclass as the list of its fields."""

    def __init__(self, type_: Any) -> None:
        self._type = type_

    @cached_property
    def _fields(self) -> tuple[tuple[str, _Codec], ...]:
        # Resolved at the first use and not before: a dataclass may hold others of its own type.
        hints = get_type_hints(self._type)
        return tuple((field.name, _codec(hints[field.name])) for field in fields(self._type))

    def dump(self, value: object) -> object:
        return [codec.dump(getattr(value, name)) for name, codec in self._fields]

    def load(self, value: object) -> Any:
        known = self._fields
        if type(value) is not list or len(value) != len(known):
            raise StoredError(f"stored data is no {self._type.__name__} of {len(known)} fields")
        made: dict[str, object] = {}
        for (name, codec), one in zip(known, value, strict=True):
            try:
                made[name] = codec.load(one)
            except _Mismatch as error:
                raise StoredError(f"stored data: {self._type.__name__}.{name} is {error}") from None
        try:
            return self._type(**made)
        except ValueError as error:
            raise StoredError(f"stored data: {self._type.__name__}: {error}") from None


@cache
def _record(type_: Any) -> _Record:
    if not is_dataclass(type_) or not vars(type_)["__dataclass_params__"].frozen:
        raise TypeError(f"{type_!r} is no frozen dataclass")
    return _Record(type_)


@cache
def _codec(annotation: Any) -> _Codec:
    """The codec of an annotation. Raises `TypeError` for what is no plain frozen data."""
    annotation = getattr(annotation, "__supertype__", annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if origin is tuple and len(arguments) == 2 and arguments[1] is ...:
        return _many(tuple, _codec(arguments[0]))
    if origin is tuple:
        return _row(tuple(map(_codec, arguments)))
    if origin is frozenset:
        return _many(frozenset, _codec(arguments[0]))
    if origin is not None and issubclass(origin, Mapping) and arguments[0] is str:
        return _mapping(_many(tuple, _row((_codec(str), _codec(arguments[1])))))
    if not isinstance(annotation, type):
        raise TypeError(f"{annotation!r} is no plain frozen data")
    return _plain(annotation)


def _plain(type_: Any) -> _Codec:
    """The codec of a class."""
    if type_ in (str, int, bool, types.NoneType):
        return _Codec(made=type_, json=type_, dump=_same, load=lambda value: _of(type_, value))
    if type_ is bytes:
        return _Codec(made=bytes, json=str, dump=lambda value: b64encode(value).decode("ascii"), load=_bytes)
    if issubclass(type_, Enum):
        return _Codec(made=type_, json=str, dump=lambda value: value.name, load=lambda value: _member(type_, value))
    record = _record(type_)
    return _Codec(made=type_, json=list, dump=record.dump, load=record.load)


def _same(value: object) -> object:
    return value


def _of(type_: type, value: object) -> object:
    if type(value) is not type_:
        raise _Mismatch(type_.__name__)
    return value


def _bytes(value: object) -> bytes:
    if type(value) is not str:
        raise _Mismatch("bytes")
    try:
        return b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _Mismatch("bytes") from None


def _member(type_: type[Enum], value: object) -> Enum:
    if type(value) is not str or value not in type_.__members__:
        raise _Mismatch(type_.__name__)
    return type_[value]


def _many(type_: type[tuple[object, ...] | frozenset[object]], item: _Codec) -> _Codec:
    """A tuple of any length, or a set, which is written in one order."""

    def dump_items(value: Any) -> object:
        items = [item.dump(one) for one in value]
        return items if type_ is tuple else sorted(items, key=json.dumps)

    def load_items(value: object) -> object:
        if type(value) is not list:
            raise _Mismatch("list")
        made = type_([item.load(one) for one in value])
        if len(made) != len(value):
            raise _Mismatch("list of distinct values")
        return made

    return _Codec(made=type_, json=list, dump=dump_items, load=load_items)


def _row(items: tuple[_Codec, ...]) -> _Codec:
    """A tuple of so many values, each of its own type."""

    def dump_row(value: Any) -> object:
        return [item.dump(one) for item, one in zip(items, value, strict=True)]

    def load_row(value: object) -> object:
        if type(value) is not list or len(value) != len(items):
            raise _Mismatch(f"list of {len(items)} values")
        return tuple([item.load(one) for item, one in zip(items, value, strict=True)])

    return _Codec(made=tuple, json=list, dump=dump_row, load=load_row)


def _mapping(pairs: _Codec) -> _Codec:
    """A mapping as the list of its pairs, in its order."""

    def load_mapping(value: object) -> object:
        known: Any = pairs.load(value)
        made = dict(known)
        if len(made) != len(known):
            raise _Mismatch("list of pairs with distinct keys")
        return made

    return _Codec(made=dict, json=list, dump=lambda value: pairs.dump(tuple(value.items())), load=load_mapping)


def _union(arguments: tuple[Any, ...]) -> _Codec:
    """One of several types, distinguished by their JSON, or else by the name of the type before each value but null."""
    members = tuple(map(_codec, arguments))
    by_type = {member.made: member for member in members}
    by_json = {member.json: member for member in members}
    by_name = {member.made.__name__: member for member in members}
    if len(by_type) != len(members) or len(by_name) != len(members):
        raise TypeError(f"the types of {arguments!r} cannot be told apart")
    named = len(by_json) != len(members)

    def dump_member(value: object) -> object:
        member = by_type[type(value)]
        dumped = member.dump(value)
        return [member.made.__name__, dumped] if named and value is not None else dumped

    def load_member(value: Any) -> object:
        if not named or value is None:
            member = by_json.get(type(value))
        elif type(value) is list and len(value) == 2 and type(value[0]) is str:
            member = by_name.get(value[0])
            value = value[1]
        else:
            member = None
        if member is None:
            raise _Mismatch("one of " + ", ".join(by_name))
        return member.load(value)

    return _Codec(made=object, json=list if named else object, dump=dump_member, load=load_member)
