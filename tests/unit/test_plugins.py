"""Plug-ins of other packages, as CONTRIBUTING tells how to write them: loaded by entry point, named when they fail."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from xraydiff import plugin
from xraydiff.errors import PluginError
from xraydiff.facts import Firing
from xraydiff.pipeline import compare
from xraydiff.plugins import OUR_READERS, OUR_RULES, load
from xraydiff.testing import ImageBuilder, read

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
        return ImageBuilder().config(cmd=["/app/run.tcl"]).file("/app/run.tcl", 'source "/lib/tcl/x.tcl"\n', mode=0o755)

    return base().file("/lib/tcl/x.tcl", "set x 1").file("/etc/motd", "hi"), base()


def test_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, *how_to("A reader"))
    original, slim = pair()
    reader = next(one for one in load().readers if one.name == "tcl")
    assert read(reader, original, "/app/run.tcl").targets == ["/lib/tcl/x.tcl"]
    assert read(reader, slim, "/app/run.tcl").targets == []
    assert not read(reader, original, "/etc/motd").accepted
    with compare(original.image(), slim.image()) as comparison:
        missing = comparison.missing("/lib/tcl/x.tcl")
    assert missing is not None
    assert missing.edge.by == "tcl"


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


MENU_POINTS = """[xraydiff.references]
menu = extra:MenuReader
[xraydiff.inventory]
menus = extra:INVENTORY
[xraydiff.rules]
broken = extra:menu_broken
application = extra:menu_of_the_application
"""


def test_one_that_knows_the_public_module_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, (ROOT / "tests" / "extra_plugin.py").read_text(), MENU_POINTS)

    def base() -> ImageBuilder:
        menu = "load a.bin\ntry b.bin\nload never\nrun $next\n"
        started = ImageBuilder().config(cmd=["/app/x.menu"]).file("/app/x.menu", menu, mode=0o755)
        return started.file("/app/y.menu", "z" * 65)

    original = base().file("/opt/boot/a.bin", "a").file("/opt/boot/b.bin", "b")
    with compare(original.image(), base().image()) as comparison:
        report, reach = comparison.report, comparison.reach
        sure, perhaps = comparison.missing("/opt/boot/a.bin"), comparison.missing("/opt/boot/b.bin")
    assert sure is not None
    assert perhaps is not None
    assert (sure.edge.by, sure.edge.line) == ("menu", 1)
    assert (perhaps.edge.by, perhaps.edge.firing) == ("menu", Firing.GUARDED)
    assert reach is not None
    assert [(one.reason, one.detail) for one in reach.unfollowed if one.reader == "menu"] == [
        ("computed-name", "$next")
    ]
    assert report.original_inventory.extra["menus"] == ("load a.bin", "started by /app/x.menu")
    assert {(one.path, one.image) for one in report.problems if one.code == "menu"} == {
        ("/app/y.menu", "original"),
        ("/app/y.menu", "slim"),
    }
    assert [(one.rule, one.subject, str(one.certainty)) for one in report.findings if one.rule.startswith("MNU")] == [
        ("MNU001", "/opt/boot/a.bin", "proven"),
        ("MNU001", "/opt/boot/b.bin", "likely"),
        ("MNU002", "/app/x.menu", "proven"),
        ("MNU002", "/app/y.menu", "proven"),
    ]


def test_the_how_tos_and_the_example_import_the_public_module_alone() -> None:
    sources = [how_to(title)[0] for title in ("A reader", "An inventory", "A rule")]
    sources.append((ROOT / "tests" / "extra_plugin.py").read_text())
    imports = [node for text in sources for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    ours = {node.module for node in imports if str(node.module).startswith("xraydiff")}
    assert ours == {"xraydiff.plugin"}
    assert {alias.name for node in imports if node.module == "xraydiff.plugin" for alias in node.names} <= set(
        plugin.__all__
    )


def test_every_public_name_is_there_sorted_and_explained() -> None:
    assert plugin.__all__ == sorted(set(plugin.__all__))
    explained = set(re.findall(r"`(\w+)(?:\.\w+)?`", plugin.__doc__ or ""))
    assert set(plugin.__all__) <= explained
    for name in plugin.__all__:
        assert getattr(plugin, name) is not None
    public = {name for name in vars(plugin) if not name.startswith("_")} - {"annotations"}
    assert public == set(plugin.__all__)


def met(kind: type, found: set[type]) -> set[type]:
    """A type of ours and every type that its fields and methods name, and so on."""
    if kind in found:
        return found
    found.add(kind)
    members = [member.fget if isinstance(member, property) else member for member in vars(kind).values()]
    hints = [typing.get_type_hints(member) for member in members if inspect.isfunction(member)]
    if dataclasses.is_dataclass(kind) or getattr(kind, "_is_protocol", False):
        for each in (typing.get_type_hints(kind), *hints):
            for hint in each.values():
                for named in types_in(hint):
                    met(named, found)
    return found


def types_in(hint: object) -> list[type]:
    inner = [one for part in typing.get_args(hint) for one in (part if isinstance(part, list) else [part])]
    own = [hint] if isinstance(hint, type) and hint.__module__.startswith("xraydiff.") else []
    return own + [one for part in inner for one in types_in(part)]


def test_every_type_that_a_plug_in_meets_is_public() -> None:
    seen: set[type] = set()
    for kind in (plugin.Reader, plugin.Inventory, plugin.Rule):
        met(kind, seen)
    public = {getattr(plugin, name) for name in plugin.__all__}
    assert {plugin.Subject, plugin.Context, plugin.Case, plugin.Cause, plugin.Certificate} <= seen
    assert {kind.__qualname__ for kind in seen - public} == set()


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
            "from xraydiff.references.readers.elf import ElfReader as x",
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
def bad(case):
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
