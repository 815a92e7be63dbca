"""The same bytes on another Python: the system's own, where that is another version than the one that runs this."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import xraydiff
from tests.nightly.interpreters import distinct, version
from xraydiff.testing import ImageBuilder, elf

SYSTEM = Path("/usr/bin/python3")
SITE = Path(pytest.__file__).parents[1]
PACKAGE = Path(xraydiff.__file__).parents[1]
APPLICATION = '''#!/usr/bin/env python3
"""Text with "quotes" and
    lines that are indented"""

    # a comment, then nothing

from app import one  ; import \\
    app.two

def run(name='it\\'s', text="""a \\""" b"""):

    if name:
        from app . three import (four,  # a comment
                                 five)

    return open("/app/data.txt"), 1e+5 .real, f"{name!r:>{5}}"

run()
'''


def ran(python: Path, *arguments: str, seed: str = "0") -> bytes:
    path = os.pathsep.join((str(PACKAGE), str(SITE)))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(python), "-P", "-m", "xraydiff", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def other() -> Path:
    """The system's Python. Packages that were compiled for one minor version are no use to another."""
    its = version(SYSTEM)
    if its is None or its == sys.version_info[:3]:
        pytest.skip(f"{SYSTEM} is not there, or is the Python that runs this")
    if its[:2] != sys.version_info[:2]:
        pytest.skip(
            f"{SYSTEM} is {its[0]}.{its[1]}, which cannot load these packages: see tests/nightly/interpreters.py"
        )
    return SYSTEM


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("pair")
    program = elf(needed=["libz.so.1"], executable=True)
    slim = ImageBuilder().config(cmd=["python3", "/app/main.py"]).file("/usr/bin/python3", program, mode=0o755)
    slim.file("/app/main.py", APPLICATION, mode=0o755).file("/app/__init__.py", "")
    slim.write(folder / "slim.tar")
    whole = ImageBuilder().config(cmd=["python3", "/app/main.py"]).file("/usr/bin/python3", program, mode=0o755)
    whole.file("/app/main.py", APPLICATION, mode=0o755).file("/app/__init__.py", "").file("/app/data.txt", "x")
    for name in ("one", "two", "three"):
        whole.file(f"/app/app/{name}.py", f"'''\n    {name}'''\n\n   # x\nimport json\n")
    whole.file("/app/app/__init__.py", "").write(folder / "original.tar")
    return [str(folder / "original.tar"), str(folder / "slim.tar")]


def test_demo(other: Path) -> None:
    assert ran(other, "demo", "--format", "json") == ran(Path(sys.executable), "demo", "--format", "json")


def test_a_program_of_python(other: Path, archives: list[str]) -> None:
    command = ("compare", "--format", "json", *archives)
    expected = ran(Path(sys.executable), *command)
    assert ran(other, *command) == expected
    for name in (b"/app/app/one.py", b"/app/app/two.py", b"/app/app/three.py", b"/app/data.txt"):
        assert name in expected


def test_whatever_the_hash_seed(archives: list[str]) -> None:
    command = ("compare", "--format", "json", *archives)
    assert len({ran(Path(sys.executable), *command, seed=seed) for seed in ("0", "1", "2")}) == 1


def test_each_version_once_and_none_that_is_no_python(tmp_path: Path) -> None:
    here = Path(sys.executable)
    silent = tmp_path / "python3"
    silent.write_text("#!/bin/sh\n")
    silent.chmod(0o755)
    assert distinct([silent, tmp_path / "absent", here, here]) == {tuple(sys.version_info[:3]): here}
