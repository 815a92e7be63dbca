"""DIR: directories that programs expect."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.facts import Certainty, Finding, Severity
from xraydiff.rules import Sight, listed, missed, rule, targets
from xraydiff.rules.causes import Need

_DOCUMENTED = ("/tmp", "/var/tmp", "/run", "/var/run", "/run/lock", "/var/lock")  # noqa: S108  names of the FHS


@rule("DIR001", "directory-missing", Severity.HIGH)
def directory_missing(sight: Sight) -> Iterator[Finding]:
    """A directory is gone that a config or program works in; made anew, it would belong to root."""
    for cause in sight.causes:
        if cause.need is Need.DIRECTORY:
            file = sight.original.files.get(cause.first.cause)
            owner = f" (owner {file.uid}:{file.gid}, mode {file.mode:04o})" if file is not None else ""
            message = f"{cause.source} works in {targets(cause)}{owner}, which is gone"
            severity = Severity.CRITICAL if cause.stops_start else Severity.HIGH
            yield missed("DIR001", cause, severity=severity, message=message)


@rule("DIR002", "temporary-directory-gone", Severity.LOW)
def temporary_directory_gone(sight: Sight) -> Iterator[Finding]:
    """Directories that the Filesystem Hierarchy Standard promises to programs are gone."""
    gone = tuple(
        path
        for path in _DOCUMENTED
        if (real := sight.original.resolve(path).path) is not None
        and real not in sight.asked
        and sight.slim.resolve(path).path is None
    )
    if gone:
        yield Finding(
            rule="DIR002",
            severity=Severity.LOW,
            certainty=Certainty.POSSIBLE,
            subject="temporary directories",
            subject_kind="group",
            message=f"gone: {listed(gone, 6)}; programs that write there will fail",
            count=len(gone),
            restore=tuple(sorted({path for one in gone if (path := sight.original.resolve(one).path) is not None})),
        )
