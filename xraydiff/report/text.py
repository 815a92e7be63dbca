"""A report as plain lines that a newcomer understands; each line carries a style, so that the command can colour it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from xraydiff.escaping import escaped
from xraydiff.facts import (
    Certainty,
    Decision,
    ElfDetails,
    ElfVersions,
    Evidence,
    Finding,
    GapDecision,
    Inventory,
    Outlook,
    Problem,
    Scope,
    Severity,
    Verdict,
    When,
)
from xraydiff.report.document import ImageSummary, Inspection, RemovedBy, Report, ReportedConfigChange
from xraydiff.report.waivers import waiver_lines

if TYPE_CHECKING:
    from xraydiff.graphs.build import Explanation

__all__ = [
    "TO_ACCEPT",
    "Line",
    "Style",
    "counted",
    "inspection_lines",
    "outlook_reason",
    "render_inspection",
    "render_lines",
    "render_text",
    "render_verdict",
    "render_why",
    "shown",
    "size",
    "verdict_lines",
    "verdict_sentence",
    "worst_first",
]

_CLASSES = 14
_PROBLEMS = 5
_CONFIG = 12
_PATHS = 3
_STEPS = 6
_VALUE = 60
_ELF = 200
_MESSAGE = 400
TO_ACCEPT = "To accept what is blocked, say why in a policy of version 2:"

_WHEN = {When.START: ", at start", When.USE: ", in use", When.OPERATE: ", in operation", None: ""}


class Style(StrEnum):
    """What a line is; severities by their own word."""

    TITLE = "title"
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"
    GOOD = "good"
    WARN = "warn"
    PLAIN = "plain"
    DIM = "dim"


_SGR = {
    Style.TITLE: "1",
    Style.CRITICAL: "1;31",
    Style.HIGH: "31",
    Style.MEDIUM: "33",
    Style.LOW: "36",
    Style.INFO: "",
    Style.GOOD: "32",
    Style.WARN: "33",
    Style.PLAIN: "",
    Style.DIM: "2",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of text without its end."""

    style: Style = Style.PLAIN
    text: str = ""

    def painted(self) -> str:
        """The text with the colours of its style, for a terminal (ECMA-48 SGR)."""
        codes = _SGR[self.style]
        return f"\x1b[{codes}m{self.text}\x1b[0m" if codes and self.text else self.text


def render_text(report: Report, *, limit: int = 20) -> str:
    """The report for people, at most `limit` findings, LF at the end."""
    return _joined(render_lines(report, limit=limit))


def render_inspection(inspection: Inspection, *, only_elf: bool = False) -> str:
    """An inspection for people, LF at the end; `only_elf` leaves out everything around the ELF files asked for."""
    return _joined(inspection_lines(inspection, only_elf=only_elf))


def render_verdict(report: Report, verdict: Verdict) -> str:
    """What a gate says of a report, LF at the end."""
    return _joined(verdict_lines(report, verdict))


def render_why(explanation: Explanation, *, limit: int = 20) -> str:
    """The references to a path, the most certain chain first, at most `limit` chains; LF at the end."""
    chains = explanation.chains
    status = "not in the original" if explanation.status == "absent" else explanation.status
    asked = (
        f"{explanation.certainty.word}, {counted(len(chains), 'chain')}" if chains else "nothing is known to ask for it"
    )
    lines = [Line(style=Style.TITLE, text=f"path {shown(explanation.path)}: {status}; {asked}")]
    lines += [Line(text=f"  {min(step.certainty for step in steps).word}: {chain(steps)}") for steps in chains[:limit]]
    if len(chains) > limit:
        lines.append(Line(style=Style.DIM, text=f"  and {len(chains) - limit:,} more"))
    if explanation.holders:
        lines.append(Line(text=f"  every chain passes through: {', '.join(map(shown, explanation.holders))}"))
    return _joined(lines)


def render_lines(report: Report, *, limit: int = 20) -> list[Line]:
    """The lines of `render_text`, each with its style."""
    if report.summary.identical and not report.findings:
        return [
            *_header(report),
            Line(),
            Line(style=Style.GOOD, text="identical: nothing to compare"),
            *_problems(report.problems),
        ]
    return [
        *_header(report),
        *_outlook(report),
        *_findings(report, limit),
        *_config_changes(report.config_changes),
        *_removed(report),
        *_section("File kinds", [f"{shown(file.path)}: {shown(file.kind, _MESSAGE)}" for file in report.file_kinds]),
        *_problems(report.problems),
        *_next(report),
    ]


# --- words that other formats share -----------------------------------------------------------------------------------


