"""Composer packages: vendor/composer/installed.json of Composer 1 (a list) and 2 (an object with `packages`)."""

from __future__ import annotations

import json
from collections.abc import Iterable

from xraydiff.facts import Package
from xraydiff.inventory.packages.databases import PackageRecords, Problems, files_below, is_regular, record, string
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, is_below, join, parent
from xraydiff.tree import FileTree

BAD_RECORD = "bad-php-record"


def read(tree: FileTree, records: Iterable[ImagePath], *, limits: Limits) -> PackageRecords:
    """The packages that these files list, each with the files below its folder; Composer's own loader is one more."""
    problems = Problems(limits)
    packages: list[Package] = []
    for path in records:
        if not is_regular(tree, path):
            continue
        text = record(tree, path, problems, code=BAD_RECORD, limits=limits)
        entries = _entries(text) if text is not None else []
        if entries is None:
            problems.add(path, BAD_RECORD, "no list of packages")
            continue
        packages.append(_composer(tree, path))
        claimed: set[ImagePath] = set()
        for entry in entries:
            package = _package(tree, path, entry, claimed)
            if package is None:
                problems.add(path, BAD_RECORD, "a package without a name")
            else:
                packages.append(package)
    return PackageRecords(packages=tuple(packages), problems=problems.all())


def _entries(text: str) -> list[object] | None:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict):
        value = value.get("packages")
    return list(value) if isinstance(value, list) else None


def _package(tree: FileTree, path: ImagePath, entry: object, claimed: set[ImagePath]) -> Package | None:
    if not isinstance(entry, dict):
        return None
    name = string(entry.get("name"))
    if not name:
        return None
    vendor = parent(parent(path))
    place = string(entry.get("install-path"))
    folder = join(parent(path), place) if place else join(vendor, name)
    # A package installed by a `path` repository lies outside of vendor, as a link: its files are the application's.
    own = is_below(folder, vendor) and folder not in claimed
    claimed.add(folder)
    files = files_below(tree, folder) if own else frozenset[ImagePath]()
    return Package(ecosystem="php", name=name, version=string(entry.get("version")), location=path, files=files)


def _composer(tree: FileTree, path: ImagePath) -> Package:
    vendor = parent(parent(path))
    files = (
        {ImagePath(f"{vendor}/autoload.php")} | files_below(tree, parent(path)) | files_below(tree, join(vendor, "bin"))
    )
    return Package(
        ecosystem="php", name="composer", location=path, files=frozenset(f for f in files if f in tree.files)
    )
