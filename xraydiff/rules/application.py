"""APP: the application's own files."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.facts import Finding, Severity
from xraydiff.rules import Sight, missed, rule, targets
from xraydiff.rules.causes import Need


@rule("APP001", "application-file-missing", Severity.HIGH)
def application_file_missing(sight: Sight) -> Iterator[Finding]:
    """A file of the application is gone that its configuration or its code stands for."""
    for cause in sight.causes:
        if cause.need is Need.APPLICATION:
            message = f"{cause.source} stands for {targets(cause)}, gone"
            yield missed("APP001", cause, severity=Severity.HIGH, message=message)
