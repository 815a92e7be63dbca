from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from xraydiff.errors import ReportError
from xraydiff.facts import Closure, ElfDetails, ElfNote, ElfVersions, FileKind, Finding, Hardening
from xraydiff.limits import Limits
from xraydiff.report.codec import dump_inspection, dump_report, load_inspection, load_report
from xraydiff.report.document import Inspection, Report
from xraydiff.report.schema import validate_inspection, validate_report

STORED = Path(__file__).with_name("odd_names.json")


def changed(report: Report, *path: str | int, to: Any) -> str:
    """The report's JSON with one field replaced."""
    data: Any = json.loads(dump_report(report))
    at = data
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = to
    return json.dumps(data)


def refusal(text: str | bytes, **limits: int) -> str:
    with pytest.raises(ReportError) as caught:
        load_report(text, limits=Limits(**limits))
    return str(caught.value)


def test_round_trip(report: Report, inspection: Inspection) -> None:
    assert load_report(dump_report(report)) == report
    assert load_inspection(dump_inspection(inspection)) == inspection


def test_keys_are_those_of_version_1(report: Report) -> None:
    data = json.loads(dump_report(report))
    assert sorted(data) == [
        "changes",
        "complete",
        "config_changes",
        "coverage",
        "findings",
        "inventory",
        "original",
        "problems",
        "rules",
        "schema_version",
        "slim",
        "suggestions",
        "summary",
        "tool",
    ]
    assert sorted(data["changes"]) == ["added", "changed", "moved", "removed"]
    assert sorted(data["summary"]["removed_by"]) == ["class", "package"]
    assert data["summary"]["findings"] == {"critical": 0, "high": 1, "medium": 0, "low": 1, "info": 0}
    assert data["coverage"] == {"elf": {"reached": 3, "parsed": 2, "not_understood": 1}}
    assert data["findings"][0]["severity"] == "high"
    assert data["findings"][0]["certainty"] == "likely"
    assert data["findings"][1]["when"] is None
    assert "files" not in data["inventory"]["original"]["packages"][0]


def test_text_is_canonical(report: Report) -> None:
    text = dump_report(report)
    assert text.isascii()
    assert text.endswith("}\n")
    assert "\r" not in text
    data = json.loads(text)
    assert list(data) == sorted(data)
    # One leaf object a line: a removed path is a line that grep finds whole.
    [line] = [line for line in text.splitlines() if '"package": "coreutils"' in line]
    assert json.loads(line.strip()) == data["changes"]["removed"][0]


def test_names_of_any_bytes(report: Report) -> None:
    odd = [
        replace(report.removed[0], path=f"/{name}") for name in ("caf\udce9", "a\nb", "back\\slash", "\u202e", "é", "")
    ]
    again = replace(report, removed=tuple(odd))
    text = dump_report(again)
    assert load_report(text).removed == again.removed
    assert [change["path"] for change in json.loads(text)["changes"]["removed"]] == [
        r"/caf\xe9",
        r"/a\x0ab",
        r"/back\\slash",
        r"/\xe2\x80\xae",
        "/é",
        "/",
    ]


@pytest.mark.parametrize("message", ["label \ud800", "cut \udcc3" + "\udca9 name"])
def test_texts_that_are_no_name_are_still_written_and_read(report: Report, message: str) -> None:
    finding = replace(report.findings[0], message=message)
    text = dump_report(replace(report, findings=(finding,)))
    assert dump_report(load_report(text)) == text


def test_a_report_reads_the_same_that_was_stored_when_less_was_escaped() -> None:
    """Written by 0.1 before invisible characters, marks, blanks and job commands were escaped."""
    text = STORED.read_bytes()
    report = load_report(text)
    paths = {change.path for change in report.removed}
    for name in ("soft\u00adhyphen", "hangul\u3164filler", "heart\u2764\ufe0f", "\ufffe", "\u0301mark", "nbsp\u00a0x"):
        assert f"/app/p/{name}" in paths
    for name in ("  two  blanks ", "####", "##vso[task.complete]x", "caf\udce9", "\u202efdp.exe", "a\\b", "日本"):
        assert f"/app/p/{name}" in paths
    assert {"::set-env name=PATH::x", ":colon", "section_start:1:x"} <= {problem.path for problem in report.problems}
    fresh = dump_report(report)
    assert fresh.encode() != text
    assert load_report(fresh) == report
    for char in ("\u00ad", "\u3164", "\ufe0f", "\u0301"):
        strings = [problem["message"] for problem in json.loads(fresh)["problems"]]
        assert not any(char in string for string in strings)


