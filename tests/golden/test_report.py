"""A report of version 1 stays readable for ever, and the same report gives the same bytes, text and Markdown.

After an intended change of the text, write the new files with `UPDATE_GOLDEN=1 pytest tests/golden/test_report.py`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from xraydiff.report.codec import dump_inspection, dump_report, load_inspection, load_report
from xraydiff.report.markdown import render_markdown
from xraydiff.report.schema import validate_inspection, validate_report
from xraydiff.report.text import render_inspection, render_text

HERE = Path(__file__).parent
FOLDER = HERE / "report"


def agrees(name: str, text: str) -> None:
    file = FOLDER / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_bytes(text.encode())
    assert file.read_bytes() == text.encode()


def test_report() -> None:
    stored = (FOLDER / "report.json").read_bytes()
    report = load_report(stored)
    assert dump_report(report).encode() == stored
    agrees("report.txt", render_text(report))
    agrees("report.md", render_markdown(report))


def test_inspection() -> None:
    stored = (FOLDER / "inspection.json").read_bytes()
    inspection = load_inspection(stored)
    assert dump_inspection(inspection).encode() == stored
    agrees("inspection.txt", render_inspection(inspection))


@pytest.mark.parametrize("file", sorted(HERE.rglob("*.json")), ids=lambda file: file.name)
def test_every_golden_document_is_valid(file: Path) -> None:
    data = json.loads(file.read_bytes())
    if not isinstance(data, dict) or "schema_version" not in data:
        pytest.skip("no document of ours")
    check = validate_report if "findings" in data else validate_inspection
    assert check(data) is None
