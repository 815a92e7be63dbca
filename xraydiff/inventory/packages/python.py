"""Python distributions: *.dist-info with METADATA and RECORD (PyPA), *.egg-info, direct_url.json (PEP 610)."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from xraydiff.facts import Package
from xraydiff.inventory.packages.databases import (
    PackageRecords,
    Problems,
    RealPaths,
    files_below,
    is_regular,
    json_object,
    record,
    string,
)
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, basename, join, parent
from xraydiff.tree import FileTree

BAD_RECORD = "bad-python-record"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What the functions of this reader read from."""

    tree: FileTree
    paths: RealPaths
    problems: Problems
    limits: Limits
    claimed: set[ImagePath] = field(default_factory=set)
    """Modules that a distribution without a file list owns already."""

    def text(self, path: str) -> str:
        """A record; empty where it is absent, or too large, which is a problem."""
        if not is_regular(self.tree, path):
            return ""
        return record(self.tree, ImagePath(path), self.problems, code=BAD_RECORD, limits=self.limits) or ""


def read(tree: FileTree, paths: RealPaths, records: Iterable[ImagePath], *, limits: Limits) -> PackageRecords:
    """The distributions whose records lie at these paths."""
    problems = Problems(limits)
    source = _Source(tree=tree, paths=paths, problems=problems, limits=limits)
    packages: list[Package] = []
    for path in records:
        if not is_regular(tree, path):
            continue
        package = _distribution(source, path)
        if package is not None:
            packages.append(package)
    return PackageRecords(packages=tuple(packages), problems=problems.all())


def _distribution(source: _Source, metadata: ImagePath) -> Package | None:
    headers = _headers(source.text(metadata))
    folder = parent(metadata)
    name, version = headers.get("name", ""), headers.get("version", "")
    if not name:
        source.problems.add(metadata, BAD_RECORD, "no Name")
        return None
    local = False
    if metadata.endswith("/METADATA"):
        files = source.paths.joined(parent(folder), _record(source, folder)) or _by_top_level(source, folder, name)
        files |= files_below(source.tree, folder)
        local = _is_local(source.text(f"{folder}/direct_url.json"))
    elif basename(folder) == "EGG-INFO":
        files = files_below(source.tree, parent(folder))
    elif metadata.endswith(".egg-info"):
        files = _module(source, parent(metadata), name) | {metadata}
    else:
        files = _egg_files(source, folder, name)
        local = _is_source_tree(source.tree, parent(folder))
    return Package(ecosystem="python", name=name, version=version, location=metadata, local=local, files=files)


def _headers(text: str) -> dict[str, str]:
    """The first of each header, by lower-case name, up to the first blank line."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        if not line.strip():
            break
        name, colon, value = line.partition(":")
        if colon and name[:1].isalpha():
            found.setdefault(name.lower(), value.strip())
    return found


def _record(source: _Source, folder: ImagePath) -> Iterator[str]:
    """Names in RECORD, as seen from the folder of *.dist-info."""
    path = f"{folder}/RECORD"
    for line in source.text(path).split("\n"):
        if line.startswith('"'):
            try:
                row = next(csv.reader([line.rstrip("\r")]), [])
            except csv.Error as error:
                source.problems.add(path, BAD_RECORD, f"a line that is no CSV: {error}")
                continue
            name = row[0] if row else ""
        else:
            name = line.rsplit(",", 2)[0]
        if name and "\0" not in name:
            yield name


def _is_local(text: str) -> bool:
    """Whether PEP 610 says that a local directory was installed; a wheel that lay on disk may be anybody's."""
    value = json_object(text) if text else None
    return value is not None and string(value.get("url")).startswith("file:") and "archive_info" not in value


def _is_source_tree(tree: FileTree, folder: ImagePath) -> bool:
    return any(is_regular(tree, join(folder, name)) for name in ("setup.py", "pyproject.toml", "setup.cfg"))


def _egg_files(source: _Source, folder: ImagePath, name: str) -> frozenset[ImagePath]:
    """Files of an *.egg-info folder: what setuptools installed, else the sources it names, else its top modules."""
    site = parent(folder)
    installed = source.text(f"{folder}/installed-files.txt")
    own = files_below(source.tree, folder)
    if installed:
        return source.paths.joined(folder, (line.strip() for line in installed.split("\n") if line.strip())) | own
    return _by_top_level(source, folder, name) | own | _sources(source, folder, site)


def _sources(source: _Source, folder: ImagePath, site: ImagePath) -> frozenset[ImagePath]:
    names = source.text(f"{folder}/SOURCES.txt").split("\n")
    return source.paths.joined(site, (name.strip() for name in names if name.strip()))


def _by_top_level(source: _Source, folder: ImagePath, name: str) -> frozenset[ImagePath]:
    """The modules that top_level.txt names; where it is absent, the one of the distribution's name."""
    names = source.text(f"{folder}/top_level.txt").split() or [name]
    return frozenset(path for top in names for path in _module(source, parent(folder), top))


def _module(source: _Source, site: ImagePath, name: str) -> frozenset[ImagePath]:
    """The files of a top module, for the first distribution that names it."""
    top = name.replace("-", "_").replace(".", "/")
    if not all(part.isidentifier() for part in top.split("/")):
        return frozenset()
    for spelled in dict.fromkeys((top, top.lower())):
        folder = join(site, spelled)
        if folder in source.claimed:
            continue
        source.claimed.add(folder)
        if f"{folder}/__init__.py" in source.tree.files:
            return files_below(source.tree, folder)
        if is_regular(source.tree, f"{folder}.py"):
            return frozenset({ImagePath(f"{folder}.py")})
    return frozenset()
