"""What is kept of what a reader saw."""

from __future__ import annotations

from xraydiff.facts import EdgeKind, Firing, Node, NodeKind, Origin, When
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath
from xraydiff.references import Gap
from xraydiff.references.kit.recorder import Recorder

SOURCE = Node(path=ImagePath("/srv/a"))
OTHER = ImagePath("/srv/b")


def sightings(*, edges: int = 10) -> Recorder:
    return Recorder(SOURCE, "perl", Limits(edges_per_file=edges))


def test_edges_by_line_then_gaps() -> None:
    seen = sightings()
    seen.gap("computed-name", "x")
    seen.line = 2
    seen.file(OTHER, EdgeKind.SOURCES, Firing.LOAD, "b  of\na")
    seen.line = 1
    seen.inline("shell", "date", Firing.LOAD, "date")
    inline, file, gap = seen.all()
    assert not isinstance(inline, Gap)
    assert not isinstance(file, Gap)
    assert (inline.line, inline.target.kind) == (1, NodeKind.SCRIPT)
    assert (file.line, file.detail, file.by) == (2, "b of a", "perl")
    assert gap == Gap(node=SOURCE, reason="computed-name", detail="x")


def test_nothing_asks_for_itself() -> None:
    seen = sightings()
    seen.file(ImagePath("/srv/a"), EdgeKind.SOURCES, Firing.LOAD, "self")
    script = Node(kind=NodeKind.SCRIPT, path=SOURCE.path, language="perl", text="do this")
    inner = Recorder(script, "perl", Limits())
    inner.inline("perl", "do this", Firing.LOAD, "self")
    assert [*seen.all(), *inner.all()] == []


def test_what_is_certain_once_is_certain() -> None:
    seen = sightings()
    seen.optional = True
    seen.file(OTHER, EdgeKind.IMPORTS, Firing.DEFERRED, "b")
    assert [edge.weak for edge in seen.edges()] == [True]
    seen.optional = False
    seen.file(OTHER, EdgeKind.IMPORTS, Firing.DEFERRED, "b")
    assert [edge.weak for edge in seen.edges()] == [False]


def test_too_many() -> None:
    seen = sightings(edges=1)
    for name in ("b", "c", "d"):
        seen.file(ImagePath(f"/srv/{name}"), EdgeKind.SOURCES, Firing.LOAD, name)
    assert [edge.target.path for edge in seen.edges()] == ["/srv/b"]
    assert [gap.reason for gap in seen.gaps()] == ["too-many-references"]


def test_very_many_gaps_hide_none_of_another_reason() -> None:
    seen = sightings()
    for number in range(3_000):
        seen.gap("computed-name", f"line {number}")
    seen.gap("too-large", "inline script")
    reasons = [gap.reason for gap in seen.gaps()]
    assert "too-large" in reasons
    assert len(reasons) <= Limits().inline_scripts + 2


def test_nothing_is_noted_while_it_is_quiet_and_the_stronger_of_equal_edges_counts() -> None:
    seen = Recorder(Node(path="/a"), "shell", Limits(), origin=Origin.SHELL, stops=False)
    seen.quiet = True
    seen.file(ImagePath("/b"), EdgeKind.EXECUTES, Firing.LOAD, "b")
    seen.inline("shell", "ls", Firing.LOAD, "ls")
    seen.gap("computed-name")
    assert list(seen.all()) == []
    seen.quiet, seen.when = False, When.OPERATE
    seen.file(ImagePath("/b"), EdgeKind.EXECUTES, Firing.LOAD, "b")
    seen.file(ImagePath("/b"), EdgeKind.EXECUTES, Firing.LOAD, "again", stops=True)
    (edge,) = seen.edges()
    assert (edge.detail, edge.stops, edge.when, edge.origin) == ("b", True, When.OPERATE, Origin.SHELL)
