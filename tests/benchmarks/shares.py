"""Where the CPU time of `compare` goes: parse, resolve and everything else, with how many files were parsed.

    python tests/benchmarks/shares.py ORIGINAL SLIM [ORIGINAL SLIM ...]

Every pair is compared in a process of its own, once for each depth. Parse is the step of readers that needs no image,
resolve what else readers do; a reader that has no two steps counts for resolve. The rest is everything from the import
of the package to the report: layers, trees, inventories, the walk itself, rules. Nothing here passes or fails.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xraydiff import plugins
from xraydiff.facts import Certainty, WalkDepth
from xraydiff.pipeline import compare
from xraydiff.references import ParsedReader

PARSE, RESOLVE, REST = "parse", "resolve", "rest"


class Meter:
    """CPU seconds of this process by what it is at, of all threads together."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys((PARSE, RESOLVE, REST), 0.0)
        self._at = [REST]
        self._since = 0.0

    def tick(self) -> None:
        now = time.process_time()
        self.spent[self._at[-1]] += now - self._since
        self._since = now

    @contextmanager
    def at(self, part: str) -> Iterator[None]:
        self.tick()
        self._at.append(part)
        try:
            yield
        finally:
            self.tick()
            self._at.pop()

    def during(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function whose time counts for a part."""

        def timed(*args: Any, **given: Any) -> Any:
            with self.at(part):
                return function(*args, **given)

        return timed

    def each(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function whose items take their time as they are asked for, one by one."""

        def timed(*args: Any, **given: Any) -> Iterator[Any]:
            with self.at(part):
                items = iter(function(*args, **given))
            while True:
                with self.at(part):
                    item = next(items, None)
                if item is None:
                    return
                yield item

        return timed


def measured(original: str, slim: str, depth: WalkDepth) -> dict[str, Any]:
    """One row, measured in this process."""
    meter = Meter()
    for kind in dict.fromkeys(type(reader) for reader in plugins.load().readers):
        kind.read = meter.each(RESOLVE, kind.read)  # type: ignore[method-assign]
        if issubclass(kind, ParsedReader):
            kind.parse = meter.during(PARSE, kind.parse)  # type: ignore[method-assign]
    with compare(original, slim, depth=depth) as comparison:
        meter.tick()
        found, reach = comparison.report.suggestions, comparison.reach
    return {
        "parsed": reach.files_parsed if reach else 0,
        "possible": sum(one.certainty is Certainty.POSSIBLE for one in found),
        "surer": sum(one.certainty > Certainty.POSSIBLE for one in found),
        **{part: meter.spent[part] for part in (PARSE, RESOLVE, REST)},
    }


def main(pairs: list[tuple[str, str]]) -> None:
    print("| pair | depth | files parsed | possible paths | likely paths | CPU, s | parse | resolve | rest |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for original, slim in pairs:
        for depth in sorted(WalkDepth, reverse=True):
            command = [sys.executable, "-P", __file__, "--one", original, slim, depth.value]
            row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            total = sum(row[part] for part in (PARSE, RESOLVE, REST))
            shares = " | ".join(f"{row[part] / total:.0%}" for part in (PARSE, RESOLVE, REST))
            name = Path(original).name.partition(".")[0]
            counts = f"{row['parsed']} | {row['possible']} | {row['surer']}"
            print(f"| {name} | {depth} | {counts} | {total:.2f} | {shares} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measured(sys.argv[2], sys.argv[3], WalkDepth(sys.argv[4]))))
    else:
        main(list(zip(sys.argv[1::2], sys.argv[2::2], strict=True)))
