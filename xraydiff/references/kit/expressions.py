"""Expressions of a script as plain data, and the possible string values of each; `UNKNOWN` is what only a run knows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from xraydiff.paths import decoded
from xraydiff.references.kit.evaluation import HOLE
from xraydiff.references.kit.lookup import Lookup

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = [
    "MAX_DEPTH",
    "MAX_ITEMS",
    "UNKNOWN",
    "UNKNOWN_VALUE",
    "Expression",
    "Expressions",
    "Lowering",
    "ProgramScope",
    "Shape",
    "Value",
    "changed",
    "either",
    "path_of",
]

UNKNOWN: Final = HOLE
"""Stands for text that only a run knows."""
MAX_DEPTH: Final = 24
"""Expressions inside each other that are evaluated: people write about five."""
MAX_ITEMS: Final = 1_024
"""Items of a list."""
_MAX_ALTERNATIVES: Final = 64
"""Possible texts of one value; a list may have more."""
_MAX_COMBINED_LENGTH: Final = 4_096
"""Characters of a text that combines alternatives: no path is longer."""
_MAX_WORD_LENGTH: Final = 128 << 10
"""Characters of any concatenated text: the kernel takes no longer word of a command (MAX_ARG_STRLEN)."""


class Shape(StrEnum):
    """What an expression does with its parts."""

    OPAQUE = "opaque"
    """Nothing that is followed: its value is unknown."""
    TEXT = "text"
    NAME = "name"
    """A variable, constant or word that a language gives a value."""
    JOINED = "joined"
    """The parts one after the other, the text between two of them."""
    INTERPOLATED = "interpolated"
    """The same, but lists among the parts do not make it a list."""
    EITHER = "either"
    LIST = "list"
    CALL = "call"
    """A function by its name; the parts are its arguments."""
    METHOD = "method"
    """The same, the object first."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression of a program; its parts are indexes into the program's expressions."""

    shape: Shape
    text: str = ""
    parts: tuple[int, ...] = ()


class Lowering:
    """Makes plain expressions of the syntax of one program, equal ones once; a language knows its kinds of nodes."""

    def __init__(self, spend: Callable[[int], None]) -> None:
        """`spend` is called with the number of nodes that are looked at."""
        self.data = b""
        """The text that nodes lie in."""
        self.made: list[Expression] = []
        self._spend = spend
        self._indexes: dict[tuple[str, str, tuple[int, ...]], int] = {}
        self._kinds: Mapping[str, Callable[[Syntax, int], int]] = {}

    def text(self, node: Syntax) -> str:
        """The source of a node."""
        return decoded(self.data[node.start_byte : node.end_byte])

    def of(self, node: Syntax | None, depth: int = 0) -> int:
        """The index of the expression of a node."""
        if node is None or depth > MAX_DEPTH:
            return self.opaque()
        self._spend(1)
        handler = self._kinds.get(node.type)
        return handler(node, depth + 1) if handler is not None else self.opaque()

    def all(self, nodes: Sequence[Syntax], depth: int = 0) -> tuple[int, ...]:
        """The same of several nodes."""
        return tuple(self.of(node, depth) for node in nodes)

    def opaque(self) -> int:
        """An expression that is not followed."""
        return self.add(Shape.OPAQUE)

    def literal(self, text: str) -> int:
        """A text of the source; one that is longer than anything that takes a text is unknown."""
        return self.add(Shape.TEXT, text) if len(text) <= _MAX_WORD_LENGTH else self.opaque()

    def add(self, shape: Shape, text: str = "", parts: tuple[int, ...] = ()) -> int:
        """The index of an expression, a new one where no equal one is known."""
        key = (shape.value, text, parts)
        index = self._indexes.get(key)
        if index is None:
            index = self._indexes[key] = len(self.made)
            self.made.append(Expression(shape, text, parts))
        return index

    def joined(self, shape: Shape, parts: Sequence[int | str]) -> int:
        """Texts and expressions one after the other."""
        merged: list[int | str] = []
        for part in parts:
            if isinstance(part, str) and merged and isinstance(merged[-1], str):
                merged[-1] += part
            elif part != "":
                merged.append(part)
        indexes = tuple(self.literal(part) if isinstance(part, str) else part for part in merged)
        if not merged or (len(merged) == 1 and isinstance(merged[0], str)):
            return indexes[0] if indexes else self.literal("")
        return self.add(shape, "", indexes)

    def _list(self, node: Syntax, depth: int) -> int:
        self._spend(node.child_count)
        items = [child for child in node.named_children if child.type != "comment"][:MAX_ITEMS]
        return self.add(Shape.LIST, "", self.all(items, depth))

    def _inner(self, node: Syntax, depth: int) -> int:
        return self.of(node.named_children[-1], depth) if node.named_child_count else self.opaque()


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """The texts that an expression may evaluate to."""

    texts: tuple[str, ...] = (UNKNOWN,)
    is_sequence: bool = False
    """Whether all of them are used in turn, as the items of a list."""

    @property
    def known(self) -> bool:
        """Whether anything at all is known."""
        return self.texts != (UNKNOWN,)

    @property
    def certain(self) -> bool:
        """Whether every text is used whenever the expression is: there is no other, or they are used in turn."""
        return len(self.texts) == 1 or self.is_sequence


