"""The walk over one program's syntax tree, statement by statement, on a stack of its own instead of Python's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from xraydiff.facts import Firing
from xraydiff.lookups import Context, Lookups
from xraydiff.sightings import Sightings
from xraydiff.syntax import Refused, first_error, parse

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["Handler", "Statements"]

Handler = Callable[["Syntax", Firing, int], None]
"""What is done with one kind of node: it gets the node, when that runs, and how deep it lies."""


class Statements(ABC):
    """One program; a language says what its kinds of nodes mean, and pushes what of them comes next."""

    def __init__(self, data: bytes, language: str, context: Context, seen: Sightings, lookups: Lookups) -> None:
        """`language` is one that `xraydiff.syntax` parses."""
        self._data = data
        self._language = language
        self._context = context
        self._seen = seen
        self._lookups = lookups
        self._handlers = self._handled()
        self._stack: list[tuple[Callable[..., None], tuple[object, ...]]] = []

    @abstractmethod
    def _handled(self) -> Mapping[str, Handler]:
        """The handlers, by type of node; of all other nodes the children are visited."""

    @abstractmethod
    def _leaves(self) -> frozenset[str]:
        """Types of nodes below which nothing is looked for."""

    @abstractmethod
    def _plainly(self) -> None:
        """Note what lines of a program name which is too large to be parsed."""

    def _walked(self, refused: str) -> bool:
        """Walk the whole program; only its plain lines where it is `refused` for that reason, or by the parser."""
        if refused:
            self._seen.gap("too-large", refused)
            self._plainly()
            return False
        tree = parse(self._data, self._language, limits=self._context.limits, memo=self._context.memo)
        if isinstance(tree, Refused):
            self._seen.gap(tree.reason, tree.detail)
            self._plainly()
            return False
        root = tree.root_node
        if root.has_error:
            self._seen.gap("malformed", f"line {first_error(root)}")
        self._push(self._visit, root, Firing.LOAD, 0)
        stack = self._stack
        while stack:
            step, arguments = stack.pop()
            step(*arguments)
        return True

    def _push(self, step: Callable[..., None], *arguments: object) -> None:
        self._stack.append((step, arguments))

    def _visit(self, node: Syntax, firing: Firing, depth: int) -> None:
        # Children are paid for before they are made: a statement may have a million.
        self._lookups.spend(1 + node.child_count)
        if depth > self._context.limits.script_depth:
            self._seen.gap("too-deep")
            return
        self._seen.line = node.start_point[0] + 1
        handler = self._handlers.get(node.type)
        if handler is not None:
            handler(node, firing, depth + 1)
        elif node.type not in self._leaves():
            self._all(node.named_children, firing, depth + 1)

    def _all(self, nodes: Sequence[Syntax], firing: Firing, depth: int) -> None:
        for node in reversed(nodes):
            self._stack.append((self._visit, (node, firing, depth)))
