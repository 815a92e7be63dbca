"""What matters: pure functions from what was seen to findings; one module for each family."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from xraydiff.case import Case, Cause
from xraydiff.facts import Certainty, Finding, Severity
from xraydiff.paths import basename

__all__ = ["Rule", "listed", "missed", "rule", "targets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule: `id` is three letters of the family and three digits; `summary` is one sentence."""

    id: str
    name: str
    """kebab-case."""
    severity: Severity
    """The severity it usually gives; a finding may differ, as its page says."""
    summary: str
    check: Callable[[Case], Iterable[Finding]]


_LIBRARIES = re.compile(r"^(?:libssl|libcrypto|libc|ld-musl|ld-linux)[.-]")


def missed(cause: Cause, *, severity: Severity, message: str, subject: str = "", grave: bool = False) -> Finding:
    """A finding about a cause: its chain, closure and moment.

    What only a literal in a package's file speaks for is LOW. Of a `grave` need (certificates, TLS) it keeps its
    severity, unless the asker is a library that names these paths for everybody.
    """
    if cause.certainty <= Certainty.POSSIBLE and not (grave and not _LIBRARIES.match(basename(cause.source))):
        severity = min(severity, Severity.LOW)
    return Finding(
        severity=severity,
        certainty=cause.certainty,
        when=cause.when,
        subject=subject or cause.first.cause,
        message=message,
        count=len(cause.direct),
        evidence=cause.chain,
        restore=cause.restore,
        closures=cause.closures,
    )


def listed(names: tuple[str, ...], most: int = 4) -> str:
    """`a, b, c and 7 more`."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def targets(cause: Cause) -> str:
    """The direct targets of a cause, by name."""
    return listed(tuple(dict.fromkeys(basename(one.cause) or one.cause for one in cause.direct)))


def rule(id_: str, name: str, severity: Severity) -> Callable[[Callable[[Case], Iterable[Finding]]], Rule]:
    """A decorator that makes a Rule of a function, whose docstring is the summary. It registers nothing."""

    def make(check: Callable[[Case], Iterable[Finding]]) -> Rule:
        summary = (check.__doc__ or "").strip().split("\n", 1)[0]
        return Rule(id=id_, name=name, severity=severity, summary=summary, check=check)

    return make
