"""What an expression of a script may be worth: strings and lists of them, with a mark where only a run knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from xraydiff.paths import decoded
from xraydiff.references.kit.evaluation import HOLE
from xraydiff.references.kit.lookup import Lookups

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["DEPTH", "ITEMS", "NOTHING", "UNKNOWN", "Expressions", "Scope", "Value", "changed", "either", "path_of"]

UNKNOWN: Final = HOLE
"""Stands for text that only a run knows."""
DEPTH: Final = 24
"""Expressions inside each other that are worked out: people write about five."""
ITEMS: Final = 1_024
"""Texts of a list."""
_TEXTS: Final = 64
"""Texts of one value; a list may bring more."""
_LONG: Final = 4_096
"""Characters of a text that is put together from alternatives: no path is longer."""
_WORD: Final = 128 << 10
"""Characters of a text that is put together at all: the kernel takes no longer word of a command (MAX_ARG_STRLEN)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """Texts that an expression may be worth; `every` where all of them come in turn, as of a list gone through."""

    texts: tuple[str, ...] = (UNKNOWN,)
    every: bool = False

    @property
    def known(self) -> bool:
        """Whether anything at all is known."""
        return self.texts != (UNKNOWN,)


NOTHING: Final = Value()


@dataclass(slots=True, kw_only=True)
class Scope:
    """Names and what they hold, as far as the walk has come; one scope for a program, since names seldom clash."""

    path: str
    """Of the program, as it sees itself."""
    directory: str
    """In which it lies."""
    held: dict[str, Value]

    def set(self, name: str, value: Value) -> None:
        """A further value of a name: what another branch gave it may hold too."""
        known = self.held.get(name)
        if known is None or not known.known:
            self.held[name] = value
        elif value.known and value.texts != known.texts:
            self.held[name] = Value(texts=tuple(dict.fromkeys((*known.texts, *value.texts)))[:_TEXTS])


class Expressions:
    """Works expressions of one program out; a language says what it does with each kind of node."""

    def __init__(self, data: bytes, scope: Scope, lookups: Lookups) -> None:
        self.data = data
        self.scope = scope
        self.lookups = lookups
        self._kinds: Mapping[str, Callable[[Syntax, int], Value]] = {}

    def text(self, node: Syntax) -> str:
        """The source of an expression."""
        return decoded(self.data[node.start_byte : node.end_byte])

    def of(self, node: Syntax | None, depth: int = 0) -> Value:
        """What an expression may be worth."""
        if node is None or depth > DEPTH:
            return NOTHING
        self.lookups.spend()
        handler = self._kinds.get(node.type)
        return handler(node, depth + 1) if handler else NOTHING

    def joined(self, left: Value, right: Value, joint: str) -> Value:
        """Every text of one value before every text of another."""
        count = len(left.texts) * len(right.texts)
        longest = max(map(len, left.texts), default=0) + max(map(len, right.texts), default=0)
        self.lookups.spend(count * (1 + (longest >> 8)))
        if count > ITEMS or longest > (_LONG if count > 1 else _WORD):
            return NOTHING
        texts = tuple(dict.fromkeys(one + joint + two for one in left.texts for two in right.texts))
        return Value(texts=texts, every=left.every or right.every)

    def _list(self, node: Syntax, depth: int) -> Value:
        self.lookups.spend(node.child_count)
        texts: list[str] = []
        for child in node.named_children:
            if child.type != "comment":
                texts.extend(self.of(child, depth).texts)
        return Value(texts=tuple(texts[:ITEMS]), every=True) if texts else NOTHING

    def _inner(self, node: Syntax, depth: int) -> Value:
        return self.of(node.named_children[-1], depth) if node.named_child_count else NOTHING


def either(left: Value, right: Value) -> Value:
    """What one or the other of two values may be."""
    texts = [text for text in (*left.texts, *right.texts) if text != UNKNOWN]
    return Value(texts=tuple(dict.fromkeys(texts))[:_TEXTS]) if texts else NOTHING


def changed(value: Value, change: Callable[[str], str]) -> Value:
    """A value with each of its texts changed."""
    return replace(value, texts=tuple(dict.fromkeys(map(change, value.texts))))


def path_of(expressions: Expressions, parts: Sequence[Value]) -> Value:
    """The parts as one path, with a single slash between two of them (`File.join`, `catfile`)."""
    if not parts:
        return NOTHING
    whole = parts[0]
    for part in parts[1:]:
        head, tail = changed(whole, lambda text: text.rstrip("/")), changed(part, lambda text: text.lstrip("/"))
        whole = expressions.joined(head, tail, "/")
    return whole
