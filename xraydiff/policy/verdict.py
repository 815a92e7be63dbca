"""The verdict of a policy on a report: every finding and every gap is decided, with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from xraydiff.facts import Decision, Finding, GapDecision, Outlook, Problem, Verdict
from xraydiff.paths import basename
from xraydiff.policy.accepted import Baseline, Missed, Waivers
from xraydiff.policy.model import Policy, Selector
from xraydiff.report.document import Report
from xraydiff.tree.glob import matches


def evaluate(report: Report, policy: Policy, *, today: date, baseline: Report | None = None) -> Verdict:
    """What a policy says of a report on a day: every finding and every gap is decided with a reason.

    A report that is not complete never passes, nor one that a rule named by the policy did not look at. With a
    `baseline`, the missing paths that it holds already, no milder, are not blocked. A gap blocks whatever the outlook
    is and whatever the baseline holds: only a waiver, or a policy that allows the unknown, lets it pass.
    """
    accepted = Baseline(baseline, report) if baseline else None
    waivers = Waivers(policy.waivers, today)
    decisions = tuple(_decided(finding, policy, waivers, accepted) for finding in report.findings)
    gaps = tuple(_decided_gap(problem, policy, waivers) for problem in report.problems if problem.reader)
    blind = [] if report.summary.identical else list(_not_looked_at(report, policy))
    blocked = any(decision.blocked for decision in decisions) or any(gap.blocked for gap in gaps)
    return Verdict(
        passed=report.complete and not blind and not blocked,
        complete=report.complete,
        decisions=decisions,
        notes=(*_incomplete(report), *blind, *waivers.notes()),
        gaps=gaps,
    )


def _decided(finding: Finding, policy: Policy, waivers: Waivers, accepted: Baseline | None) -> Decision:
    mark = finding.fingerprint
    index = next((i for i, entry in enumerate(policy.block) if _selects(entry, finding)), None)
    if index is None:
        return Decision(fingerprint=mark, blocked=False, reason="no entry of the policy selects it")
    missed = Missed(finding)
    waived = waivers.of_finding(missed)
    left = missed.things - waived.things
    if not left:
        return Decision(fingerprint=mark, blocked=False, reason=waived.reason, waived=True)
    known = accepted.covered(missed) if accepted is not None else frozenset()
    if left <= known:
        reason = f"{waived.reason}; the rest is in the baseline" if waived.things else "in the baseline"
        return Decision(fingerprint=mark, blocked=False, reason=reason, waived=bool(waived.things))
    reason = f"block[{index}]: {_described(policy.block[index])}"
    if waived.things or known:
        covered = len(missed.things) - len(left - known)
        reason = f"{reason}; {covered} of {len(missed.things)} missing paths are accepted, the others are not"
    elif accepted is not None and (difference := accepted.difference(finding)):
        reason = f"{reason}; {difference}"
    uncovered = tuple(sorted(left - known)) if finding.restore else ()
    return Decision(fingerprint=mark, blocked=True, reason=reason, uncovered=uncovered)


def _decided_gap(gap: Problem, policy: Policy, waivers: Waivers) -> GapDecision:
    waived = "" if policy.allow_unknown else waivers.of_gap(gap)
    return GapDecision(
        image=gap.image,
        path=gap.path,
        reader=gap.reader,
        code=gap.code,
        message=gap.message,
        hint=gap.hint,
        blocked=not policy.allow_unknown and not waived,
        reason=waived or ("unknown: allow" if policy.allow_unknown else "unknown: block"),
        waived=bool(waived),
    )


def _selects(entry: Selector, finding: Finding) -> bool:
    if finding.severity < entry.severity or finding.certainty < entry.certainty:
        return False
    if entry.rules and finding.rule not in entry.rules and finding.rule[:3] not in entry.rules:
        return False
    if entry.when and finding.when not in entry.when:
        return False
    if not entry.unless_asked_by or not finding.evidence:
        return True
    asker = "/" + basename(finding.evidence[-1].source)
    return not any(matches(asker, f"/{pattern}") for pattern in entry.unless_asked_by)


def _described(entry: Selector) -> str:
    text = f"severity {entry.severity.word} or more, certainty {entry.certainty.word} or more"
    return f"{text}, {' or '.join(entry.rules)}" if entry.rules else text


def _incomplete(report: Report) -> Iterator[str]:
    if not report.complete:
        yield "an image was not read whole, so nothing can pass"


def _not_looked_at(report: Report, policy: Policy) -> Iterator[str]:
    """Rules that did not run, and an outlook that nothing explains: reports of before gaps were listed one by one."""
    ran = {*report.rules, *(rule[:3] for rule in report.rules)}
    for index, entry in enumerate(policy.block):
        for rule in entry.rules:
            if rule not in ran:
                yield f"block[{index}].rules: {rule} did not run for this report, so it cannot pass"
    unknown = report.summary.outlook is Outlook.UNKNOWN and not policy.allow_unknown
    if unknown and report.complete and not any(problem.reader for problem in report.problems):
        yield "the outlook is unknown and the report does not say why, so it cannot pass: compare the images anew"
