"""The paths and globs of a waiver."""

from __future__ import annotations

from collections.abc import Sequence

from xraydiff.paths import image_path
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
        # A path that was copied from a report stands for itself, brackets and stars in its name included.
        self._exact = {image_path(path) for pattern in places for path in (pattern, unquoted(pattern)) if path}
        self._globs = [pattern for pattern in places if is_glob(pattern)]

    def covers(self, path: str) -> bool:
        """Whether a canonical path is one of them."""
        return path in self._exact or any(matches(path, pattern) for pattern in self._globs)
