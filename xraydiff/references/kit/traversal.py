"""The walk over a syntax tree in the order of the text, with when each part of a script runs.

A language says by data which of its kinds of nodes decide when code runs, and by a table of handlers what it takes from
the others. The stack is the walk's own and not Python's: scripts nest as deep as they like.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from xraydiff.facts import Firing
from xraydiff.limits import Limits
from xraydiff.references.kit.recorder import weakened

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["Handler", "Part", "Parts", "Shapes", "Walker", "parts"]

Part: TypeAlias = "tuple[Syntax, Firing] | Callable[[], None]"
"""A part of a node and when it runs, or something that is done between two of them."""
Parts = Sequence[Part]
Handler = Callable[["Syntax", Firing], Parts | None]
"""Takes a node and when it runs; gives the parts that are visited, or None for those that the shapes say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """Which kinds of nodes of a language decide when code runs, and which of them are texts."""

    functions: frozenset[str]
    """What is in them runs when they are called."""
    branches: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Nodes of which some runs leave out a part, and the fields that hold it."""
    conditions: Mapping[str, str] = field(default_factory=dict)
    """Nodes of which some runs leave out all but one field, and that field."""
    guarded: frozenset[str] = frozenset()
    """Nodes that some runs leave out."""
    operations: frozenset[str]
    """Those of the `branches` that are so for some operators alone."""
    short_circuits: frozenset[str]
    """Operators whose right side some runs leave out."""
    joints: frozenset[str] = frozenset()
    """Operators that join texts."""
    texts: frozenset[str] = frozenset()
    """Nodes whose parts are parts of one text."""
    ends_text: frozenset[str] = frozenset()
    """Nodes within a text whose own texts count by themselves."""
    leaves: frozenset[str]
    """Nodes below which nothing is looked for."""


class Walker(ABC):
    """Goes through trees; a language notes what it needs of the nodes, with when they run."""

    shapes: ClassVar[Shapes]

    def __init__(self, data: bytes, limits: Limits) -> None:
        """`data` is the text of the tree."""
        self._data = data
        self._levels = limits.script_depth
        self._handlers = self._handled()
        self._nodes = 0
        self._line = 0
        """The line that the walk has come to."""
        self._now: set[int] = set()
        """Functions that are called where they stand."""
        self._callbacks: set[int] = set()
        """Functions that are called before the call that they are given to returns, perhaps."""
        self._in_text = False
        """Whether the node that is handled is part of a text that is looked at as a whole."""

    @abstractmethod
    def _handled(self) -> Mapping[str, Handler]:
        """The handlers, by kind of node."""

    def _spend(self, nodes: int) -> None:
        """Count nodes before they are made: a statement may have a million."""
        self._nodes += nodes

    def walk(self, root: Syntax, firing: Firing) -> bool:
        """Visit a tree; whether nodes lay deeper than the limit and were left out."""
        too_deep = False
        stack: list[tuple[Iterator[Part], bool]] = [(iter([(root, firing)]), False)]
        while stack:
            rest, in_text = stack[-1]
            turn = next(rest, None)
            if turn is None:
                stack.pop()
            elif not isinstance(turn, tuple):
                turn()
            elif len(stack) > self._levels + 1:
                self._spend(1 + turn[0].child_count)
                too_deep = True
            else:
                self._in_text = in_text
                below = self._visit(*turn)
                if below:
                    stack.append((iter(below), self._is_text(turn[0], in_text=in_text)))
        return too_deep

    def _visit(self, node: Syntax, firing: Firing) -> Parts:
        """Handle a node; what of it is visited."""
        self._spend(1 + node.child_count)
        self._line = node.start_point[0] + 1
        kind = node.type
        if kind in self.shapes.functions:
            return parts(node, self._called(node, firing))
        handler = self._handlers.get(kind)
        taken = handler(node, firing) if handler is not None else None
        if taken is not None or kind in self.shapes.leaves:
            return taken or ()
        return self._shaped(node, kind, firing)

    def _called(self, node: Syntax, firing: Firing) -> Firing:
        """When a function runs that is evaluated now."""
        if node.id in self._now:
            return firing
        return weakened(firing) if node.id in self._callbacks else Firing.DEFERRED

    def _shaped(self, node: Syntax, kind: str, firing: Firing) -> Parts:
        """The parts of a node, as its kind says when they run."""
        shapes = self.shapes
        fields = shapes.branches.get(kind, frozenset())
        if fields and (kind not in shapes.operations or _operator(node) in shapes.short_circuits):
            some = {part.id for name in fields for part in node.children_by_field_name(name)}
            return [(part, weakened(firing) if part.id in some else firing) for part in node.named_children]
        if kind in shapes.conditions:
            always = node.child_by_field_name(shapes.conditions[kind])
            return [(part, firing if part == always else weakened(firing)) for part in node.named_children]
        return parts(node, weakened(firing) if kind in shapes.guarded else firing)

    def _is_text(self, node: Syntax, *, in_text: bool) -> bool:
        """Whether the parts of a node are parts of a text."""
        kind, shapes = node.type, self.shapes
        if kind in shapes.texts or (kind in shapes.operations and _operator(node) in shapes.joints):
            return True
        return in_text and kind not in shapes.ends_text and kind not in shapes.functions


def parts(node: Syntax, firing: Firing) -> Parts:
    """All parts of a node, which run together."""
    return [(part, firing) for part in node.named_children]


def _operator(node: Syntax) -> str:
    operator = node.child_by_field_name("operator")
    return operator.type if operator is not None else ""
