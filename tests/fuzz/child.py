"""One target on damaged inputs in a process that may be killed: `python -m tests.fuzz.child NAME SEED SECONDS FOLDER`.

Before an input is tried it is written to a file of the folder, so that it is there if the process dies of it: each has
`PATIENCE` seconds of the processor, and the process `MEMORY` bytes more than it started with.
"""

from __future__ import annotations

import random
import resource
import signal
import sys
import time
import warnings
from pathlib import Path

from tests.fuzz.mutate import mutated
from tests.fuzz.targets import FAULTS, TARGETS
from xraydiff.errors import XraydiffError

PATIENCE = 6.0
MEMORY = 400 << 20


def main(name: str, seed: int, seconds: float, folder: Path) -> None:
    """Try inputs until the time is over, then print what came of them.

    That is how many were tried and how many refused, the seconds of the slowest, and the most KiB of the process.
    """
    target = (TARGETS | FAULTS)[name]
    seeds = target.seeds()
    for one in seeds:
        target.run(one)
    space, start = held()
    resource.setrlimit(resource.RLIMIT_AS, (space + MEMORY, space + MEMORY))
    warnings.simplefilter("error")
    chance = random.Random(f"{name} {seed}")  # noqa: S311  repeatable, not secret
    tried = refused = 0
    slowest = 0.0
    end = time.monotonic() + seconds
    with (folder / name).open("wb") as kept:
        # Grammars of tree-sitter keep some memory for good, which is no fault of the next input.
        while time.monotonic() < end and held()[1] < start + MEMORY // 3:
            data = mutated(seeds, chance)
            data = target.repaired(data) if chance.random() < 0.8 else data
            kept.seek(0)
            kept.truncate()
            kept.write(data)
            kept.flush()
            signal.setitimer(signal.ITIMER_PROF, PATIENCE)
            tried += 1
            started = time.process_time()
            try:
                target.run(data)
            except XraydiffError as error:
                refused += 1
                if "\n" in str(error):
                    raise ValueError(error) from error
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
                slowest = max(slowest, time.process_time() - started)
    (folder / name).unlink()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(tried, refused, f"{slowest:.3f}", most)  # noqa: T201  to whoever started it


def held() -> tuple[int, int]:
    """Bytes of address space, and of memory, of this process (proc(5))."""
    space, resident, *_ = Path("/proc/self/statm").read_text().split()
    return int(space) * resource.getpagesize(), int(resident) * resource.getpagesize()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
