"""SCR: commands that scripts, configs and programs run."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.case import Case, Need
from xraydiff.facts import Finding, Severity
from xraydiff.rules import missed, rule, targets


@rule("SCR001", "command-missing", Severity.HIGH)
def command_missing(case: Case) -> Iterator[Finding]:
    """A script, config or program that stays, or comes back, runs a command that is gone."""
    for cause in case.causes_of(Need.COMMAND):
        severity = Severity.CRITICAL if cause.stops_start else Severity.HIGH
        message = f"{cause.source} runs {targets(cause)}, gone"
        yield missed(cause, severity=severity, message=message)
