"""What is written is read back the same, whatever bytes the names are made of."""

from __future__ import annotations

import contextlib
import json
import pickle
import re
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xraydiff.errors import ReportError
from xraydiff.facts import (
    Certainty,
    Certificate,
    Closure,
    EdgeKind,
    Evidence,
    FileType,
    Finding,
    Firing,
    Group,
    Inventory,
    Outlook,
    Owner,
    OwnerKind,
    Package,
    PrivateKey,
    Privilege,
    PrivilegeKind,
    Problem,
    Runtime,
    Scope,
    Severity,
    Suggestion,
    Tool,
    ToolClass,
    TrustStore,
    User,
    When,
)
from xraydiff.paths import decoded, image_path
from xraydiff.report.codec import dump_inspection, dump_report, load_inspection, load_report
from xraydiff.report.document import (
    Coverage,
    ImageSummary,
    Inspection,
    RemovedBy,
    Report,
    ReportedChange,
    ReportedConfigChange,
    Summary,
)
from xraydiff.report.schema import validate_inspection, validate_report
from xraydiff.report.text import render_inspection, render_text

T = TypeVar("T")
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

odd = st.sampled_from(
    [b"caf\xe9", b"\\x41", b"a\n::error::x", b"\x1b[2J", b"|`<b>@x", "\u202e\u200b\ufeff".encode(), b"\\"]
)
names = st.one_of(st.binary(max_size=12), odd, st.text(max_size=8).map(lambda t: t.encode("utf-8", "replace"))).map(
    decoded
)
paths = names.map(lambda name: str(image_path(name)))
counts = st.integers(0, 2**70)
ids = st.integers(-1, 2**63)
hexes = st.integers(0, 16**16 - 1).map("{:016x}".format)
rule_ids = st.from_regex(r"[A-Z]{3}[0-9]{3}", fullmatch=True)
config_json = st.one_of(st.none(), st.recursive(st.text(max_size=5), lambda x: st.lists(x, max_size=2)).map(json.dumps))


