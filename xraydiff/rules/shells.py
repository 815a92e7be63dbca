"""SHL: shells."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.case import Case, Need
from xraydiff.facts import Certainty, Finding, Severity, ToolClass
from xraydiff.paths import basename
from xraydiff.rules import listed, missed, rule, targets


@rule("SHL001", "shell-missing", Severity.HIGH)
def shell_missing(case: Case) -> Iterator[Finding]:
    """A script or command string that stays, or comes back, needs a shell that is gone."""
    for cause in case.causes_of(Need.SHELL):
        severity = Severity.CRITICAL if cause.stops_start else Severity.HIGH
        yield missed(cause, severity=severity, message=f"{cause.source} runs {targets(cause)}, gone")


@rule("SHL002", "shells-gone", Severity.INFO)
def shells_gone(case: Case) -> Iterator[Finding]:
    """Shells are gone: nobody can open one in the container."""
    left = {tool.path for tool in case.slim.inventory.tools if tool.tool is ToolClass.SHELL}
    gone = [t.path for t in case.original.inventory.tools if t.tool is ToolClass.SHELL and t.path not in left]
    if gone:
        names = tuple(sorted({basename(path) for path in gone}))
        rest = f"left: {listed(tuple(sorted({basename(path) for path in left})))}" if left else "no shell is left"
        asked = tuple(sorted({basename(path) for path in gone if path in case.referenced}))
        yield Finding(
            severity=Severity.INFO,
            certainty=Certainty.PROVEN,
            subject="shells",
            subject_kind="group",
            message=f"shells are gone: {listed(names, 8)}; {rest}" + (f"; asked for: {listed(asked)}" if asked else ""),
            count=len(names),
        )
