"""Goldens and readers on every interpreter: `python -m tests.nightly.interpreters [PYTHON...]`, some minutes each.

Without names: those of `XRAYDIFF_PYTHONS` (separated as PATH is), else every `python3*` on PATH of a supported version,
each version once. Each gets an environment of its own, into which the checkout and its tools are installed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["distinct", "found", "version"]

ROOT = Path(__file__).resolve().parents[2]
SUITES = ("tests/golden", "tests/unit/references", "tests/unit/test_patterns.py")
OLDEST = (3, 11)
SEEDS = ("0", "4711")
"""Hash seeds, so that no order of a set shows."""
_NAME = re.compile(r"python3(?:\.\d+)?")


def version(python: str | Path) -> tuple[int, int, int] | None:
    """The version that a program says it has; None where it does not run or is none of Python."""
    command = [str(python), "-I", "-c", "import sys; print(*sys.version_info[:3])"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        major, minor, micro = map(int, ran.stdout.split())
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return major, minor, micro


def found() -> list[Path]:
    """Interpreters that the environment names, else those on PATH."""
    if named := os.environ.get("XRAYDIFF_PYTHONS"):
        return [Path(one) for one in named.split(os.pathsep) if one]
    folders = [Path(one) for one in os.environ.get("PATH", "").split(os.pathsep) if one and Path(one).is_dir()]
    return [file for folder in folders for file in sorted(folder.iterdir()) if _NAME.fullmatch(file.name)]


def distinct(pythons: Iterable[Path]) -> dict[tuple[int, int, int], Path]:
    """The first of each supported version, oldest first."""
    out: dict[tuple[int, int, int], Path] = {}
    for python in pythons:
        its = version(python)
        if its is not None and its >= OLDEST:
            out.setdefault(its, python)
    return dict(sorted(out.items()))


def passes(python: Path, folder: Path) -> bool:
    """Whether the suites pass on an interpreter, whatever the hash seed."""
    own = folder / "bin" / "python"
    subprocess.run([str(python), "-m", "venv", str(folder)], check=True)
    subprocess.run([str(own), "-m", "pip", "install", "-q", f"{ROOT}[dev]"], check=True)
    results = [
        subprocess.run(
            [str(own), "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", *SUITES],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=False,
        ).returncode
        for seed in SEEDS
    ]
    return not any(results)


def main(names: Sequence[str]) -> int:
    """Print a line for each interpreter; 1 where one fails, 2 where there is none."""
    pythons = distinct(map(Path, names) if names else found())
    failed = []
    with tempfile.TemporaryDirectory() as room:
        for its, python in pythons.items():
            text = ".".join(map(str, its))
            if not passes(python, Path(room) / text):
                failed.append(text)
            print(f"{text} ({python}): {'failed' if text in failed else 'passed'}", flush=True)  # noqa: T201
    return 2 if not pythons else int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
