"""How much of what broke was foreseen, and how much noise came with it, for every built pair.

    python tests/benchmarks/foresight.py PAIRS BUILT [NAME ...]

PAIRS holds the recorded truths (`NAME/needed.txt`, `NAME/checks.json`, `score.py`), BUILT the archives `NAME.tar` and
`NAME.slim.tar`. Prints a line for each pair, then the table firing x standing of the source -> targets, of them needed.
"""

from __future__ import annotations

import importlib.util
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from xraydiff.comparison import Comparison
from xraydiff.facts import Certainty, Severity
from xraydiff.paths import ImagePath
from xraydiff.pipeline import compare
from xraydiff.reach import Reach
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


def main(pairs: Path, built: Path, names: list[str]) -> None:
    score = scorer(pairs)
    cells: dict[tuple[str, str], Counter[str]] = {}
    print("\t".join(HEADER))
    for name in names or sorted(path.name.removesuffix(".slim.tar") for path in built.glob("*.slim.tar")):
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
    comparison = compare(original, slim)
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


def scorer(pairs: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("score", pairs / "score.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"no score.py in {pairs}")
    module = importlib.util.module_from_spec(spec)
    sys.modules["score"] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