def several(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(strategy, max_size=2).map(tuple)


images = st.builds(
    ImageSummary, reference=names, digest=names, platform=names, layers=counts, files=counts, bytes=counts
)
problems = st.builds(
    Problem,
    image=st.sampled_from(["", "original", "slim"]),
    layer=ids,
    path=paths,
    offset=ids,
    code=names,
    message=names,
    scope=st.sampled_from(Scope),
    fatal=st.booleans(),
)
packages = st.builds(
    Package,
    ecosystem=names,
    name=names,
    version=names,
    architecture=names,
    status=names,
    location=paths,
    local=st.booleans(),
    depends=several(names),
)
inventories = st.builds(
    Inventory,
    packages=several(packages),
    certificates=several(
        st.builds(Certificate, path=paths, sha256=names, subject=names, self_signed=st.booleans(), problem=names)
    ),
    private_keys=several(st.builds(PrivateKey, path=paths, kind=names, encrypted=st.booleans())),
    trust_stores=several(st.builds(TrustStore, path=paths, kind=names, count=ids)),
    tools=several(st.builds(Tool, tool=st.sampled_from(ToolClass), path=paths, target=paths)),
    headers=several(paths),
    homes=several(paths),
    temporary=several(paths),
    users=several(st.builds(User, name=names, uid=ids, gid=ids, home=paths, shell=paths)),
    groups=several(st.builds(Group, name=names, gid=ids, members=several(names))),
    privileges=several(st.builds(Privilege, path=paths, kind=st.sampled_from(PrivilegeKind), detail=names)),
    runtimes=several(st.builds(Runtime, language=names, path=paths, version=names)),
    package_databases=several(paths),
    extra=st.dictionaries(names, several(names), max_size=2),
)
owners = st.builds(Owner, kind=st.sampled_from(OwnerKind), package=names, ecosystem=names)
evidence = st.builds(
    Evidence,
    source=names,
    target=paths,
    kind=st.sampled_from(EdgeKind),
    firing=st.sampled_from(Firing),
    certainty=st.sampled_from(Certainty),
    detail=names,
    line=counts,
    source_owner=st.none() | owners,
    target_status=st.sampled_from(["", "kept", "removed"]),
)
findings = st.builds(
    Finding,
    rule=rule_ids,
    severity=st.sampled_from(Severity),
    certainty=st.sampled_from(Certainty),
    when=st.none() | st.sampled_from(When),
    subject=names,
    subject_kind=names,
    message=names,
    count=counts,
    evidence=several(evidence),
    restore=several(paths),
    fingerprint=hexes,
    closures=several(st.builds(Closure, path=paths, needs=st.lists(paths, min_size=1, max_size=2).map(tuple))),
)
suggestions = st.builds(
    Suggestion,
    path=paths,
    kind=st.sampled_from(FileType),
    bytes=counts,
    certainty=st.sampled_from(Certainty),
    mode=st.integers(0, 0o7777),
    uid=ids,
    gid=ids,
    target=names,
    whole=st.booleans(),
    findings=several(hexes),
)
changes = several(
    st.builds(
        ReportedChange,
        path=paths,
        type=st.sampled_from([kind.value for kind in FileType]),
        size=counts,
        mode=st.integers(0, 0o7777),
        uid=ids,
        gid=ids,
        target=names,
        removed_class=names,
        package=names,
        aspects=several(st.sampled_from(["content", "mode"])),
        before=names,
        after=names,
        moved_to=names,
    )
)
removed_by = several(st.builds(RemovedBy, name=names, count=counts, bytes=counts))
summaries = st.builds(
    Summary,
    kept=counts,
    removed=counts,
    added=counts,
    changed=counts,
    moved=counts,
    removed_bytes=counts,
    added_bytes=counts,
    layers=names,
    findings=st.tuples(*(st.tuples(st.just(s.word), counts) for s in sorted(Severity, reverse=True))),
    removed_by_class=removed_by,
    removed_by_package=removed_by,
    outlook=st.sampled_from(Outlook),
    identical=st.booleans(),
)
coverages = st.dictionaries(names, st.tuples(counts, counts, counts), max_size=2).map(
    lambda lines: tuple(
        Coverage(reader=name, reached=n[0], parsed=n[1], not_understood=n[2]) for name, n in sorted(lines.items())
    )
)
reports = st.builds(
    Report,
    tool=names,
    complete=st.booleans(),
    problems=several(problems),
    coverage=coverages,
    rules=several(rule_ids),
    original=images,
    slim=images,
    summary=summaries,
    removed=changes,
    added=changes,
    changed=changes,
    moved=changes,
    config_changes=several(st.builds(ReportedConfigChange, field=names, before=config_json, after=config_json)),
    original_inventory=inventories,
    slim_inventory=inventories,
    findings=st.lists(findings, max_size=2, unique_by=lambda finding: finding.fingerprint).map(tuple),
    suggestions=several(suggestions),
    schema_version=st.just(1),
)
inspections = st.builds(
    Inspection,
    tool=names,
    complete=st.booleans(),
    problems=several(problems),
    image=images,
    config=st.dictionaries(names, config_json.filter(bool), max_size=3).map(lambda d: tuple(sorted(d.items()))),
    inventory=inventories,
    schema_version=st.just(1),
)


@settings(deadline=None)
@given(reports)
def test_report_survives(report: Report) -> None:
    text = dump_report(report)
    assert load_report(text) == report
    assert load_report(text.encode()) == report
    assert dump_report(load_report(text)) == text
    assert validate_report(json.loads(text)) is None


@settings(deadline=None)
@given(inspections)
def test_inspection_survives(inspection: Inspection) -> None:
    text = dump_inspection(inspection)
    assert load_inspection(text) == inspection
    assert dump_inspection(load_inspection(text)) == text
    assert validate_inspection(json.loads(text)) is None


@settings(deadline=None)
@given(reports)
def test_report_is_detached(report: Report) -> None:
    assert pickle.loads(pickle.dumps(report)) == report  # noqa: S301  our own bytes


@settings(deadline=None)
@given(reports, inspections)
def test_nothing_that_is_written_can_steer_a_terminal_or_a_job(report: Report, inspection: Inspection) -> None:
    for text in (dump_report(report), dump_inspection(inspection), render_text(report), render_inspection(inspection)):
        assert text.endswith("\n")
        assert not STEERING.search(text)
        assert not any(line.lstrip().startswith("::") for line in text.splitlines())
        assert "##[" not in text


@settings(deadline=None)
@given(reports, st.data())
def test_a_report_that_was_tampered_with_is_refused_or_read(report: Report, data: st.DataObject) -> None:
    text = dump_report(report)
    start = data.draw(st.integers(0, len(text) - 1))
    junk = data.draw(st.sampled_from(["", "1", '"', "{", "]", "null", "NaN", "\\", "\udcff"]))
    broken = text[:start] + junk + text[start + data.draw(st.integers(0, 4)) :]
    with contextlib.suppress(ReportError):
        assert isinstance(load_report(broken), Report)


@given(st.text(max_size=40) | st.sampled_from(["[" * 100_000, '{"a":' * 50_000, '"\\"' * 50_000, "1" * 5000]))
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(ReportError):
        load_report(text)
