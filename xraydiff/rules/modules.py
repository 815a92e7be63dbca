"""MOD: modules of a language."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.case import Case, Need
from xraydiff.facts import Finding, Severity
from xraydiff.rules import missed, rule, targets


@rule("MOD001", "module-missing", Severity.HIGH)
def module_missing(case: Case) -> Iterator[Finding]:
    """A program imports a module that is gone."""
    for cause in case.causes_of(Need.MODULE):
        severity = Severity.CRITICAL if cause.stops_start else Severity.HIGH
        yield missed(cause, severity=severity, message=f"{cause.source} imports {targets(cause)}, gone")
