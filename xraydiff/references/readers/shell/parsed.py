"""A parsed script as plain data: its text, its syntax tree as rows, and the lines behind an error."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from xraydiff.limits import Limits
from xraydiff.paths import decoded
from xraydiff.references.kit.recorder import Lost
from xraydiff.references.kit.shebang import interpreter, parse
from xraydiff.references.readers.shell import syntax
from xraydiff.references.readers.shell.lines import by_themselves
from xraydiff.references.readers.shell.syntax import Syntax

__all__ = ["ParsedScript", "Row", "Tree", "parse_script"]

_ERREXIT: Final = re.compile(r"-[a-z]*e[a-z]*")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Row:
    """One statement or word, as `Syntax` has it; of what is in it the rows."""

    kind: str
    start: int
    end: int
    word: str
    children: tuple[int, ...]
    negated: bool
    background: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """What the parser made of a text: rows in an order in which the parts come before the whole."""

    rows: tuple[Row, ...] = ()
    error: int = -1
    """Where the first thing stands that does not parse, or -1."""
    stopped: str = ""
    """`too-deep` or `too-large` where a bound ended the parse."""

    def __post_init__(self) -> None:
        """Refuse rows in another order: no tree could be made of them."""
        holders = ((index, row.children) for index, row in enumerate(self.rows) if row.children)
        if not all(min(children) >= 0 and max(children) < index for index, children in holders):
            raise ValueError("a statement whose parts do not come before it")

    def root(self) -> Syntax:
        """The program, in nodes of its own: a walk marks them."""
        nodes: list[Syntax] = []
        for row in self.rows:
            # Most rows are words, which hold nothing: a script of two megabytes has half a million.
            children = [nodes[child] for child in row.children] if row.children else []
            node = Syntax(row.kind, row.start, row.end, children, row.word)
            node.negated, node.background = row.negated, row.background
            nodes.append(node)
        return nodes[-1] if nodes else Syntax("program", 0, 0, [])


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedScript:
    """A script without its image."""

    text: str = ""
    tree: Tree = Tree()
    behind_text: str = ""
    """After an error the lines from there on, each for itself; of the same length up to there in lines."""
    behind: Tree | None = None
    """None where there is no error, or too many lines behind it."""
    interpreter: str = ""
    """The base name of the shell that the `#!` line names."""
    errexit: bool = False
    """Whether that line has `-e`."""
    lost: Lost | None = None
    """Why nothing was parsed."""


def parse_script(data: bytes, limits: Limits) -> ParsedScript:
    """A script's bytes, within bounds."""
    if len(data) > limits.script_scan:
        return ParsedScript(lost=Lost("too-large", f"{len(data)} bytes"))
    text = decoded(_script_of(data))
    if not text.strip():
        return ParsedScript(lost=Lost("not-text") if data.strip() else None)
    tree = _tree(text, limits)
    behind = by_themselves(text, tree.error, most=limits.script_lines) if tree.error >= 0 else None
    line = parse(data)
    return ParsedScript(
        text=text,
        tree=tree,
        behind_text=behind or "",
        behind=None if behind is None else _tree(behind, limits),
        interpreter=interpreter(data),
        errexit=line is not None and any(map(_ERREXIT.fullmatch, line.argument.split())),
    )


def _script_of(data: bytes) -> bytes:
    """The script without a byte order mark, and without the archive that some installers carry behind their text."""
    data = data.removeprefix(_BYTE_ORDER_MARK)
    nul = data.find(b"\0")
    return data if nul < 0 else data[: data.rfind(b"\n", 0, nul) + 1]


def _tree(text: str, limits: Limits) -> Tree:
    script = syntax.parse(text, depth=limits.script_depth, steps=limits.script_constructs)
    return Tree(rows=_rows(script.root), error=script.error, stopped=script.stopped)


def _rows(root: Syntax) -> tuple[Row, ...]:
    """The rows of a tree, without recursion: scripts nest deep."""
    order = [root]
    for node in order:
        order.extend(node.children)
    # Every node stands behind the one that holds it, so that from the end parts come before the whole.
    order.reverse()
    index = {id(node): number for number, node in enumerate(order)}
    return tuple(
        Row(
            node.kind,
            node.start,
            node.end,
            node.word,
            tuple([index[id(child)] for child in node.children]) if node.children else (),
            node.negated,
            node.background,
        )
        for node in order
    )
