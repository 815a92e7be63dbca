"""One pass over a syntax tree for what may refer to something, wherever it stands, and when that is evaluated.

A language says by data which of its kinds of nodes decide when code runs, and notes what it needs of some of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xraydiff.facts import Firing
from xraydiff.references.kit.grammars import walk
from xraydiff.references.kit.recorder import weakened

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax
    from tree_sitter import Tree, TreeCursor

__all__ = ["Gatherer", "Shapes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """Which kinds of nodes of a language decide when code runs, and which of them are texts."""

    functions: frozenset[str]
    """What is in them runs when they are called."""
    branches: Mapping[str, frozenset[str]]
    """Nodes of which some runs leave out a part, and the fields that hold it."""
    guarded: frozenset[str] = frozenset()
    """Nodes that some runs leave out."""
    later: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Nodes of which a part runs when something is called, the fields that hold it; not where they are `static`."""
    operations: frozenset[str]
    """Nodes with an operator."""
    short_circuits: frozenset[str]
    """Operators whose right side some runs leave out."""
    joint: str
    """The operator that joins texts."""
    texts: frozenset[str]
    """Nodes whose parts are parts of one text."""
    ends_text: frozenset[str] = frozenset()
    """Nodes within a text whose own texts count by themselves."""
    literals: frozenset[str]
    """Texts below which nothing is looked for."""
    leaves: frozenset[str]
    """The commonest nodes, which have nothing below them."""


@dataclass(frozen=True, slots=True)
class _State:
    """When a node's children are evaluated; `fields` are those of them that only some runs reach."""

    firing: Firing
    fields: frozenset[str] | None = None
    deferred: bool = False
    """Whether `fields` are evaluated later and not only sometimes."""
    in_text: bool = False
    """Whether the node is part of a text that is looked at as a whole."""


class Gatherer(ABC):
    """One pass over a tree in the order of the text; a language notes what it needs, with when that is evaluated."""

    def __init__(self, data: bytes, shapes: Shapes) -> None:
        """`data` is the text of the tree."""
        self._data = data
        self._shapes = shapes
        self._handlers = self._handled()
        self._now: set[int] = set()
        """Functions that are called where they stand."""
        self._callbacks: set[int] = set()
        """Functions that are called before the call that they are given to returns, perhaps."""
        self._in_text = False
        """Whether the node that is handled is part of a text."""

    @abstractmethod
    def _handled(self) -> Mapping[str, Callable[[Syntax, Firing], None]]:
        """What is done with nodes of a kind, given when they are evaluated."""

    def gather(self, tree: Tree, *, levels: int) -> bool:
        """Go through a tree; whether nodes lay deeper than that and were left out."""
        return walk(tree, _State(Firing.LOAD), self._enter, levels=levels).too_deep

    def _enter(self, cursor: TreeCursor, above: _State) -> _State | None:
        node = cursor.node
        if node is None or (kind := node.type) in self._shapes.leaves:
            return None
        firing = above.firing
        if above.fields is not None and cursor.field_name in above.fields:
            firing = Firing.DEFERRED if above.deferred else weakened(firing)
        if kind in self._shapes.functions:
            return _State(self._called(node, firing))
        handler = self._handlers.get(kind)
        if handler is not None:
            self._in_text = above.in_text
            handler(node, firing)
        return None if kind in self._shapes.literals else self._below(node, kind, firing, above)

    def _called(self, node: Syntax, firing: Firing) -> Firing:
        """When a function runs that is evaluated now."""
        if node.id in self._now:
            return firing
        return weakened(firing) if node.id in self._callbacks else Firing.DEFERRED

    def _below(self, node: Syntax, kind: str, firing: Firing, above: _State) -> _State:
        """When the children of a node are evaluated."""
        shapes = self._shapes
        in_text = kind in shapes.texts or (above.in_text and kind not in shapes.ends_text)
        if kind in shapes.operations:
            operator = node.child_by_field_name("operator")
            sign = operator.type if operator is not None else ""
            fields = shapes.branches.get(kind) if sign in shapes.short_circuits else None
            return _State(firing, fields, in_text=in_text or sign == shapes.joint)
        if kind in shapes.branches:
            return _State(firing, shapes.branches[kind], in_text=in_text)
        if kind in shapes.later and not any(child.type == "static" for child in node.children[:8]):
            return _State(firing, shapes.later[kind], deferred=True, in_text=in_text)
        firing = weakened(firing) if kind in shapes.guarded else firing
        if firing is above.firing and in_text is above.in_text and above.fields is None:
            return above
        return _State(firing, in_text=in_text)
