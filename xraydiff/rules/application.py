"""APP: the application's own files."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.case import Case, Need
from xraydiff.facts import Finding, Severity
from xraydiff.rules import missed, rule, targets


@rule("APP001", "application-file-missing", Severity.HIGH)
def application_file_missing(case: Case) -> Iterator[Finding]:
    """A file of the application is gone that its configuration or its code stands for."""
    for cause in case.causes_of(Need.APPLICATION):
        message = f"{cause.source} stands for {targets(cause)}, gone"
        yield missed(cause, severity=Severity.HIGH, message=message)
