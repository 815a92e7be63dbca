"""A script read by the grammar where that takes it, and for the rest by its outline: what both show, as plain data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from xraydiff.limits import Limits
from xraydiff.references.kit.grammars import Allowance, Refused, comments, parse
from xraydiff.references.kit.outline import Lexed, Outline, Sound, broken_lines, parsed, sound, within
from xraydiff.references.kit.recorder import Lost

if TYPE_CHECKING:
    from tree_sitter import Tree

__all__ = ["ScriptParser"]

S = TypeVar("S")


class ScriptParser(ABC, Generic[S]):
    """One script; a language gathers what a tree shows, and says how its outline is made."""

    language: str
    tolerant = False
    """Whether a text without an end is to be expected of what the grammar does not know."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data = data
        self._limits = limits
        self._allowance = Allowance(limits.syntax_total)
        self.scripts: list[S] = []
        """Of the whole script, then of its outline."""
        self.lost: list[Lost] = []

    @property
    def work(self) -> int:
        """What the grammar's parser did, in the unit of `Limits.syntax_total`."""
        return self._limits.syntax_total - self._allowance.left

    @abstractmethod
    def _gathered(self, tree: Tree, data: bytes) -> tuple[S, bool, bool]:
        """What a tree shows; whether some of it lay too deep, and whether it was too much."""

    @abstractmethod
    def _lexed(self, data: bytes) -> Lexed:
        """The script without its comments."""

    @abstractmethod
    def _outline(self, lexed: Lexed, parses: Sound, wanted: Callable[[int], bool]) -> Outline:
        """The statements of it that refer to something, in the lines that are wanted."""

    def _unread(self) -> None:
        """Look for what shows without a parser, where some of the outline is lost too."""

    def run(self) -> None:
        """Read it; comments count for nothing."""
        limits, data, lexed = self._limits, self._data, None
        if len(data) > limits.syntax or comments(data, self.language) > limits.syntax_comments:
            lexed = self._lexed(data)
            data = lexed.code
        tree = parse(data, self.language, limits=limits, allowance=self._allowance)
        if isinstance(tree, Refused):
            self._outlined(lexed or self._lexed(data), (), refused=tree.detail)
            return
        too_deep = self._keep(tree, data)
        if too_deep or tree.root_node.has_error:
            self._outlined(lexed or self._lexed(data), () if too_deep else (broken_lines(tree.root_node),))

    def _keep(self, tree: Tree, data: bytes) -> bool:
        """Gather what a tree shows; whether some of it lay too deep."""
        script, too_deep, too_much = self._gathered(tree, data)
        self.scripts.append(script)
        if too_much:
            self.lost.append(Lost("too-large", "more expressions than the limit for one script"))
        return too_deep

    def _outlined(self, lexed: Lexed, broken: Sequence[tuple[int, int]], *, refused: str = "") -> None:
        """What the grammar did not show: of the whole script, or of the lines that are `broken`."""
        parses = sound(self.language, self._limits, self._allowance)
        found = self._outline(lexed, parses, within(lexed.code, broken))
        read = parsed(found, self.language, self._allowance)
        if read is not None and self._keep(read[1], read[0]):
            self.lost.append(Lost("too-deep", "one statement"))
        if found.lost:
            self.lost.append(Lost("too-large", refused or found.lost))
            self._unread()
        elif not lexed.sure and not self.tolerant:
            self.lost.append(Lost("malformed", "a text or comment that does not end"))
