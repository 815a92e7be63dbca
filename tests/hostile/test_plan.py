"""The plan of hostile inputs is whole: every row has tests that exist, or a reason to have none, in the record too."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.hostile.rows import OUT, ROWS

TESTS = Path(__file__).resolve().parents[1]
RECORD = TESTS.parent / "docs" / "adr" / "0002-hostile-rows.md"
LAST = 165


@cache
def known(module: str) -> frozenset[str]:
    """The names of the tests of a module, as they stand in its text."""
    folder, _, name = module.rpartition("/")
    path = TESTS / (folder or "hostile") / f"test_{name}.py"
    tree = ast.parse(path.read_text())
    return frozenset(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def ids(row: int) -> list[tuple[str, str]]:
    """Module and test of a row."""
    module, found = "", []
    for word in ROWS[row][1].split():
        name = word.rpartition("::")[2]
        module = word.rpartition("::")[0] or module
        found.append((module, f"test_{name}"))
    return found


def test_every_row_is_there() -> None:
    assert sorted({*ROWS, *OUT}) == list(range(1, LAST + 1))
    assert not ROWS.keys() & OUT.keys()


@pytest.mark.parametrize("row", sorted(ROWS))
def test_its_tests_exist(row: int) -> None:
    assert ids(row)
    assert [f"{module}::{name}" for module, name in ids(row) if name not in known(module)] == []


@pytest.mark.parametrize("row", sorted(OUT))
def test_what_is_out_is_recorded(row: int) -> None:
    assert f"| {row} |" in RECORD.read_text()
