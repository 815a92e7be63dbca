r"""Reports and inspections as canonical JSON, and back; the only module where JSON's `Any` may stand.

Every text of a document is escaped as on every output (`escaping.escaped`) and given back by `unescaped`, so a name of
any bytes survives. Values of config fields are JSON texts already and stay as they are. The layout is canonical: sorted
keys, ASCII, one leaf object a line, LF at the end.
"""

from __future__ import annotations

import json
import re
import types
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from sys import getsizeof
from typing import Any, NoReturn, TypeVar, get_args, get_origin, get_type_hints

from xraydiff.errors import ReportError
from xraydiff.escaping import escaped, unescaped
from xraydiff.facts import Finding, Inventory, Problem, Severity
from xraydiff.image.json_memory import Meter, TooCostly, TooDeep
from xraydiff.limits import DEFAULT, Limits
from xraydiff.paths import decoded, encoded
from xraydiff.report.document import (
    SCHEMA_VERSION,
    Coverage,
    Inspection,
    RemovedBy,
    Report,
    ReportedChange,
    ReportedConfigChange,
    Summary,
)
from xraydiff.report.schema import Fault, validate_inspection, validate_report

__all__ = ["dump_inspection", "dump_report", "load_inspection", "load_report"]

_CHANGES = ("removed", "added", "changed", "moved")
_IMAGES = ("original", "slim")
_SEVERITIES = tuple(sorted(Severity, reverse=True))
_NUMBER = 1 << 100
"""No count or size of an image comes near; a larger one would break those who compute with it."""

T = TypeVar("T")


# --- the public four --------------------------------------------------------------------------------------------------


def dump_report(report: Report) -> str:
    """Canonical JSON of a report (schemas/report-1.json). Raises `ReportError` where the report contradicts itself."""
    return _laid_out(
        {
            **_report().encode(report),
            "coverage": _unique("coverage", ((line.reader, _coverage().encode(line)) for line in report.coverage)),
            "summary": _summary_data(report.summary),
            "changes": {kind: _bulk(ReportedChange).encode(getattr(report, kind)) for kind in _CHANGES},
            "inventory": {image: _inventory().encode(getattr(report, f"{image}_inventory")) for image in _IMAGES},
        }
    )


def load_report(text: str | bytes, *, limits: Limits = DEFAULT) -> Report:
    """The report that `dump_report` wrote. Raises `ReportError` with the path of the field that is wrong."""
    with _in_memory():
        size, plain = _size(text), _plain(text, limits)
        # Text and values together are the most that a report costs, so neither form of the text outlives its use.
        del text
        data = _parsed(plain, size, limits)
        del plain
        # jsonschema needs a second for 9,000 changes; the bulk is checked by the types of its own dataclasses instead.
        empty = _inventory().encode(Inventory())
        bulk = {"changes": {kind: [] for kind in _CHANGES}, "inventory": dict.fromkeys(_IMAGES, empty)}
        _refuse(validate_report({**data, **{key: value for key, value in bulk.items() if key in data}}))
        return _typed(_report_from, data)


def dump_inspection(inspection: Inspection) -> str:
    """Canonical JSON of an inspection (schemas/inspection-1.json). Raises `ReportError` for a field given twice."""
    return _laid_out(
        {
            **_inspection().encode(inspection),
            "config": _unique("config", inspection.config),
            "inventory": _inventory().encode(inspection.inventory),
        }
    )


def load_inspection(text: str | bytes, *, limits: Limits = DEFAULT) -> Inspection:
    """The inspection that `dump_inspection` wrote. Raises `ReportError` with the path of the field that is wrong."""
    with _in_memory():
        data = _parsed(_plain(text, limits), _size(text), limits)
        bulk = {"inventory": _inventory().encode(Inventory())} if "inventory" in data else {}
        _refuse(validate_inspection({**data, **bulk}))
        return _typed(_inspection_from, data)


@contextmanager
def _in_memory() -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise ReportError("needs more memory than there is") from None


