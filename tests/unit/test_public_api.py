"""The public names: all there, imported on first use, and nothing heavy comes with them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import xraydiff

DEMO = Path(__file__).resolve().parents[2] / "fixtures" / "demo"
PROMISED = {
    "Certainty", "CompareOptions", "Comparison", "Finding", "Image", "Inspection", "Limits", "Outlook", "Policy",
    "Report", "Severity", "Suggestion", "Suggestions", "Verdict", "WalkDepth",
    "ImageClosedError", "ImageError", "IntegrityError",
    "LimitExceeded",
    "PluginError", "PolicyError", "ReportError", "UnsupportedImage", "UsageError", "XraydiffError", "compare",
    "dump_inspection", "dump_report", "evaluate", "graph", "inspect", "load_inspection", "load_policy", "load_report",
    "open_image", "suggest", "__version__",
}  # fmt: skip


def imported(code: str, *arguments: str) -> set[str]:
    """Modules that a fresh interpreter has imported after a piece of code."""
    command = [sys.executable, "-P", "-c", f"{code}\nimport sys; print(*sys.modules, file=sys.stderr)", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(ran.stderr.split())


def test_the_names_are_those_of_the_contract() -> None:
    assert set(xraydiff.__all__) == PROMISED
    assert dir(xraydiff) == sorted(PROMISED)


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_each_name_is_there(name: str) -> None:
    value = getattr(xraydiff, name)
    assert value is getattr(xraydiff, name)
    if name != "__version__":
        assert value.__name__ == name
        assert value.__doc__


def test_type_checkers_see_the_same_names_in_the_same_rooms() -> None:
    tree = ast.parse(Path(xraydiff.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname or alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    loaded = {name: f"xraydiff.{room}" for name, room in xraydiff._PLACES.items()}
    assert seen == loaded


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = xraydiff.nope  # type: ignore[attr-defined]  # that is the point


def test_importing_the_package_imports_no_room() -> None:
    assert {name for name in imported("import xraydiff") if name.startswith("xraydiff.")} == set()


def test_the_worker_stays_light() -> None:
    ours = {name for name in imported("import xraydiff.inventory.worker") if name.startswith("xraydiff.")}
    rooms = ("inventory", "inventory.worker", "errors", "limits", "rlimits", "characters", "escaping", "paths", "facts")
    assert ours <= {f"xraydiff.{room}" for room in rooms}


HEAVY = ("networkx", "docker", "jsonschema")


def test_compare_imports_nothing_heavy() -> None:
    code = "import sys, xraydiff; xraydiff.compare(*sys.argv[1:]).close()"
    names = imported(code, str(DEMO / "original.tar.gz"), str(DEMO / "slim.tar.gz"))
    assert "xraydiff.pipeline" in names
    assert {name for name in names if name.partition(".")[0] in HEAVY} == set()


def test_the_command_compare_does_not_either() -> None:
    code = "import sys; from xraydiff.cli import run; assert run(['compare', *sys.argv[1:]]) == 0"
    names = imported(code, str(DEMO / "original.tar.gz"), str(DEMO / "slim.tar.gz"))
    assert "xraydiff.cli.app" in names
    assert {name for name in names if name.partition(".")[0] in HEAVY} == set()