def test_a_report_of_before_closures_has_no_key_for_them(report: Report) -> None:
    text = dump_report(report)
    assert '"closures"' not in text
    assert load_report(text).findings[0].closures == ()
    closures = (Closure(path="/usr/bin/date", needs=("/lib/a.so", "/lib/b\n.so")),)
    told = replace(report, findings=(replace(report.findings[0], closures=closures),))
    data: Any = json.loads(dump_report(told))
    assert data["findings"][0]["closures"] == [{"path": "/usr/bin/date", "needs": ["/lib/a.so", "/lib/b\\x0a.so"]}]
    assert load_report(json.dumps(data)).findings[0].closures == closures
    data["findings"][0]["closures"][0]["needs"] = []
    assert refusal(json.dumps(data)) == "findings[0].closures[0].needs: must not be empty"


@pytest.mark.parametrize("path", [("coverage",), ("inventory", "slim", "extra")])
def test_two_spellings_of_one_name_are_refused(report: Report, path: tuple[str, ...]) -> None:
    data: Any = json.loads(dump_report(report))
    at = data
    for key in path:
        at = at[key]
    value = {"reached": 0, "parsed": 0, "not_understood": 0} if path == ("coverage",) else []
    at.update({"soft\u00adhyphen": value, r"soft\xc2\xadhyphen": value})
    assert refusal(json.dumps(data)) == ".".join(path) + r".soft\\xc2\\xadhyphen: is given twice"


def test_job_commands_do_not_stand_in_the_text(report: Report) -> None:
    again = replace(report, original=replace(report.original, reference="##[error]x"))
    assert "##[" not in dump_report(again)
    assert load_report(dump_report(again)) == again
    change = replace(report.config_changes[0], before='"##[x] section_start:1:x travis_fold:end:x"')
    again = replace(report, config_changes=(change,))
    assert not re.search("##|section_start:|travis_fold:", dump_report(again))
    assert load_report(dump_report(again)) == again


def test_config_values_stay_json(report: Report) -> None:
    change = json.loads(dump_report(report))["config_changes"][0]
    assert json.loads(change["before"]) == ["CMD", "a\\b"]
    assert change["after"] is None


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("findings", 1, "severity"), "dire", "findings[1].severity: must be one of critical, high, medium, low, info"),
        (("findings", 0, "evidence", 1, "kind"), 3, "findings[0].evidence[1].kind: must be one of executes"),
        (("findings", 0, "fingerprint"), "xyz", "findings[0].fingerprint: must have the form"),
        (("findings", 0, "count"), -1, "findings[0].count: must be at least 0"),
        (("findings", 0, "count"), 1.0, "findings[0].count: must be a whole number"),
        (("findings", 0, "message"), "a\nb", "findings[0].message: must be escaped"),
        (("findings", 0, "message"), "a\\b", "findings[0].message: must be escaped"),
        (("findings", 0, "massage"), "", "findings[0].massage: unknown key; did you mean message?"),
        (("findings",), {}, "findings: must be a list"),
        (("complete",), "true", "complete: must be true or false"),
        (("complete",), 1, "complete: must be true or false"),
        (("summary", "outlook"), "fine", "summary.outlook: must be one of"),
        (("summary", "removed_by"), {}, "summary.removed_by.class: is missing"),
        (("summary", "findings", "high"), True, "summary.findings.high: must be a whole number"),
        (("coverage", "elf"), {}, "coverage.elf.reached: is missing"),
        (("schema_version",), 2, "schema_version: 2 is newer than this program reads (1)"),
        (("schema_version",), 0, "schema_version: must be 1"),
        (("changes",), [], "changes: must be an object"),
        (("changes", "removed", 0, "size"), "9", "changes.removed[0].size: must be a whole number"),
        (("changes", "removed", 0, "size"), True, "changes.removed[0].size: must be a whole number"),
        (("changes", "removed", 0, "size"), -2, "changes.removed[0].size: is out of range"),
        (("changes", "removed", 0, "extra"), 1, "changes.removed[0].extra: unknown key"),
        (("changes", "removed", 0), 7, "changes.removed[0]: must be an object"),
        (("changes", "changed", 0, "aspects", 0), 7, "changes.changed[0].aspects[0]: must be text"),
        (("changes", "added"), None, "changes.added: must be a list"),
        (("changes", "lost"), [], "changes.lost: unknown key"),
        (("inventory", "slim"), [], "inventory.slim: must be an object"),
        (
            ("inventory", "original", "tools", 0, "tool"),
            "axe",
            "inventory.original.tools[0].tool: must be one of shell",
        ),
        (("inventory", "original", "extra", "fonts"), 1, "inventory.original.extra.fonts: must be a list"),
        (("inventory", "original", "extra"), 1, "inventory.original.extra: must be an object"),
        (("config_changes", 0, "after"), 1, "config_changes[0].after: must be text or null"),
    ],
)
def test_a_wrong_field_is_named(report: Report, path: tuple[str | int, ...], value: Any, told: str) -> None:
    assert refusal(changed(report, *path, to=value)).startswith(told)