# --- the shapes that differ from the dataclasses ----------------------------------------------------------------------


@cache
def _report() -> _Record:
    bulk = [*_CHANGES, *(f"{image}_inventory" for image in _IMAGES)]
    return _Record(Report, apart=("coverage", "summary", *bulk), later=("file_kinds", "depth"))


@cache
def _inspection() -> _Record:
    return _Record(Inspection, apart=("config", "inventory"), later=("elf",))


@cache
def _summary() -> _Record:
    return _Record(Summary, apart=("findings", "removed_by_class", "removed_by_package"))


@cache
def _coverage() -> _Record:
    return _Record(Coverage, apart=("reader",))


def _inventory() -> _Codec:
    return _codec(Inventory)


@cache
def _bulk(kind: type) -> _Codec:
    return _sequence(_codec(kind))


def _summary_data(summary: Summary) -> dict[str, Any]:
    if tuple(word for word, _ in summary.findings) != tuple(severity.word for severity in _SEVERITIES):
        raise ReportError("summary.findings: must count every severity once, worst first")
    lines = _bulk(RemovedBy)
    by = {"class": lines.encode(summary.removed_by_class), "package": lines.encode(summary.removed_by_package)}
    return {**_summary().encode(summary), "findings": dict(summary.findings), "removed_by": by}


def _summary_from(data: Any) -> Summary:
    known = _summary().decode(data, besides=("findings", "removed_by"))
    counts = _whole(data, "findings", tuple(severity.word for severity in _SEVERITIES))
    by = _whole(data, "removed_by", ("class", "package"))
    lines = _bulk(RemovedBy)
    return Summary(
        **known,
        findings=tuple((s.word, _below(counts, s.word, _INTEGER.decode, "findings")) for s in _SEVERITIES),
        removed_by_class=_below(by, "class", lines.decode, "removed_by"),
        removed_by_package=_below(by, "package", lines.decode, "removed_by"),
    )


def _report_from(data: dict[str, Any]) -> Report:
    known = _report().decode(data, besides=("coverage", "summary", "changes", "inventory"))
    changes, inventory = _whole(data, "changes", _CHANGES), _whole(data, "inventory", _IMAGES)
    report = Report(
        **known,
        coverage=_below(data, "coverage", _coverage_from),
        summary=_below(data, "summary", _summary_from),
        **{kind: _below(changes, kind, _bulk(ReportedChange).decode, "changes") for kind in _CHANGES},
        **{f"{image}_inventory": _below(inventory, image, _inventory().decode, "inventory") for image in _IMAGES},
    )
    _refuse_twins(report.findings)
    return report


def _coverage_from(data: Any) -> tuple[Coverage, ...]:
    lines = {name: _below(data, key, _coverage().decode) for name, key in _names(data)}
    return tuple(Coverage(reader=reader, **line) for reader, line in sorted(lines.items()))


def _inspection_from(data: dict[str, Any]) -> Inspection:
    known = _inspection().decode(data, besides=("config", "inventory"))
    return Inspection(
        **known,
        config=tuple(sorted((field, data["config"][key]) for field, key in _names(data["config"]))),
        inventory=_below(data, "inventory", _inventory().decode),
    )


def _refuse_twins(findings: tuple[Finding, ...]) -> None:
    """A gate decides by fingerprints, so a report that gives one twice could hide a finding behind another."""
    seen: set[str] = set()
    for index, finding in enumerate(findings):
        if finding.fingerprint in seen:
            raise _Malformed("is given twice", "findings", index, "fingerprint")
        seen.add(finding.fingerprint)


# --- errors -----------------------------------------------------------------------------------------------------------


class _Malformed(Exception):  # noqa: N818  a value on its way out of nested fields, never leaves this module
    """A field that has not its type; its path grows at the front as it rises."""

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def inside(self, *outer: str | int) -> _Malformed:
        return _Malformed(self.message, *outer, *self.path)


