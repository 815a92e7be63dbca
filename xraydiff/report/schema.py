"""The JSON Schemas of reports, inspections and policies, and what they refuse, said in one sentence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING

from xraydiff.paths import escaped
from xraydiff.report.resources import resource

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

__all__ = ["Fault", "schema", "validate_inspection", "validate_policy", "validate_report", "where"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a schema refuses: the field and one sentence without the field's own content."""

    path: tuple[str | int, ...]
    message: str

    def __str__(self) -> str:
        return f"{where(self.path)}: {self.message}" if self.path else self.message


def where(path: Sequence[str | int]) -> str:
    """The path of a field as people write it: `findings[3].severity`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{escaped(part)}" for part in path)
    return text.removeprefix(".")


@cache
def schema(name: str) -> dict[str, object]:
    """A schema of ours by its name: `report-1`, `inspection-1`, `policy-1` or `policy-2`."""
    found = json.loads(resource("schemas", f"{name}.json"))
    if not isinstance(found, dict):
        msg = f"schema {name} is no object"
        raise TypeError(msg)
    return found


def validate_report(data: object) -> Fault | None:
    """The first thing that schemas/report-1.json refuses, or None."""
    return _first_fault("report-1", data)


def validate_inspection(data: object) -> Fault | None:
    """The first thing that schemas/inspection-1.json refuses, or None."""
    return _first_fault("inspection-1", data)


def validate_policy(data: object) -> Fault | None:
    """The first thing that the schema of the policy's version refuses, or None; policy-2 where it gives none."""
    version = data.get("version", 2) if isinstance(data, dict) else 2
    if version not in (1, 2) or not isinstance(version, int) or isinstance(version, bool):
        return Fault(path=("version",), message="must be 1 or 2")
    return _first_fault(f"policy-{version}", data)


@cache
def _validator(name: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema(name))


def _first_fault(name: str, data: object) -> Fault | None:
    error = next(_validator(name).iter_errors(data), None)
    return None if error is None else _fault(error)


def _fault(error: ValidationError) -> Fault:
    path = tuple(error.absolute_path)
    rule, instance = error.schema, error.instance
    keyword = str(error.validator)
    if not (isinstance(rule, dict) and isinstance(instance, dict) and keyword in ("required", "additionalProperties")):
        return Fault(path=path, message=_sentence(keyword, error.validator_value, rule))
    if keyword == "required":
        missing = next(key for key in rule["required"] if key not in instance)
        return Fault(path=(*path, missing), message="is missing")
    known = rule.get("properties", {})
    unknown = min(key for key in instance if key not in known)
    close = get_close_matches(unknown[:100], known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return Fault(path=(*path, unknown), message=f"unknown key{hint}")


_NOUNS = {"object": "an object", "array": "a list", "string": "text", "integer": "a whole number", "null": "null"}


def _sentence(keyword: str, value: object, rule: object) -> str:
    """The sentence of a schema keyword; only our own schemas' words enter it, never the refused value."""
    match keyword, value:
        case "type", str():
            return f"must be {_NOUNS.get(value, 'true or false')}"
        case "type", list():
            return "must be " + " or ".join(_NOUNS[kind] for kind in value)
        case "enum", list():
            return "must be one of " + ", ".join("null" if word is None else word or "empty" for word in value)
        case "const", _:
            return f"must be {json.dumps(value)}"
        case (("minItems" | "minLength"), _):
            return "must not be empty"
        case "minimum", _:
            return f"must be at least {value}"
        case "pattern", _:
            return f"must have the form {value}"
        case _:
            return str(rule["description"]) if isinstance(rule, dict) and "description" in rule else "is not allowed"
