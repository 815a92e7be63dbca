r"""Texts of which a module tells only parts, and the paths of an image that they may stand for.

`import_module(f"app.plugins.{name}")` and `open(BASE / "lang" / f"{code}.json")` say where to look and not what for. An
unknown part is the character `HOLE`; a pattern is a path or dotted name with holes. `DEEP` as a whole component of a
path stands for any number of directories.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from xraydiff.facts import FileType
from xraydiff.paths import ImagePath, image_path
from xraydiff.tree import FileTree

__all__ = ["DEEP", "HOLE", "UNKNOWN", "Texts", "concatenated", "expand", "is_vague", "joined", "normal", "union"]

HOLE: Final = "\0"
"""No path and no word of a command holds a NUL."""
DEEP: Final = "\0**\0"
"""A component, alone between slashes."""
CHOICES: Final = 64
"""Texts that one expression may stand for; a table of plug-ins has about ten."""
LONGEST: Final = 4_096
"""Characters of a text that are kept: no kernel opens a longer path."""

Texts = tuple[str, ...]
"""What an expression may be; never empty."""
UNKNOWN: Final[Texts] = (HOLE,)


def union(*choices: Texts) -> Texts:
    """Every text once, in order; unknown only where nothing is known."""
    texts = dict.fromkeys(text for one in choices for text in one if text != HOLE)
    return tuple(texts)[:CHOICES] or UNKNOWN


def concatenated(parts: Sequence[Texts]) -> Texts:
    """Every way to put the parts one after the other; unknown where there are too many or one grows too long."""
    found: list[str] = [""]
    for texts in parts:
        choices = texts if len(found) * len(texts) <= CHOICES else UNKNOWN
        found = [_closed(before + text) for before in found for text in choices]
    return tuple(dict.fromkeys(found)) or UNKNOWN


def _closed(text: str) -> str:
    while HOLE + HOLE in text:
        text = text.replace(HOLE + HOLE, HOLE)
    return text if len(text) <= LONGEST else HOLE


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
    """Whether a pattern tells too little: nothing but holes below `/` or below a directory that holds everything."""
    at = pattern.find(HOLE)
    if at < 0:
        return False
    head, _, begun = pattern[:at].rpartition("/")
    rest = pattern[at:].replace(DEEP, HOLE).strip(HOLE + "/")
    return not begun and not rest and (head or "/") in {"/", *roots}


def expand(tree: FileTree, pattern: str, *, most: int) -> tuple[tuple[ImagePath, ...], int]:
    """The files and directories that a pattern matches, sorted, and how many names were looked at; nothing where these
    are more than `most`. A hole matches anything but a slash; a dot that begins a name must stand in the pattern.
    """  # noqa: D205  two sentences that belong together
    found: list[ImagePath] = [ImagePath("/")]
    looked = 0
    for part in (part for part in pattern.split("/") if part):
        following: dict[ImagePath, None] = {}
        for directory in found:
            for name in _candidates(tree, directory, part):
                looked += 1
                if looked > most:
                    return (), looked
                if name is not None:
                    following.setdefault(image_path(f"{directory}/{name}"))
        found = list(following)
    return tuple(sorted(path for path in found if path != "/" and tree.resolve(path).file is not None)), looked


def _candidates(tree: FileTree, directory: ImagePath, part: str) -> Iterator[str | None]:
    """The names in a directory that a component may be; None for each that was looked at in vain."""
    if HOLE not in part:
        yield part
        return
    real = tree.resolve(directory).path
    if real is None:
        return
    if part == DEEP:
        yield "."
        start = len("" if real == "/" else real) + 1
        for path in tree.below(real):
            if tree.files[path].type is FileType.DIRECTORY and "/." not in path[start - 1 :]:
                yield path[start:]
            else:
                yield None
        return
    pieces = part.split(HOLE)
    for name in tree.children(real):
        yield name if _matches(name, pieces) else None


def _matches(name: str, pieces: list[str]) -> bool:
    """Whether a name holds the pieces in order, the first at its start and the last at its end."""
    first, last = pieces[0], pieces[-1]
    if not name.startswith(first) or not name.endswith(last) or (name.startswith(".") and not first):
        return False
    at, end = len(first), len(name) - len(last)
    for piece in pieces[1:-1]:
        at = name.find(piece, at, max(end, at))
        if at < 0:
            return False
        at += len(piece)
    return at <= end
