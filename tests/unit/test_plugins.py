"""Plug-ins of other packages, as CONTRIBUTING tells how to write them: loaded by entry point, named when they fail."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from xraydiff.errors import PluginError
from xraydiff.pipeline import compare
from xraydiff.plugins import OUR_READERS, OUR_RULES, load
from xraydiff.testing import ImageBuilder

ROOT = Path(__file__).resolve().parents[2]


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, module: str, points: str) -> None:
    """A package with entry points, as an installer leaves it."""
    (folder / "extra.py").write_text(module)
    info = folder / "extra-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "extra", raising=False)


def how_to(title: str) -> tuple[str, str]:
    """The module and the entry points of a how-to in CONTRIBUTING."""
    section = (ROOT / "CONTRIBUTING.md").read_text().split(f"### {title}\n")[1].split("\n### ")[0]
    (module,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    (points,) = re.findall(r"```ini\n(.*?)```", section, re.DOTALL)
    return module, points


def pair() -> tuple[ImageBuilder, ImageBuilder]:
    def base() -> ImageBuilder:
        return (
            ImageBuilder().config(cmd=["/app/run.lua"]).file("/app/run.lua", 'dofile("/lib/lua/x.lua")\n', mode=0o755)
        )

    return base().file("/lib/lua/x.lua", "return 1").file("/etc/motd", "hi"), base()


def test_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, *how_to("A reader"))
    original, slim = pair()
    with compare(original.image(), slim.image()) as comparison:
        missing = comparison.missing("/lib/lua/x.lua")
    assert missing is not None
    assert missing.edge.by == "lua"


def test_an_inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, *how_to("An inventory"))
    original, slim = pair()
    with compare(original.image(), slim.image()) as comparison:
        assert comparison.report.original_inventory.extra == {"messages": ("/etc/motd",)}


def test_a_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, *how_to("A rule"))
    original, slim = pair()
    with compare(original.image(), slim.image()) as comparison:
        assert any(finding.rule == "MOT001" for finding in comparison.report.findings)


def test_ours_come_first_in_a_fixed_order() -> None:
    active = load()
    assert [type(reader) for reader in active.readers][: len(OUR_READERS)] == list(OUR_READERS)
    assert active.rules[: len(OUR_RULES)] == OUR_RULES


@pytest.mark.parametrize(
    ("module", "points", "word"),
    [
        ("raise RuntimeError('no')", "[xraydiff.rules]\nx = extra:rule\n", "does not load"),
        ("x = 1", "[xraydiff.rules]\nx = extra:absent\n", "does not load"),
        ("x = 1", "[xraydiff.rules]\nx = extra:x\n", "is no rule"),
        ("x = 1", "[xraydiff.references]\nx = extra:x\n", "is no reader"),
        ("x = 1", "[xraydiff.inventory]\nx = extra:x\n", "is no inventory"),
        (
            "from xraydiff.references.elf import ElfReader as x",
            "[xraydiff.references]\nx = extra:x\n",
            "is taken",
        ),
    ],
)
def test_what_is_wrong_is_named(
    module: str, points: str, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, module, points)
    with pytest.raises(PluginError, match=word) as caught:
        load()
    assert "x of extra (extra:" in str(caught.value)


RAISING_RULE = """
from xraydiff.facts import Severity
from xraydiff.rules import rule

@rule("BAD001", "bad", Severity.LOW)
def bad(sight):
    "A rule that fails."
    raise KeyError("oops")
"""


def test_one_that_raises_is_named_and_the_command_exits_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, RAISING_RULE, "[xraydiff.rules]\nbad = extra:bad\n")
    original, slim = pair()
    with pytest.raises(PluginError, match="BAD001"):
        compare(original.image(), slim.image())
    paths = [str(original.write(tmp_path / "o.tar")), str(slim.write(tmp_path / "s.tar"))]
    code = (
        f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nfrom xraydiff.cli import run\nsys.exit(run(sys.argv[1:]))"
    )
    ran = subprocess.run(
        [sys.executable, "-P", "-c", code, "gate", *paths], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 3
    assert "BAD001" in ran.stderr
    assert "Traceback" not in ran.stderr


RAISING_READER = """
class Reader:
    name, language, depth = "bad", "", "full"
    def accepts(self, subject):
        return True
    def read(self, subject, context):
        raise KeyError("oops")
"""


def test_a_reader_that_raises_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, RAISING_READER, "[xraydiff.references]\nbad = extra:Reader\n")
    original, slim = pair()
    with pytest.raises(PluginError, match="reader bad"):
        compare(original.image(), slim.image())
