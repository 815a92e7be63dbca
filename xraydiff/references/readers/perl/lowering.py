"""Expressions of Perl made plain."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from xraydiff.paths import decoded
from xraydiff.references.kit.expressions import MAX_DEPTH, MAX_ITEMS, Lowering, Shape
from xraydiff.references.readers.perl.values import FUNCTIONS, METHODS

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["PerlLowering"]

_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "0": "", "e": "\x1b", "a": "\x07", "f": "\f"}
_ARGUMENTS: Final = 16
_NAME: Final = 100
"""Bytes of a name whose value is followed."""


class PerlLowering(Lowering):
    """Makes expressions of one program plain."""

    def __init__(self, spend: Callable[[int], None]) -> None:
        super().__init__(spend)
        self._kinds = {
            "string_literal": self._string,
            "interpolated_string_literal": self._string,
            "command_string": self._string,
            "quoted_word_list": self._words,
            "fileglob_expression": lambda node, depth: self.add(Shape.CALL, "glob", (self._string(node, depth),)),
            "heredoc_token": self._heredoc,
            "command_heredoc_token": self._heredoc,
            "heredoc_content": self._document,
            "string_content": lambda node, depth: self._pieces(node, node.end_byte, depth),
            "bareword": lambda node, _: self.literal(self.text(node)),
            "autoquoted_bareword": lambda node, _: self.literal(self.text(node)),
            "package": lambda node, _: self.literal(self.text(node)),
            "scalar": self._variable,
            "array": self._variable,
            "variable_declaration": lambda node, depth: self.of(node.child_by_field_name("variable"), depth),
            "localization_expression": self._inner,
            "parenthesized_expression": self._parenthesized,
            "list_expression": self._list,
            "anonymous_array_expression": self._list,
            "binary_expression": self._binary,
            "lowprec_logical_expression": lambda node, depth: self.of(node.child_by_field_name("left"), depth),
            "conditional_expression": self._conditional,
            "hash_element_expression": self._element,
            "function_call_expression": self._call,
            "ambiguous_function_call_expression": self._call,
            "func1op_call_expression": self._call,
            "func0op_call_expression": self._constant,
            "method_call_expression": self._method,
            "assignment_expression": lambda node, depth: self.of(node.child_by_field_name("right"), depth),
        }

    def arguments(self, node: Syntax) -> list[Syntax]:
        """The arguments of a call or a `use`, in order."""
        listed = node.child_by_field_name("arguments")
        if listed is None:
            return []
        if listed.type != "list_expression":
            return [listed]
        self._spend(listed.child_count)
        return [child for child in listed.named_children if child.type != "comment"]

    def called(self, node: Syntax) -> tuple[str, list[Syntax]]:
        """The name of the function that a call calls, and its arguments."""
        if node.type == "func1op_call_expression":
            return self.text(node.children[0]) if node.child_count else "", node.named_children[-1:]
        function = node.child_by_field_name("function")
        return self.text(function) if function is not None else "", self.arguments(node)

    # --- literals and names -------------------------------------------------------------------------------------------

    def _string(self, node: Syntax, depth: int) -> int:
        content = node.child_by_field_name("content")
        return self._pieces(content, content.end_byte, depth) if content is not None else self.literal("")

    def _pieces(self, node: Syntax, end: int, depth: int) -> int:
        """Text between children is literal; the children are variables and escapes."""
        self._spend(node.child_count)
        parts: list[int | str] = []
        at = node.start_byte
        for child in node.named_children:
            if child.start_byte < at or child.end_byte > end or child.type == "heredoc_end":
                continue
            parts.append(decoded(self.data[at : child.start_byte]))
            if child.type == "escape_sequence":
                escaped = self.text(child)[1:]
                parts.append(_ESCAPES.get(escaped, escaped))
            else:
                parts.append(self.of(child, depth) if child.type != "array" else self.opaque())
            at = child.end_byte
        parts.append(decoded(self.data[at:end]))
        return self.joined(Shape.INTERPOLATED, parts)

    def _words(self, node: Syntax, _depth: int) -> int:
        content = node.child_by_field_name("content")
        texts = self.text(content).split() if content is not None else []
        self._spend(len(texts))
        return self.add(Shape.LIST, "", tuple(map(self.literal, texts[:MAX_ITEMS])))

    def _heredoc(self, node: Syntax, depth: int) -> int:
        """The body of `<<END` stands behind the statement that begins it."""
        at: Syntax | None = node
        for _ in range(MAX_DEPTH):
            if at is None:
                break
            after = at.next_named_sibling
            if after is not None and after.type == "heredoc_content":
                return self._document(after, depth)
            at = at.parent
        return self.opaque()

    def _document(self, node: Syntax, depth: int) -> int:
        last = node.named_children[-1] if node.named_child_count else None
        ends = last is not None and last.type == "heredoc_end"
        return self._pieces(node, last.start_byte if last is not None and ends else node.end_byte, depth)

    def _variable(self, node: Syntax, _depth: int) -> int:
        if node.end_byte - node.start_byte > _NAME:
            return self.opaque()
        return self.add(Shape.NAME, self.text(node).replace("{", "").replace("}", "").removeprefix("my "))

    def _constant(self, node: Syntax, _depth: int) -> int:
        text = self.text(node)
        name = next((name for name in ("__PACKAGE__", "__FILE__") if text.startswith(name)), "")
        return self.add(Shape.NAME, name) if name else self.opaque()

    def _parenthesized(self, node: Syntax, depth: int) -> int:
        return self.of(node.named_children[0], depth) if node.named_child_count == 1 else self._list(node, depth)

    # --- operators and calls ------------------------------------------------------------------------------------------

    def _binary(self, node: Syntax, depth: int) -> int:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            return self.opaque()
        sign = self.data[left.end_byte : right.start_byte][:64].strip()
        if sign not in (b".", b"||", b"//"):
            return self.opaque()
        return self.add(Shape.JOINED if sign == b"." else Shape.EITHER, "", self.all((left, right), depth))

    def _conditional(self, node: Syntax, depth: int) -> int:
        yes = self.of(node.child_by_field_name("consequent"), depth)
        no = self.of(node.child_by_field_name("alternative"), depth)
        return self.add(Shape.EITHER, "", (yes, no))

    def _element(self, node: Syntax, depth: int) -> int:
        """`$ENV{NAME}`."""
        container = node.child_by_field_name("hash")
        if container is None or self.text(container) != "$ENV":
            return self.opaque()
        return self.add(Shape.CALL, "$ENV", (self.of(node.child_by_field_name("key"), depth),))

    def _call(self, node: Syntax, depth: int) -> int:
        function, arguments = self.called(node)
        name = function.rpartition("::")[2]
        if name not in FUNCTIONS:
            return self.opaque()
        return self.add(Shape.CALL, name, self.all(arguments[:_ARGUMENTS], depth))

    def _method(self, node: Syntax, depth: int) -> int:
        method = node.child_by_field_name("method")
        name = self.text(method) if method is not None else ""
        if name not in METHODS:
            return self.opaque()
        invocant = self.of(node.child_by_field_name("invocant"), depth)
        return self.add(Shape.METHOD, name, (invocant, *self.all(self.arguments(node)[:_ARGUMENTS], depth)))
