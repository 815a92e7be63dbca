"""Every target for some seconds: `python -m tests.fuzz [SECONDS [SEED [NAME...]]]` prints what came of each."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.fuzz.child import PATIENCE
from tests.fuzz.targets import TARGETS

START = 60.0
"""Seconds that a process may take beside its fuzzing."""


def line(name: str, seconds: float, seed: int, folder: Path) -> tuple[str, int]:
    """A row of the table, and how many inputs were tried; 0 where one broke the target."""
    command = [sys.executable, "-m", "tests.fuzz.child", name, str(seed), str(seconds), str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=seconds + PATIENCE + START, check=False)
    if ran.returncode:
        why = (ran.stderr.strip().splitlines() or [f"ended by signal {-ran.returncode}"])[-1]
        return f"| {name} | - | - | - | - | **{why}**: {folder / name} |", 0
    tried, refused, slowest, held = ran.stdout.split()
    return f"| {name} | {tried} | {refused} | {slowest} s | {int(held) // 1024} MiB | none |", int(tried)


def lines(seconds: float, seed: int, names: Sequence[str]) -> Iterator[str]:
    """The table in Markdown, row by row."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    yield f"Seed {seed}, {seconds:g} s each.\n"
    yield "| target | inputs tried | refused with an error of ours | slowest | peak RSS | exceptions, hangs |"
    yield "|---|---|---|---|---|---|"
    total = broken = 0
    for name in names:
        row, tried = line(name, seconds, seed, folder)
        total, broken = total + tried, broken + (not tried)
        yield row
    yield f"\n{total:,} inputs, {broken} targets broken."
    if not any(folder.iterdir()):
        folder.rmdir()


def main(seconds: float = 10.0, seed: int = 0, *names: str) -> None:
    """Print the table."""
    for text in lines(seconds, seed, names or sorted(TARGETS)):
        print(text, flush=True)  # noqa: T201  that is what it is for


if __name__ == "__main__":
    words = sys.argv[1:]
    main(float(words[0]) if words else 10.0, int(words[1]) if len(words) > 1 else 0, *words[2:])
