"""What code decides on is typed: certainty is chosen in the table alone, names and details are for people."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import xraydiff
from xraydiff.facts import Certainty, ConfigField, Edge, EdgeKind, Firing, Node, NodeKind, Origin, When
from xraydiff.pipeline import compare
from xraydiff.plugins import load
from xraydiff.reach import Reach
from xraydiff.reach.table import MOST, Standing, certainty_of, stops
from xraydiff.references import Context, Depth, Gap, Subject
from xraydiff.testing import ImageBuilder, elf

HOUSE = Path(xraydiff.__file__).parent
ROOMS = ("commands", "graphs", "inventory", "minifier", "owners", "reach", "references")


def chosen(path: Path) -> Iterator[int]:
    """Lines in which a module takes a certainty for something else than a comparison."""
    tree = ast.parse(path.read_bytes())
    compared = {id(inner) for outer in ast.walk(tree) if isinstance(outer, ast.Compare) for inner in ast.walk(outer)}
    for node in ast.walk(tree):
        member = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Certainty"
        if member and id(node) not in compared:
            yield node.lineno  # type: ignore[attr-defined]  # an Attribute has one


def test_certainty_is_chosen_in_the_table_and_nowhere_else() -> None:
    table = HOUSE / "reach" / "table.py"
    assert list(chosen(table))
    found = {
        f"{path.relative_to(HOUSE)}:{line}"
        for room in ROOMS
        for path in (HOUSE / room).rglob("*.py")
        if path != table
        for line in chosen(path)
    }
    assert found == set()


def decides(path: Path) -> Iterator[str]:
    """Comparisons with `detail` or `by` of something, and look-ups by them."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                if isinstance(side, ast.Attribute) and side.attr in ("by", "detail"):
                    yield f"{path.relative_to(HOUSE)}:{node.lineno}"


@pytest.mark.parametrize("room", ["graphs", "reach", "rules"])
def test_nothing_is_decided_by_what_is_shown_to_people(room: str) -> None:
    assert [where for path in (HOUSE / room).rglob("*.py") for where in decides(path)] == []


def test_the_test_of_comparisons_sees_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "x.py"
    module.write_text("found = edge.by == 'shell' or edge.detail in {'PATH'}\nbest = min(one, Certainty.LIKELY)\n")
    monkeypatch.setitem(globals(), "HOUSE", tmp_path)
    assert list(decides(module)) == ["x.py:1", "x.py:1"]
    assert list(chosen(module)) == [2]


def reference(**values: object) -> Edge:
    edge = Edge(source=Node(path="/a"), target=Node(path="/b"), kind=EdgeKind.EXECUTES, firing=Firing.LOAD)
    return replace(edge, **values)  # type: ignore[arg-type]  # test shorthand


def test_every_origin_has_a_bound() -> None:
    assert set(MOST) == set(Origin)


@pytest.mark.parametrize("standing", list(Standing))
@pytest.mark.parametrize("origin", list(Origin))
def test_a_weak_reference_is_possible_at_most_and_stops_nothing(standing: Standing, origin: Origin) -> None:
    weak = reference(origin=origin, weak=True)
    assert certainty_of(weak, standing) <= min(Certainty.POSSIBLE, certainty_of(reference(origin=origin), standing))
    assert not stops(weak)


def test_companions_of_what_the_start_always_runs_count_as_those_that_a_config_names() -> None:
    row = reference(origin=Origin.COMPANION, firing=Firing.KEPT_WITH)
    assert certainty_of(row, Standing.KEPT_PACKAGE) is Certainty.POSSIBLE
    assert certainty_of(row, Standing.KEPT_PACKAGE, launched=True) is Certainty.LIKELY
    assert certainty_of(replace(row, weak=True), Standing.KEPT_PACKAGE, launched=True) is Certainty.POSSIBLE
    assert certainty_of(reference(firing=Firing.KEPT_WITH), Standing.KEPT_PACKAGE, launched=True) is Certainty.POSSIBLE


class Pretender:
    """Finds one program by a literal of a file, whatever it says of itself."""

    language = ""
    depth = Depth.HEADERS

    def __init__(self, name: str, detail: str, firing: Firing) -> None:
        self.name = name
        self._detail = detail
        self._firing = firing

    def accepts(self, subject: Subject) -> bool:
        return subject.node.kind in (NodeKind.CONFIG, NodeKind.FILE) and subject.path in ("/", "/app/run.menu")

    def read(self, subject: Subject, _context: Context) -> Iterator[Edge | Gap]:
        target, firing = Node(path="/opt/tool"), self._firing
        yield Edge(
            source=subject.node, target=target, kind=EdgeKind.EXECUTES, firing=firing, detail=self._detail, by=self.name
        )


def walked(reader: Pretender, monkeypatch: pytest.MonkeyPatch) -> Reach:
    active = load()
    with_it = replace(active, readers=(*active.readers, reader))
    monkeypatch.setattr("xraydiff.plugins.load", lambda _knowledge: with_it)
    original = ImageBuilder().config(cmd=["/app/run"]).file("/app/run", elf(executable=True), mode=0o755)
    original.file("/app/run.menu", "x")
    slim = ImageBuilder().config(cmd=["/app/run"]).file("/app/run", elf(executable=True), mode=0o755)
    slim.file("/app/run.menu", "x")
    original.file("/opt/tool", elf(executable=True), mode=0o755)
    with compare(original.image(), slim.image()) as comparison:
        assert comparison.reach is not None
        return comparison.reach


@pytest.mark.parametrize("firing", [Firing.LOAD, Firing.GUARDED, Firing.NAMED, Firing.KEPT_WITH])
@pytest.mark.parametrize(
    ("name", "detail"),
    [
        *(("menu", field.value) for field in ConfigField),
        *((name, "x") for name in ("shell", "elf", "shebang", "literals", "parts", "creport", "include-file")),
    ],
)
def test_what_a_plugged_in_reader_writes_for_people_changes_nothing(
    name: str, detail: str, firing: Firing, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, one = (walked(Pretender(*words, firing), monkeypatch) for words in (("menu", "x"), (name, detail)))
    for path, missing in plain.missing.items():
        other = one.missing[path]
        assert (other.certainty, other.when, other.stops_start) == (
            missing.certainty,
            missing.when,
            missing.stops_start,
        )
        assert missing.when is When.USE
    assert one.missing.keys() == plain.missing.keys() == {"/opt/tool"}
    assert one.active == plain.active
    assert bool(one.broken_start) is bool(plain.broken_start) is False
