"""Rows 164 and 165: every interpreter gives the same answer, and none needs a deep stack."""

from __future__ import annotations

import hashlib
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import xraydiff
from tests.fuzz.mutate import mutated
from tests.fuzz.targets import tar_seeds

PACKAGE = Path(xraydiff.__file__).resolve().parent.parent

READ_TARS = """
import hashlib, sys
from pathlib import Path
from xraydiff.errors import XraydiffError
from xraydiff.layers.reader import read_layer
class Memory:
    def __init__(self, data): self.data, self.size = data, len(data)
    def read_at(self, offset, length): return self.data[offset:offset + length]
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        operations = read_layer(Memory(path.read_bytes()))
        said = repr([(type(one).__name__, [(n, getattr(one, n)) for n in one.__slots__]) for one in operations])
    except XraydiffError as error:
        said = f"{error.code} {error}"
    print(path.name, hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest())
"""

SHALLOW = """
import sys, io, json
from pathlib import Path
from xraydiff.cli import run
from xraydiff import pipeline
from xraydiff.errors import XraydiffError
from xraydiff.image.sources import open_image
from tests.fuzz.targets import TARGETS
from xraydiff.report.codec import dump_report, load_report
def tried(name, call):
    try:
        call()
    except XraydiffError:
        pass
for name, target in TARGETS.items():  # imports and caches, before the stack becomes small
    target.run(target.seeds()[0])
folder = Path(sys.argv[1])
archives = sorted(folder.iterdir())
with pipeline.compare(archives[0], archives[0]) as comparison: dump_report(comparison.report)
deep = b"[" * 100_000 + b"]" * 100_000
script = b"a$(" * 50_000
sys.setrecursionlimit(200)
done = 0
for path in archives:
    def one():
        with open_image(path) as image: pipeline.inspect(image)
    tried(path, one); done += 1
for name, target in TARGETS.items():
    for data in (*target.seeds(), deep, script, b"{" * 5000, b"(" * 5000, b"if a; then " * 5000, b'{"a":' * 5000):
        tried(name, lambda: target.run(data)); done += 1
print(done)
"""


def interpreters() -> list[str]:
    """Other interpreters of this machine that are new enough."""
    found = {}
    for minor in range(11, 16):
        for place in (
            shutil.which(f"python3.{minor}"),
            *sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python")),
        ):
            if place is not None and _runs(str(place)):
                found[minor] = str(place)
    found.pop(sys.version_info.minor, None)
    return [found[minor] for minor in sorted(found)]


def _runs(program: str) -> bool:
    """Some names are only stand-ins, which say that this version is not chosen."""
    return subprocess.run([program, "-c", ""], capture_output=True, check=False).returncode == 0


def said(program: str, folder: Path) -> str:
    command = [program, "-S", "-c", READ_TARS, str(folder)]
    ran = subprocess.run(
        command,
        env={"PYTHONPATH": str(PACKAGE), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if "No module named" in ran.stderr:
        pytest.skip(f"{program}: {ran.stderr.splitlines()[-1]}")
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_164_python_versions(tmp_path: Path) -> None:
    """What `tarfile` makes of these archives changes with every patch of the interpreter."""
    chance = random.Random(164)  # noqa: S311  repeatable, not secret
    seeds = tar_seeds()
    for number in range(300):
        (tmp_path / f"{number:03}").write_bytes(mutated(seeds, chance))
    others = interpreters()
    if not others:
        pytest.skip("no other interpreter is here")
    mine = said(sys.executable, tmp_path)
    assert len(mine.splitlines()) == 300
    for program in others:
        assert said(program, tmp_path) == mine, program


def test_165_recursion_limit_200(tmp_path: Path, corpus: Path) -> None:
    names = [
        "wagoodman+dive/.data/test-docker-image.tar",
        "wagoodman+dive/.data/test-oci-zstd-image.tar",
        "google+go-containerregistry/pkg/v1/mutate/testdata/whiteout_dir.tar",
        "google+go-containerregistry/pkg/v1/mutate/testdata/whiteout_image.tar",
        "anchore+stereoscope/pkg/image/oci/testdata/valid-oci.tar",
        "aquasecurity+trivy/pkg/fanal/test/testdata/alpine-310.tar.gz",
    ]
    for name in names:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        (tmp_path / f"{digest}.tar").symlink_to(corpus / name)
    ran = subprocess.run(
        [sys.executable, "-c", SHALLOW, str(tmp_path)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert int(ran.stdout) > 100
