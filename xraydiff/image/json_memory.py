"""What a JSON text costs in memory once it is made of objects, counted before and while that happens.

An empty list takes two bytes of a text and 64 of memory, so that a bound for a text says little about what it costs.
Lists, and what stands in them, are counted in the text; objects when they are complete. Figures are those of CPython.
"""

from __future__ import annotations

import re
from sys import getsizeof

__all__ = ["Meter", "TooCostly", "TooDeep"]

# A string is one token, the last one even where its end is missing, so that no text is scanned twice; a key has its
# colon.
_TOKEN = re.compile(
    r'"(?>[^"\\]++|\\.)*+(?:"(?:[ \t\r\n]*+:)?|\\?\Z)|[\[\]{}]|[-0-9][-+.0-9eE]*+',
    re.DOTALL,
)
_LIST = 112
"""A list, and the tuple that is made of it."""
_NUMBER = 36
_SMALL = 3
"""Shorter numbers and strings are mostly there already."""
_STRING, _PLACE = 80, 16
"""A string without its characters, and its place in a list and a tuple."""
_MANY, _ENTRY = 64, 180
"""Keys of one object, beyond which each is counted before the object is there, and what an entry takes until then."""
_COPY = 0.3
"""What a record takes that is made of an object with the same values."""
_SHARED, _MEMORY = 64, 4_096
"""Strings of so many characters are kept once, if they were seen lately: words and names of packages repeat."""


class TooDeep(Exception):  # noqa: N818  whoever reads a document says it in its own words
    """Brackets nest deeper than they may."""


class TooCostly(Exception):  # noqa: N818
    """The values would take more memory than the text may cost."""


class Meter:
    """The memory that the values of one text may still take."""

    def __init__(self, text: str, *, depth: int, most: int) -> None:
        """Scan the text; `most` bytes are for it and for its values. Raises `TooDeep` and `TooCostly`."""
        self._left = most - getsizeof(text)
        self._seen: dict[str, str] = {}
        self._keys: set[str] = set()
        self._scan(text, depth)

    def keep(self, made: dict[str, object]) -> None:
        """Count a complete object, equal strings of which become one. Raises `TooCostly`."""
        spent = self.share(made)
        for key in made.keys() - self._keys:
            self._keys.add(key)
            spent += getsizeof(key) + _ENTRY
        self.spend(spent + round(getsizeof(made) * (1 + _COPY)))

    def share(self, made: dict[str, object]) -> int:
        """Make equal strings one; gives the bytes of the others."""
        spent, seen = 0, self._seen
        for key, value in made.items():
            if type(value) is not str or len(value) < 2:
                continue
            if len(value) <= _SHARED:
                known = seen.setdefault(value, value)
                if known is not value:
                    made[key] = known
                    continue
            # What is escaped is unescaped into a second string.
            spent += getsizeof(value) * (1 if value.isascii() and "\\" not in value else 2)
        if len(seen) > _MEMORY:
            seen.clear()
        return spent

    def spend(self, size: int) -> None:
        """Count so many bytes. Raises `TooCostly` where there are no more."""
        self._left -= size
        if self._left < 0:
            raise TooCostly

    def _scan(self, text: str, most: int) -> None:
        """Count lists, what stands in them, numbers, and the keys of large objects; look how deep they nest."""
        keyed, left = False, self._left
        keys = [0]
        for token in _TOKEN.finditer(text):
            start, end = token.span()
            first = text[start]
            if first == '"':
                if text[end - 1] == ":":
                    keyed = True
                    keys[-1] += 1
                    if keys[-1] > _MANY:
                        left -= _ENTRY + end - start
                elif not keyed and end - start > _SMALL:
                    left -= _PLACE + _string(text[start:end])
            elif first in "[{":
                keys.append(0)
                if len(keys) > most + 1:
                    raise TooDeep
                if first == "[":
                    left -= _LIST
            elif first in "]}":
                if len(keys) > 1:
                    keys.pop()
            elif end - start >= _SMALL:
                left -= _NUMBER
            if left < 0:
                raise TooCostly
            keyed = keyed and text[end - 1] == ":"
        self._left = left


def _string(token: str) -> int:
    """The bytes of a string, at most: those of both where it is unescaped into a second one."""
    if "\\" not in token:
        return getsizeof(token) * (1 if token.isascii() else 2)
    astral = "\\ud" in token.lower()
    return 2 * (_STRING + len(token) * (4 if astral else 2))
