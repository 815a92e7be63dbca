"""Reports made by hand, for tests of what a policy says of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from xraydiff.facts import (
    Certainty,
    Closure,
    EdgeKind,
    Evidence,
    Finding,
    Firing,
    Inventory,
    Outlook,
    Package,
    Problem,
    Scope,
    Severity,
    When,
)
from xraydiff.report.document import ImageSummary, Report, ReportedChange, Summary

TODAY = date(2026, 6, 1)
RULES = ("CRT001", "ELF001", "SHL001", "TLS001")
_IMAGE = ImageSummary(reference="a.tar", digest="", platform="", layers=1, files=1, bytes=1)


def report(
    *findings: Finding,
    complete: bool = True,
    rules: tuple[str, ...] = RULES,
    identical: bool = False,
    outlook: Outlook = Outlook.CLEAN,
    gaps: tuple[Problem, ...] = (),
    packages: tuple[Package, ...] = (),
    removed: tuple[ReportedChange, ...] = (),
) -> Report:
    summary = Summary(
        kept=0,
        removed=0,
        added=0,
        changed=0,
        moved=0,
        removed_bytes=0,
        added_bytes=0,
        layers="1 -> 1",
        findings=tuple((s.word, 0) for s in sorted(Severity, reverse=True)),
        removed_by_class=(),
        removed_by_package=(),
        outlook=outlook,
        identical=identical,
    )
    return Report(
        tool="xraydiff",
        complete=complete,
        problems=gaps,
        coverage=(),
        rules=rules,
        original=_IMAGE,
        slim=_IMAGE,
        summary=summary,
        removed=removed,
        added=(),
        changed=(),
        config_changes=(),
        original_inventory=Inventory(packages=packages),
        slim_inventory=Inventory(),
        findings=findings,
        suggestions=(),
    )


def finding(
    rule: str = "ELF001",
    severity: Severity = Severity.HIGH,
    certainty: Certainty = Certainty.LIKELY,
    *,
    subject: str = "/usr/lib/libx.so.1",
    subject_kind: str = "path",
    when: When | None = When.USE,
    asker: str = "",
    restore: Sequence[str] = (),
    closures: tuple[Closure, ...] = (),
    message: str = "gone",
    fingerprint: str = "00000000000000aa",
) -> Finding:
    step = Evidence(
        source=asker, target=subject, kind=EdgeKind.NEEDS, firing=Firing.NAMED, certainty=Certainty.POSSIBLE
    )
    return Finding(
        rule=rule,
        severity=severity,
        certainty=certainty,
        when=when,
        subject=subject,
        subject_kind=subject_kind,
        message=message,
        evidence=(step,) if asker else (),
        restore=tuple(sorted(restore)),
        closures=closures,
        fingerprint=fingerprint,
    )


def gap(path: str, code: str = "too-large", *, reader: str = "javascript", image: str = "slim") -> Problem:
    return Problem(
        image=image,
        path=path,
        code=code,
        message=f"the {reader} reader stopped",
        scope=Scope.ANALYSIS,
        fatal=False,
        reader=reader,
        hint="waive it by its path if it is data",
    )


def removed(path: str, package: str = "", kind: str = "file") -> ReportedChange:
    return ReportedChange(path=path, type=kind, size=1, mode=0o644, uid=0, gid=0, package=package)


def policy_text(waivers: str = "", block: str = "  - {severity: high, certainty: likely}\n", version: int = 1) -> str:
    return f"version: {version}\nblock:\n{block}" + (f"waivers:\n{waivers}" if waivers else "")
