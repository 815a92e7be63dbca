"""The way of one path, as docs/architecture.md tells it: every place is there, and the example goes that way."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import xraydiff
from xraydiff import Certainty, Outlook, compare, suggest
from xraydiff.testing import ImageBuilder, elf

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(xraydiff.__file__).parent
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
ROWS = re.findall(r"^\| \d+ \| `([^`]+)` `([^`]+)` \|(.*)\|$", PAGE, re.MULTILINE)
PLACES = [(module, name) for module, name, _ in ROWS]
PLACES += [place for *_, text in ROWS for place in re.findall(r"`([a-z_/]+\.py)` `([^`]+)`", text)]


@pytest.mark.parametrize(("module", "name"), sorted(set(PLACES)))
def test_a_place_on_the_way_is_there(module: str, name: str) -> None:
    tree = ast.parse((PACKAGE / module).read_text("utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    imported = {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert name in defined or name in imported


def test_the_example_goes_that_way() -> None:
    def image() -> ImageBuilder:
        builder = ImageBuilder().config(entrypoint=["/app/start.sh"], workdir="/app", env=["PATH=/usr/bin:/bin"])
        builder.file("/app/start.sh", "#!/bin/sh\nexec python3 -m shop\n", mode=0o755)
        builder.file("/app/shop/__main__.py", "def receipt():\n    return open('/app/mail/receipt.txt').read()\n")
        for program in ("/bin/sh", "/usr/bin/python3"):
            builder.file(program, elf(executable=True), mode=0o755)
        return builder.file("/usr/lib/python3.11/os.py", "")

    original = image().file("/app/mail/receipt.txt", "Thank you").file("/usr/share/doc/x", "x")
    with compare(original.image(), image().image()) as comparison:
        missing = comparison.missing("/app/mail/receipt.txt")
        report = comparison.report
    assert missing is not None
    assert (missing.certainty, report.summary.outlook) == (Certainty.LIKELY, Outlook.RISKY)
    assert [step.source for step in missing.chain] == ["/app/shop/__main__.py"]
    assert [finding.rule for finding in report.findings if finding.certainty >= Certainty.LIKELY][:1] == ["APP001"]
    assert suggest(report).paths() == ("/app/mail/receipt.txt",)


def test_the_page_has_a_way() -> None:
    assert len(ROWS) > 15


def test_the_files_of_the_four_rooms_are_named() -> None:
    section = PAGE.partition("Inside four rooms")[2].partition("## The idea")[0]
    for room in re.findall(r"^- `([a-z]+)/`", section, re.MULTILINE):
        text = section.partition(f"- `{room}/`")[2].partition("\n- `")[0]
        named = {name for name in re.findall(r"`([a-z_]+\.py)`", text) if name != "__init__.py"}
        folder = PACKAGE / room / ("kit" if room == "references" else "")
        assert named == {path.name for path in folder.glob("*.py")} - {"__init__.py"}
