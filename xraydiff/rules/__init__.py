"""What matters: pure functions from what was seen to findings; one module for each family."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from xraydiff.diff import ImageDiff
from xraydiff.facts import Certainty, Finding, ImageConfig, Inventory, Problem, Severity
from xraydiff.minifier.run import NOTHING, Run
from xraydiff.owners import Owners
from xraydiff.paths import ImagePath, basename
from xraydiff.reach import Reach
from xraydiff.rules.causes import Cause
from xraydiff.tree import FileTree

__all__ = ["Rule", "Sight", "listed", "missed", "rule", "targets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Everything that a rule may look at."""

    original: FileTree
    slim: FileTree
    original_config: ImageConfig
    slim_config: ImageConfig
    diff: ImageDiff
    original_inventory: Inventory
    slim_inventory: Inventory
    owners: Owners
    reach: Reach | None
    """None where the images are no pair, or not read whole."""
    causes: tuple[Cause, ...] = ()
    """What the walk misses, grouped; every rule family takes those of its own need."""
    start: Cause | None = None
    """What breaks the start, apart from the others: one finding tells of it, whatever is missed."""
    problems: tuple[Problem, ...] = ()
    original_digest: str = ""
    """Digest of the original's config (the image id)."""
    run: Run = NOTHING
    """What is known of the minifier's run, and of what it was told to keep."""

    @property
    def asked(self) -> frozenset[ImagePath]:
        """Every path that something left, or coming back, asks for."""
        told = self.causes if self.start is None else (*self.causes, self.start)
        return frozenset(path for cause in told for path in cause.restore)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule: `id` is three letters of the family and three digits; `summary` is one sentence."""

    id: str
    name: str
    """kebab-case."""
    severity: Severity
    """The severity it usually gives; a finding may differ, as its page says."""
    summary: str
    check: Callable[[Sight], Iterable[Finding]]

    @property
    def family(self) -> str:
        """The letters of the id."""
        return self.id[:3]


_LIBRARIES = re.compile(r"^(?:libssl|libcrypto|libc|ld-musl|ld-linux)[.-]")


def missed(
    rule_id: str, cause: Cause, *, severity: Severity, message: str, subject: str = "", grave: bool = False
) -> Finding:
    """A finding about a cause: its chain, closure and moment.

    What only a literal in a package's file speaks for is LOW. Of a `grave` need (certificates, TLS) it keeps its
    severity, unless the asker is a library that names these paths for everybody.
    """
    if cause.certainty <= Certainty.POSSIBLE and not (grave and not _LIBRARIES.match(basename(cause.source))):
        severity = min(severity, Severity.LOW)
    return Finding(
        rule=rule_id,
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


def rule(id_: str, name: str, severity: Severity) -> Callable[[Callable[[Sight], Iterable[Finding]]], Rule]:
    """A decorator that makes a Rule of a function, whose docstring is the summary. It registers nothing."""

    def make(check: Callable[[Sight], Iterable[Finding]]) -> Rule:
        summary = (check.__doc__ or "").strip().split("\n", 1)[0]
        return Rule(id=id_, name=name, severity=severity, summary=summary, check=check)

    return make
