r"""A report as a short comment for a merge request.

Names are hostile, and a backslash does not keep a forge from linking `@name` or `#1`: so whatever is not a plain word
goes into a code span, and what could end a span or a table cell is escaped as `\xNN` like every control byte.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from xraydiff.facts import Certainty, Evidence, Finding, Problem
from xraydiff.report.document import Report
from xraydiff.report.text import chain, counted, cut, largest, outlook_reason, shown, size, worst_first

__all__ = ["render_markdown"]

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
    rows = ["| file | reader | reason | what to do |", "|---|---|---|---|"]
    for gap in gaps[:limit]:
        place = f"{gap.image}: {gap.path or 'config'}"
        said = f"{code(gap.code)} {prose(gap.message)}"
        rows.append(f"| {code(place, _MESSAGE)} | {code(gap.reader, _MESSAGE)} | {said} | {prose(gap.hint)} |")
    told = [f"### {counted(len(gaps), 'file')} not read whole", "\n".join(rows)]
    return told if len(gaps) <= limit else [*told, f"and {len(gaps) - limit:,} more"]


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
