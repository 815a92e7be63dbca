"""Rows 154 to 156 through the command: images that are no pair or not read whole never look as if they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.image_archives import CONFIG, MANIFEST, ONE, Layout, as_json, config_of
from xraydiff.cli import run
from xraydiff.testing import ImageBuilder, elf


def built(path: Path, *, architecture: str = "amd64", odd: bool = False) -> str:
    builder = ImageBuilder(name="app:1", architecture=architecture).config(cmd=["/run"])
    builder.file("/run", elf(executable=True), mode=0o755)
    if odd:
        builder.file("/x/../../escape", "x")
    return str(builder.write(path))


def test_gate_platform_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = built(tmp_path / "one.tar"), built(tmp_path / "other.tar", architecture="arm64")
    assert run(["gate", one, other]) == 1
    assert "IMG001" in capsys.readouterr().out
    assert run(["compare", one, other, "--format", "json", "-o", str(tmp_path / "report.json")]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert [(one["rule"], one["severity"]) for one in report["findings"]] == [("IMG001", "critical")]
    assert run(["gate", str(tmp_path / "report.json")]) == 1


@pytest.mark.parametrize("which", ["original", "slim", "both"])
def test_gate_incomplete_original_or_slim(which: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = built(tmp_path / "one.tar", odd=which != "slim")
    other = built(tmp_path / "other.tar", odd=which != "original")
    assert run(["gate", one, other]) == 3
    assert "not read whole" in capsys.readouterr().err


@pytest.mark.parametrize("which", [0, 1])
def test_gate_unreadable_original_or_slim(which: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = [built(tmp_path / "one.tar"), built(tmp_path / "other.tar")]
    path = Path(pair[which])
    path.write_bytes(path.read_bytes()[:5000])
    assert run(["gate", *pair]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert path.name in said.err


@pytest.mark.parametrize("command", ["files", "inspect"])
def test_a_layer_that_lies_elsewhere(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Found while opening, not while reading layers: the listing is short all the same."""
    layout = Layout()
    layer = layout.put(ONE, "application/vnd.oci.image.layer.nondistributable.v1.tar")
    manifest = {"schemaVersion": 2, "config": layout.put(config_of((ONE,)), CONFIG), "layers": [layer]}
    layout.manifests = [layout.put(as_json(manifest), MANIFEST)]
    del layout.blobs[str(layer["digest"])]
    (tmp_path / "app.tar").write_bytes(layout.archive())
    assert run([command, str(tmp_path / "app.tar")]) == 3
    assert "not read whole" in capsys.readouterr().err
    assert run([command, str(tmp_path / "app.tar"), "--allow-incomplete"]) == 0