def shown(text: str, limit: int = 0) -> str:
    """A text of any origin, escaped as on every output, and cut after `limit` characters."""
    safe = escaped(text)
    return cut(safe, limit) if limit else safe


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, three of them dots where some are missing."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def counted(number: int, noun: str) -> str:
    """`1 file`, `1,234 files`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(number: int) -> str:
    """Bytes in decimal units, as `docker images` shows them."""
    if number < 1000:
        return f"{number} B"
    value = float(number)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:,.1f} PB"


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """By severity, then certainty, then the start before the rest, then rule and subject."""
    order = {When.START: 0, When.USE: 1, When.OPERATE: 2, None: 3}
    return sorted(findings, key=lambda f: (-f.severity, -f.certainty, order[f.when], f.rule, f.subject, f.fingerprint))


def outlook_reason(report: Report) -> str:
    """Why the outlook is what it is, in one raw sentence."""
    findings = worst_first(report.findings)
    match report.summary.outlook:
        case Outlook.BROKEN:
            starting = [f for f in findings if f.when is When.START] or findings
            return starting[0].message if starting else "the start command does not resolve"
        case Outlook.RISKY:
            risks = [
                f for f in findings if f.when and f.severity >= Severity.MEDIUM and f.certainty >= Certainty.LIKELY
            ]
            grave = [f for f in risks if f.severity >= Severity.HIGH]
            least = "high" if grave else "medium"
            return f"{counted(len(grave or risks), 'finding')} of severity {least} or more, likely or proven"
        case Outlook.UNKNOWN:
            gaps = [problem for problem in report.problems if problem.reader]
            if not report.complete:
                return "an image was not read whole"
            if not gaps:
                return "not everything could be looked at"
            more = f", and {counted(len(gaps) - 1, 'more file')} not read whole" if len(gaps) > 1 else ""
            return f"{gaps[0].path or 'the image config'}: {gaps[0].message}{more}"
        case Outlook.CLEAN:
            return clean_reason(report)


def clean_reason(report: Report) -> str:
    """What was looked at, and that nothing likely is missing: a possible finding may stand beside it."""
    read = sum(line.reached for line in report.coverage if line.reader != "literals")
    looked = f"configs, programs and scripts were read whole ({counted(read, 'reading')})"
    possible = [f for f in report.findings if f.when is not None and f.certainty is Certainty.POSSIBLE]
    if possible:
        return f"{looked}, and nothing likely is missing; {counted(len(possible), 'finding')} of certainty possible"
    return f"{looked}, and none asks for what is gone"


# --- the parts of a report --------------------------------------------------------------------------------------------


def _joined(lines: Iterable[Line]) -> str:
    return "".join(line.text + "\n" for line in lines)


def _header(report: Report) -> list[Line]:
    lines = [
        Line(style=Style.TITLE, text=f"{word:<9} {_image(image)}")
        for word, image in (("original", report.original), ("slim", report.slim))
    ]
    if report.original.bytes and report.slim.bytes <= report.original.bytes:
        saved = report.original.bytes - report.slim.bytes
        share = saved * 100 // report.original.bytes
        text = f"{'saved':<9} {size(saved)} ({share} %), layers {shown(report.summary.layers)}"
        lines.append(Line(text=text))
    return lines


def _image(image: ImageSummary) -> str:
    parts = [size(image.bytes), counted(image.files, "file"), counted(image.layers, "layer"), shown(image.platform)]
    return f"{shown(image.reference)}  {', '.join(part for part in parts if part)}"


def _outlook(report: Report) -> list[Line]:
    outlook = report.summary.outlook
    styles = {
        Outlook.BROKEN: Style.CRITICAL,
        Outlook.RISKY: Style.HIGH,
        Outlook.UNKNOWN: Style.WARN,
        Outlook.CLEAN: Style.GOOD,
    }
    text = f"Outlook: {outlook.value.upper()}: {shown(outlook_reason(report), _MESSAGE)}"
    lines = [Line(), Line(style=styles[outlook], text=text)]
    if not report.complete:
        lines.append(
            Line(style=Style.WARN, text="NOT READ WHOLE: what follows is only part of the truth, a gate fails")
        )
    return lines


def _findings(report: Report, limit: int) -> list[Line]:
    if not report.findings:
        return [Line(), Line(style=Style.TITLE, text="No findings")]
    counts = ", ".join(f"{count:,} {shown(word)}" for word, count in report.summary.findings if count)
    lines = [Line(), Line(style=Style.TITLE, text=f"{counted(len(report.findings), 'finding')}: {counts}")]
    for finding in worst_first(report.findings)[:limit]:
        lines += _finding(finding)
    if len(report.findings) > limit:
        lines.append(Line(style=Style.DIM, text=f"  and {len(report.findings) - limit:,} more"))
    return lines


def _finding(finding: Finding) -> list[Line]:
    word = finding.severity.word
    head = f"  {word.upper():<8} {shown(finding.rule)} {finding.certainty.word}{_WHEN[finding.when]}: "
    lines = [Line(style=Style(word), text=head + shown(finding.message, _MESSAGE))]
    if finding.evidence:
        lines.append(Line(text=f"{'because':>18}: {chain(finding.evidence)}"))
    if finding.restore:
        lines.append(Line(text=f"{'put back':>18}: {some_paths(finding.restore)}"))
    if finding.severity >= Severity.MEDIUM:  # what a policy may block is what a waiver names
        lines.append(Line(style=Style.DIM, text=f"{'fingerprint':>18}: {shown(finding.fingerprint)}"))
    return lines


def chain(evidence: Sequence[Evidence]) -> str:
    """`root (line 3: date) -> /bin/date`, the middle of a long one left out."""
    steps = [f"{shown(step.source)}{_how(step)}" for step in evidence]
    if len(steps) > _STEPS:
        steps = [*steps[:2], f"... {len(steps) - _STEPS + 1} more ...", *steps[3 - _STEPS :]]
    return " -> ".join([*steps, shown(evidence[-1].target)])


def _how(step: Evidence) -> str:
    where = f"line {step.line}" if step.line else ""
    what = "" if step.detail in ("", step.target) else f"{step.kind.value} {shown(step.detail, _VALUE)}"
    note = ": ".join(part for part in (where, what) if part)
    return f" ({note})" if note else ""


def some_paths(paths: Sequence[str]) -> str:
    """The first paths, then how many more."""
    text = ", ".join(shown(path) for path in paths[:_PATHS])
    return text if len(paths) <= _PATHS else f"{text} and {len(paths) - _PATHS:,} more"


def _config_changes(changes: Sequence[ReportedConfigChange]) -> list[Line]:
    if not changes:
        return []
    lines = [Line(), Line(style=Style.TITLE, text="Config changes")]
    lines += [
        Line(text=f"  {shown(change.field, _VALUE)}: {_value(change.before)} -> {_value(change.after)}")
        for change in changes[:_CONFIG]
    ]
    if len(changes) > _CONFIG:
        lines.append(Line(style=Style.DIM, text=f"  and {len(changes) - _CONFIG:,} more"))
    return lines


def _value(value: str | None) -> str:
    return "(absent)" if value is None else shown(value, _VALUE)


def _removed(report: Report) -> list[Line]:
    summary = report.summary
    if not summary.removed:
        return [Line(), Line(style=Style.TITLE, text="Nothing removed")]
    lines = [
        Line(),
        Line(style=Style.TITLE, text=f"Removed: {counted(summary.removed, 'path')}, {size(summary.removed_bytes)}"),
    ]
    table = largest(summary.removed_by_class)
    width = max((len(shown(row.name)) for row in table[:_CLASSES]), default=0)
    lines += [
        Line(text=f"  {shown(row.name):<{width}}  {row.count:>7,}  {size(row.bytes):>9}") for row in table[:_CLASSES]
    ]
    others = [
        f"{number:,} {word}"
        for word, number in (("added", summary.added), ("changed", summary.changed), ("moved", summary.moved))
        if number
    ]
    if others:
        lines.append(Line(style=Style.DIM, text=f"  also {', '.join(others)}"))
    return lines


def largest(rows: Iterable[RemovedBy]) -> list[RemovedBy]:
    """Most bytes first."""
    return sorted(rows, key=lambda row: (-row.bytes, -row.count, row.name))


def _problems(problems: Sequence[Problem], *, limit: int = _PROBLEMS) -> list[Line]:
    fatal = [p for p in problems if p.fatal and p.scope is Scope.READING]
    gaps = [p for p in problems if p.reader]
    notes = [p for p in problems if not p.reader and not (p.fatal and p.scope is Scope.READING)]
    lines: list[Line] = []
    groups = (
        ("Not read whole", Style.WARN, fatal),
        ("Reached but not read whole", Style.WARN, gaps),
        ("Notes", Style.DIM, notes),
    )
    for title, style, group in groups:
        if group:
            lines += [Line(), Line(style=style, text=f"{title}: {counted(len(group), 'problem')}")]
            lines += [Line(style=style, text=f"  {_problem(problem)}") for problem in group[:limit]]
        if len(group) > limit:
            lines.append(Line(style=Style.DIM, text=f"  and {len(group) - limit:,} more"))
    return lines


def _problem(problem: Problem) -> str:
    place = [shown(problem.image), f"layer {problem.layer}" if problem.layer >= 0 else "", shown(problem.path)]
    if problem.offset >= 0:
        place.append(f"byte {problem.offset}")
    words = [part for part in place if part]
    hint = f" ({shown(problem.hint, _MESSAGE)})" if problem.hint else ""
    return f"{shown(problem.code)}: {': '.join([*words, shown(problem.message, _MESSAGE)])}{hint}"


def _next(report: Report) -> list[Line]:
    pair = f"{shlex.quote(shown(report.original.reference))} {shlex.quote(shown(report.slim.reference))}"
    wanted = [s for s in report.suggestions if s.certainty >= Certainty.LIKELY]
    if not wanted:
        return [Line(), Line(style=Style.DIM, text=f"Next: xraydiff gate {pair}")]
    what = f"{counted(len(wanted), 'path')} to put back, {size(sum(s.bytes for s in wanted))}"
    return [Line(), Line(style=Style.DIM, text=f"Next: xraydiff suggest {pair}   ({what})")]


# --- an inspection ----------------------------------------------------------------------------------------------------


def inspection_lines(inspection: Inspection, *, only_elf: bool = False) -> list[Line]:
    """The lines of `render_inspection`, each with its style."""
    lines = [Line(style=Style.TITLE, text=f"image  {_image(inspection.image)}")]
    if not inspection.complete:
        lines.append(Line(style=Style.WARN, text="NOT READ WHOLE: what follows is only part of the truth"))
    if only_elf:
        closer = [line for details in inspection.elf for line in _elf(details)]
        return [*lines, *closer, *_problems(inspection.problems, limit=_ELF)]
    lines += _section("Config", [f"{shown(field, _VALUE)}: {_value(value)}" for field, value in inspection.config])
    held = inspection.inventory
    lines += _section(
        "Runtimes", [" ".join((shown(r.language), shown(r.version), shown(r.path))) for r in held.runtimes]
    )
    lines += _section("Packages", _by_ecosystem(held))
    lines += _section("Tools", _by_tool_class(held))
    lines += _section("Trust stores", [f"{shown(s.path)} ({shown(s.kind)}, {s.count})" for s in held.trust_stores])
    lines += _section("Private keys", [f"{shown(key.path)} ({shown(key.kind)})" for key in held.private_keys])
    lines += _section("Privileges", [f"{shown(p.path)} ({shown(p.kind)} {shown(p.detail)})" for p in held.privileges])
    counts = [
        (len(held.certificates), "certificate"),
        (len(held.users), "user"),
        (len(held.groups), "group"),
        (len(held.headers), "header directory"),
        (len(held.homes), "home directory"),
    ]
    lines += _section(
        "Also", [f"{number:,} {noun}" if number == 1 else f"{number:,} {_plural(noun)}" for number, noun in counts]
    )
    for name, extra in sorted(held.extra.items()):
        lines += _section(shown(name), [shown(line, _MESSAGE) for line in extra])
    return [*lines, *_problems(inspection.problems)]


def _elf(details: ElfDetails) -> list[Line]:
    """The deep view of one ELF file."""
    link = f" -> {shown(details.target)}" if details.target else ""
    hard = details.hardening
    marks = [
        f"PIE {_yes(hard.pie)}",
        f"RELRO {shown(hard.relro)}",
        f"NX {_yes(hard.nx)}",
        f"canary {_yes(hard.canary)}",
        f"FORTIFY {counted(len(hard.fortify), 'function')}",
    ]
    rows = [
        shown(details.kind, _MESSAGE),
        f"{shown(details.type)} {shown(details.machine)}, build id {shown(details.build_id) or 'none'}",
        f"hardening: {', '.join(marks)}",
    ]
    rows += [_versioned("needs", version) for version in details.version_needs]
    rows += [_versioned("defines", version) for version in details.version_definitions]
    rows += [
        f"note {shown(note.owner)} {shown(note.type)}: {shown(note.description, _VALUE)}" for note in details.notes
    ]
    return _section(f"ELF {shown(details.path)}{link}", [row for row in rows if row], limit=_ELF)


def _yes(flag: object) -> str:
    return "yes" if flag else "no"


def _versioned(verb: str, version: ElfVersions) -> str:
    names = ", ".join(map(shown, sorted(version.versions)))
    return cut(f"{verb} {shown(version.name)}{': ' if names else ''}{names}", _MESSAGE)


def _plural(noun: str) -> str:
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"


def _section(title: str, rows: Sequence[str], limit: int = 20) -> list[Line]:
    if not rows:
        return []
    lines = [Line(), Line(style=Style.TITLE, text=f"{title}"), *(Line(text=f"  {row}") for row in rows[:limit])]
    if len(rows) > limit:
        lines.append(Line(style=Style.DIM, text=f"  and {len(rows) - limit:,} more"))
    return lines


def _by_ecosystem(held: Inventory) -> list[str]:
    counts = Counter(package.ecosystem for package in held.packages)
    return [f"{shown(name)}: {counted(count, 'package')}" for name, count in sorted(counts.items())]


def _by_tool_class(held: Inventory) -> list[str]:
    classes: dict[str, list[str]] = {}
    for tool in held.tools:
        classes.setdefault(tool.tool.value, []).append(tool.path)
    return [f"{name}: {some_paths(sorted(paths))}" for name, paths in sorted(classes.items())]


# --- a verdict --------------------------------------------------------------------------------------------------------


def verdict_lines(report: Report, verdict: Verdict) -> list[Line]:
    """What a gate says: passed or not, what blocks or is waived with its reason, notes, and the waivers to paste."""
    findings = worst_first(report.findings)
    blocked = [d for d in verdict.decisions if d.blocked]
    lines = [Line(style=Style.GOOD if verdict.passed else Style.CRITICAL, text=f"Gate: {verdict_sentence(verdict)}")]
    if report.summary.identical:
        lines.append(Line(style=Style.GOOD, text="  identical: nothing to compare"))
    lines += [
        *_decided(findings, blocked, "blocked"),
        *_decided_gaps([gap for gap in verdict.gaps if gap.blocked], "blocked"),
        *_decided(findings, [d for d in verdict.decisions if d.waived], "waived"),
        *_decided_gaps([gap for gap in verdict.gaps if gap.waived], "waived"),
    ]
    lines += [Line(style=Style.WARN, text=f"  note: {shown(note, _MESSAGE)}") for note in verdict.notes]
    waivers = waiver_lines(report, verdict, findings)
    if waivers:
        lines += [Line(), Line(text=TO_ACCEPT), *(Line(style=Style.DIM, text=line) for line in waivers)]
    return lines


def verdict_sentence(verdict: Verdict) -> str:
    """`BLOCKED: 1 finding and 2 gaps blocked, 0 waived`."""
    word = "PASSED" if verdict.passed else "BLOCKED" if verdict.complete else "BLOCKED, NOT READ WHOLE"
    gaps = sum(gap.blocked for gap in verdict.gaps)
    told = counted(sum(decision.blocked for decision in verdict.decisions), "finding")
    if gaps:
        told += f" and {counted(gaps, 'gap')}"
    waived = sum(decision.waived for decision in verdict.decisions) + sum(gap.waived for gap in verdict.gaps)
    return f"{word}: {told} blocked, {waived:,} waived"


def _decided(findings: Sequence[Finding], decisions: Sequence[Decision], word: str) -> list[Line]:
    by_fingerprint = {finding.fingerprint: finding for finding in findings}
    order = {finding.fingerprint: index for index, finding in enumerate(findings)}
    lines: list[Line] = []
    for decision in sorted(decisions, key=lambda d: order.get(d.fingerprint, 0)):
        finding = by_fingerprint.get(decision.fingerprint)
        what = shown(f"{finding.rule} {finding.message}", _MESSAGE) if finding else ""
        style = Style(finding.severity.word) if finding and decision.blocked else Style.DIM
        lines.append(Line(style=style, text=f"  {word} {shown(decision.fingerprint)} {what}"))
        lines.append(Line(style=Style.DIM, text=f"    {shown(decision.reason, _MESSAGE)}"))
        if finding and 0 < len(decision.uncovered) < len(finding.restore):
            lines.append(Line(text=f"    not accepted: {some_paths(decision.uncovered)}"))
    return lines


def _decided_gaps(gaps: Sequence[GapDecision], word: str) -> list[Line]:
    lines: list[Line] = []
    for gap in gaps:
        place = f"{shown(gap.image)}: {shown(gap.path) or 'config'}"
        said = f"{shown(gap.code)}: {shown(gap.message, _MESSAGE)}"
        style = Style.WARN if gap.blocked else Style.DIM
        lines.append(Line(style=style, text=f"  {word} {place} not read whole by {shown(gap.reader)}: {said}"))
        lines.append(Line(style=Style.DIM, text=f"    {shown(gap.reason, _MESSAGE)}"))
        if gap.blocked and gap.hint:
            lines.append(Line(text=f"    to do: {shown(gap.hint, _MESSAGE)}"))
    return lines
