"""The paths and globs of a waiver."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from xraydiff.paths import ImagePath, ancestors, components, image_path
from xraydiff.policy.model import CONFIG
from xraydiff.tree.glob import matches, unquoted


def is_glob(pattern: str) -> bool:
    """Whether a pattern may match more than one path."""
    return unquoted(pattern) is None


class Patterns:
    """What the patterns of one waiver cover; each is a path as a report shows it, or a glob."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self.config = CONFIG in patterns
        """Whether the image config is among them."""
        places = [pattern for pattern in patterns if pattern != CONFIG]
        # A path that was copied from a report stands for itself, brackets and stars in its name included; one whose
        # every star is quoted (`/[*]`) names the path with the star, and not a file that is called like the quotes.
        self._exact = {image_path(unquoted(pattern) or pattern) for pattern in places}
        self._globs: dict[str, list[str]] = {}
        for pattern in filter(is_glob, places):
            self._globs.setdefault(_directory(pattern), []).append(pattern)

    def covers(self, path: str) -> bool:
        """Whether a canonical path is one of them."""
        if path in self._exact:
            return True
        nearby = (pattern for above in ancestors(image_path(path)) for pattern in self._globs.get(above, ()))
        return any(matches(path, pattern) for pattern in nearby)


def _directory(pattern: str) -> ImagePath:
    """The directory below which all lies that a glob matches: its components before the first that is one."""
    parts = components(pattern)
    plain = takewhile(lambda part: unquoted(part) == part, parts[:-1])
    return image_path("/".join(plain))
