"""The bundled pair: its sources give these bytes, and the command tells its story on one screen.

After an intended change, write the new files with `UPDATE_GOLDEN=1 pytest tests/golden/test_demo.py`.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import platform
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from xraydiff.cli import run
from xraydiff.image.sources import open_image
from xraydiff.report.schema import validate_report
from xraydiff.testing import ImageBuilder
from xraydiff.tree.listing import listing
from xraydiff.tree.squash import squash

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "fixtures" / "demo"
GOLDEN = Path(__file__).parent / "demo"
NAMES = ("original", "slim")


def agrees(name: str, text: str) -> None:
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert file.read_text() == text


def printed(capture: pytest.CaptureFixture[bytes], *arguments: str) -> str:
    assert run(["demo", *arguments]) == 0
    out, err = capture.readouterr()
    assert err == b""
    return out.decode()


def test_text(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    text = printed(capsysbinary)
    agrees("demo.txt", text)
    assert len(text.splitlines()) <= 64


def test_json(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    document = json.loads(printed(capsysbinary, "--format", "json"))
    assert validate_report(document) is None
    document |= {"coverage": {}, "rules": []}  # they grow with every reader and rule, which says nothing of this pair
    agrees("demo.json", json.dumps(document, indent=1, sort_keys=True) + "\n")


@pytest.mark.parametrize(
    ("rule", "word", "certainty"),
    [
        ("TLS001", "libcrypto.so.3, libssl.so.3", "proven"),
        ("CRT001", "certificate authorities", "likely"),
        ("SHL001", "bash", "proven"),
        ("DIR001", "works in tmp", "likely"),
        ("APP001", "login.html", "likely"),
        ("APP001", "metrics.so", "likely"),
        ("ELF003", "nothing left asks for them", "proven"),
        ("USR003", "/home/edge", "proven"),
    ],
)
def test_the_story(rule: str, word: str, certainty: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    findings = json.loads(printed(capsysbinary, "--format", "json"))["findings"]
    (finding,) = (f for f in findings if f["rule"] == rule and word in f["message"])
    assert finding["certainty"] == certainty


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) < 100_000


@pytest.fixture(scope="module")
def build() -> ModuleType:
    if shutil.which("gcc") is None or platform.machine() != "x86_64":
        pytest.skip("needs gcc for x86-64")
    spec = importlib.util.spec_from_file_location("demo_build", DEMO / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def built(build: ModuleType, folder: Path) -> dict[str, ImageBuilder]:
    folder.mkdir()
    programs = build.compile_all(folder)
    return {"original": build.original(programs), "slim": build.slim(programs)}


def rows(path: Path) -> list[tuple[str, ...]]:
    """Path, type and mode of every entry: what does not depend on the compiler."""
    with open_image(path) as image:
        return [tuple(line.split("\t")[:3]) for line in listing(squash(image), digests=False)]


def test_two_builds_give_the_same_bytes(build: ModuleType, tmp_path: Path) -> None:
    first, second = built(build, tmp_path / "a"), built(build, tmp_path / "b")
    assert {name: first[name].build() for name in NAMES} == {name: second[name].build() for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_the_sources_give_the_bundled_pair(name: str, build: ModuleType, tmp_path: Path) -> None:
    fresh = built(build, tmp_path / "a")[name]
    assert rows(fresh.write(tmp_path / "fresh.tar")) == rows(DEMO / f"{name}.tar.gz")
    if fresh.build() != gzip.decompress((DEMO / f"{name}.tar.gz").read_bytes()):
        pytest.skip("another compiler gives other bytes; the entries are the same")
