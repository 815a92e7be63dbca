"""DAT: data files, time zones, locales, character sets."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.facts import EdgeKind, Finding, Severity
from xraydiff.rules import Sight, missed, rule, targets
from xraydiff.rules.causes import Need


@rule("DAT001", "data-missing", Severity.HIGH)
def data_missing(sight: Sight) -> Iterator[Finding]:
    """A data file of a package is gone that something left, or coming back, names."""
    for cause in sight.causes:
        if cause.need is Need.DATA:
            severity = Severity.CRITICAL if cause.stops_start else Severity.HIGH
            edge = cause.first.cause_edge
            if edge.kind is EdgeKind.COMPANION:
                message = f"{targets(cause)}, gone, go with {cause.source}: {edge.detail}"
            else:
                message = f"{cause.source} names {targets(cause)}, gone"
            yield missed("DAT001", cause, severity=severity, message=message)
