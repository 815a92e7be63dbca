"""DAT: data files, time zones, locales, character sets."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.facts import Finding, Severity
from xraydiff.reach.causes import Need
from xraydiff.rules import Sight, missed, rule, targets


@rule("DAT001", "data-missing", Severity.HIGH)
def data_missing(sight: Sight) -> Iterator[Finding]:
    """A data file of a package is gone that something left, or coming back, names."""
    for cause in sight.causes:
        if cause.need is Need.DATA:
            yield missed(
                "DAT001", cause, severity=Severity.HIGH, message=f"{cause.source} names {targets(cause)}, gone"
            )
