from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from jsonschema import Draft202012Validator

from xraydiff.facts import Certainty, EdgeKind, FileType, Firing, Outlook, OwnerKind, Scope, Severity, ToolClass, When
from xraydiff.report.codec import dump_inspection, dump_report
from xraydiff.report.document import Inspection, Report
from xraydiff.report.resources import resource, resource_path
from xraydiff.report.schema import schema, validate_inspection, validate_policy, validate_report

NAMES = ("report-1", "inspection-1", "policy-1", "policy-2")
ROOT = Path(__file__).resolve().parents[3]


def subschemas(part: Any) -> list[dict[str, Any]]:
    found, todo = [], [part]
    while todo:
        at = todo.pop()
        if isinstance(at, dict):
            found.append(at)
            todo.extend(at.values())
        elif isinstance(at, list):
            todo.extend(at)
    return found


def key_paths(name: str) -> set[str]:
    """Every key of a document as docs/report.md writes it: `findings[].evidence[].line`."""
    whole: Any = schema(name)
    found: set[str] = set()
    todo: list[tuple[str, Any]] = [("", whole)]
    while todo:
        path, part = todo.pop()
        if "$ref" in part:
            part = whole["$defs"][part["$ref"].rpartition("/")[2]]
        for key, inner in part.get("properties", {}).items():
            found.add(f"{path}.{key}".lstrip("."))
            todo.append((f"{path}.{key}", inner))
        if isinstance(part.get("items"), dict):
            todo.append((f"{path}[]", part["items"]))
        if isinstance(part.get("additionalProperties"), dict):
            todo.append((f"{path}.*", part["additionalProperties"]))
        todo.extend((path, option) for option in part.get("anyOf", ()))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))
    for part in subschemas(schema(name)):
        if part.get("type") == "object" and "properties" in part and "description" in part:
            assert part["additionalProperties"] is False
            assert set(part["required"]) <= set(part["properties"])
            for key, field in part["properties"].items():
                assert field is False or field.get("description"), key


@pytest.mark.parametrize("name", NAMES)
def test_no_keyword_compares_items_pairwise(name: str) -> None:
    assert not any("uniqueItems" in part for part in subschemas(schema(name)))


def test_inspection_and_report_share_their_inventory() -> None:
    inspection: Any = schema("inspection-1")
    report: Any = schema("report-1")
    closer = {"elf", "elf_note", "elf_versions", "hardening"}
    assert set(inspection["$defs"]) - set(report["$defs"]) == closer
    for name in set(inspection["$defs"]) - closer:
        assert report["$defs"][name] == inspection["$defs"][name]


# The document groups these fields of the dataclasses in objects.
GROUPED = {
    "removed": "changes.removed",
    "added": "changes.added",
    "changed": "changes.changed",
    "moved": "changes.moved",
    "original_inventory": "inventory.original",
    "slim_inventory": "inventory.slim",
    "summary.removed_by_class": "summary.removed_by.class",
    "summary.removed_by_package": "summary.removed_by.package",
}


def field_paths(kind: type) -> set[str]:
    found: set[str] = set()
    todo: list[tuple[str, Any]] = [("", kind)]
    while todo:
        path, at = todo.pop()
        inner = next((a for a in get_args(at) if is_dataclass(a)), at)
        mark = "[]" if get_origin(at) is tuple else ""
        if not is_dataclass(inner):
            continue
        hints = get_type_hints(inner)
        for field in fields(inner):
            if get_origin(hints[field.name]) is frozenset:
                continue
            full = f"{path}{mark}.{field.name}".lstrip(".")
            full = GROUPED.get(full, full)
            found.add(full)
            todo.append((full, hints[field.name]))
    return found


def test_each_field_of_the_dataclasses_is_in_the_schema() -> None:
    fields_of_report = {path.replace("coverage[].", "coverage.*.") for path in field_paths(Report)}
    assert fields_of_report - key_paths("report-1") == {"coverage.*.reader"}
    assert key_paths("report-1") - fields_of_report == {
        "changes",
        "inventory",
        "summary.removed_by",
        *(f"summary.findings.{severity.word}" for severity in Severity),
    }
    assert field_paths(Inspection) == key_paths("inspection-1")


def test_the_words_are_those_of_the_enums() -> None:
    parts: Any = schema("report-1")
    defs = parts["$defs"]
    evidence, finding = defs["evidence"]["properties"], defs["finding"]["properties"]
    assert set(defs["severity"]["enum"]) == {str(s) for s in Severity}
    assert set(defs["certainty"]["enum"]) == {str(c) for c in Certainty}
    assert set(evidence["kind"]["enum"]) == {k.value for k in EdgeKind}
    assert set(evidence["firing"]["enum"]) == {f.value for f in Firing}
    assert set(finding["when"]["enum"]) == {str(w) for w in When} | {None}
    assert set(defs["owner"]["properties"]["kind"]["enum"]) == {k.value for k in OwnerKind}
    assert set(defs["suggestion"]["properties"]["kind"]["enum"]) == {t.value for t in FileType}
    assert set(defs["change"]["properties"]["type"]["enum"]) == {t.value for t in FileType}
    assert set(defs["problem"]["properties"]["scope"]["enum"]) == {s.value for s in Scope}
    assert set(defs["tool"]["properties"]["tool"]["enum"]) == {t.value for t in ToolClass}
    assert set(defs["summary"]["properties"]["outlook"]["enum"]) == {str(o) for o in Outlook}


def test_documents_validate(report: Report, inspection: Inspection) -> None:
    assert validate_report(json.loads(dump_report(report))) is None
    assert validate_inspection(json.loads(dump_inspection(inspection))) is None


def test_a_fault_does_not_repeat_the_value() -> None:
    fault = validate_policy({"version": 1, "block": [{"severity": "\x1b[31m", "certainty": "likely"}]})
    assert str(fault) == "block[0].severity: must be one of critical, high, medium, low, info"
    unknown = validate_policy({"version": 1, "blok\x1b": []})
    assert "\x1b" not in str(unknown)


@pytest.mark.parametrize(("document", "name"), [("report.md", "report-1"), ("policy.md", "policy-2")])
def test_the_documentation_names_every_key(document: str, name: str) -> None:
    text = (ROOT / "docs" / document).read_text()
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| `")]
    told = {row.strip("`") for row in rows}
    expected = key_paths(name)
    if name == "report-1":
        # Both inventories have the same keys; the table gives them once.
        expected = {p for p in expected if not p.startswith("inventory.slim")}
        expected.add("inventory.slim")
    assert told == expected


def test_resources_are_found() -> None:
    assert json.loads(resource("schemas", "policy-1.json"))["title"]
    with resource_path("schemas", "policy-1.json") as path:
        assert path.read_bytes() == resource("schemas", "policy-1.json")
    with pytest.raises(FileNotFoundError):
        resource("schemas", "policy-0.json")
    with pytest.raises(FileNotFoundError), resource_path("schemas", "policy-0.json"):
        pass
