"""Where Composer's autoloader finds classes and functions (PSR-4, PSR-0): the maps that Composer wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from xraydiff.errors import ImageError
from xraydiff.facts import FileType
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, ancestors, decoded, image_path, parent
from xraydiff.references import Context
from xraydiff.tree import FileTree

__all__ = ["Autoload", "autoload_of"]

_ENTRY = re.compile(rb"(?m)^[ \t]*'([^'\n]{0,1000})'[ \t]*=>[ \t]*([^\n]{1,4000})$")
_PLACE = re.compile(rb"\$(vendorDir|baseDir)[ \t]*\.[ \t]*'([^'\n]{1,1000})'")
_SEPARATOR = re.compile(r"[\\_]")
_PLACES: Final = 64
"""Folders of one prefix."""
_DEPTH: Final = 64
"""Parts of a class name; real ones have six."""
_KNOWN: Final = 20_000


def autoload_of(path: ImagePath, context: Context) -> Autoload | None:
    """The autoloader of a file's project: the outermost `vendor` around it, or one beside or above."""
    known = context.once(_autoloaders)
    folder = parent(path)
    if folder not in known:
        if len(known) > _KNOWN:
            known.clear()
        vendor = _vendor(folder, context.original)
        loader = known.get(vendor) if vendor is not None else None
        if vendor is not None and loader is None:
            loader = known[vendor] = Autoload(context.original, vendor, context.limits)
        known[folder] = loader
    return known[folder]


def _autoloaders(_: Context) -> dict[ImagePath, Autoload | None]:
    """By folder."""
    return {}


def _vendor(folder: ImagePath, tree: FileTree) -> ImagePath | None:
    best: ImagePath | None = None
    for above in (folder, *ancestors(folder)):
        candidate = image_path(f"{above}/vendor")
        if tree.resolve(f"{candidate}/composer/autoload_real.php").file is not None:
            best = candidate
            if folder != candidate and not folder.startswith(f"{candidate}/"):
                break
    return best


class Autoload:
    """The maps of one `vendor` folder, each read when it is needed."""

    def __init__(self, tree: FileTree, vendor: ImagePath, limits: Limits) -> None:
        self._tree = tree
        self._vendor = vendor
        self._limits = limits
        self._maps: dict[str, dict[str, list[str]]] = {}

    def find(self, name: str) -> ImagePath | None:
        """The file of a class, interface, trait or enum by its full name without the first backslash."""
        for path in self._candidates(name):
            file = self._tree.resolve(path).file
            if file is not None and file.type is FileType.FILE:
                return image_path(path)
        return None

    def files(self) -> list[ImagePath]:
        """Files that the autoloader includes as soon as it is included itself."""
        found = (path for paths in self._map("files").values() for path in paths)
        return [image_path(path) for path in found if self._tree.resolve(path).file is not None]

    def _candidates(self, name: str) -> Iterator[str]:
        yield from self._map("classmap").get(name.lower(), ())
        parts = name.split("\\")
        if len(parts) > _DEPTH:
            return
        psr4, psr0 = self._map("psr4"), self._map("namespaces")
        for count in range(len(parts) - 1, -1, -1):
            prefix = "".join(f"{part}\\" for part in parts[:count])
            for folder in psr4.get(prefix.lower(), ()):
                yield f"{folder}/{'/'.join(parts[count:])}.php"
        tail = "/".join([*parts[:-1], parts[-1].replace("_", "/")])
        # A prefix of PSR-0 is any beginning of the name: in practice it ends at a separator, or before one.
        ends = [match.start() for match in _SEPARATOR.finditer(name)][:_DEPTH]
        prefixes = [name, *(name[:at] for end in reversed(ends) for at in (end + 1, end)), ""]
        for prefix in prefixes:
            for folder in psr0.get(prefix.lower(), ()):
                yield f"{folder}/{tail}.php"

    def _map(self, kind: str) -> dict[str, list[str]]:
        if kind not in self._maps:
            self._maps[kind] = self._read(ImagePath(f"{self._vendor}/composer/autoload_{kind}.php"))
        return self._maps[kind]

    def _read(self, path: ImagePath) -> dict[str, list[str]]:
        found = self._tree.resolve(path)
        if found.path is None or found.file is None or found.file.type is not FileType.FILE:
            return {}
        try:
            data = self._tree.content(found.path, limit=self._limits.package_record)
        except ImageError:
            return {}
        bases = {b"vendorDir": self._vendor, b"baseDir": parent(self._vendor)}
        table: dict[str, list[str]] = {}
        for entry in _ENTRY.finditer(data):
            name = decoded(entry[1]).replace("\\\\", "\\").lower()
            places = [f"{bases[place[1]]}{decoded(place[2])}" for place in _PLACE.finditer(entry[2])]
            table[name] = [*table.get(name, ()), *places][:_PLACES]
        return table
