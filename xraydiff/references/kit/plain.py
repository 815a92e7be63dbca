"""Expressions of a script as plain data: what an evaluator needs of a parser's nodes, made once and kept without it.

A language says which kinds of nodes its evaluator follows, and to which of their fields; of all others, bodies of
functions above all, only the beginning of the text is kept. Rows are in an order in which parts come before the whole,
so that neither making nor reading them recurses, however deep a script nests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from xraydiff.references.kit.grammars import text_of

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["OPAQUE", "Expressive", "Lowering", "PlainNode", "PlainTable", "Row"]

OPAQUE: Final = 0
"""The row of what is not followed."""
_COMPOUND_TEXT_BYTES: Final = 300
"""Bytes of the text of a compound expression, for people and for short names: texts of nested ones overlap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expressive:
    """The kinds of nodes of a language that an evaluator understands."""

    followed: Mapping[str, tuple[str, ...]]
    """Their fields that are evaluated, none for all named children."""
    whole: frozenset[str]
    """Names and literals, whose text is kept to its end."""


@dataclass(frozen=True, slots=True)
class Row:
    """One expression of a `PlainTable`."""

    kind: str
    text: str = ""
    """The source; of a kind that is not `whole` its beginning."""
    name: str = ""
    """What a call calls, in the words of the language's evaluator."""
    operator: str = ""
    parts: tuple[int, ...] = ()
    """Rows of the expressions within, comments left out."""
    fields: tuple[str, ...] = ()
    """Names of the parts, where they have names."""


@dataclass(frozen=True, slots=True)
class PlainTable:
    """All expressions of one script; the first is `OPAQUE`."""

    rows: tuple[Row, ...] = (Row(""),)

    def __post_init__(self) -> None:
        """Refuse rows in another order: reading them would not end."""
        for index, row in enumerate(self.rows):
            if not all(0 <= part < index for part in row.parts) or len(row.fields) not in (0, len(row.parts)):
                raise ValueError("an expression whose parts do not come before it")

    def nodes(self) -> list[PlainNode]:
        """The expressions as nodes that lead to each other."""
        nodes: list[PlainNode] = []
        for index, row in enumerate(self.rows):
            parts = tuple([nodes[part] for part in row.parts])
            nodes.append(PlainNode(index, row, parts))
        return nodes


class PlainNode:
    """An expression, and the way to those within it."""

    __slots__ = ("_row", "index", "kind", "parts", "text")

    def __init__(self, index: int, row: Row, parts: tuple[PlainNode, ...]) -> None:
        """`parts` are those of the row."""
        self.index = index
        self.kind = row.kind
        self.text = row.text
        self.parts = parts
        self._row = row

    @property
    def name(self) -> str:
        """What a call calls."""
        return self._row.name

    @property
    def operator(self) -> str:
        """The sign of an operation."""
        return self._row.operator

    def field(self, name: str) -> PlainNode | None:
        """The part of that name."""
        return self.parts[self._row.fields.index(name)] if name in self._row.fields else None


class Lowering:
    """Makes plain expressions of the nodes of one tree: those of overlapping expressions once."""

    def __init__(self, data: bytes, expressive: Expressive, name: Callable[[Syntax], str], *, most: int) -> None:
        """`name` gives `Row.name` of a node that is followed; `most` bounds the rows."""
        self._data = data
        self._expressive = expressive
        self._name = name
        self._most = most
        self._rows = [Row("")]
        self._known: dict[int, int] = {}
        self.full = False
        """Whether there were more expressions than rows."""

    def table(self) -> PlainTable:
        """What was made so far."""
        return PlainTable(tuple(self._rows))

    def since(self, start: int) -> list[Row]:
        """The rows from one on."""
        return self._rows[start:]

    def of(self, node: Syntax) -> int:
        """The row of a node."""
        stack: list[tuple[Syntax, tuple[str, ...], list[Syntax] | None]] = [(node, (), None)]
        while stack:
            at, fields, parts = stack.pop()
            if parts is not None:
                self._known[at.id] = self._add(at, fields, parts)
            elif at.id not in self._known:
                fields, parts = self._parts(at)
                stack.append((at, fields, parts))
                stack.extend([(part, (), None) for part in parts])
        return self._known[node.id]

    def _parts(self, node: Syntax) -> tuple[tuple[str, ...], list[Syntax]]:
        """The parts of a node that are followed, and their names."""
        names = self._expressive.followed.get(node.type)
        if names is None or self.full:
            return (), []
        if not names:
            if len(self._rows) + node.named_child_count > self._most:
                self.full = True
                return (), []
            return (), [child for child in node.named_children if child.type != "comment"]
        found = [(name, child) for name in names if (child := node.child_by_field_name(name)) is not None]
        return tuple([name for name, _ in found]), [child for _, child in found]

    def _add(self, node: Syntax, fields: tuple[str, ...], parts: list[Syntax]) -> int:
        if len(self._rows) >= self._most:
            self.full = True
            return OPAQUE
        kind = node.type
        text = text_of(node, self._data, most=None if kind in self._expressive.whole else _COMPOUND_TEXT_BYTES)
        sign = node.child_by_field_name("operator") if kind in self._expressive.followed else None
        self._rows.append(
            Row(
                kind,
                text,
                self._name(node) if kind in self._expressive.followed else "",
                sign.type if sign is not None else "",
                tuple([self._known[part.id] for part in parts]),
                fields,
            )
        )
        return len(self._rows) - 1
