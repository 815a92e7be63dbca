"""SCR: commands that scripts, configs and programs run."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.facts import Finding, Severity
from xraydiff.rules import Sight, missed, rule, targets
from xraydiff.rules.causes import Need


@rule("SCR001", "command-missing", Severity.HIGH)
def command_missing(sight: Sight) -> Iterator[Finding]:
    """A script, config or program that stays, or comes back, runs a command that is gone."""
    for cause in sight.causes:
        if cause.need is Need.COMMAND:
            severity = Severity.CRITICAL if cause.stops_start else Severity.HIGH
            message = f"{cause.source} runs {targets(cause)}, gone"
            yield missed("SCR001", cause, severity=severity, message=message)
