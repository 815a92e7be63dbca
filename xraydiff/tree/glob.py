"""Shell patterns over the paths of an image (glob(7)), component by component, so that no pattern is expensive."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from fnmatch import translate
from functools import lru_cache
from typing import TYPE_CHECKING

from xraydiff.facts import FileType
from xraydiff.paths import ROOT, ImagePath, components

if TYPE_CHECKING:
    from xraydiff.tree import FileTree

_MAGIC = re.compile(r"[*?\[]")
_QUOTED = re.compile(r"\[([*?\[])\]")
_ANY_DEPTH = "**"
_GLANCES = 4
"""Names that are looked at and passed over, for which one step counts; a name that is matched takes one."""
_Place = tuple[str, ImagePath]
"""A directory as the pattern spells it (empty for the root), and its real path."""
_Spend = Callable[[int], object]


def _free(steps: int) -> None:
    """Count nothing."""


def glob(tree: FileTree, pattern: str, *, spend: _Spend = _free) -> tuple[ImagePath, ...]:
    """The paths that an absolute pattern names, sorted, spelled as the pattern leads to them.

    `*`, `?` and `[...]` stay within one component and do not match a leading dot, as in a shell. `**` stands for any
    number of directories, but goes through no symlink; at the end of a pattern it stands for everything below. A
    pattern goes through symlinks that lead to directories; where two spellings lead to one real directory, only one is
    followed, the real one before others. A last component is found even where it is a dangling link.

    A pattern costs by the names that it looks through, not by those that it finds: `spend` is told of them, before they
    are looked at, and ends the search by what it raises.
    """
    parts = components(pattern)
    if not parts:
        return (ROOT,)
    places: list[_Place] = [("", ROOT)]
    for part in parts[:-1]:
        places = _distinct(_inner(tree, places, part, spend))
    found: set[str] = set()
    for place in places:
        found.update(_last(tree, place, parts[-1], spend))
    return tuple(ImagePath(path) for path in sorted(found))


def matches(path: str, pattern: str) -> bool:
    """Whether an absolute path matches a pattern whole; for policies, so a leading dot is nothing special.

    `**` matches any number of components, none included, and at the end at least one: `/tmp/**` is everything below
    `/tmp`. The path is taken as it stands: normalise it first (`paths.image_path`).
    """
    parts, names = components(pattern), path.strip("/").split("/") if path.strip("/") else []
    # `reached` holds how many names the pattern's parts so far can have taken.
    reached = {0}
    for index, part in enumerate(parts):
        if part == _ANY_DEPTH:
            first = min(reached) + (index == len(parts) - 1)
            reached = set(range(first, len(names) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(names) and _fits(names[at], part)}
        if not reached:
            return False
    return len(names) in reached


def quoted(path: str) -> str:
    """The pattern that matches a path and nothing else: `/app/[id].js` is `/app/[[]id].js`."""
    return _MAGIC.sub(r"[\g<0>]", path)


def unquoted(pattern: str) -> str | None:
    """The one path that a pattern matches, or None where it is a glob that may match others."""
    return None if _MAGIC.search(_QUOTED.sub("", pattern)) else _QUOTED.sub(r"\1", pattern)


def _fits(name: str, part: str) -> bool:
    return bool(_compiled(part).match(name)) if _MAGIC.search(part) else name == part


@lru_cache(maxsize=256)
def _compiled(part: str) -> re.Pattern[str]:
    # `translate` gives atomic groups, which never backtrack over an earlier star; further stars beside one add nothing.
    return re.compile(translate(re.sub(r"\*+", "*", part)))


def _visible(name: str, part: str) -> bool:
    return not name.startswith(".") or part.startswith(".")


def _inner(tree: FileTree, places: list[_Place], part: str, spend: _Spend) -> Iterator[_Place]:
    """The directories that one component of a pattern leads to."""
    for spelled, real in places:
        if part == _ANY_DEPTH:
            yield spelled, real
            for path in _visible_below(tree, real, spend):
                if tree.files[path].type is FileType.DIRECTORY:
                    yield spelled + path[len(_prefix(real)) :], path
            continue
        for name in _names(tree, real, part, spend):
            here = ImagePath(f"{_prefix(real)}/{name}")
            file = tree.files[here]
            if file.type is FileType.SYMLINK:
                led = tree.resolve(here)
                if led.path is None or led.file is None:
                    continue
                here, file = led.path, led.file
            if file.type is FileType.DIRECTORY:
                yield f"{spelled}/{name}", here


def _last(tree: FileTree, place: _Place, part: str, spend: _Spend) -> Iterator[str]:
    spelled, real = place
    if part == _ANY_DEPTH:
        for path in _visible_below(tree, real, spend):
            yield spelled + path[len(_prefix(real)) :]
    else:
        for name in _names(tree, real, part, spend):
            yield f"{spelled}/{name}"


def _names(tree: FileTree, real: ImagePath, part: str, spend: _Spend) -> Iterator[str]:
    """The names in a real directory that a component matches."""
    if not _MAGIC.search(part):
        spend(1)
        if ImagePath(f"{_prefix(real)}/{part}") in tree.files:
            yield part
        return
    pieces = re.split(r"[*?]", part.partition("[")[0])
    names = begun_with(tree.children(real), pieces[0])
    spend(1 + len(names) // _GLANCES)
    longest = max(pieces, key=len)
    candidates = [name for name in names if longest in name and _visible(name, part)]
    spend(len(candidates))
    matcher = _compiled(part)
    for name in candidates:
        if matcher.match(name):
            yield name


def begun_with(names: Sequence[str], begun: str) -> Sequence[str]:
    """Of sorted names those that begin so."""
    if not begun:
        return names
    first = bisect_left(names, begun)
    return names[first : bisect_right(names, begun, first, key=lambda name: name[: len(begun)])]


def _visible_below(tree: FileTree, real: ImagePath, spend: _Spend) -> Iterator[ImagePath]:
    start = len(_prefix(real))
    for count, path in enumerate(tree.below(real)):
        if not count % _GLANCES:
            spend(1)
        if "/." not in path[start:]:
            yield path


def _distinct(places: Iterator[_Place]) -> list[_Place]:
    """One spelling for each real directory: links that lead back up would give ever more of them."""
    best: dict[ImagePath, str] = {}
    for spelled, real in places:
        known = best.get(real)
        if known is None or (spelled != real, spelled) < (known != real, known):
            best[real] = spelled
    return [(spelled, real) for real, spelled in best.items()]


def _prefix(real: ImagePath) -> str:
    return "" if real == ROOT else real
