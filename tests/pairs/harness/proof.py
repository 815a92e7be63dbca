"""The needed list: what slimming removed and the checks need, each line proven by leaving it out.

What all the checks touch on the original is given back to the slimmed image, then it is left out by halves. Containers
wait more than they work, so several are asked at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.pairs.harness.pair import Pair
from tests.pairs.harness.questions import ask_image
from tests.pairs.harness.trace import trace
from tests.pairs.harness.tree import Tree

WORKERS = 5
FIRST_PARTS = 16
FEW = 6
Say = Callable[[str], None]


class Proof:
    """Which checks fail when paths are left out of what is given back."""

    def __init__(self, pair: Pair, tree: Tree, say: Say) -> None:
        self.pair, self.tree, self.say = pair, tree, say
        self.kept = {str(row["path"]) for row in pair.listing}
        self.goal = [check for check in pair.checks if check.name in pair.broken]

    def failing(self, back: Iterable[str], *, sure: bool = True) -> frozenset[str]:
        """The broken checks that these paths do not mend; to be sure, a failure must show twice."""
        layer = self.tree.layer(self.tree.with_parents(back) - self.kept)
        failed = self._ask(layer)
        return self._ask(layer) if failed and sure else failed

    def _ask(self, layer: bytes) -> frozenset[str]:
        held = ask_image(self.pair, self.pair.slim, self.goal, layer)
        return frozenset(name for name, mended in held.items() if not mended)

    def prove(self, candidates: Sequence[str]) -> dict[str, str]:
        """Path -> when it is needed. Raises `RuntimeError` where the candidates do not mend."""
        if failed := self.failing(candidates):
            raise RuntimeError(f"{self.pair.name}: all that was touched does not mend {sorted(failed)}")
        why, spare = self._halve(candidates)
        return self._settle(why, spare)

    def _halve(self, candidates: Sequence[str]) -> tuple[dict[str, frozenset[str]], list[list[str]]]:
        """Lines that are needed by themselves, and parts of which each alone can go."""
        why: dict[str, frozenset[str]] = {}
        spare: list[list[str]] = []
        size = max(1, len(candidates) // FIRST_PARTS)
        parts = [list(candidates[at : at + size]) for at in range(0, len(candidates), size)]
        with ThreadPoolExecutor(WORKERS) as pool:
            while parts:
                rests = [[path for path in candidates if path not in set(part)] for part in parts]
                following: list[list[str]] = []
                tried = pool.map(lambda rest: self.failing(rest, sure=len(candidates) - len(rest) == 1), rests)
                for part, failed in zip(parts, tried, strict=True):
                    if not failed:
                        spare.append(part)
                    elif len(part) == 1:
                        why[part[0]] = failed
                    else:
                        following += halves(part)
                parts = following
                self.say(f"needed {len(why)}, spare {sum(map(len, spare))}, in question {sum(map(len, parts))}")
        return why, spare

    def _settle(self, why: dict[str, frozenset[str]], spare: list[list[str]]) -> dict[str, str]:
        """Parts that stand for each other cannot all go: they go one after the other, by halves again."""
        keep = [*why, *(path for part in spare for path in part)]
        if not self.failing(why):
            keep, spare = list(why), []
        while spare:
            part = spare.pop()
            rest = [path for path in keep if path not in set(part)]
            failed = self.failing(rest)
            if not failed:
                keep = rest
            elif len(part) == 1:
                why[part[0]] = failed
            else:
                spare += halves(part)
        if failed := self.failing(keep):
            raise RuntimeError(f"{self.pair.name}: the needed list does not mend {sorted(failed)}")
        return {path: self._when(why[path]) for path in sorted(keep)}

    def _when(self, failed: frozenset[str]) -> str:
        """`start` where nothing works without it, `operate` where only an operator asks."""
        if failed == {check.name for check in self.goal} or self.pair.ready.name in failed:
            return "start"
        operating = {check.name for check in self.goal if check.operate}
        return "operate" if failed <= operating else "use"


def halves(part: list[str]) -> list[list[str]]:
    """Two halves, or each path by itself where few are left."""
    middle = len(part) // 2
    return [part[:middle], part[middle:]] if len(part) > FEW else [[path] for path in part]


def prove(pair: Pair, tree: Tree, work: Path, say: Say) -> dict[str, str]:
    """Write the needed list of a pair. Raises `RuntimeError` where the original fails a check under the tracer."""
    found, failed = trace(pair, tree, pair.checks, work / f"{pair.name}.full")
    if failed:
        say(f"under the tracer these fail: {failed}")
    proof = Proof(pair, tree, say)
    candidates = sorted(path for path in found.seen - proof.kept if path in tree.entries)
    say(f"{len(candidates)} candidates")
    needed = proof.prove(candidates)
    (pair.folder / "needed.txt").write_text("".join(f"{path}\t{when}\n" for path, when in needed.items()))
    return needed
