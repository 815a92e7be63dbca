"""Extension modules: what their C code imports by name (PyImport_ImportModule)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from xraydiff.paths import ImagePath, decoded
from xraydiff.references.readers.python.modules import Finder

__all__ = ["named_modules", "words"]

_NAME: Final = re.compile(rb"\x00([a-z_][a-z0-9_]{1,40}(?:\.[A-Za-z_][A-Za-z0-9_]{1,40}){0,4})(?=\x00)")
_MAX_NAMES: Final = 20_000


def words(data: bytes) -> tuple[str, ...]:
    """Strings that may be names of modules, each once."""
    return tuple(dict.fromkeys(decoded(match[1]) for match in islice(_NAME.finditer(data), _MAX_NAMES)))


def named_modules(names: Iterable[str], path: ImagePath, finder: Finder) -> Iterator[str]:
    """Those that are dotted names of modules; plain words only of private modules, since others are just words."""
    own = path.rpartition("/")[2].partition(".")[0].lstrip("_")
    for name in names:
        if ("." in name or name.startswith("_") or name == own) and finder.find(name)[1]:
            yield name
