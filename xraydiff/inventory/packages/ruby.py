"""Gems: specifications/NAME-VERSION.gemspec beside gems/NAME-VERSION (RubyGems, "gem directory layout")."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from xraydiff.facts import Package
from xraydiff.inventory.packages.databases import PackageRecords, files_below
from xraydiff.paths import ImagePath, basename, parent
from xraydiff.tree import FileTree

_FULL_NAME = re.compile(r"(?P<name>.+?)-(?P<version>[0-9][0-9A-Za-z.]*)(?:-(?P<platform>[A-Za-z0-9_.\-]+))?\Z")


def read(tree: FileTree, records: Iterable[ImagePath]) -> PackageRecords:
    """The gems whose specifications lie at these paths; a default gem owns its specification only."""
    packages: list[Package] = []
    extensions: dict[ImagePath, dict[str, list[ImagePath]]] = {}
    for path in records:
        full = basename(path).removesuffix(".gemspec")
        match = _FULL_NAME.match(full)
        if match is None:
            continue
        files = {path}
        if basename(parent(path)) == "specifications":
            home = parent(parent(path))
            if home not in extensions:
                extensions[home] = _extensions(tree, home)
            files |= {found for top in _places(home, full, extensions[home]) for found in files_below(tree, top)}
            files |= {found for found in _alone(home, full) if found in tree.files}
        packages.append(
            Package(
                ecosystem="ruby",
                name=match["name"],
                version=match["version"],
                architecture=match["platform"] or "",
                location=path,
                files=frozenset(files),
            )
        )
    return PackageRecords(packages=tuple(packages))


def _places(home: ImagePath, full: str, extensions: dict[str, list[ImagePath]]) -> Iterator[ImagePath]:
    yield ImagePath(f"{home}/gems/{full}")
    yield ImagePath(f"{home}/doc/{full}")
    yield from extensions.get(full, ())


def _alone(home: ImagePath, full: str) -> Iterator[ImagePath]:
    yield ImagePath(f"{home}/cache/{full}.gem")
    yield ImagePath(f"{home}/build_info/{full}.info")


def _extensions(tree: FileTree, home: ImagePath) -> dict[str, list[ImagePath]]:
    """Folders extensions/PLATFORM/API/NAME-VERSION by their last name: there the compiled parts of gems lie."""
    found: dict[str, list[ImagePath]] = {}
    top = ImagePath(f"{home}/extensions")
    for platform in tree.children(top):
        for api in tree.children(ImagePath(f"{top}/{platform}")):
            for full in tree.children(ImagePath(f"{top}/{platform}/{api}")):
                found.setdefault(full, []).append(ImagePath(f"{top}/{platform}/{api}/{full}"))
    return found
