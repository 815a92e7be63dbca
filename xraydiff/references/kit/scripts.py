"""Scripts whose comments and texts a lexer knows, as plain data of what their trees show."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from xraydiff.facts import Firing
from xraydiff.limits import Limits
from xraydiff.references.kit.grammars import comments
from xraydiff.references.kit.outline import Lexed, Outline, Sound
from xraydiff.references.kit.recorder import Lost
from xraydiff.references.kit.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from tree_sitter import Tree

__all__ = ["ScriptParser"]

S = TypeVar("S")


class ScriptParser(Source, Generic[S]):
    """One script; a language gathers what a tree shows, and says how its outline is made."""

    outline_firing = Firing.LOAD
    tolerant = False
    """Whether a text without an end is to be expected of what the grammar does not know."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        super().__init__(data, limits)
        self.scripts: list[S] = []
        """Of the whole script, then of its outline."""

    @abstractmethod
    def _gathered(self, tree: Tree, data: bytes) -> tuple[S, bool, bool]:
        """What a tree shows; whether some of it lay too deep, and whether it was too much."""

    @abstractmethod
    def _lexed(self, data: bytes) -> Lexed:
        """The script without its comments."""

    @abstractmethod
    def _lexed_outline(self, lexed: Lexed, parses: Sound, wanted: Callable[[int], bool]) -> Outline:
        """The statements of it that refer to something, in the lines that are wanted."""

    def run(self) -> None:
        """Read it; comments count for nothing."""
        self._read()

    @cached_property
    def _text(self) -> Lexed:
        return self._lexed(self._whole)

    def _code(self) -> bytes:
        return self._text.code

    def _is_long(self) -> bool:
        return super()._is_long() or comments(self._whole, self.language) > self._limits.syntax_comments

    def _outline(self, _code: bytes, parses: Sound, wanted: Callable[[int], bool]) -> Outline:
        return self._lexed_outline(self._text, parses, wanted)

    def _walk(self, tree: Tree, data: bytes, _firing: Firing) -> bool:
        script, too_deep, too_much = self._gathered(tree, data)
        self.scripts.append(script)
        if too_much:
            self.lost.append(Lost("too-large", "more expressions than the limit for one script"))
        return too_deep

    def _outlined(self, missing: str) -> None:
        super()._outlined(missing)
        if not missing and not self._text.sure and not self.tolerant:
            self.lost.append(Lost("malformed", "a text or comment that does not end"))
