r"""A report as a short comment for a merge request.

Names are hostile, and a backslash does not keep a forge from linking `@name` or `#1`: so whatever is not a plain word
goes into a code span, and what could end a span or a table cell is escaped as `\xNN` like every control byte.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from xraydiff.facts import Certainty, Decision, Evidence, Finding, GapDecision, Problem, Verdict
from xraydiff.report.document import Report
from xraydiff.report.text import (
    TO_ACCEPT,
    chain,
    counted,
    cut,
    largest,
    outlook_reason,
    shown,
    size,
    verdict_sentence,
    worst_first,
)
from xraydiff.report.waivers import waiver_lines

__all__ = ["render_gate_markdown", "render_markdown"]

_MESSAGE = 300
_CHAIN = 600
# No word of hex digits that a forge would take for a commit.
_PLAIN = re.compile(r"\(?(?![0-9a-f]{7})(?:[A-Za-z]{1,40}|[0-9]{1,5})[,.;:)]{0,2}", re.ASCII)


def render_markdown(report: Report, *, limit: int = 10) -> str:
    """GitHub-flavoured Markdown: outlook, the worst `limit` findings, what was removed; LF at the end."""
    if report.summary.identical and not report.findings:
        return f"## xraydiff: identical\n\n{_pair(report)}: nothing to compare\n"
    parts = [
        f"## xraydiff: {report.summary.outlook.value}",
        f"{_pair(report)}: {_sizes(report)}",
        f"**{report.summary.outlook.value}**: {prose(outlook_reason(report))}",
    ]
    if not report.complete:
        parts.append("**Not read whole**: this is only part of the truth, and a gate fails.")
    parts += [*_gaps(report.problems, limit), *_findings(report.findings, limit), *_removed(report), *_next(report)]
    return "\n\n".join(parts) + "\n"


def render_gate_markdown(report: Report, verdict: Verdict, *, limit: int = 50) -> str:
    """GitHub-flavoured Markdown: the verdict, at most `limit` findings and gaps each, the waivers to paste."""
    findings = worst_first(report.findings)
    word = "passed" if verdict.passed else "blocked"
    parts = [f"## xraydiff gate: {word}", f"{_pair(report)}: **{word}**: {prose(verdict_sentence(verdict))}"]
    if report.summary.identical:
        parts.append("identical: nothing to compare")
    parts += [*_decided(findings, verdict.decisions, limit), *_decided_gaps(verdict.gaps, limit)]
    if verdict.notes:
        parts.append("\n".join(f"- {prose(note)}" for note in verdict.notes))
    waivers = waiver_lines(report, verdict, findings)
    if waivers:
        text = "\n".join(waivers)
        parts += [f"<details><summary>{TO_ACCEPT}</summary>", f"```yaml\n{text}\n```", "</details>"]
    return "\n\n".join(parts) + "\n"


def _decided(findings: Sequence[Finding], decisions: Sequence[Decision], limit: int) -> list[str]:
    """The findings that are blocked, then those that are waived."""
    by_fingerprint = {decision.fingerprint: decision for decision in decisions}
    told = [(finding, by_fingerprint.get(finding.fingerprint)) for finding in findings]
    chosen = [(f, d) for f, d in told if d and d.blocked] + [(f, d) for f, d in told if d and d.waived]
    rows = [
        f"| {_word(decision)} | {code(finding.rule)} | {_what(finding)} | {_paths(decision.uncovered)} "
        f"| {prose(decision.reason)} |"
        for finding, decision in chosen
    ]
    return _table(("decision", "rule", "what", "not accepted", "why"), rows, limit)


def _decided_gaps(gaps: Sequence[GapDecision], limit: int) -> list[str]:
    """The gaps that are blocked, then those that are waived."""
    chosen = [gap for gap in gaps if gap.blocked] + [gap for gap in gaps if gap.waived]
    rows = [
        f"| {_word(gap)} | {code(gap.image + ': ' + (gap.path or 'config'), _MESSAGE)} | {code(gap.reader, _MESSAGE)} "
        f"| {code(gap.code)} {prose(gap.message)} | {prose(gap.hint)} | {prose(gap.reason)} |"
        for gap in chosen
    ]
    return _table(("decision", "not read whole", "reader", "reason", "what to do", "why"), rows, limit)


def _word(decision: Decision | GapDecision) -> str:
    return "blocked" if decision.blocked else "waived"


def _table(heads: Sequence[str], rows: Sequence[str], limit: int) -> list[str]:
    if not rows:
        return []
    table = "\n".join([f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *rows[:limit]])
    return [table] if len(rows) <= limit else [table, f"and {len(rows) - limit:,} more"]


def code(text: str, limit: int = 0) -> str:
    r"""A code span that nothing can leave: backticks, bars and line ends are `\xNN` inside."""
    safe = shown(text, limit)
    return _span(safe) if safe else "(empty)"


def prose(text: str) -> str:
    """A sentence whose plain words stay words; other tokens become code spans, a comma or stop behind them left out."""
    return " ".join(_token(word) for word in shown(text, _MESSAGE).split(" ") if word)


def _token(word: str) -> str:
    if _PLAIN.fullmatch(word):
        return word
    stop = word[-1] if word[-1] in ",.;" and len(word) > 1 else ""
    return _span(word.removesuffix(stop)) + stop


def _span(safe: str) -> str:
    """A code span of what is escaped already: escaping it again would double its backslashes."""
    return "`" + safe.replace("`", r"\x60").replace("|", r"\x7c") + "`"


def _pair(report: Report) -> str:
    return f"{code(report.original.reference)} -> {code(report.slim.reference)}"


def _sizes(report: Report) -> str:
    original, slim = report.original, report.slim
    return (
        f"{size(original.bytes)} -> {size(slim.bytes)}, {original.files:,} -> {slim.files:,} files, "
        f"{original.layers:,} -> {slim.layers:,} layers"
    )


def _gaps(problems: Sequence[Problem], limit: int) -> list[str]:
    """The files that were reached and not read whole: each closes the gate."""
    gaps = [problem for problem in problems if problem.reader]
    if not gaps:
        return []
    rows = []
    for gap in gaps:
        place = f"{gap.image}: {gap.path or 'config'}"
        said = f"{code(gap.code)} {prose(gap.message)}"
        rows.append(f"| {code(place, _MESSAGE)} | {code(gap.reader, _MESSAGE)} | {said} | {prose(gap.hint)} |")
    heading = f"### {counted(len(gaps), 'file')} not read whole"
    return [heading, *_table(("file", "reader", "reason", "what to do"), rows, limit)]


def _findings(findings: Sequence[Finding], limit: int) -> list[str]:
    if not findings:
        return ["No findings."]
    rows = ["| severity | certainty | when | rule | what | put back |", "|---|---|---|---|---|---|"]
    for finding in worst_first(findings)[:limit]:
        cells = [
            finding.severity.word,
            finding.certainty.word,
            finding.when.value if finding.when is not None else "",
            code(finding.rule),
            _what(finding),
            _paths(finding.restore),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    told = [f"### {counted(len(findings), 'finding')}", "\n".join(rows)]
    return told if len(findings) <= limit else [*told, f"and {len(findings) - limit:,} more"]


def _what(finding: Finding) -> str:
    said = prose(finding.message)
    return f"{said}<br>{_because(finding.evidence)}" if finding.evidence else said


def _because(evidence: Sequence[Evidence]) -> str:
    return _span(cut(chain(evidence), _CHAIN))


def _paths(paths: Sequence[str]) -> str:
    some = ", ".join(code(path, _MESSAGE) for path in paths[:3])
    return some if len(paths) <= 3 else f"{some} and {len(paths) - 3:,} more"


def _removed(report: Report) -> list[str]:
    table = largest(report.summary.removed_by_class)[:10]
    if not table:
        return []
    rows = ["| class | paths | bytes |", "|---|---:|---:|"]
    rows += [f"| {code(row.name)} | {row.count:,} | {size(row.bytes)} |" for row in table]
    removed = f"{counted(report.summary.removed, 'path')}, {size(report.summary.removed_bytes)}"
    return [f"<details><summary>Removed: {removed}</summary>", "\n".join(rows), "</details>"]


def _next(report: Report) -> list[str]:
    wanted = [s for s in report.suggestions if s.certainty >= Certainty.LIKELY]
    if not wanted:
        return []
    what = f"{counted(len(wanted), 'path')}, {size(sum(s.bytes for s in wanted))}"
    return [f"`xraydiff suggest` lists what to put back: {what}."]
