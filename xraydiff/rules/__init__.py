"""What matters: pure functions from what was seen to findings; one module for each family."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from xraydiff.diff import ImageDiff
from xraydiff.facts import Finding, ImageConfig, Inventory, Problem, Severity
from xraydiff.owners import Owners
from xraydiff.reach import Reach
from xraydiff.tree import FileTree

__all__ = ["Rule", "Sight", "rule"]


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
    problems: tuple[Problem, ...] = ()


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


def rule(id_: str, name: str, severity: Severity) -> Callable[[Callable[[Sight], Iterable[Finding]]], Rule]:
    """A decorator that makes a Rule of a function, whose docstring is the summary. It registers nothing."""

    def make(check: Callable[[Sight], Iterable[Finding]]) -> Rule:
        summary = (check.__doc__ or "").strip().split("\n", 1)[0]
        return Rule(id=id_, name=name, severity=severity, summary=summary, check=check)

    return make
