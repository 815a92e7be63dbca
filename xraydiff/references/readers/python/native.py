"""Extension modules: what their C code imports by name (PyImport_ImportModule)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from xraydiff.paths import ImagePath, decoded
from xraydiff.references.readers.python.modules import Finder

__all__ = ["named_modules"]

_NAME: Final = re.compile(rb"\x00([a-z_][a-z0-9_]{1,40}(?:\.[A-Za-z_][A-Za-z0-9_]{1,40}){0,4})(?=\x00)")
_MOST: Final = 20_000


def named_modules(data: bytes, path: ImagePath, finder: Finder) -> Iterator[str]:
    """Strings that are dotted names of modules; plain words only of private modules, since others are just words."""
    own = path.rpartition("/")[2].partition(".")[0].lstrip("_")
    names: dict[str, None] = {}
    for count, match in enumerate(_NAME.finditer(data)):
        if count >= _MOST:
            break
        names[decoded(match[1])] = None
    for name in names:
        if ("." in name or name.startswith("_") or name == own) and finder.find(name)[1]:
            yield name
