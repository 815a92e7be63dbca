"""MOD: modules of a language."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.facts import Finding, Severity
from xraydiff.rules import Sight, missed, rule, targets
from xraydiff.rules.causes import Need


@rule("MOD001", "module-missing", Severity.HIGH)
def module_missing(sight: Sight) -> Iterator[Finding]:
    """A program imports a module that is gone."""
    for cause in sight.causes:
        if cause.need is Need.MODULE:
            severity = Severity.CRITICAL if cause.stops_start else Severity.HIGH
            yield missed("MOD001", cause, severity=severity, message=f"{cause.source} imports {targets(cause)}, gone")
