"""Expressions of Ruby made plain."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final

from xraydiff.references.kit.expressions import MAX_DEPTH, Lowering, Shape
from xraydiff.references.readers.ruby.values import FUNCTIONS, METHODS

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["RubyLowering"]

_ESCAPES: Final = {"n": "\n", "t": "\t", "s": " ", "e": "\x1b", "0": "", "r": "\r"}
_NO_ARGUMENTS: Final = ("pair", "block_argument", "comment", "hash_splat_argument", "heredoc_body")
_OWNER: Final = 64
"""Bytes of the name of a class whose functions are known."""


class RubyLowering(Lowering):
    """Makes expressions of one program plain."""

    def __init__(self, spend: Callable[[int], None]) -> None:
        super().__init__(spend)
        self._kinds = {
            "string": self._string,
            "chained_string": self._chained,
            "bare_string": self._string,
            "bare_symbol": self._string,
            "heredoc_body": self._string,
            "heredoc_beginning": self._heredoc,
            "subshell": self._string,
            "simple_symbol": lambda node, _: self.literal(self.text(node).lstrip(":")),
            "delimited_symbol": self._string,
            "array": self._list,
            "string_array": self._list,
            "symbol_array": self._list,
            "parenthesized_statements": self._inner,
            "identifier": self._name,
            "constant": self._name,
            "instance_variable": self._name,
            "class_variable": self._name,
            "global_variable": self._name,
            "scope_resolution": self._scoped,
            "binary": self._binary,
            "conditional": self._conditional,
            "call": self._call,
            "element_reference": self._element,
        }

    def arguments(self, node: Syntax) -> list[Syntax]:
        """The positional arguments of a call, without blocks and keywords."""
        listed = node.child_by_field_name("arguments")
        if listed is None:
            return []
        self._spend(listed.child_count)
        return [child for child in listed.named_children if child.type not in _NO_ARGUMENTS]

    def keywords(self, node: Syntax, wanted: Collection[str]) -> list[tuple[str, int]]:
        """The keyword arguments of a call that have one of these names."""
        listed = node.child_by_field_name("arguments")
        if listed is None:
            return []
        self._spend(listed.child_count)
        found: dict[str, Syntax] = {}
        for child in listed.named_children:
            key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
            if child.type == "pair" and key is not None and value is not None:
                name = self.text(key).strip(":\"'")
                if name in wanted:
                    found[name] = value
        return [(name, self.of(value)) for name, value in found.items()]

    # --- literals and names -------------------------------------------------------------------------------------------

    def _string(self, node: Syntax, depth: int) -> int:
        self._spend(node.child_count)
        parts: list[int | str] = []
        for child in node.named_children:
            if child.type in ("string_content", "heredoc_content"):
                parts.append(self.text(child))
            elif child.type == "escape_sequence":
                escaped = self.text(child)[1:]
                parts.append(_ESCAPES.get(escaped, escaped))
            elif child.type == "interpolation" and child.named_child_count:
                parts.append(self.of(child.named_children[-1], depth))
        return self.joined(Shape.JOINED, parts)

    def _chained(self, node: Syntax, depth: int) -> int:
        return self.joined(Shape.JOINED, self.all(node.named_children, depth))

    def _heredoc(self, node: Syntax, depth: int) -> int:
        """The body of `<<~SQL` stands behind the line that begins it, beside one of the expressions around it."""
        at: Syntax | None = node
        for _ in range(MAX_DEPTH):
            if at is None:
                break
            after = at.next_named_sibling
            if after is not None and after.type == "heredoc_body":
                return self._string(after, depth)
            at = at.parent
        return self.opaque()

    def _name(self, node: Syntax, _depth: int) -> int:
        return self.add(Shape.NAME, self.text(node))

    def _scoped(self, node: Syntax, _depth: int) -> int:
        return self.add(Shape.NAME, self.text(node).rpartition("::")[2])

    # --- operators and calls ------------------------------------------------------------------------------------------

    def _binary(self, node: Syntax, depth: int) -> int:
        operator = node.child_by_field_name("operator")
        sign = self.text(operator) if operator is not None else ""
        if sign not in ("+", "/", "||", "or"):
            return self.opaque()
        left = self.of(node.child_by_field_name("left"), depth)
        right = self.of(node.child_by_field_name("right"), depth)
        if sign in ("+", "/"):
            return self.add(Shape.JOINED, "" if sign == "+" else "/", (left, right))
        return self.add(Shape.EITHER, "", (left, right))

    def _conditional(self, node: Syntax, depth: int) -> int:
        yes = self.of(node.child_by_field_name("consequence"), depth)
        no = self.of(node.child_by_field_name("alternative"), depth)
        return self.add(Shape.EITHER, "", (yes, no))

    def _call(self, node: Syntax, depth: int) -> int:
        method, receiver = node.child_by_field_name("method"), node.child_by_field_name("receiver")
        name = self.text(method) if method is not None else ""
        short = receiver is not None and receiver.end_byte - receiver.start_byte < _OWNER
        owner = f"{self.text(receiver)}." if receiver is not None and short else ""
        if f"{owner}{name}" in FUNCTIONS:
            return self.add(Shape.CALL, f"{owner}{name}", self.all(self.arguments(node), depth))
        if receiver is None:
            return self.opaque() if self.arguments(node) else self.add(Shape.NAME, name)
        if name not in METHODS:
            return self.opaque()
        parts = (self.of(receiver, depth), *self.all(self.arguments(node), depth))
        return self.add(Shape.METHOD, name, parts)

    def _element(self, node: Syntax, depth: int) -> int:
        """`ENV["NAME"]`, `Dir["*.rb"]`."""
        inner = node.child_by_field_name("object")
        short = inner is not None and inner.end_byte - inner.start_byte < _OWNER
        name = f"{self.text(inner)}.[]" if inner is not None and short else ""
        if name not in FUNCTIONS:
            return self.opaque()
        return self.add(Shape.CALL, name, self.all(node.named_children[1:8], depth))
