r"""Texts that are known in part, and the evaluation of expressions to such texts.

`require('./plugins/' + name)` and `include "lang/$code.php"` say where to look and not what for. An unknown part is the
character `HOLE`; a pattern is a path with holes. `DEEP` as a whole component stands for any number of directories.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

__all__ = [
    "DEEP",
    "HOLE",
    "MAX_CHOICES",
    "MAX_DEPTH",
    "UNKNOWN",
    "Evaluator",
    "Exhausted",
    "Texts",
    "concatenated",
    "is_vague",
    "joined",
    "known",
    "normal",
    "union",
]

T = TypeVar("T")

HOLE: Final = "\0"
"""No path and no word of a command holds a NUL."""
DEEP: Final = "\0**\0"
"""A component, alone between slashes."""
MAX_CHOICES: Final = 256
"""Possible texts of one expression; a table of plug-ins has about ten."""
MAX_TEXT_LENGTH: Final = 4_096
"""Characters of a text that are kept: no kernel opens a longer path."""

MAX_DEPTH: Final = 24
"""Depth of nested expressions that are evaluated; people write five."""

Texts = tuple[str, ...]
"""The possible texts of an expression; never empty."""
UNKNOWN: Final[Texts] = (HOLE,)


def union(*choices: Texts) -> Texts:
    """Every text once, in order; unknown where none is known, and where they are too many to follow each."""
    texts = dict.fromkeys(text for one in choices for text in one if text != HOLE)
    return tuple(texts) if 0 < len(texts) <= MAX_CHOICES else UNKNOWN


def known(texts: Texts) -> Texts:
    """The texts without a hole; may be empty."""
    return tuple(text for text in texts if HOLE not in text)


def concatenated(parts: Sequence[Texts], *, most: int = MAX_CHOICES) -> Texts:
    """Every concatenation of one text of each part; unknown where there are too many or one grows too long."""
    found: list[str] = [""]
    for texts in parts:
        choices = texts if len(found) * len(texts) <= most else UNKNOWN
        found = [_closed(before + text) for before in found for text in choices]
    return tuple(dict.fromkeys(found)) or UNKNOWN


def _closed(text: str) -> str:
    while HOLE + HOLE in text:
        text = text.replace(HOLE + HOLE, HOLE)
    return text if len(text) <= MAX_TEXT_LENGTH else HOLE


def normal(text: str) -> str:
    """A path without `.`, empty and, where that can be told, `..` components; a relative one stays relative."""
    absolute = text.startswith("/")
    parts: list[str] = []
    for part in text.split("/"):
        if part in ("", "."):
            continue
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".." or not absolute:
            parts.append(part)
    return ("/" if absolute else "") + "/".join(parts) or "."


def joined(directory: str, text: str) -> str:
    """A path or pattern as seen from a directory."""
    return normal(text if text.startswith("/") else f"{directory}/{text}")


def is_vague(pattern: str, roots: Iterable[str]) -> bool:
    """Whether a pattern is too vague to be expanded: only holes below `/`, or below a directory of the whole system."""
    at = pattern.find(HOLE)
    if at < 0:
        return False
    head, _, begun = pattern[:at].rpartition("/")
    rest = pattern[at:].replace(DEEP, HOLE).strip(HOLE + "/")
    return not begun and not rest and (head or "/") in {"/", *roots}


class Evaluator:
    """Evaluates each expression of one script once. It recurses `MAX_DEPTH` levels at most."""

    def __init__(self, steps: int) -> None:
        """`steps` is how many expressions are evaluated before all others are unknown."""
        self._steps = steps
        self._known: dict[int, Texts] = {}
        self._elements: dict[int, Texts] = {}
        """The possible texts of an array's elements."""

    @property
    def exhausted(self) -> bool:
        """Whether the script has more expressions than are evaluated."""
        return self._steps <= 0

    def _spend(self, steps: int = 1) -> bool:
        self._steps -= steps
        return self._steps > 0

    def _once(
        self, known: dict[int, Texts], key: int, evaluate: Callable[[T, int], Texts], node: T, depth: int
    ) -> Texts:
        """The texts of a node, remembered by its key; unknown beyond the bounds."""
        if depth > MAX_DEPTH or not self._spend():
            return UNKNOWN
        if key not in known:
            # The value of a name may refer to the name itself.
            known[key] = UNKNOWN
            known[key] = evaluate(node, depth)
        return known[key]


class Exhausted(Exception):  # noqa: N818  it says what happened
    """One script needs more look-ups than its bound allows."""
