"""CFG: the image config."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.case import Case
from xraydiff.diff import ConfigChange
from xraydiff.facts import Certainty, Finding, Severity, When
from xraydiff.rules import rule

_START = ("entrypoint", "cmd", "user", "workdir", "shell")
_QUIET = ("labels.", "history", "architecture", "os", "variant")


@rule("CFG001", "healthcheck-lost", Severity.MEDIUM)
def healthcheck_lost(case: Case) -> Iterator[Finding]:
    """HEALTHCHECK of the original is not in the slim image's config: nobody will notice when it stops working."""
    if case.original.config.healthcheck is not None and case.slim.config.healthcheck is None:
        command = " ".join(case.original.config.healthcheck.test)
        yield Finding(
            severity=Severity.MEDIUM,
            certainty=Certainty.PROVEN,
            when=When.OPERATE,
            subject="healthcheck",
            subject_kind="config",
            message=f"HEALTHCHECK is lost: {command}",
        )


@rule("CFG002", "start-changed", Severity.HIGH)
def start_changed(case: Case) -> Iterator[Finding]:
    """A config field that decides what starts, as whom and where differs from the original."""
    for change in case.diff.config:
        if change.field in _START and not _docker_default(change):
            yield _changed(Severity.HIGH, change, When.START)


@rule("CFG003", "config-changed", Severity.LOW)
def config_changed(case: Case) -> Iterator[Finding]:
    """Another config field differs: environment, ports, volumes, stop signal, build triggers."""
    for change in case.diff.config:
        if change.field in _START or change.field == "healthcheck" or change.field.startswith(_QUIET):
            continue
        severity = Severity.MEDIUM if change.field.startswith("env.") and change.after is None else Severity.LOW
        yield _changed(severity, change, None)


def _docker_default(change: ConfigChange) -> bool:
    """An empty value and an absent one mean the same to every engine; SHELL is read by builders only."""
    return change.field == "shell" or {change.before, change.after} <= {None, '""', "[]", '"/"'}


def _changed(severity: Severity, change: ConfigChange, when: When | None) -> Finding:
    before, after = change.before or "absent", change.after or "absent"
    return Finding(
        severity=severity,
        certainty=Certainty.PROVEN,
        when=when,
        subject=change.field,
        subject_kind="config",
        message=f"{change.field}: {before} became {after}",
    )
