"""A script as text: read by its grammar where that takes it, and for the rest by its outline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from xraydiff.facts import Firing
from xraydiff.limits import Limits
from xraydiff.references.kit.grammars import Allowance, Refused, parse
from xraydiff.references.kit.outline import Outline, Sound, broken_lines, parsed, sound, within
from xraydiff.references.kit.recorder import Lost

if TYPE_CHECKING:
    from tree_sitter import Tree

__all__ = ["Source"]


class Source(ABC):
    """One script; a language says how its comments are taken out and how its outline is made."""

    language: ClassVar[str]
    """One that `xraydiff.references.kit.grammars` parses."""
    outline_firing: ClassVar[Firing]
    """When the statements of an outline run."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        """`data` is the whole text."""
        self._whole = data
        self._limits = limits
        self._allowance = Allowance(limits.syntax_total)
        self.lost: list[Lost] = []

    @property
    def work(self) -> int:
        """What the script took the parser, of `Limits.syntax_total`."""
        return self._limits.syntax_total - self._allowance.left

    @abstractmethod
    def _code(self) -> bytes:
        """The script without comments, its lines where they were."""

    @abstractmethod
    def _outline(self, code: bytes, parses: Sound, wanted: Callable[[int], bool]) -> Outline:
        """The outline of the code; `wanted` tells of an offset in it whether its line is to be read."""

    @abstractmethod
    def _walk(self, tree: Tree, data: bytes, firing: Firing) -> bool:
        """Walk a tree whose text `data` is; whether nodes lay deeper than the limit and were left out."""

    def _is_long(self) -> bool:
        """Whether the parser may take the script only without its comments."""
        return len(self._whole) > self._limits.syntax

    def _refusal(self, _data: bytes) -> str:
        """Why a text cannot be given to the parser, or an empty string where it can."""
        return ""

    def _unread(self) -> None:  # noqa: B027  most languages have nothing of the kind
        """Look for what shows without a parser, where some of the outline is lost too."""

    def _read(self) -> bool:
        """Walk the script, and its outline where the parser refuses it or does not show all; whether any was walked."""
        data = self._code() if self._is_long() else self._whole
        refused = self._refusal(data)
        tree = parse(data, self.language, limits=self._limits, allowance=self._allowance) if not refused else None
        if tree is None or isinstance(tree, Refused):
            return self._read_outline((), refused or (tree.detail if tree is not None else ""))
        too_deep = self._walk(tree, data, Firing.LOAD)
        if too_deep or tree.root_node.has_error:
            self._read_outline(() if too_deep else (broken_lines(tree.root_node),), "")
        return True

    def _read_outline(self, broken: Sequence[tuple[int, int]], refused: str) -> bool:
        """Walk the statements with references: of all lines, or of the `broken` ones."""
        parses = sound(self.language, self._limits, self._allowance)
        code = self._code()
        found = self._outline(code, lambda text: False if self._refusal(text) else parses(text), within(code, broken))
        read = parsed(found, self.language, self._allowance)
        if read is not None and self._walk(read[1], read[0], self.outline_firing):
            self.lost.append(Lost("too-deep", "one statement"))
        self._outlined(found.lost and (refused or found.lost))
        return read is not None

    def _outlined(self, missing: str) -> None:
        """Say why statements are missing from an outline, where some are."""
        if missing:
            self.lost.append(Lost("too-large", missing))
            self._unread()
