r"""The waivers that would accept what a verdict blocks, as YAML to paste into a policy of version 2.

They name every path that nothing accepts yet, and no more, so that a pasted one is valid and complete. Names are
escaped as on every output, odd ones stand in double quotes; a backtick is `\x60` there, so that no code span begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from xraydiff.facts import Decision, FileType, Finding, GapDecision, Verdict
from xraydiff.paths import ancestors, escaped, image_path
from xraydiff.report.document import Report
from xraydiff.tree.glob import quoted

__all__ = ["waiver_lines"]

_PATHS = 100
"""Paths of one waiver: more than a screen or two of them is what a baseline is for."""
_REASON = "SAY WHY"
_PLAIN = re.compile(r"/[A-Za-z0-9/._+@%~=-]*", re.ASCII)


def waiver_lines(report: Report, verdict: Verdict, findings: Iterable[Finding]) -> list[str]:
    """The lines of `waivers:` for each blocked finding, in the given order, and for all blocked gaps by their reason.

    Empty where nothing is blocked, or where an image was not read whole, which no waiver accepts.
    """
    if not verdict.complete:
        return []
    blocked = {decision.fingerprint: decision for decision in verdict.decisions if decision.blocked}
    lines: list[str] = []
    for finding in findings:
        if finding.fingerprint in blocked:
            lines += _of_finding(report, finding, blocked[finding.fingerprint])
    lines += _of_gaps(verdict.gaps)
    return ["waivers:", *lines] if lines else []


def _of_finding(report: Report, finding: Finding, decision: Decision) -> Iterator[str]:
    name = f"fingerprint: {finding.fingerprint}"
    missing = decision.uncovered or finding.restore
    yield from _waiver(name, _patterns(report, {str(image_path(path)) for path in missing}) if missing else None)


def _of_gaps(gaps: Iterable[GapDecision]) -> Iterator[str]:
    by_code: dict[str, set[str]] = {}
    for gap in gaps:
        if gap.blocked:
            by_code.setdefault(gap.code, set()).add(quoted(image_path(gap.path)) if gap.path else "config")
    for code in sorted(by_code):
        yield from _waiver(f"unread: {_scalar(code)}", sorted(by_code[code]))


def _waiver(name: str, patterns: list[str] | None) -> Iterator[str]:
    if patterns is not None and len(patterns) > _PATHS:
        yield f"  # {name}: {len(patterns):,} paths, too many to list; write globs, or accept a report as baseline"
        return
    yield f"  - {name}"
    if patterns is not None:
        yield "    paths:"
        yield from (f"      - {_scalar(escaped(pattern))}" for pattern in patterns)
    yield f"    reason: {_REASON}"


def _patterns(report: Report, missing: set[str]) -> list[str]:
    """The paths; where these are too many, a glob for each missing directory with nothing in it but them."""
    if len(missing) <= _PATHS:
        return sorted(map(quoted, missing))
    directories = {change.path for change in report.removed if change.type == FileType.DIRECTORY}
    for change in (*report.removed, *report.moved):
        if change.path not in missing and change.path not in directories:
            directories.difference_update(ancestors(image_path(change.path)))
    return sorted({_folded(path, directories) for path in missing})


def _folded(path: str, directories: set[str]) -> str:
    above = [directory for directory in ancestors(image_path(path)) if directory in directories]
    return f"{quoted(above[-1])}/**" if above else quoted(path)


def _scalar(text: str) -> str:
    """A YAML scalar (YAML 1.2, 7.3): plain where that is safe, else in double quotes."""
    if _PLAIN.fullmatch(text) or (text.isascii() and text.replace("-", "").isalpha() and text[0] != "-"):
        return text
    return '"' + text.replace("\\", r"\\").replace('"', r"\"").replace("`", r"\x60") + '"'
