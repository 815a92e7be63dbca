"""The outlook: what to expect of the slimmed image, from its findings and from what nobody could look at."""

from __future__ import annotations

from collections.abc import Iterable

from xraydiff.facts import Certainty, Finding, Outlook, Severity, When


def outlook(findings: Iterable[Finding], *, complete: bool, understood: bool) -> Outlook:
    """`broken`, `risky`, `unknown` or `clean` (DESIGN: clean never means that nobody looked).

    `broken` where the start itself is sure to fail, `risky` where anything is LIKELY to be missed at start, in use or
    in operation. `understood` is false where a runtime without a reader was found, or where no walk ran.
    """
    stopping = [finding for finding in findings if finding.when is not None]
    if any(_breaks_start(finding) for finding in stopping):
        return Outlook.BROKEN
    if any(f.severity >= Severity.MEDIUM and f.certainty >= Certainty.LIKELY for f in stopping):
        return Outlook.RISKY
    return Outlook.CLEAN if complete and understood else Outlook.UNKNOWN


def _breaks_start(finding: Finding) -> bool:
    return (
        finding.when is When.START and finding.severity >= Severity.CRITICAL and finding.certainty >= Certainty.PROVEN
    )
