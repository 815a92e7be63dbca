"""Time of `compare` beside hashing both files, in one run and in turn, with peak memory.

    python tests/benchmarks/speed.py ORIGINAL SLIM [ORIGINAL SLIM ...]

Whole processes are timed, so imports count. Ratios are what holds on another machine; nothing here passes or fails.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

HASH = "import hashlib,sys\nfor p in sys.argv[1:]:\n  with open(p,'rb') as f: hashlib.file_digest(f,'sha256')"
RUNS = 5


def spent(command: list[str]) -> tuple[float, int]:
    """Wall seconds and peak resident KiB of one process."""
    start = time.perf_counter()
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, *command],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, _, usage = os.wait4(pid, 0)
    return time.perf_counter() - start, usage.ru_maxrss


def main(pairs: list[tuple[str, str]]) -> None:
    print("| pair | hash both, s | compare, s | ratio | peak MiB |")
    print("|---|---:|---:|---:|---:|")
    for original, slim in pairs:
        commands = (["-c", HASH, original, slim], ["-P", "-m", "xraydiff", "compare", original, slim, "--quiet"])
        for command in commands:
            spent(command)
        rows = [(spent(commands[0]), spent(commands[1])) for _ in range(RUNS)]
        hashing = statistics.median(row[0][0] for row in rows)
        comparing = statistics.median(row[1][0] for row in rows)
        ratio = statistics.median(row[1][0] / row[0][0] for row in rows)
        peak = max(row[1][1] for row in rows) // 1024
        print(f"| {Path(original).name} | {hashing:.2f} | {comparing:.2f} | {ratio:.1f} | {peak} |", flush=True)


if __name__ == "__main__":
    main(list(zip(sys.argv[1::2], sys.argv[2::2], strict=True)))
