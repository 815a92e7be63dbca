"""What xraydiff says of a pair, held against the truth: the score of its suggestions, and the checks that they mend."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.pairs.harness.pair import Pair
from tests.pairs.harness.questions import ask_image
from tests.pairs.harness.tree import Tree
from xraydiff.facts import Certainty, Finding, Severity
from xraydiff.pipeline import compare
from xraydiff.suggestions import choose

UNCOUNTED = re.compile(r"/usr/(local/)?share/(doc|man|info)/|.*\.pyc$")
"""Given back without need or harm: documentation, and byte-code beside its source."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One row of the table."""

    pair: str
    recall: float
    """Share of the needed lines that are given back."""
    broken: int
    mended: int
    hurt: int
    """Checks that held on the slimmed image and no longer do."""
    files: int
    precision: float
    """Share of the files given back that are needed."""
    bytes_back: int
    cost: float
    """Share of the removed bytes that are given back."""
    high: int
    """Findings of HIGH or more."""
    idle: tuple[str, ...]
    """Those of them that name no needed path."""
    outlook: str
    truth: str
    missed: tuple[str, ...]
    unneeded: tuple[str, ...]

    def row(self) -> str:
        """The row as text."""
        named = {key: value for key, value in asdict(self).items() if key not in {"idle", "missed", "unneeded"}}
        words = [f"{key} {round(value, 3) if isinstance(value, float) else value}" for key, value in named.items()]
        return ", ".join([*words, f"idle {len(self.idle)}"])


class Scoring:
    """Which paths come back with a suggestion, and which were needed."""

    def __init__(self, pair: Pair, tree: Tree) -> None:
        self.pair, self.tree = pair, tree
        self.kept = {str(row["path"]) for row in pair.listing}
        self.removed = tree.entries.keys() - self.kept

    def restored(self, suggested: Iterable[str]) -> set[str]:
        """The removed paths that come back: a directory stands for what is below, and what is above comes along."""
        asked = {self._own(path) for path in suggested}
        below = tuple(f"{path}/" for path in asked)
        named = {path for path in self.removed if path in asked or path.startswith(below)}
        return self.tree.with_parents(named) - self.kept

    def _own(self, path: str) -> str:
        """A path with its directory resolved, itself not."""
        folder, _, base = path.rstrip("/").rpartition("/")
        return f"{self.tree.resolve(folder)[1].rstrip('/')}/{base}"

    def missed(self, restored: set[str]) -> list[str]:
        """The needed lines that stay gone: the path, or a link on the way."""
        there = self.kept | restored
        return [path for path in self.pair.needed if not there.issuperset(self._chain(path))]

    def _chain(self, path: str) -> set[str]:
        hops, target = self.tree.resolve(path)
        return {*hops, target} & self.tree.entries.keys()

    def precision(self, restored: set[str]) -> tuple[float, tuple[str, ...]]:
        """Share of the files given back that are needed, and those that are not."""
        needed = {self.tree.inode(self.tree.resolve(path)[1]) for path in self.pair.needed}
        back = {self.tree.inode(path) for path in restored if self.tree.is_file(path)}
        judged = {path for path in back if not UNCOUNTED.match(path)}
        idle = tuple(sorted(judged - needed))
        return (1 - len(idle) / len(judged) if judged else 1.0), idle

    def size(self, paths: Iterable[str]) -> int:
        return sum(map(self.tree.size, {self.tree.inode(path) for path in paths}))


def measure(pair: Pair, tree: Tree, work: Path, certainty: Certainty = Certainty.LIKELY) -> Measure:
    """Compare the pair's archives, give back what is suggested, and ask every check again."""
    with compare(work / f"{pair.name}.tar", work / f"{pair.name}.slim.tar") as comparison:
        report = comparison.report
        suggested = choose(report.suggestions, certainty).paths()
    scoring = Scoring(pair, tree)
    restored = scoring.restored(suggested)
    held = ask_image(pair, pair.slim, pair.checks, tree.layer(restored))
    missed = scoring.missed(restored)
    precision, unneeded = scoring.precision(restored)
    high = [finding for finding in report.findings if finding.severity >= Severity.HIGH]
    return Measure(
        pair=pair.name,
        recall=1 - len(missed) / len(pair.needed) if pair.needed else 1.0,
        broken=len(pair.broken),
        mended=sum(held[name] for name in pair.broken),
        hurt=sum(verdict["slim"] and not held[name] for name, verdict in pair.verdicts.items()),
        files=sum(tree.is_file(path) for path in restored),
        precision=precision,
        bytes_back=scoring.size(restored),
        cost=scoring.size(restored) / max(1, scoring.size(scoring.removed)),
        high=len(high),
        idle=tuple(f"{one.rule} {one.message}" for one in high if not _names_needed(one, pair.needed)),
        outlook=report.summary.outlook.value,
        truth=truth(pair),
        missed=tuple(missed),
        unneeded=unneeded,
    )


def _names_needed(finding: Finding, needed: Iterable[str]) -> bool:
    return not set(finding.restore).isdisjoint(needed)


def truth(pair: Pair) -> str:
    """What happened: of the checks that held on the original, how many still hold."""
    held = [verdict for verdict in pair.verdicts.values() if verdict["original"]]
    passing = sum(verdict["slim"] for verdict in held)
    return "broken" if not passing else "clean" if passing == len(held) else f"risky {passing}/{len(held)}"
