"""Values of expressions: what is known, what may be either, and what grows too large to follow."""

from __future__ import annotations

import pytest

from xraydiff.limits import Limits
from xraydiff.paths import ImagePath
from xraydiff.references import Context
from xraydiff.references.kit.expressions import (
    ITEMS,
    NOTHING,
    UNKNOWN,
    Expressions,
    Scope,
    Value,
    changed,
    either,
    path_of,
)
from xraydiff.references.kit.lookup import Lookups
from xraydiff.testing import ImageBuilder


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
    return Expressions(b"", Scope(path="/srv/a", directory="/srv", held={}), Lookups(context))


def value(*texts: str) -> Value:
    return Value(texts=texts)


def test_either_of_two() -> None:
    assert either(value("a"), value("b", "a")) == value("a", "b")
    assert either(value("a"), NOTHING) == value("a")
    assert either(NOTHING, NOTHING) == NOTHING
    assert not NOTHING.known


def test_a_name_holds_what_every_branch_gave_it() -> None:
    scope = Scope(path="", directory="", held={})
    for one in (NOTHING, value("a"), value("b"), NOTHING, value("a")):
        scope.set("x", one)
    assert scope.held["x"] == value("a", "b")


def test_parts_of_a_path(expressions: Expressions) -> None:
    assert path_of(expressions, []) == NOTHING
    assert path_of(expressions, [value("/srv/", "lib"), value("/a")]) == value("/srv/a", "lib/a")
    assert path_of(expressions, [value("/srv"), NOTHING]) == value(f"/srv/{UNKNOWN}")
    assert changed(value("a.rb", "a"), lambda text: text.removesuffix(".rb")) == value("a")


def test_what_is_put_together_has_bounds(expressions: Expressions) -> None:
    many = value(*map(str, range(ITEMS)))
    assert expressions.joined(many, value(""), "") == many
    assert expressions.joined(many, value("a", "b"), "") == NOTHING
    longest = "x" * (128 << 10)
    assert expressions.joined(value(longest), value(""), "") == value(longest)
    assert expressions.joined(value(longest), value("y"), "") == NOTHING