@pytest.mark.parametrize("key", ["findings", "changes", "inventory", "summary", "slim", "complete"])
def test_a_missing_field_is_named(report: Report, key: str) -> None:
    data = json.loads(dump_report(report))
    del data[key]
    assert refusal(json.dumps(data)) == f"{key}: is missing"


def test_a_fingerprint_stands_once(report: Report) -> None:
    twin: Finding = report.findings[0]
    text = dump_report(replace(report, findings=(twin, replace(twin, rule="STA001"))))
    assert refusal(text) == "findings[1].fingerprint: is given twice"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not JSON: Expecting value at line 1, column 1"),
        ("[]", "must be an object"),
        ('{"a": 1, "a": 2}', "not JSON: the key a is given twice in one object"),
        ('{"a": NaN}', "not JSON: NaN"),
        ('{"a": Infinity}', "not JSON: Infinity"),
        ('{"a": ' + "9" * 5000 + "}", "not JSON: a number of thousands of digits"),
        (b"\xff", "not UTF-8 at byte 0"),
        (b"\xef\xbb\xbf{}", "not JSON: Unexpected UTF-8 BOM (decode using utf-8-sig) at line 1, column 1"),
        ("[" * 100_000, "nested deeper than 64 levels"),
        ('{"a":' * 100_000, "nested deeper than 64 levels"),
        ('{"a": "' + "[" * 1000, "not JSON: Unterminated string starting at at line 1, column 7"),
    ],
)
def test_what_is_no_json_is_refused(text: str | bytes, told: str) -> None:
    assert refusal(text) == told


def test_a_large_report_is_refused(report: Report) -> None:
    assert refusal(dump_report(report), report=100) == "larger than 100 bytes"


def test_counts_that_contradict_are_not_written(report: Report) -> None:
    wrong = replace(report, summary=replace(report.summary, findings=(("high", 1),)))
    with pytest.raises(ReportError, match="every severity once"):
        dump_report(wrong)
    with pytest.raises(ReportError, match=r"coverage\.elf: is given twice"):
        dump_report(replace(report, coverage=report.coverage * 2))


def test_a_wrong_inspection_is_refused(inspection: Inspection) -> None:
    data = json.loads(dump_inspection(inspection))
    data["inventory"]["users"][0]["uid"] = "0"
    with pytest.raises(ReportError, match=r"^inventory\.users\[0\]\.uid: must be a whole number$"):
        load_inspection(json.dumps(data))
    data["config"]["cmd"] = ["sh"]
    with pytest.raises(ReportError, match=r"^config\.cmd: must be text$"):
        load_inspection(json.dumps(data))


DETAILS = ElfDetails(
    path="/bin/a\udcff",
    kind="ELF",
    type="ET_DYN",
    machine="EM_X86_64",
    notes=(ElfNote(owner="GNU", type="x", description=""),),
    version_needs=(ElfVersions(name="libc.so.6", versions=("GLIBC_2.34",)),),
    hardening=Hardening(pie=True, relro="none", nx=False, canary=False),
)


def test_lists_that_are_there_only_when_asked_for(report: Report, inspection: Inspection) -> None:
    assert "file_kinds" not in json.loads(dump_report(report))
    assert "elf" not in json.loads(dump_inspection(inspection))
    asked = replace(report, file_kinds=(FileKind(path="/a\udcff", kind="data"),))
    assert json.loads(dump_report(asked))["file_kinds"] == [{"path": "/a\\xff", "kind": "data"}]
    assert load_report(dump_report(asked)) == asked
    closer = replace(inspection, elf=(DETAILS,))
    assert load_inspection(dump_inspection(closer)) == closer
    assert validate_report(json.loads(dump_report(asked))) is None
    assert validate_inspection(json.loads(dump_inspection(closer))) is None


def test_such_a_list_is_checked_like_every_other(report: Report, inspection: Inspection) -> None:
    data = json.loads(dump_report(report))
    for kinds, where in (({}, "file_kinds: must be a list"), ([{"path": "/a"}], "file_kinds[0].kind: is missing")):
        with pytest.raises(ReportError, match=re.escape(where)):
            load_report(json.dumps({**data, "file_kinds": kinds}))
    elf = {"path": "/a", "hardening": {"relro": "much"}}
    with pytest.raises(ReportError, match=r"elf\[0\]"):
        load_inspection(json.dumps({**json.loads(dump_inspection(inspection)), "elf": [elf]}))
