"""How much of what broke was foreseen, and how much noise came with it, for every built pair.

    python tests/benchmarks/foresight.py [--leave-one-out] [--json] PAIRS BUILT [NAME ...]

PAIRS holds the recorded truths (`NAME/needed.txt`, `NAME/checks.json`, `score.py`), BUILT the archives `NAME.tar` and
`NAME.slim.tar`. Prints a line for each pair, then the table firing x standing of the source -> targets, of them needed.

With `--leave-one-out` it prints instead, for each cell of the certainty table and each row of knowledge, on which pairs
it counts: how many removed files it brings on the best chains of what is missed as likely or more, how many of these
were needed. What an unneeded file asks for in turn is not counted. `noise` is right in fewer than one of three, and not
by chance: it goes to possible. `too few` is below one in three and may be so by chance. `one pair` counts on one pair
alone, or is right in one of three only thanks to one: it was fitted, and a pair of another kind must confirm it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import comb
from pathlib import Path
from types import ModuleType

from xraydiff.comparison import Comparison
from xraydiff.facts import Certainty, EdgeKind, Evidence, Severity, WalkDepth
from xraydiff.knowledge import OURS, Companion
from xraydiff.paths import ImagePath
from xraydiff.pipeline import compare
from xraydiff.reach import Reach
from xraydiff.reach.chains import described
from xraydiff.suggestions import choose

HEADER = (
    "pair",
    "recall",
    "all@poss",
    "files",
    "prec",
    "bytes",
    "budget",
    "growth",
    "HIGH+",
    "no needed",
    "outlook",
    "truth",
    "s",
    "read",
    "parsed",
)


class Needed:
    """The paths that the checks need; a line that ends in a slash stands for a whole tree."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._paths = {line.rstrip("/") for line in lines}
        self._trees = tuple(line for line in lines if line.endswith("/"))

    def __contains__(self, path: str) -> bool:
        return path in self._paths or (bool(self._trees) and path.startswith(self._trees))


def main(arguments: argparse.Namespace) -> None:
    pairs, built = arguments.pairs, arguments.built
    names = arguments.names or sorted(path.name.removesuffix(".slim.tar") for path in built.glob("*.slim.tar"))
    if arguments.leave_one_out:
        print_fits(fits_of(pairs, built, names), as_json=arguments.json)
    else:
        print_foresight(pairs, built, names)