UNKNOWN_VALUE: Final = Value()


@dataclass(slots=True, kw_only=True)
class ProgramScope:
    """Names and their values at the current statement; one scope for a program, since names seldom clash."""

    path: str
    """Of the program, as it sees itself."""
    directory: str
    """In which it lies."""
    values: dict[str, Value]

    def set(self, name: str, value: Value) -> None:
        """A further value of a name: that of another branch may hold too."""
        known = self.values.get(name)
        if known is None or not known.known:
            self.values[name] = value
        elif value.known and value.texts != known.texts:
            self.values[name] = Value(texts=tuple(dict.fromkeys((*known.texts, *value.texts)))[:_MAX_ALTERNATIVES])


class Expressions(ABC):
    """Evaluates the expressions of one program; a language says what its names, functions and methods give."""

    functions: Mapping[str, Callable[[Any, list[Value]], Value]]
    methods: Mapping[str, Callable[[Any, Value, list[Value]], Value]]

    def __init__(self, expressions: Sequence[Expression], scope: ProgramScope, lookup: Lookup) -> None:
        self.scope = scope
        self.lookup = lookup
        self._expressions = expressions

    @abstractmethod
    def name(self, name: str) -> Value:
        """The value of a name at the current statement."""

    def of(self, index: int, depth: int = 0) -> Value:
        """The value of an expression."""
        if depth > MAX_DEPTH:
            return UNKNOWN_VALUE
        self.lookup.spend()
        expression = self._expressions[index]
        match expression.shape:
            case Shape.TEXT:
                return Value(texts=(expression.text,))
            case Shape.NAME:
                return self.name(expression.text)
            case Shape.OPAQUE:
                return UNKNOWN_VALUE
            case _:
                values = [self.of(part, depth + 1) for part in expression.parts]
                return self._compound(expression.shape, expression.text, values)

    def texts(self, indexes: Sequence[int]) -> tuple[str, ...]:
        """All texts of several expressions."""
        return tuple(text for index in indexes for text in self.of(index).texts)

    def words(self, indexes: Sequence[int]) -> tuple[str, ...]:
        """Those of them that are known whole, each once."""
        return tuple(dict.fromkeys(text for text in self.texts(indexes) if UNKNOWN not in text))[:MAX_ITEMS]

    def _compound(self, shape: Shape, text: str, values: list[Value]) -> Value:
        match shape:
            case Shape.JOINED:
                return self._concatenated(values, text)
            case Shape.INTERPOLATED:
                return self._concatenated([replace(value, is_sequence=False) for value in values], text)
            case Shape.EITHER:
                return either(*values)
            case Shape.LIST:
                texts = tuple(text for value in values for text in value.texts)[:MAX_ITEMS]
                return Value(texts=texts, is_sequence=True) if texts else UNKNOWN_VALUE
            case Shape.CALL:
                return self.functions[text](self, values)
            case _:
                return self.methods[text](self, values[0], values[1:])

    def _concatenated(self, values: Sequence[Value], joint: str) -> Value:
        whole = Value(texts=("",)) if not joint else values[0]
        for value in values if not joint else values[1:]:
            whole = self.joined(whole, value, joint)
        return whole

    def joined(self, left: Value, right: Value, joint: str) -> Value:
        """Every text of one value before every text of another."""
        count = len(left.texts) * len(right.texts)
        longest = max(map(len, left.texts), default=0) + max(map(len, right.texts), default=0)
        self.lookup.spend(count * (1 + (longest >> 8)))
        if count > MAX_ITEMS or longest > (_MAX_COMBINED_LENGTH if count > 1 else _MAX_WORD_LENGTH):
            return UNKNOWN_VALUE
        texts = tuple(dict.fromkeys(one + joint + two for one in left.texts for two in right.texts))
        return Value(texts=texts, is_sequence=left.is_sequence or right.is_sequence)


def either(left: Value, right: Value) -> Value:
    """The texts of either value."""
    texts = [text for text in (*left.texts, *right.texts) if text != UNKNOWN]
    return Value(texts=tuple(dict.fromkeys(texts))[:_MAX_ALTERNATIVES]) if texts else UNKNOWN_VALUE


def changed(value: Value, change: Callable[[str], str]) -> Value:
    """A value with each of its texts changed."""
    return replace(value, texts=tuple(dict.fromkeys(map(change, value.texts))))


def path_of(expressions: Expressions, parts: Sequence[Value]) -> Value:
    """The parts as one path, with a single slash between two of them (`File.join`, `catfile`)."""
    if not parts:
        return UNKNOWN_VALUE
    whole = parts[0]
    for part in parts[1:]:
        head, tail = changed(whole, lambda text: text.rstrip("/")), changed(part, lambda text: text.lstrip("/"))
        whole = expressions.joined(head, tail, "/")
    return whole
