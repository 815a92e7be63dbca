"""The walk over one program's syntax tree, statement by statement, on a stack of its own instead of Python's.

It looks at nothing but the text: what a program does becomes steps, what of it could not be read is said with them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from xraydiff.facts import Firing
from xraydiff.limits import Limits
from xraydiff.references.kit.evaluation import Exhausted
from xraydiff.references.kit.expressions import Lowering
from xraydiff.references.kit.grammars import Allowance, Refused, parse
from xraydiff.references.kit.outline import Form, Outline, broken_lines, parsed, sound, uncommented, within
from xraydiff.references.kit.recorder import Lost
from xraydiff.references.kit.steps import Program, Step

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["Handler", "Statements"]

Handler = Callable[["Syntax", Firing, int], None]
"""What is done with one kind of node: it gets the node, when that runs, and how deep it lies."""


class Statements(ABC):
    """One program; a language says what its kinds of nodes mean, and pushes what of them comes next."""

    lowering: Lowering

    def __init__(self, data: bytes, language: str, limits: Limits) -> None:
        """`language` is one that `xraydiff.references.kit.grammars` parses."""
        self._data = data
        self._language = language
        self._limits = limits
        self._allowance = Allowance(limits.syntax_total)
        self._nodes = 0
        self._line = 0
        self._steps: list[Step] = []
        self._lost: list[Lost] = []
        self._handlers = self._handled()
        self._stack: list[tuple[Callable[..., None], tuple[object, ...]]] = []
        self._too_deep = False
        """Whether nodes lay deeper than is walked."""

    @abstractmethod
    def _handled(self) -> Mapping[str, Handler]:
        """The handlers, by type of node; of all other nodes the children are visited."""

    @abstractmethod
    def _leaves(self) -> frozenset[str]:
        """Types of nodes below which nothing is looked for."""

    @abstractmethod
    def _form(self) -> Form:
        """How statements with references look, for programs that the parser does not take whole."""

    @abstractmethod
    def _refusal(self, data: bytes) -> str:
        """Why a text cannot be given to the parser, or an empty string where it can."""

    @abstractmethod
    def _plainly(self) -> None:
        """Note what lines of a program name of which not even the outline can be read."""

    @abstractmethod
    def _begin(self) -> None:
        """Add what is known before the first statement."""

    @abstractmethod
    def _finish(self) -> None:
        """Add what is known behind the last statement."""

    def program(self) -> Program:
        """What the program does, in the order of the text."""
        if b"\0" in self._data[:8192]:
            return Program(lost=(Lost("not-text"),))
        self._use(self._data)
        try:
            self._begin()
            if self._walked():
                self._finish()
        except Exhausted:
            self._lost.append(Lost("too-large", "more steps than the limit for one program"))
        return Program(
            steps=tuple(self._steps),
            expressions=tuple(self.lowering.made),
            lost=tuple(self._lost),
            nodes=self._nodes,
            work=self._limits.syntax_total - self._allowance.left,
        )

    def _spend(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > self._limits.script_steps:
            raise Exhausted

    def _add(
        self,
        kind: str,
        firing: Firing,
        arguments: Sequence[int] = (),
        *,
        name: str = "",
        keywords: Sequence[tuple[str, int]] = (),
    ) -> None:
        """Add a step of the line that the walk has come to."""
        step = Step(
            kind=kind,
            firing=firing,
            line=self._line,
            name=name,
            arguments=tuple(arguments),
            keywords=tuple(keywords),
        )
        self._steps.append(step)

    def _use(self, data: bytes) -> None:
        """Take another text for the one that nodes lie in."""
        self._data = self.lowering.data = data

    def _walked(self) -> bool:
        """Walk the whole program; its outline where the parser refuses it, or for what the parser does not show.

        Whether anything was walked.
        """
        limits, allowance = self._limits, self._allowance
        if len(self._data) > limits.syntax:
            self._use(uncommented(self._data))
        refused = self._refusal(self._data)
        tree = None if refused else parse(self._data, self._language, limits=limits, allowance=allowance)
        if tree is None or isinstance(tree, Refused):
            return self._outlined((), refused or (tree.detail if tree is not None else ""))
        self._walk(tree.root_node, Firing.LOAD)
        if self._too_deep or tree.root_node.has_error:
            self._outlined(() if self._too_deep else (broken_lines(tree.root_node),), "")
        return True

    def _outlined(self, broken: Sequence[tuple[int, int]], refused: str) -> bool:
        """Walk the statements with references: of all lines, or of the `broken` ones."""
        limits, allowance = self._limits, self._allowance
        whole, data = self._data, uncommented(self._data)
        parses = sound(self._language, limits, allowance)
        found = Outline(data, self._form(), limits, lambda text: False if self._refusal(text) else parses(text))
        found.gather(_starts_line, within(data, broken))
        found.bind()
        read = parsed(found, self._language, allowance)
        if read is not None:
            self._use(read[0])
            self._too_deep = False
            # What looks like a statement may be part of a text.
            self._walk(read[1].root_node, Firing.GUARDED)
            self._use(whole)
            if self._too_deep:
                self._lost.append(Lost("too-deep", "one statement"))
        if found.lost:
            self._lost.append(Lost("too-large", refused or found.lost))
            self._plainly()
        return read is not None

    def _walk(self, root: Syntax, firing: Firing) -> None:
        self._push(self._visit, root, firing, 0)
        stack = self._stack
        while stack:
            step, arguments = stack.pop()
            step(*arguments)

    def _push(self, step: Callable[..., None], *arguments: object) -> None:
        self._stack.append((step, arguments))

    def _visit(self, node: Syntax, firing: Firing, depth: int) -> None:
        # Children are paid for before they are made: a statement may have a million.
        self._spend(1 + node.child_count)
        if depth > self._limits.script_depth:
            self._too_deep = True
            return
        self._line = node.start_point[0] + 1
        handler = self._handlers.get(node.type)
        if handler is not None:
            handler(node, firing, depth + 1)
        elif node.type not in self._leaves():
            self._all(node.named_children, firing, depth + 1)

    def _all(self, nodes: Sequence[Syntax], firing: Firing, depth: int) -> None:
        for node in reversed(nodes):
            self._stack.append((self._visit, (node, firing, depth)))


def _starts_line(data: bytes, at: int) -> bool:
    """Whether the line of an offset is not indented."""
    line = data.rfind(b"\n", max(0, at - 300), at) + 1
    return (line > 0 or at < 300) and data[line : line + 1] not in (b" ", b"\t")
