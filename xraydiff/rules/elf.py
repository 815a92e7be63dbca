"""ELF: shared libraries, program interpreters and plug-ins loaded by name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xraydiff.case import Case, Need
from xraydiff.facts import Certainty, EdgeKind, Finding, Severity
from xraydiff.paths import basename
from xraydiff.rules import listed, missed, rule, targets

_LIBRARY = re.compile(r"^lib[^/]*\.so(?:\.[0-9]+)*$")
_TLS = re.compile(r"^lib(?:ssl|crypto)[.-]")


@rule("ELF001", "missing-library", Severity.HIGH)
def missing_library(case: Case) -> Iterator[Finding]:
    """A program or library that stays, or comes back, needs a shared library that is gone."""
    for cause in case.causes_of(Need.LIBRARY):
        if cause.first.cause_edge.kind in (EdgeKind.NEEDS, EdgeKind.INTERPRETS):
            severity = Severity.CRITICAL if cause.stops_start else Severity.HIGH
            message = f"{cause.source} needs {targets(cause)}, which is gone"
            yield missed(cause, severity=severity, message=message)


@rule("ELF002", "missing-plugin", Severity.HIGH)
def missing_plugin(case: Case) -> Iterator[Finding]:
    """A library that is loaded by name at run time is gone."""
    for cause in case.causes_of(Need.LIBRARY):
        if cause.first.cause_edge.kind not in (EdgeKind.NEEDS, EdgeKind.INTERPRETS):
            message = f"{cause.source} loads {targets(cause)} by name, which is gone"
            yield missed(cause, severity=Severity.HIGH, message=message)


@rule("ELF003", "libraries-gone", Severity.INFO)
def libraries_gone(case: Case) -> Iterator[Finding]:
    """Shared libraries are gone and nothing left asks for them."""
    referenced = case.referenced
    names = {
        basename(change.path)
        for change in case.diff.removed
        if change.path not in referenced
        and _LIBRARY.match(basename(change.path))
        and not _TLS.match(basename(change.path))
    }
    if names:
        shown = tuple(sorted(names))
        yield Finding(
            severity=Severity.INFO,
            certainty=Certainty.PROVEN,
            subject="shared libraries",
            subject_kind="group",
            message=f"{len(shown)} shared libraries are gone; nothing left asks for them: {listed(shown)}",
            count=len(shown),
        )
