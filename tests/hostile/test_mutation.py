"""Every parser on damaged input: a typed error or an answer, in bounded time and memory, whatever the bytes.

Each target runs in a process of its own for its share of `XRAYDIFF_FUZZ_SECONDS` (default 20, nightly 600), with a seed
that is printed (`XRAYDIFF_TEST_SEED`, 0 where not given, so that a red build is about the change).
`python -m tests.fuzz.child NAME SEED SECONDS FOLDER` repeats one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS
from xraydiff.errors import XraydiffError

ROOT = Path(__file__).resolve().parents[2]
SEED = int(os.environ.get("XRAYDIFF_TEST_SEED", "0"))
SECONDS = float(os.environ.get("XRAYDIFF_FUZZ_SECONDS", "20"))
START = 60.0
"""Seconds that a process may take beside its fuzzing."""


def fuzzed(name: str, seconds: float, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.child", name, str(SEED), str(seconds), str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds + START,
        check=False,
    )


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_damaged_input(name: str, tmp_path: Path) -> None:
    seconds = SECONDS / len(TARGETS)
    print(f"XRAYDIFF_TEST_SEED={SEED}")  # noqa: T201  pytest shows it where the test fails
    result = fuzzed(name, seconds, tmp_path)
    kept = tmp_path / name
    culprit = kept.read_bytes() if kept.exists() else b""
    why = {-signal.SIGPROF: "it took too long"}.get(result.returncode, result.stderr[-3000:])
    assert result.returncode == 0, f"{name}: {why}\n{len(culprit)} bytes: {culprit[:2000]!r}"
    assert int(result.stdout.split()[0]) >= 3


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_what_the_damage_starts_from_is_good(name: str) -> None:
    """A target whose seeds were refused would test nothing but the first line of its parser."""
    for seed in TARGETS[name].seeds():
        try:
            TARGETS[name].run(seed)
        except XraydiffError as error:
            pytest.fail(f"{error}")


@pytest.mark.parametrize("data", [b"", b"\0", b"\xff" * 1000, b"\n" * 1000, bytes(10240)])
@pytest.mark.parametrize("name", sorted(TARGETS))
def test_nothing_at_all(name: str, data: bytes) -> None:
    with suppress(XraydiffError):
        TARGETS[name].run(data)


@pytest.mark.parametrize(("name", "how"), [("raises", 1), ("hangs", -signal.SIGPROF), ("eats", 1)])
def test_a_fault_is_found(name: str, how: int, tmp_path: Path) -> None:
    result = fuzzed(name, 1, tmp_path)
    assert result.returncode == how
    assert (tmp_path / name).read_bytes() != b"x"
