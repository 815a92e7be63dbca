"""DAT: data files, time zones, locales, character sets."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.case import Case, Need
from xraydiff.facts import EdgeKind, Finding, Severity
from xraydiff.rules import missed, rule, targets


@rule("DAT001", "data-missing", Severity.HIGH)
def data_missing(case: Case) -> Iterator[Finding]:
    """A data file of a package is gone that something left, or coming back, names."""
    for cause in case.causes_of(Need.DATA):
        severity = Severity.CRITICAL if cause.stops_start else Severity.HIGH
        edge = cause.first.cause_edge
        if edge.kind is EdgeKind.COMPANION:
            message = f"{targets(cause)}, gone, go with {cause.source}: {edge.detail}"
        else:
            message = f"{cause.source} names {targets(cause)}, gone"
        yield missed(cause, severity=severity, message=message)