def print_foresight(pairs: Path, built: Path, names: Iterable[str]) -> None:
    score = scorer(pairs)
    cells: dict[tuple[str, str], Counter[str]] = {}
    print("\t".join(HEADER))
    for name in names:
        row, comparison, needed = one(pairs, built, name, score)
        print("\t".join(str(value) for value in row), flush=True)
        reach = comparison.reach
        if reach is not None:
            count(reach, needed, cells)
        comparison.close()
    print("\nfiring x standing of the source: certainty, distinct missing targets, of them needed, share; and the same")
    print("over those whose whole chain counts as likely or more")
    for (standing, firing), cell in sorted(cells.items()):
        share = cell["needed"] / cell["targets"] if cell["targets"] else 0.0
        sure = cell["likely needed"] / cell["likely"] if cell["likely"] else 0.0
        print(
            f"{standing:32} {firing:10} {Certainty(cell['certainty']).word:9} {cell['targets']:6} {cell['needed']:6} "
            f"{share:6.2f} {cell['likely']:6} {cell['likely needed']:6} {sure:6.2f}"
        )
    print(f"peak RSS {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


def one(pairs: Path, built: Path, name: str, score: ModuleType) -> tuple[tuple[object, ...], Comparison, Needed]:
    original, slim = built / f"{name}.tar", built / f"{name}.slim.tar"
    start = time.perf_counter()
    # Every cell of the table is judged, so everything is followed.
    comparison = compare(original, slim, depth=WalkDepth.POSSIBLE)
    seconds = time.perf_counter() - start
    report = comparison.report
    likely = score.score(name, original, choose(report.suggestions, Certainty.LIKELY).paths(), root=pairs)
    possible = score.score(name, original, choose(report.suggestions, Certainty.POSSIBLE).paths(), root=pairs)
    needed = Needed(score.needed_lines(pairs / name / "needed.txt"))
    high = [finding for finding in report.findings if finding.severity >= Severity.HIGH]
    idle = [finding for finding in high if not any(path in needed for path in finding.restore)]
    for path in likely.missed:
        print(f"  missed {path}", file=sys.stderr)
    for finding in idle:
        print(f"  no needed path: {finding.rule} {finding.certainty.word} {finding.message}", file=sys.stderr)
    reach = comparison.reach
    row = (
        name,
        f"{likely.recall:.2f}",
        f"{possible.recall_all:.2f}",
        likely.files,
        f"{likely.precision:.2f}",
        likely.bytes,
        f"{likely.budget}{'' if likely.bytes <= likely.budget else ' OVER'}",
        f"{likely.growth:.3f}",
        len(high),
        len(idle),
        report.summary.outlook.value,
        truth(pairs / name / "checks.json"),
        f"{seconds:.2f}",
        reach.files_read if reach else 0,
        reach.files_parsed if reach else 0,
    )
    return row, comparison, needed


def truth(checks: Path) -> str:
    """What happened: of the checks that held on the original, how many still hold."""
    held = [check for check in json.loads(checks.read_text()).values() if check["original"]]
    passing = sum(check["slim"] for check in held)
    return "broken" if not passing else "clean" if passing == len(held) else f"risky {passing}/{len(held)}"


def count(reach: Reach, needed: Needed, cells: dict[tuple[str, str], Counter[str]]) -> None:
    seen: set[tuple[str, str, str]] = set()
    for followed in reach.followed:
        target = followed.edge.target.path
        key = (followed.standing, followed.edge.firing.value, target)
        if not followed.missing or key in seen:
            continue
        seen.add(key)
        cell = cells.setdefault(key[:2], Counter())
        known = reach.missing.get(ImagePath(target))
        if known is not None and known.certainty >= Certainty.LIKELY:
            cell["likely"] += 1
            cell["likely needed"] += target in needed
        cell["targets"] += 1
        cell["needed"] += target in needed
        cell["certainty"] = max(cell["certainty"], followed.certainty)


THIRD = 1 / 3
"""What counts as likely must be right so often (docs/adr/0004-certainty-table.md)."""

CHANCE = 0.05
"""What is less probable than this is no chance."""


@dataclass(kw_only=True)
class Fit:
    """How often one row of knowledge, or one cell of the certainty table, was right, pair by pair."""

    targets: dict[str, dict[str, bool]] = field(default_factory=dict)
    """By pair: the missing files that it brings as likely or more, and whether they were needed."""

    def add(self, pair: str, target: str, *, needed: bool) -> None:
        self.targets.setdefault(pair, {})[target] = needed

    def right(self, without: str = "") -> int:
        """Targets that were needed, of all pairs but one."""
        return sum(sum(found.values()) for pair, found in self.targets.items() if pair != without)

    def all(self, without: str = "") -> int:
        """Targets of all pairs but one."""
        return sum(len(found) for pair, found in self.targets.items() if pair != without)

    def share(self, without: str = "") -> float:
        """How often it was right; 0 where nothing is left to tell."""
        return self.right(without) / self.all(without) if self.all(without) else 0.0

    @property
    def chance(self) -> float:
        """How probable it is that something which is right in one of three is right as seldom as this."""
        right, every = self.right(), self.all()
        return sum(comb(every, k) * THIRD**k * (1 - THIRD) ** (every - k) for k in range(right + 1))

    @property
    def verdict(self) -> str:
        """`noise`, `too few`, `one pair` or `holds`, as the top of this file says."""
        if self.share() < THIRD:
            return "noise" if self.chance < CHANCE else "too few"
        return "holds" if all(self.share(pair) >= THIRD for pair in self.targets) else "one pair"

    def by_pair(self) -> dict[str, str]:
        """Right and all on each pair."""
        return {pair: f"{sum(found.values())}/{len(found)}" for pair, found in sorted(self.targets.items())}

    def as_dict(self) -> dict[str, object]:
        return {
            "right": self.right(),
            "all": self.all(),
            "share": round(self.share(), 2),
            "worst without one": round(min(map(self.share, self.targets), default=0.0), 2),
            "verdict": self.verdict,
            "pairs": self.by_pair(),
        }


Fits = Mapping[str, Mapping[str, Fit]]


def fits_of(pairs: Path, built: Path, names: Iterable[str]) -> Fits:
    """The cells of the table and the rows of knowledge, with what they bring on each pair."""
    score = scorer(pairs)
    cells: dict[str, Fit] = {}
    rows: dict[str, Fit] = {_row_name(row): Fit() for row in OURS.rows(Companion)}
    for name in names:
        needed = Needed(score.needed_lines(pairs / name / "needed.txt"))
        with compare(built / f"{name}.tar", built / f"{name}.slim.tar", depth=WalkDepth.POSSIBLE) as comparison:
            if comparison.reach is not None:
                fit(comparison.reach, name, needed, cells, rows)
    return {"cells": cells, "rows": rows}


def fit(reach: Reach, pair: str, needed: Needed, cells: dict[str, Fit], rows: dict[str, Fit]) -> None:
    """Note each step of a best chain to a path that is missed as likely or more, by its cell and its row."""
    reasons = {row.reason: _row_name(row) for row in OURS.rows(Companion)}
    standings = {
        (described(one.edge.source), one.edge.kind, one.edge.firing, one.edge.detail): one.standing
        for one in reach.followed
    }
    for missing in reach.missing.values():
        for step in missing.chain if missing.certainty >= Certainty.LIKELY else ():
            if step.target_status == "kept":
                continue
            standing = standings.get((step.source, step.kind, step.firing, step.detail), "?")
            found = step.target in needed
            cells.setdefault(f"{standing} x {step.firing.value}", Fit()).add(pair, step.target, needed=found)
            row = _row_of(step, reasons)
            if row:
                rows.setdefault(row, Fit()).add(pair, step.target, needed=found)
            if not found:
                break  # what it asks for in turn is its fault, and not that of the next step


def _row_name(row: Companion) -> str:
    return f"{row.when[0].text}: {row.reason}"


def _row_of(step: Evidence, reasons: Mapping[str, str]) -> str:
    """The row that a step stands for; rows of a language's runtime begin with their name."""
    if step.kind is not EdgeKind.COMPANION:
        return ""
    return reasons.get(step.detail) or f"{step.detail.partition(':')[0]}"


def print_fits(fits: Fits, *, as_json: bool) -> None:
    if as_json:
        found = {part: {name: one.as_dict() for name, one in sorted(some.items())} for part, some in fits.items()}
        print(json.dumps(found, indent=1, sort_keys=True))
        return
    for part, some in fits.items():
        print(f"\n{part}: right/all, share, share without the pair that speaks most for it, verdict, pairs")
        for name, one in sorted(some.items(), key=lambda item: (-item[1].all(), item[0])):
            said = one.as_dict()
            if one.targets:
                pairs = ", ".join(f"{pair} {share}" for pair, share in one.by_pair().items())
                print(
                    f"{one.right():5}/{one.all():<5} {said['share']:5} {said['worst without one']:5}  "
                    f"{one.verdict:9} {name[:90]:90} {pairs}"
                )
    silent = sum(not one.targets for one in fits["rows"].values())
    print(f"\n{silent} of {len(fits['rows'])} rows bring nothing as likely on these pairs")


def scorer(pairs: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("score", pairs / "score.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"no score.py in {pairs}")
    module = importlib.util.module_from_spec(spec)
    sys.modules["score"] = module
    spec.loader.exec_module(module)
    return module


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("built", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--leave-one-out", action="store_true")
    parser.add_argument("--json", action="store_true", help="with --leave-one-out")
    return parser.parse_args()


if __name__ == "__main__":
    main(parsed())
