"""DIR: directories that programs expect."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.case import Case, Need
from xraydiff.facts import Certainty, EdgeKind, Finding, Severity
from xraydiff.rules import listed, missed, rule, targets

_DOCUMENTED = ("/tmp", "/var/tmp", "/run", "/var/run", "/run/lock", "/var/lock")  # noqa: S108  names of the FHS


@rule("DIR001", "directory-missing", Severity.HIGH)
def directory_missing(case: Case) -> Iterator[Finding]:
    """A directory is gone that a config or program works in; made anew, it would belong to root."""
    for cause in case.causes_of(Need.DIRECTORY):
        if cause.first.cause_edge.kind is EdgeKind.CONTAINS:
            gone = listed(tuple(one.cause for one in cause.direct), 4)
            message = f"gone: {gone}; empty in the original, so that no run leaves a trace there until it writes"
            yield missed(cause, severity=Severity.MEDIUM, message=message)
            continue
        file = case.original.tree.files.get(cause.first.cause)
        owner = f" (owner {file.uid}:{file.gid}, mode {file.mode:04o})" if file is not None else ""
        message = f"{cause.source} works in {targets(cause)}{owner}, which is gone"
        severity = Severity.CRITICAL if cause.stops_start else Severity.HIGH
        yield missed(cause, severity=severity, message=message)


@rule("DIR002", "temporary-directory-gone", Severity.LOW)
def temporary_directory_gone(case: Case) -> Iterator[Finding]:
    """Directories that the Filesystem Hierarchy Standard promises to programs are gone."""
    gone = tuple(
        path
        for path in _DOCUMENTED
        if (real := case.original.tree.resolve(path).path) is not None
        and real not in case.referenced
        and case.slim.tree.resolve(path).path is None
    )
    if gone:
        yield Finding(
            severity=Severity.LOW,
            certainty=Certainty.POSSIBLE,
            subject="temporary directories",
            subject_kind="group",
            message=f"gone: {listed(gone, 6)}; programs that write there will fail",
            count=len(gone),
            restore=tuple(sorted({path for one in gone if (path := case.original.tree.resolve(one).path) is not None})),
        )
