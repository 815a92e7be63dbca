"""The table of limits in docs/threat-model.md is the one in the code; run this file to write it anew."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import xraydiff.limits
from xraydiff.limits import DEFAULT, GIB, KIB, MIB, Limits

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "threat-model.md"
START, END = "<!-- limits -->\n", "<!-- end of limits -->"


def reasons() -> dict[str, str]:
    """The text below each field of `Limits`, on one line."""
    tree = ast.parse(Path(xraydiff.limits.__file__).read_text())
    (limits,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Limits"]
    found: dict[str, str] = {}
    for node, text in zip(limits.body, limits.body[1:], strict=False):
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            found[node.target.id] = " ".join(str(text.value.value).split())
    return found


def shown(value: int) -> str:
    for unit, word in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if value >= unit and not value % unit:
            return f"{value // unit} {word}"
    return f"{value:,}"


def table() -> str:
    why = reasons()
    rows = [
        f"| `{field.name}` | {shown(getattr(DEFAULT, field.name))} | {why[field.name].replace('|', chr(92) + '|')} |\n"
        for field in fields(Limits)
    ]
    return "| limit | default | why |\n|---|---|---|\n" + "".join(rows)


def test_every_limit_has_its_reason() -> None:
    assert reasons().keys() == {field.name for field in fields(Limits)}


def test_the_table_is_that_of_the_code() -> None:
    text = DOCUMENT.read_text()
    assert text.partition(START)[2].partition(END)[0] == table(), f"run {Path(__file__).name} to write it anew"


def write() -> None:
    text = DOCUMENT.read_text()
    head, _, rest = text.partition(START)
    DOCUMENT.write_text(head + START + table() + END + rest.partition(END)[2])


if __name__ == "__main__":
    write()
