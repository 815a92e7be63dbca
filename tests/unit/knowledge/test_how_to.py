"""The rows that CONTRIBUTING shows are rows: each is read as a user's, and a new table needs what it says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from xraydiff.commands.start import search_path
from xraydiff.errors import UsageError
from xraydiff.facts import Edge, Node, NodeKind
from xraydiff.knowledge import FOR_USERS, OURS, TABLES, Companion, Knowledge, NamedRow, Row, load
from xraydiff.knowledge.commands import Wrapper
from xraydiff.knowledge.text import read_rows
from xraydiff.limits import DEFAULT
from xraydiff.paths import ROOT, ImagePath
from xraydiff.references import Context, Subject
from xraydiff.references.readers.python import PythonReader
from xraydiff.testing import ImageBuilder

PAGE = (Path(__file__).resolve().parents[3] / "CONTRIBUTING.md").read_text()
TEXTS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_the_rows_of_the_page_are_read() -> None:
    known = load("\n".join(TEXTS))
    assert [row.text for row in known.rows(Companion)[-1].when] == ["shopd"]
    wrapper = known.named(Wrapper)["shoprun"]
    assert (wrapper.operands, set(wrapper.values)) == (1, {"-p", "--profile"})
    assert "shoprun" not in OURS.named(Wrapper)


def test_every_table_has_a_file_of_ours_that_explains_it() -> None:
    assert set(FOR_USERS) <= set(TABLES)
    for kind in TABLES:
        rows = OURS.rows(kind)
        assert rows
        assert all(row.reason.strip() and row.source.strip() and row.serves for row in rows), kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Till(NamedRow):
    """A table that nobody has."""

    TABLE: ClassVar[str] = "till"
    FILE: ClassVar[str] = "tills.toml"

    drawers: int = 1
    open: bool = False
    keys: tuple[str, ...] = ()


ROW = '[[till]]\nnames = "a b"\nreason = "r"\nsource = "s"\nserves = ["x"]\n'


def tills(text: str) -> tuple[Row, ...]:
    return read_rows(text, "tills.toml", (Till,), DEFAULT)[Till]


def test_a_new_table_needs_a_dataclass() -> None:
    first, second = tills(ROW + 'drawers = 2\nopen = true\nkeys = ["k"]\n' + ROW)
    assert first == Till(
        names=frozenset({"a", "b"}), drawers=2, open=True, keys=("k",), reason="r", source="s", serves=("x",)
    )
    assert second == Till(names=frozenset({"a", "b"}), reason="r", source="s", serves=("x",))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("drawers = true", "line 6: till[0].drawers: must be a number"),
        ("open = 1", "line 6: till[0].open: must be true or false"),
        ('keys = "k"', "line 6: till[0].keys: must be a list of texts"),
        ("colour = 1", "line 6: till[0].colour: unknown key; known are drawers, keys, names, open, reason"),
    ],
)
def test_a_wrong_value_is_named_with_line_and_field(line: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        tills(f"{ROW}{line}\n{ROW}")
    assert str(caught.value).startswith(f"tills.toml: {says}")


def test_a_user_says_what_a_function_of_its_own_does() -> None:
    text = '[[call]]\nlanguage = "python"\nnames = "shop.sh"\neffect = "shell"\nargument = 1\n'
    text += 'reason = "the shop runs lines"\nsource = "https://example.org"\nserves = ["shop"]\n'
    builder = ImageBuilder().file("/bin/tool", "x", mode=0o755).file("/bin/sh", "x", mode=0o755)
    builder.file("/app/run.py", 'import shop\nshop.sh(1, "/bin/tool --all")\n')
    builder.config(cmd=["/bin/tool"], env=["PATH=/bin"])
    assert _scripts(builder, OURS) == []
    assert _scripts(builder, load(text)) == ["/bin/tool --all"]
    with pytest.raises(UsageError, match=r"call\[0\]\.modules: must be there where the effect is imports"):
        load(text.replace("shell", "imports"))


def _scripts(builder: ImageBuilder, known: Knowledge) -> list[str]:
    """Lines for the shell in /app/run.py."""
    tree, path = builder.tree(), ImagePath("/app/run.py")
    config = builder.image().config
    context = Context(original=tree, config=config, env={}, path=search_path(config), cwd=ROOT, knowledge=known)
    subject = Subject(node=Node(path=path), path=path, file=tree.files[path], tree=tree, data=tree.content(path))
    found = PythonReader().read(subject, context)
    return [one.target.text for one in found if isinstance(one, Edge) and one.target.kind is NodeKind.SCRIPT]
