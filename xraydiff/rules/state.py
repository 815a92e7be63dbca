"""STA: runtime state of the probing run, and facts of its host, baked into the slim image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from xraydiff.case import Case
from xraydiff.diff import Aspect, Change
from xraydiff.facts import Certainty, FileType, Finding, Severity
from xraydiff.rules import listed, rule

_HOST: Final = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab")
_LOG = re.compile(r"^/var/log/|\.log(?:\.[0-9]+)?$|/logs/")
_RUNTIME = re.compile(r"^/(?:var/)?run/|\.pid$|\.lock$|\.sock$|/hsperfdata_|^/tmp/|^/var/tmp/|/core(?:\.[0-9]+)?$")
_SECRET = re.compile(
    r"(?:^|/)(?:\.netrc|\.pgpass|\.my\.cnf|\.git-credentials|\.npmrc|\.pypirc|\.aws/credentials|\.docker/config\.json"
    r"|\.kube/config|\.bash_history|\.ash_history|\.python_history|\.mysql_history|\.psql_history|id_rsa|id_ed25519)$"
)


@rule("STA001", "host-facts-baked-in", Severity.MEDIUM)
def host_facts_baked_in(case: Case) -> Iterator[Finding]:
    """/etc/resolv.conf, /etc/hosts or another file of the build host was baked into the slim image."""
    for change in _new(case):
        if change.path in _HOST and change.after is not None and change.after.size:
            yield Finding(
                severity=Severity.MEDIUM,
                certainty=Certainty.PROVEN,
                subject=change.path,
                message=f"{change.path} of the build host is baked in ({change.after.size} bytes)",
            )


@rule("STA002", "runtime-state-baked-in", Severity.LOW)
def runtime_state_baked_in(case: Case) -> Iterator[Finding]:
    """Logs, pid files, locks, sockets or temporary files of the probing run were baked in."""
    yield from _group(case, "logs", _LOG, Severity.LOW)
    yield from _group(case, "runtime files", _RUNTIME, Severity.LOW)


@rule("STA003", "data-changed-by-the-run", Severity.LOW)
def data_changed_by_the_run(case: Case) -> Iterator[Finding]:
    """Other files were added or changed by the probing run: a database, a cache, generated keys."""
    paths = tuple(
        change.path
        for change in _new(case)
        if not (change.path in _HOST or _LOG.search(change.path) or _RUNTIME.search(change.path))
        and not change.path.endswith((".pyc", ".pyo"))
    )
    if paths:
        yield Finding(
            severity=Severity.LOW,
            certainty=Certainty.PROVEN,
            subject="files of the run",
            subject_kind="group",
            message=f"{len(paths)} files carry what the probing run wrote: {listed(paths)}",
            count=len(paths),
        )


@rule("STA004", "credentials-baked-in", Severity.HIGH)
def credentials_baked_in(case: Case) -> Iterator[Finding]:
    """A file that usually holds credentials or a shell's history was added by slimming."""
    for change in case.diff.added:
        if _SECRET.search(change.path):
            yield Finding(
                severity=Severity.HIGH,
                certainty=Certainty.PROVEN,
                subject=change.path,
                message=f"{change.path} was added",
            )


def _new(case: Case) -> Iterator[Change]:
    """Regular files that slimming added, or whose content it changed."""
    for change in (*case.diff.added, *case.diff.changed):
        content = change.before is None or Aspect.CONTENT in change.aspects or Aspect.TYPE in change.aspects
        if content and change.after is not None and change.after.type is FileType.FILE:
            yield change


def _group(case: Case, what: str, pattern: re.Pattern[str], severity: Severity) -> Iterator[Finding]:
    paths = tuple(change.path for change in _new(case) if pattern.search(change.path) and change.path not in _HOST)
    if paths:
        yield Finding(
            severity=severity,
            certainty=Certainty.PROVEN,
            subject=what,
            subject_kind="group",
            message=f"{len(paths)} {what} of the probing run are baked in: {listed(paths)}",
            count=len(paths),
        )
