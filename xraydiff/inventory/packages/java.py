"""Jars in library directories, named by their file names as Maven spells them (ARTIFACT-VERSION.jar)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from xraydiff.facts import FileType, Package
from xraydiff.inventory.packages.databases import PackageRecords
from xraydiff.paths import ImagePath, basename, is_below, parent
from xraydiff.tree import FileTree

LIBRARY_ROOTS = ("/usr/share/java", "/usr/share/maven-repo", "/usr/local/share/java", "/root/.m2/repository")
_LIBRARY_FOLDERS = frozenset({"lib", "libs", "jars", "dependency", "dependencies"})
_VERSIONED = re.compile(r"(?P<name>.+?)-(?P<version>[0-9][0-9A-Za-z.+_\-]*)\Z")


def read(tree: FileTree, records: Iterable[ImagePath]) -> PackageRecords:
    """One package for each jar that a build tool laid into a library directory.

    Elsewhere than in the system's library directories a jar without a version in its name was named by the people who
    made the image, so it is theirs.
    """
    packages: list[Package] = []
    for path in records:
        if tree.files[path].type is FileType.DIRECTORY:
            continue
        stem = basename(path).removesuffix(".jar")
        match = _VERSIONED.match(stem)
        in_system = any(is_below(path, root) for root in LIBRARY_ROOTS)
        if not in_system and (match is None or basename(parent(path)) not in _LIBRARY_FOLDERS):
            continue
        name, version = (match["name"], match["version"]) if match else (stem, "")
        packages.append(Package(ecosystem="java", name=name, version=version, location=path, files=frozenset({path})))
    return PackageRecords(packages=tuple(packages))