def _typed(build: Callable[[dict[str, Any]], T], data: dict[str, Any]) -> T:
    try:
        return build(data)
    except _Malformed as error:
        raise ReportError(str(Fault(path=error.path, message=error.message))) from None


def _refuse(fault: Fault | None) -> None:
    if fault is not None:
        raise ReportError(str(fault))


def _below(data: dict[str, Any], key: str, decode: Callable[[Any], T], *outer: str) -> T:
    try:
        return decode(data[key])
    except _Malformed as error:
        raise error.inside(*outer, key) from None


def _whole(data: dict[str, Any], key: str, names: tuple[str, ...]) -> dict[str, Any]:
    """The object at `key`, which must have exactly these keys."""
    try:
        return _keys_checked(data[key], frozenset(names))
    except _Malformed as error:
        raise error.inside(key) from None


def _keys_checked(value: Any, names: frozenset[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Malformed("must be an object")
    if value.keys() != names:
        unknown, missing = sorted(value.keys() - names), sorted(names - value.keys())
        raise _Malformed("unknown key", unknown[0]) if unknown else _Malformed("is missing", missing[0])
    return value


def _unique(where: str, pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        key = _text_out(name)
        if key in made:
            raise ReportError(f"{where}.{key}: is given twice")
        made[key] = value
    return made


def _names(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every name and the key that spells it; of two spellings of one name the second would hide the first."""
    seen: set[str] = set()
    for key in data:
        name = _text_in(key)
        if name in seen:
            raise _Malformed("is given twice", key)
        seen.add(name)
        yield name, key


# --- one codec for each type ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Codec:
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    """Raises `_Malformed`."""


def _text_out(text: str) -> str:
    shown = escaped(text)
    if shown == text:
        return text
    # Surrogates that stand for no name (a label may hold one, a cut name may end in one) become the bytes they show.
    try:
        raw = encoded(text)
    except UnicodeEncodeError:
        raw = b"".join(
            char.encode("utf-8", "surrogateescape" if "\udc80" <= char <= "\udcff" else "surrogatepass")
            for char in text
        )
    return escaped(decoded(raw))


def _text_in(value: Any) -> str:
    if not isinstance(value, str):
        raise _Malformed("must be text")
    if value.isascii() and value.isprintable() and "\\" not in value:
        return value
    try:
        return unescaped(value)
    except ValueError:
        raise _Malformed(r"must be escaped: \\ for a backslash, \xNN for control and invalid bytes") from None


def _integer_in(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Malformed("must be a whole number")
    if not -1 <= value < _NUMBER:
        raise _Malformed("is out of range")
    return value


def _boolean_in(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Malformed("must be true or false")
    return value


def _same(value: Any) -> Any:
    return value


def _json_text_in(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise _Malformed("must be text or null")
    return value


_TEXT = _Codec(_text_out, _text_in)
_JSON_TEXT = _Codec(_same, _json_text_in)
_AS_IS: dict[type, tuple[str, ...]] = {ReportedConfigChange: ("before", "after")}
_LATER: dict[type, tuple[str, ...]] = {Problem: ("reader", "hint"), Finding: ("closures",)}
_INTEGER = _Codec(_same, _integer_in)
_BOOLEAN = _Codec(_same, _boolean_in)


@cache
def _codec(kind: Any) -> _Codec:
    """The codec of a type as it stands in an annotation."""
    if kind is str:
        return _TEXT
    if kind is int:
        return _INTEGER
    if kind is bool:
        return _BOOLEAN
    if get_origin(kind) is tuple:
        return _sequence(_codec(get_args(kind)[0]))
    if get_origin(kind) is types.UnionType:
        return _optional(_codec(get_args(kind)[0]))
    if get_origin(kind) is Mapping:
        return _mapping(_codec(get_args(kind)[1]))
    if isinstance(kind, type) and is_dataclass(kind):
        return _dataclass(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _words({str(member): member for member in kind})
    msg = f"no JSON for {kind}"
    raise TypeError(msg)


def _words(members: dict[str, Enum]) -> _Codec:
    words = {member: word for word, member in members.items()}

    def decode(value: Any) -> Enum:
        if not isinstance(value, str) or value not in members:
            raise _Malformed("must be one of " + ", ".join(members))
        return members[value]

    return _Codec(words.__getitem__, decode)


def _optional(inner: _Codec) -> _Codec:
    return _Codec(
        lambda value: None if value is None else inner.encode(value),
        lambda value: None if value is None else inner.decode(value),
    )


def _sequence(inner: _Codec) -> _Codec:
    def decode(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _Malformed("must be a list")
        made: list[Any] = []
        try:
            for item in value:
                made.append(inner.decode(item))  # noqa: PERF401  its length is the index of the item that is wrong
        except _Malformed as error:
            raise error.inside(len(made)) from None
        return tuple(made)

    return _Codec(lambda value: [inner.encode(item) for item in value], decode)


def _mapping(inner: _Codec) -> _Codec:
    def decode(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _Malformed("must be an object")
        return {name: _below(value, key, inner.decode) for name, key in _names(value)}

    return _Codec(lambda value: _unique("", ((key, inner.encode(item)) for key, item in value.items())), decode)


def _dataclass(kind: type) -> _Codec:
    # Sets of paths stay in their image (what a package owns): a report would hold every path of it a second time.
    sets = tuple(name for name, hint in get_type_hints(kind).items() if get_origin(hint) is frozenset)
    record = _Record(kind, apart=sets, as_is=_AS_IS.get(kind, ()), later=_LATER.get(kind, ()))
    return _Codec(record.encode, lambda value: value if type(value) is kind else kind(**record.decode(value)))


class _Record:
    """The fields of a dataclass as keys of an object, but for those that are kept `apart`; `as_is` is not escaped.

    Fields that came `later` than the first documents of this version, or are only there when asked for, have no key
    where they hold their default.
    """

    def __init__(
        self, kind: type, *, apart: tuple[str, ...] = (), as_is: tuple[str, ...] = (), later: tuple[str, ...] = ()
    ) -> None:
        hints = get_type_hints(kind)
        names = [field.name for field in fields(kind) if field.name not in apart]
        self._table = [(name, _JSON_TEXT if name in as_is else _codec(hints[name])) for name in names]
        self._names = frozenset(name for name, _ in self._table)
        defaults = {field.name: field.default for field in fields(kind)}
        self._later = {name: codec.encode(defaults[name]) for name, codec in self._table if name in later}

    def encode(self, value: Any) -> dict[str, Any]:
        data = {name: codec.encode(getattr(value, name)) for name, codec in self._table}
        for name, default in self._later.items():
            if data[name] == default:
                del data[name]
        return data

    def decode(self, value: Any, besides: tuple[str, ...] = ()) -> dict[str, Any]:
        """Keyword arguments for the dataclass; the keys `besides` must be there and are left to the caller."""
        if self._later and isinstance(value, dict):
            value = {**self._later, **value}
        _keys_checked(value, self._names.union(besides) if besides else self._names)
        made: dict[str, Any] = {}
        name = ""
        try:
            for name, codec in self._table:
                made[name] = codec.decode(value[name])
        except _Malformed as error:
            raise error.inside(name) from None
        return made


# --- text <-> data ----------------------------------------------------------------------------------------------------


def _laid_out(data: dict[str, Any]) -> str:
    # Values of config fields are not escaped as names are; within JSON text an escape keeps CI from obeying them.
    return _FOLD.sub(r"\1\\u003a", _block(data, "").replace("##", "#\\u0023")) + "\n"


_FOLD = re.compile(r"(section_(?:start|end)|travis_(?:fold|time)):")


# `json.dumps` would make a new encoder for each of thousands of lines.
_ENCODE = json.JSONEncoder(sort_keys=True, allow_nan=False).encode


def _block(value: Any, margin: str) -> str:
    """JSON with one leaf object a line: json's own indentation is ten times slower and one scalar a line."""
    inner = margin + " "
    if isinstance(value, dict) and not _is_leaf(value):
        lines = [f"{inner}{json.dumps(key)}: {_block(value[key], inner)}" for key in sorted(value)]
        return "{\n" + ",\n".join(lines) + f"\n{margin}}}"
    if isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        return "[\n" + ",\n".join(inner + _block(item, inner) for item in value) + f"\n{margin}]"
    return _ENCODE(value)


def _is_leaf(value: dict[str, Any]) -> bool:
    """Whether an object holds nothing that holds an object of several lines: only scalars, and one level of them."""
    for member in value.values():
        if isinstance(member, (dict, list)):
            inside = member.values() if isinstance(member, dict) else member
            if any(isinstance(item, (dict, list)) for item in inside):
                return False
    return True


def _plain(text: str | bytes, limits: Limits) -> str:
    """The text itself, which may be no larger than a report. Raises `ReportError`."""
    if len(text) > limits.report:
        raise ReportError(f"larger than {limits.report} bytes")
    if isinstance(text, str):
        return text
    try:
        return _narrow(text).decode()
    except UnicodeDecodeError:
        pass
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise ReportError(f"not UTF-8 at byte {error.start}") from None


def _size(text: str | bytes) -> int:
    """The bytes that a report is given in."""
    return len(text) if isinstance(text, bytes) else getsizeof(text)


_ASTRAL = re.compile(rb"[\xf0-\xf4][\x80-\xbf]{3}")
_NO_LEAD = bytes(byte for byte in range(256) if not 0xF0 <= byte <= 0xF4)


def _narrow(text: bytes) -> bytes:
    """The text with its few characters beyond U+FFFF escaped: a single one would make all of it four bytes wide."""
    if text.isascii() or 8 * len(text.translate(None, _NO_LEAD)) > len(text):
        return text
    return _ASTRAL.sub(lambda match: json.dumps(match[0].decode())[1:-1].encode(), text)


def _parsed(text: str, size: int, limits: Limits) -> dict[str, Any]:
    """The object that a text of so many bytes holds: bounded, without duplicate keys or NaN (RFC 8259)."""
    most = limits.report_free + limits.report_expansion * size
    try:
        builder = _Builder(Meter(text, depth=limits.json_depth, most=most))
        data = json.loads(text, object_pairs_hook=builder.object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ReportError(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except ValueError:
        raise ReportError("not JSON: a number of thousands of digits") from None
    except TooDeep:
        raise ReportError(f"nested deeper than {limits.json_depth} levels") from None
    except TooCostly:
        raise ReportError(f"{size} bytes whose values would take more than {most} (limit report_expansion)") from None
    if not isinstance(data, dict):
        raise ReportError("must be an object")
    version = data.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise ReportError(f"schema_version: {version} is newer than this program reads ({SCHEMA_VERSION})")
    return data


class _Builder:
    """Makes the objects of a text, each counted; those that are changes become such at once, which is a third of it."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._change = _codec(ReportedChange)
        self._change_keys = {field.name for field in fields(ReportedChange)}

    def object(self, pairs: list[tuple[str, Any]]) -> Any:
        """Raises `ReportError` for a key that is given twice, `TooCostly`."""
        made = dict(pairs)
        if len(made) != len(pairs):
            twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise ReportError(f"not JSON: the key {escaped(twice)} is given twice in one object")
        if made.keys() == self._change_keys:
            spent = self._meter.share(made)
            # A wrong one is left as it is, for an error that says where it stands.
            with suppress(_Malformed):
                change = self._change.decode(made)
                self._meter.spend(spent + getsizeof(change))
                return change
        self._meter.keep(made)
        return made


def _no_constant(word: str) -> NoReturn:
    raise ReportError(f"not JSON: {word}")
