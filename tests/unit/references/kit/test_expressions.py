"""Values of expressions: what is known, what may be either, and what grows too large to follow."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from xraydiff.limits import Limits
from xraydiff.paths import ImagePath
from xraydiff.references import Context
from xraydiff.references.kit.expressions import (
    MAX_ITEMS,
    UNKNOWN,
    UNKNOWN_VALUE,
    Expression,
    Expressions,
    Lowering,
    ProgramScope,
    Shape,
    Value,
    changed,
    either,
    path_of,
)
from xraydiff.references.kit.lookup import Lookup
from xraydiff.testing import ImageBuilder

MADE = (
    Expression(Shape.OPAQUE),
    Expression(Shape.TEXT, "/srv"),
    Expression(Shape.NAME, "x"),
    Expression(Shape.JOINED, "/", (1, 2)),
    Expression(Shape.EITHER, "", (1, 0)),
    Expression(Shape.LIST, "", (1, 2)),
    Expression(Shape.JOINED, "", (5, 1)),
    Expression(Shape.INTERPOLATED, "", (5, 1)),
    Expression(Shape.CALL, "path", (1, 2)),
    Expression(Shape.METHOD, "upper", (2,)),
    Expression(Shape.JOINED, "", (1, 0)),
    Expression(Shape.JOINED, "", (11, 1)),
)


class Names(Expressions):
    """A language in which names have the values that they were given."""

    functions = MappingProxyType({"path": path_of})
    methods = MappingProxyType({"upper": lambda _, value, __: changed(value, str.upper)})

    def name(self, name: str) -> Value:
        return self.scope.values.get(name, UNKNOWN_VALUE)


@pytest.fixture
def expressions() -> Expressions:
    builder = ImageBuilder().file("/srv/a", b"a")
    context = Context(
        original=builder.tree(),
        config=builder.image().config,
        env={},
        path=(),
        cwd=ImagePath("/srv"),
        limits=Limits(script=100),
    )
    return Names(MADE, ProgramScope(path="/srv/a", directory="/srv", values={"x": value("a", "b")}), Lookup(context))


def value(*texts: str) -> Value:
    return Value(texts=texts)


def test_either_of_two() -> None:
    assert either(value("a"), value("b", "a")) == value("a", "b")
    assert either(value("a"), UNKNOWN_VALUE) == value("a")
    assert either(UNKNOWN_VALUE, UNKNOWN_VALUE) == UNKNOWN_VALUE
    assert not UNKNOWN_VALUE.known


def test_a_name_holds_what_every_branch_gave_it() -> None:
    scope = ProgramScope(path="", directory="", values={})
    for one in (UNKNOWN_VALUE, value("a"), value("b"), UNKNOWN_VALUE, value("a")):
        scope.set("x", one)
    assert scope.values["x"] == value("a", "b")


def test_parts_of_a_path(expressions: Expressions) -> None:
    assert path_of(expressions, []) == UNKNOWN_VALUE
    assert path_of(expressions, [value("/srv/", "lib"), value("/a")]) == value("/srv/a", "lib/a")
    assert path_of(expressions, [value("/srv"), UNKNOWN_VALUE]) == value(f"/srv/{UNKNOWN}")
    assert changed(value("a.rb", "a"), lambda text: text.removesuffix(".rb")) == value("a")


def test_what_is_put_together_has_bounds(expressions: Expressions) -> None:
    many = value(*map(str, range(MAX_ITEMS)))
    assert expressions.joined(many, value(""), "") == many
    assert expressions.joined(many, value("a", "b"), "") == UNKNOWN_VALUE
    longest = "x" * (128 << 10)
    assert expressions.joined(value(longest), value(""), "") == value(longest)
    assert expressions.joined(value(longest), value("y"), "") == UNKNOWN_VALUE


@pytest.mark.parametrize(
    ("index", "texts", "is_sequence"),
    [
        (0, (UNKNOWN,), False),
        (1, ("/srv",), False),
        (2, ("a", "b"), False),
        (3, ("/srv/a", "/srv/b"), False),
        (4, ("/srv",), False),
        (5, ("/srv", "a", "b"), True),
        (6, ("/srv/srv", "a/srv", "b/srv"), True),
        (7, ("/srv/srv", "a/srv", "b/srv"), False),
        (8, ("/srv/a", "/srv/b"), False),
        (9, ("A", "B"), False),
        (10, (f"/srv{UNKNOWN}",), False),
    ],
)
def test_what_an_expression_evaluates_to(
    expressions: Expressions, index: int, texts: tuple[str, ...], is_sequence: bool
) -> None:
    assert expressions.of(index) == Value(texts=texts, is_sequence=is_sequence)


def test_an_expression_within_itself_has_no_value(expressions: Expressions) -> None:
    """No program has one; a stored parse that somebody changed may."""
    assert UNKNOWN in expressions.of(11).texts[0]


def test_words_are_what_is_known_whole(expressions: Expressions) -> None:
    assert expressions.texts((1, 10)) == ("/srv", f"/srv{UNKNOWN}")
    assert expressions.words((1, 10, 5)) == ("/srv", "a", "b")


def test_equal_expressions_are_made_once() -> None:
    lowering = Lowering(lambda _: None)
    parts = lowering.literal("a"), lowering.add(Shape.NAME, "x")
    assert lowering.joined(Shape.JOINED, ["a", parts[1]]) == lowering.add(Shape.JOINED, "", parts)
    assert lowering.joined(Shape.JOINED, ["", "b", "c"]) == lowering.literal("bc")
    assert lowering.joined(Shape.JOINED, []) == lowering.literal("")
    assert lowering.literal("x" * (1 << 18)) == lowering.opaque()
    assert len(lowering.made) == 6
