"""A program statement by statement: what it does becomes steps, what of it could not be read is said with them.

It looks at nothing but the text.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from xraydiff.facts import Firing
from xraydiff.limits import Limits
from xraydiff.references.kit.evaluation import Exhausted
from xraydiff.references.kit.expressions import Lowering
from xraydiff.references.kit.outline import Form, Outline, Sound, uncommented
from xraydiff.references.kit.recorder import Lost
from xraydiff.references.kit.source import Source
from xraydiff.references.kit.steps import Program, Step
from xraydiff.references.kit.traversal import Walker

if TYPE_CHECKING:
    from tree_sitter import Tree

__all__ = ["Statements"]


class Statements(Source, Walker):
    """One program; a language says what its kinds of nodes mean."""

    lowering: Lowering
    form: ClassVar[Form]
    """How statements with references look, for programs that the parser does not take whole."""
    outline_firing = Firing.GUARDED
    """What looks like a statement may be part of a text."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        Source.__init__(self, data, limits)
        Walker.__init__(self, data, limits)
        self._steps: list[Step] = []

    @abstractmethod
    def _begin(self) -> None:
        """Add what is known before the first statement."""

    @abstractmethod
    def _finish(self) -> None:
        """Add what is known behind the last statement."""

    def program(self) -> Program:
        """What the program does, in the order of the text."""
        if b"\0" in self._whole[:8192]:
            return Program(lost=(Lost("not-text"),))
        try:
            self._begin()
            if self._read():
                self._finish()
        except Exhausted:
            self.lost.append(Lost("too-large", "more steps than the limit for one program"))
        return Program(
            steps=tuple(self._steps),
            expressions=tuple(self.lowering.made),
            lost=tuple(self.lost),
            nodes=self._nodes,
            work=self.work,
        )

    def _spend(self, nodes: int) -> None:
        super()._spend(nodes)
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

    def _walk(self, tree: Tree, data: bytes, firing: Firing) -> bool:
        self._data = self.lowering.data = data
        return self.walk(tree.root_node, firing)

    def _code(self) -> bytes:
        return uncommented(self._whole)

    def _outline(self, code: bytes, parses: Sound, wanted: Callable[[int], bool]) -> Outline:
        found = Outline(code, self.form, self._limits, parses)
        found.gather(_starts_line, wanted)
        found.bind()
        return found


def _starts_line(data: bytes, at: int) -> bool:
    """Whether the line of an offset is not indented."""
    line = data.rfind(b"\n", max(0, at - 300), at) + 1
    return (line > 0 or at < 300) and data[line : line + 1] not in (b" ", b"\t")
