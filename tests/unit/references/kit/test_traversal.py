"""The walk over a syntax tree: when parts run, parts that a handler takes over, depth."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import pytest

from xraydiff.facts import Firing
from xraydiff.limits import Limits
from xraydiff.references.kit.grammars import Allowance, Refused, parse
from xraydiff.references.kit.traversal import Handler, Parts, Shapes, Walker

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax


class Numbers(Walker):
    """Notes numbers with when they run, `[` and `]` where an array is taken over, and texts that stand alone."""

    shapes = Shapes(
        functions=frozenset({"arrow_function"}),
        branches={"if_statement": frozenset({"consequence"}), "binary_expression": frozenset({"right"})},
        conditions={"while_statement": "condition"},
        guarded=frozenset({"else_clause", "ERROR"}),
        operations=frozenset({"binary_expression"}),
        short_circuits=frozenset({"&&"}),
        joints=frozenset({"+"}),
        ends_text=frozenset({"arguments"}),
        leaves=frozenset({"number", "string", "comment"}),
    )

    def __init__(self, data: bytes, limits: Limits) -> None:
        super().__init__(data, limits)
        self.found: list[str] = []

    def _handled(self) -> Mapping[str, Handler]:
        return {"number": self._number, "string": self._string, "array": self._array, "call_expression": self._call}

    def _number(self, node: Syntax, firing: Firing) -> None:
        self.found.append(f"{self._data[node.start_byte : node.end_byte].decode()} {firing} {self._line}")

    def _string(self, _node: Syntax, _firing: Firing) -> None:
        self.found.append("joined" if self._in_text else "alone")

    def _array(self, node: Syntax, _firing: Firing) -> Parts:
        """The first of an array is left out."""
        rest = [(child, Firing.DEFERRED) for child in node.named_children[1:]]
        return [partial(self.found.append, "["), *rest, partial(self.found.append, "]")]

    def _call(self, node: Syntax, _firing: Firing) -> None:
        self._now.update(child.id for child in node.named_children[0].named_children)


def walked(source: bytes, *, depth: int = 100) -> tuple[list[str], bool]:
    tree = parse(source, "javascript", limits=Limits(), allowance=Allowance(Limits().syntax_total))
    assert not isinstance(tree, Refused)
    numbers = Numbers(source, Limits(script_depth=depth))
    return numbers.found, numbers.walk(tree.root_node, Firing.LOAD)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (b"1\n2", ["1 load 1", "2 load 2"]),
        (b"if (1) 2; else 3", ["1 load 1", "2 guarded 1", "3 guarded 1"]),
        (b"while (1) 2", ["1 load 1", "2 guarded 1"]),
        (b"1 && 2", ["1 load 1", "2 guarded 1"]),
        (b"1 * 2", ["1 load 1", "2 load 1"]),
        (b"x = () => { if (1) 2 }", ["1 deferred 1", "2 deferred 1"]),
        (b"(() => 1)()", ["1 load 1"]),
        (b"[1, 2, 3]; 4", ["[", "2 deferred 1", "3 deferred 1", "]", "4 load 1"]),
        (b"'a'; 'b' + f('c')", ["alone", "joined", "alone"]),
        (b"'a' + (() => 'b')", ["joined", "alone"]),
    ],
)
def test_parts_run_when_the_shapes_or_a_handler_say(source: bytes, found: list[str]) -> None:
    assert walked(source) == (found, False)


def test_nodes_below_the_limit_are_left_out_and_those_beside_them_are_not() -> None:
    source = b"1; {{{{2}}}} 3"
    assert walked(source) == (["1 load 1", "2 load 1", "3 load 1"], False)
    assert walked(source, depth=4) == (["1 load 1", "3 load 1"], True)


def test_deep_trees_take_no_stack_of_python() -> None:
    assert walked(b"{" * 5_000 + b"1" + b"}" * 5_000, depth=6_000) == (["1 load 1"], False)
