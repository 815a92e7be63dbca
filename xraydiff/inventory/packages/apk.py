"""The packages of apk: the `installed` file of apk-tools 2 and 3, with the files, links and checksums in it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from xraydiff.facts import Package
from xraydiff.inventory.packages.databases import (
    Hashes,
    PackageRecords,
    Problems,
    RealPaths,
    database,
    real_file,
    stanzas,
)
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, decoded, is_below
from xraydiff.tree import FileTree

DATABASES = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")
BAD_ENTRY = "bad-apk-entry"
UNREADABLE = "apk-unreadable"

_NAME = re.compile(r"[^\s<>=~]+")
_CONFIGURATION = "/etc"


@dataclass(slots=True, kw_only=True)
class _Entry:
    """One package as its lines say it."""

    offset: int
    single: dict[str, str] = field(default_factory=dict)
    """The lines of which there is one each: P, V, A, D, p."""
    names: list[str] = field(default_factory=list)
    directories: list[str] = field(default_factory=list)
    checksums: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """One database and what its entries are read with."""

    path: ImagePath
    paths: RealPaths
    problems: Problems
    hashes: Hashes
    provided: dict[str, str] = field(default_factory=dict)
    """Package that provides a name (`so:libc.musl-x86_64.so.1`)."""


def read(tree: FileTree, paths: RealPaths, *, limits: Limits) -> PackageRecords:
    """Every apk database of an image; one that two names reach counts once."""
    problems = Problems(limits)
    hashes = Hashes(tree, "sha1")
    packages: dict[tuple[str, str], Package] = {}
    databases: list[str] = []
    for name in DATABASES:
        found = real_file(tree, name)
        if found is None or found in databases:
            continue
        content = database(tree, found, problems, code=UNREADABLE, limits=limits)
        if content is None:
            continue
        databases.append(found)
        source = _Source(path=found, paths=paths, problems=problems, hashes=hashes)
        entries = _entries(found, content, problems, limits)
        for entry in entries:
            source.provided.update(dict.fromkeys(_names(entry.single.get("p", "")), entry.single.get("P", "")))
        for entry in entries:
            package = _package(source, entry)
            if package is not None:
                packages.setdefault((package.name, package.architecture), package)
    return PackageRecords(packages=tuple(packages.values()), databases=tuple(databases), problems=problems.all())


def _entries(path: ImagePath, content: bytes, problems: Problems, limits: Limits) -> list[_Entry]:
    entries: list[_Entry] = []
    for offset, raw in stanzas(content):
        if len(entries) >= limits.packages:
            problems.unreadable(path, UNREADABLE, f"more than {limits.packages} packages")
            break
        entries.append(_entry(offset, raw, limits))
    return entries


def _entry(offset: int, raw: bytes, limits: Limits) -> _Entry:
    entry = _Entry(offset=offset)
    directory, last = "", ""
    for line in raw.split(b"\n"):
        key, value = line[:2], line[2:]
        if not line.strip():
            continue
        if len(line) > limits.text_line or b"\0" in line or key[1:] != b":" or not key[:1].isalpha():
            entry.faults.append("a line that is no field")
        elif key == b"F:":
            directory = "/" + decoded(value).strip("/")
            entry.directories.append(directory)
            last = ""
        elif key == b"R:":
            last = f"{directory.rstrip('/')}/{decoded(value)}"
            entry.names.append(last)
        elif key == b"Z:" and last:
            entry.checksums[last] = decoded(value)
        elif key in (b"P:", b"V:", b"A:", b"D:", b"p:"):
            if decoded(key[:1]) in entry.single:
                entry.faults.append(f"field {decoded(key[:1])} stands twice")
            entry.single.setdefault(decoded(key[:1]), decoded(value).strip())
    return entry


def _package(source: _Source, entry: _Entry) -> Package | None:
    name = entry.single.get("P", "")
    for fault in entry.faults or ([] if name else ["no field P"]):
        source.problems.add(
            source.path, BAD_ENTRY, f"{name or 'an entry without a name'}: {fault}", offset=entry.offset
        )
    if not name:
        return None
    if not entry.single.get("V"):
        source.problems.add(source.path, BAD_ENTRY, f"{name}: no version", offset=entry.offset)
    files, _ = source.paths.split(entry.names)
    _, directories = source.paths.split(entry.directories)
    depends = (source.provided.get(what) or what for what in _names(entry.single.get("D", "")))
    return Package(
        ecosystem="apk",
        name=name,
        version=entry.single.get("V", ""),
        architecture=entry.single.get("A", ""),
        location=source.path,
        files=files,
        depends=tuple(dict.fromkeys(depends)),
        directories=directories,
        changed=_changed(source, entry),
    )


def _names(words: str) -> Iterator[str]:
    """Names of a list of dependencies, without their versions; conflicts (`!name`) are none."""
    for word in words.split():
        match = _NAME.match(word)
        if match and not word.startswith("!"):
            yield match.group()


def _changed(source: _Source, entry: _Entry) -> frozenset[ImagePath]:
    """Files below /etc whose bytes are not those that the package brought (`Z:Q1` and the SHA-1 in base 64)."""
    changed: set[ImagePath] = set()
    for name, checksum in entry.checksums.items():
        if not is_below(name, _CONFIGURATION) or not checksum.startswith("Q1"):
            continue
        directory, _, base = name.rpartition("/")
        path = ImagePath(source.paths.directory(directory) + base)
        try:
            wanted = base64.b64decode(checksum[2:], validate=True)
        except ValueError:
            continue
        if source.hashes.differs(path, wanted):
            changed.add(path)
    return frozenset(changed)
