"""The plan of hostile inputs, run: `python -m tests.hostile.show_rows` prints each row, its tests and their outcome.

Below stand the ten slowest tests, and the ten that take most memory: by how much the process, or one that it started,
grew meanwhile, and the most that it held.
"""

from __future__ import annotations

import resource
import sys
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import pytest

from tests.hostile.rows import OUT, ROWS

TESTS = Path(__file__).resolve().parents[1]
FIRST = {1: "D1", 39: "D2", 53: "D3", 82: "D4", 112: "D5", 121: "D6", 138: "D7", 154: "D8"}
"""Where the parts of the plan begin."""
_MOST = 10


@dataclass
class Recorder:
    """A pytest plug-in that keeps each test's outcome, time and peak memory."""

    outcomes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By `module::test`."""
    costs: list[tuple[float, int, int, str]] = field(default_factory=list)
    """Seconds, KiB more than before, KiB in all, node id."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Around the test itself."""
        ended, before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, held("VmRSS")
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak counts from now on
        try:
            return (yield)
        finally:
            children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
            most = held("VmHWM")
            # Of processes that ended, the kernel tells the largest of all: it is one of this test only if it is new.
            item.stash[_COST] = (children, children) if children > max(ended, most) else (most - before, most)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """After each of its phases."""
        report = yield
        name = f"{item.path.relative_to(TESTS).with_suffix('')}::{item.nodeid.rpartition('::')[2].partition('[')[0]}"
        if call.when == "call" or report.outcome != "passed":
            self.outcomes[name].append(report.outcome)
        if call.when == "call":
            self.costs.append((call.duration, *item.stash.get(_COST, (0, 0)), item.nodeid.rpartition("/")[2]))
        return report


_COST = pytest.StashKey[tuple[int, int]]()


def held(what: str) -> int:
    """KiB of this process (proc(5)): VmRSS now, VmHWM the most since the last reset."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1])
    return 0


def tests_of(row: int) -> list[str]:
    """`folder/test_module::test_name` of each test of a row."""
    module, found = "", []
    for word in ROWS[row][1].split():
        head, _, name = word.rpartition("::")
        module = head or module
        folder, _, last = module.rpartition("/")
        found.append(f"{folder or 'hostile'}/test_{last}::test_{name}")
    return found


def outcome(results: Iterable[str]) -> str:
    """`passed (3)`, or everything that happened."""
    counts: dict[str, int] = defaultdict(int)
    for result in results:
        counts[result] += 1
    return ", ".join(f"{word} ({count})" for word, count in sorted(counts.items())) or "not run"


def table(recorder: Recorder) -> Iterator[str]:
    """The lines of both tables, in Markdown."""
    yield "| row | what | tests | outcome |"
    yield "|---|---|---|---|"
    part = ""
    for row in sorted({*ROWS, *OUT}):
        part = FIRST.get(row, part)
        if row in OUT:
            yield f"| {part}.{row} | - | none: {OUT[row]} | left out |"
            continue
        names = tests_of(row)
        said = outcome(result for name in dict.fromkeys(names) for result in recorder.outcomes.get(name, ()))
        shown = ", ".join(f"`{name.removeprefix('hostile/')}`" for name in names)
        yield f"| {part}.{row} | {ROWS[row][0]} | {shown} | {said} |"
    slowest = sorted(recorder.costs, key=lambda cost: (-cost[0], cost[3]))
    largest = sorted(recorder.costs, key=lambda cost: (-cost[1], cost[3]))
    for title, costs in (("slowest", slowest), ("largest", largest)):
        yield ""
        yield f"| {title} | seconds | more RSS | peak RSS |"
        yield "|---|---|---|---|"
        for seconds, more, most, name in costs[:_MOST]:
            yield f"| `{name}` | {seconds:.2f} | {more >> 10} MiB | {most >> 10} MiB |"


def main() -> int:
    """Run the modules that the rows name and print the tables; pytest's exit code."""
    modules = sorted({name.partition("::")[0] for row in ROWS for name in tests_of(row)})
    recorder = Recorder()
    with redirect_stdout(StringIO()) as talk:
        code = pytest.main(["-q", "-p", "no:cacheprovider", *(f"{TESTS / name}.py" for name in modules)], [recorder])
    print("\n".join(table(recorder)))  # noqa: T201  that is what it is for
    summary = [line for line in talk.getvalue().splitlines() if line.strip()]
    print(f"\n{summary[-1] if summary else ''}")  # noqa: T201
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
