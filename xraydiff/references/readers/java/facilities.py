"""The rows of knowledge/java.toml, by what of a class or of the start command leads to them."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.knowledge import Facility, Knowledge
from xraydiff.references import Context

__all__ = ["Facilities", "facilities"]

_DEPTH = 8
"""Packages above a class that are looked up: the platform's names have six components."""


def facilities(context: Context) -> Facilities:
    """The rows of this walk."""
    return Facilities(context.knowledge)


class Facilities:
    """An index of rows."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.rows = knowledge.rows(Facility)
        self.vital = tuple(row for row in self.rows if row.vital)
        self._exact: dict[str, list[Facility]] = {}
        self._packages: dict[str, list[Facility]] = {}
        for row in self.rows:
            for use in row.uses:
                (self._packages if use.endswith("/") else self._exact).setdefault(use, []).append(row)

    def of_class(self, name: str) -> Iterator[Facility]:
        """The rows of a class, of its package and of the packages above it."""
        yield from self._exact.get(name, ())
        if not name.startswith(("java", "com/sun/", "org/ietf/")):
            return
        at = name.rfind("/")
        for _ in range(_DEPTH):
            if at < 0:
                break
            yield from self._packages.get(name[: at + 1], ())
            at = name.rfind("/", 0, at)

    def of_method(self, owner: str, method: str) -> Iterator[Facility]:
        """The rows of one method of a class of the platform."""
        if owner.startswith(("java/", "javax/")):
            yield from self._exact.get(f"{owner}.{method}", ())

    def of_version(self, major: int) -> Iterator[Facility]:
        """The rows of class files of an old version."""
        return (row for row in self.rows if major < row.classes_before)

    def of_option(self, option: str) -> Iterator[Facility]:
        """The rows of an option of the start command."""
        return (row for row in self.rows if option.startswith(row.options))
