"""How scripts become syntax trees: parsers that are kept, bounds on what parsing costs, a walk without recursion.

The grammars of tree-sitter are made for what people type. Text made to hurt them costs up to 1 KB of memory a byte, for
some kinds of error the square of their number in time, and for each level of brackets a frame of the C stack. So what
is parsed is bounded here, and it is parsed in a thread whose stack is large enough for the deepest text within bounds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar

from xraydiff.limits import Limits

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax
    from tree_sitter import Parser, Tree, TreeCursor

__all__ = ["Refused", "Walked", "parse", "text_of", "walk"]

T = TypeVar("T")

_STACK: Final = 128 << 20
"""Bytes of stack for the parser: 512 KiB of `{a:{a:{a:` take 14 MiB. Only what is used is ever backed by memory."""
_SMALL: Final = 8 << 10
"""Bytes of a script that fit the stack of any thread, however deep they nest."""
_lock = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why a script is not parsed; the words are those of a reader's gap."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """How a walk ended."""

    nodes: int
    too_deep: bool


@cache
def _parser(language: str) -> Parser:
    """The one parser of a grammar; importing it costs milliseconds that a comparison without scripts need not pay."""
    from tree_sitter import Language, Parser

    match language:
        case "javascript":
            import tree_sitter_javascript

            return Parser(Language(tree_sitter_javascript.language()))
        case "php":
            import tree_sitter_php

            return Parser(Language(tree_sitter_php.language_php()))
        case _:
            raise ValueError(f"no grammar for {language}")


def parse(data: bytes, language: str, *, limits: Limits) -> Tree | Refused:
    """The syntax tree of a script in the language `javascript` or `php`, with error nodes where it is broken."""
    if len(data) > limits.syntax:
        return Refused(reason="too-large", detail=f"{len(data)} bytes")
    quotes = data.count(b'"') + data.count(b"'") + data.count(b"`")
    if quotes > limits.syntax_quotes:
        return Refused(reason="too-large", detail=f"{quotes} quotes")
    parser = _parser(language)
    if len(data) <= _SMALL:
        with _lock:
            return parser.parse(data)
    trees: list[Tree] = []
    with _lock:
        # One parser serves one text at a time, and the stack's size is a setting of the whole process.
        before = threading.stack_size(_STACK)
        try:
            thread = threading.Thread(target=lambda: trees.append(parser.parse(data)), name="xraydiff-parser")
            thread.start()
        finally:
            threading.stack_size(before)
        thread.join()
    return trees[0]


def walk(tree: Tree, state: T, enter: Callable[[TreeCursor, T], T | None], *, levels: int) -> Walked:
    """Visit a tree in the order of the text. `enter` gets each node with its parent's state and gives its own, or None
    to leave out what is below it; nodes deeper than `levels` are not visited.
    """  # noqa: D205  two sentences that belong together
    cursor = tree.walk()
    states = [state]
    nodes, too_deep = 0, False
    while True:
        nodes += 1
        inner = enter(cursor, states[-1])
        if inner is not None and cursor.goto_first_child():
            if len(states) <= levels:
                states.append(inner)
                continue
            too_deep = True
            cursor.goto_parent()
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return Walked(nodes=nodes, too_deep=too_deep)
            states.pop()


def text_of(node: Syntax, data: bytes, *, most: int | None = None) -> str:
    """The text of a node, or its first `most` bytes; bytes that are no UTF-8 become lone surrogates, as in names.

    A node that may hold others of its kind needs `most`: their texts together are the square of the script.
    """
    end = node.end_byte if most is None else min(node.end_byte, node.start_byte + most)
    return data[node.start_byte : end].decode("utf-8", "surrogateescape")
