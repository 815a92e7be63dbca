"""Expressions as plain data: what of a parser's nodes is kept, each once, however they nest."""

from __future__ import annotations

import pytest
from tree_sitter import Node as Syntax

from xraydiff.limits import DEFAULT
from xraydiff.references.kit.grammars import Allowance, Refused, parse
from xraydiff.references.kit.plain import OPAQUE, Expressive, Lowering, PlainNode, PlainTable, Row
from xraydiff.references.kit.stored import StoredError, dump, load

SCRIPT = Expressive(
    followed={
        "binary_expression": ("left", "right"),
        "call_expression": ("function", "arguments"),
        "arguments": (),
        "expression_statement": (),
    },
    whole=frozenset({"identifier", "string"}),
)


def first(data: bytes) -> Syntax:
    tree = parse(data, "javascript", limits=DEFAULT, allowance=Allowance(DEFAULT.syntax_total))
    assert not isinstance(tree, Refused)
    return tree.root_node.named_children[0].named_children[0]


def lowering(data: bytes, *, most: int = 1_000) -> Lowering:
    return Lowering(data, SCRIPT, lambda node: node.type.partition("_")[0], most=most)


def lowered(data: bytes, *, most: int = 1_000) -> PlainNode:
    lower = lowering(data, most=most)
    index = lower.of(first(data))
    return lower.table().nodes()[index]


def test_kinds_texts_names_and_fields() -> None:
    node = lowered(b"f('a' + b, /* no */ c)")
    assert (node.kind, node.name) == ("call_expression", "call")
    function, given = node.field("function"), node.field("arguments")
    assert function is not None
    assert given is not None
    assert (function.kind, function.text, function.name) == ("identifier", "f", "")
    assert [part.text for part in given.parts] == ["'a' + b", "c"]
    assert given.parts[0].operator == "+"
    assert given.parts[0].field("operator") is None


def test_of_what_is_not_followed_the_beginning_is_kept() -> None:
    node = lowered(b"f(function () { g(" + b"'x'," * 1_000 + b") })").parts[1].parts[0]
    assert node.kind == "function_expression"
    assert node.parts == ()
    assert node.text.startswith("function () { g('x',")
    assert len(node.text) == 300


def test_a_long_literal_is_whole() -> None:
    assert len(lowered(b"f('" + b"x" * 5_000 + b"')").parts[1].parts[0].text) == 5_002


def test_what_two_expressions_share_is_made_once() -> None:
    data = b"f(a + b)"
    lower = lowering(data)
    call = first(data)
    inner = call.named_children[1].named_children[0]
    whole = lower.of(call)
    count = len(lower.table().rows)
    node = lower.table().nodes()[whole]
    assert lower.of(inner) == node.parts[1].parts[0].index
    assert lower.of(call) == whole
    assert len(lower.table().rows) == count


def test_ten_thousand_operands() -> None:
    node, count = lowered(b"+".join([b"a"] * 10_000), most=30_000), 0
    while (left := node.field("left")) is not None:
        node, count = left, count + 1
    assert count == 9_999


@pytest.mark.parametrize("data", [b"f(" + b"a," * 10_000 + b"a)", b"+".join([b"a"] * 10_000)])
def test_no_more_rows_than_the_bound(data: bytes) -> None:
    lower = lowering(data, most=500)
    index = lower.of(first(data))
    assert lower.full
    assert len(lower.table().rows) <= 500
    assert index == OPAQUE or lower.table().nodes()[index].kind == "call_expression"


def test_it_can_be_stored() -> None:
    data = b"f('a' + b, c)"
    lower = lowering(data)
    lower.of(first(data))
    assert load(PlainTable, dump(lower.table()), DEFAULT) == lower.table()


@pytest.mark.parametrize(
    "rows",
    [(Row("a", parts=(0,)),), (Row("a"), Row("b", parts=(2,)), Row("c")), (Row("a"), Row("b", parts=(-1,)))],
)
def test_parts_come_first(rows: tuple[Row, ...]) -> None:
    with pytest.raises(ValueError, match="before it"):
        PlainTable(rows)
    damaged = dump(PlainTable((Row("a"), Row("b", parts=(0,))))).replace(b"[0]", b"[1]")
    with pytest.raises(StoredError):
        load(PlainTable, damaged, DEFAULT)


def test_names_of_parts_are_as_many_as_parts() -> None:
    with pytest.raises(ValueError, match="before it"):
        PlainTable((Row("a"), Row("b", parts=(0,), fields=("left", "right"))))
