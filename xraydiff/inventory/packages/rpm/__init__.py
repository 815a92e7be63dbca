"""The packages of rpm: its database in the forms SQLite, ndb and Berkeley DB, and the files that each header lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from xraydiff.errors import ImageError
from xraydiff.facts import FileType, Package
from xraydiff.inventory.packages.databases import Hashes, PackageRecords, Problems, RealPaths, real_file
from xraydiff.inventory.packages.rpm import bdb, header, ndb, sqlite
from xraydiff.inventory.packages.rpm.header import BadHeader, Header
from xraydiff.inventory.packages.rpm.source import BadDatabase, Blob, Source
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, escaped
from xraydiff.tree import FileTree

__all__ = ["find_databases", "read"]

HOMES: Final = ("/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm")
"""Where the database stands: by old custom, since Fedora 36 and in SUSE, and in images made by rpm-ostree."""
NAMES: Final = ("rpmdb.sqlite", "Packages.db", "Packages")
"""Its file in each format, the newest first: what a conversion leaves behind is older than what it made."""
BAD = "bad-rpmdb"
LOG_IGNORED = "rpmdb-wal-ignored"
OTHER_IGNORED = "rpmdb-ignored"

_DIRECTORY, _KIND = 0o040000, 0o170000
_CONFIG, _GHOST = 1 << 0, 1 << 6
_DIGESTS = {1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512"}
"""FILEDIGESTALGO: numbers of OpenPGP; none stands for MD5."""


@dataclass(slots=True, kw_only=True)
class _Database:
    """One database and what its headers are read with."""

    tree: FileTree
    path: ImagePath
    paths: RealPaths
    problems: Problems
    hashes: dict[str, Hashes]
    limits: Limits
    names: int = 0
    """Names of files, needs and provisions seen so far in all headers."""
    provided: dict[str, str] = field(default_factory=dict)
    """Package that provides a name (`libc.so.6()(64bit)`)."""

    def spend(self, names: int) -> None:
        """Count names. Raises `BadDatabase` where the headers hold more of them together than any database."""
        self.names += names
        if self.names > self.limits.package_lines:
            raise BadDatabase(f"more than {self.limits.package_lines} names in its headers")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """The paths of one header that exist, by real path."""

    files: frozenset[ImagePath] = frozenset()
    directories: frozenset[ImagePath] = frozenset()
    configuration: dict[ImagePath, str] = field(default_factory=dict)
    """Configuration files with the digest that the package gave them."""


def find_databases(tree: FileTree) -> tuple[ImagePath, ...]:
    """Real paths of every rpm database, in the order in which they count; nothing is opened."""
    return tuple(path for home in HOMES for path in _databases_of(tree, home))


def read(tree: FileTree, paths: RealPaths, *, limits: Limits) -> PackageRecords:
    """Every rpm database of an image; one that two names reach counts once, and of one folder the newest format."""
    problems = Problems(limits)
    hashes = {name: Hashes(tree, name) for name in _DIGESTS.values()}
    packages: dict[tuple[str, str, str], Package] = {}
    seen: dict[ImagePath, None] = {}
    for home in HOMES:
        found = [path for path in _databases_of(tree, home) if path not in seen]
        if not found:
            continue
        chosen, *others = found
        seen.update(dict.fromkeys([chosen, *others]))
        for other in others:
            problems.add(other, OTHER_IGNORED, f"not read: {escaped(chosen)} is the newer form of this database")
        database = _Database(tree=tree, path=chosen, paths=paths, problems=problems, hashes=hashes, limits=limits)
        for package in _packages(database):
            packages.setdefault((package.name, package.version, package.architecture), package)
    return PackageRecords(packages=tuple(packages.values()), databases=tuple(sorted(seen)), problems=problems.all())


def _databases_of(tree: FileTree, home: str) -> list[ImagePath]:
    found = (real_file(tree, f"{home}/{name}") for name in NAMES)
    return list(dict.fromkeys(path for path in found if path is not None))


def _packages(database: _Database) -> list[Package]:
    """The packages of one database with their needs by package; what a broken one gave before its fault stays."""
    found: list[tuple[Package, tuple[str, ...]]] = []
    count = 0
    try:
        for count, blob in enumerate(_blobs(database), 1):  # noqa: B007  counts the headers that are not read too
            one = _header(database, blob)
            if one is not None:
                _may_go_on(database, len(found))
                found.append((_package(database, one), _requires(database, one)))
        if not count:
            database.problems.add(database.path, BAD, "holds no package")
    except BadDatabase as error:
        place = f" (at byte {error.offset})" if error.offset >= 0 else ""
        database.problems.unreadable(database.path, BAD, f"{error}{place}")
    except ImageError as error:
        database.problems.unreadable(database.path, BAD, error.message)
    _add_paths(database, found)
    return [replace(package, depends=_depends(database, package, requires)) for package, requires in found]


def _may_go_on(database: _Database, count: int) -> None:
    if count >= database.limits.packages:
        raise BadDatabase(f"more than {database.limits.packages} packages")


def _requires(database: _Database, one: Header) -> tuple[str, ...]:
    """What a header needs and rpm itself does not give; what it provides is noted."""
    name = one.texts[header.NAME]
    provides, requires = one.lists.get(header.PROVIDENAME, ()), one.lists.get(header.REQUIRENAME, ())
    database.spend(len(provides) + len(requires))
    database.provided.update(dict.fromkeys(provides, name))
    return tuple(need for need in dict.fromkeys(requires) if not need.startswith("rpmlib("))


def _add_paths(database: _Database, found: list[tuple[Package, tuple[str, ...]]]) -> None:
    """Paths that packages need (`/bin/sh`) as names that the packages which list them provide."""
    needed = dict.fromkeys(need for _, requires in found for need in requires if need.startswith("/"))
    wanted: dict[ImagePath, list[str]] = {}
    for need in needed:
        folder, _, base = need.rpartition("/")
        wanted.setdefault(ImagePath(_folder(database, folder) + base), []).append(need)
    for package, _ in found:
        for path in package.files & wanted.keys():
            database.provided.update(dict.fromkeys(wanted[path], package.name))


def _depends(database: _Database, package: Package, requires: tuple[str, ...]) -> tuple[str, ...]:
    names = dict.fromkeys(database.provided.get(need, need) for need in requires)
    names.pop(package.name, None)
    return tuple(names)


def _blobs(database: _Database) -> Iterator[Blob]:
    """The headers' bytes, by the format that the file's first bytes tell."""
    tree, path, limits = database.tree, database.path, database.limits
    size = tree.files[path].size
    if size > limits.rpm_database:
        raise BadDatabase(f"larger than {limits.rpm_database} bytes")
    source = Source(size=size, read=partial(tree.read_at, path), limits=limits)
    start = source.read(0, 16)
    if start.startswith(sqlite.MAGIC):
        return sqlite.read(source, _log(database))
    if start.startswith(ndb.MAGIC):
        return ndb.read(source)
    if bdb.is_hash(start):
        return bdb.read(source)
    raise BadDatabase("a format that is none of rpm's" if size else "empty")


def _log(database: _Database) -> bytes:
    """The write-ahead log beside a SQLite database; empty, with a problem, where it is none that can be applied."""
    path = ImagePath(f"{database.path}-wal")
    file = database.tree.files.get(path)
    if file is None or file.type is not FileType.FILE or not file.size:
        return b""
    if file.size > database.limits.package_database:
        message = f"larger than {database.limits.package_database} bytes: the packages in it are not known"
        database.problems.unreadable(path, LOG_IGNORED, message)
        return b""
    log = database.tree.content(path)
    if sqlite.log_head(log) is None:
        database.problems.add(path, LOG_IGNORED, "not a write-ahead log of SQLite, which would not read it either")
        return b""
    return log


def _header(database: _Database, blob: Blob) -> Header | None:
    problems, path = database.problems, database.path
    try:
        parsed = header.parse(blob.data, database.limits)
    except BadHeader as error:
        problems.add(path, BAD, f"a package is not read: {error}", offset=blob.at)
        return None
    if not parsed.texts.get(header.NAME):
        problems.add(path, BAD, "a package without a name", offset=blob.at)
        return None
    return parsed


def _package(database: _Database, one: Header) -> Package:
    files = _files_of(database, one)
    return Package(
        ecosystem="rpm",
        name=one.texts[header.NAME],
        version=one.version,
        architecture=one.texts.get(header.ARCH, ""),
        location=database.path,
        files=files.files,
        directories=files.directories,
        changed=_changed(database, one, files.configuration),
    )


def _changed(database: _Database, one: Header, configuration: dict[ImagePath, str]) -> frozenset[ImagePath]:
    """The configuration files whose bytes are not those that the package brought."""
    hashes = database.hashes.get(_DIGESTS.get(one.numbers.get(header.FILEDIGESTALGO, (1,))[0], ""))
    changed: set[ImagePath] = set()
    for path, digest in configuration.items():
        try:
            wanted = bytes.fromhex(digest)
        except ValueError:
            continue
        if hashes is not None and wanted and hashes.differs(path, wanted):
            changed.add(path)
    return frozenset(changed)


def _files_of(database: _Database, one: Header) -> _Files:
    """What a header lists, as far as the image has it; a directory in the place of a file is not the package's."""
    modes = one.numbers.get(header.FILEMODES, ())
    flags = one.numbers.get(header.FILEFLAGS, ())
    digests = one.lists.get(header.FILEDIGESTS, ())
    files: set[ImagePath] = set()
    directories: set[ImagePath] = set()
    configuration: dict[ImagePath, str] = {}
    for index, path in enumerate(_names(database, one)):
        file = database.tree.files.get(path) if path else None
        if path is None or file is None:
            continue
        is_directory = file.type is FileType.DIRECTORY
        if is_directory == (_at(modes, index) & _KIND == _DIRECTORY) or not modes:
            (directories if is_directory else files).add(path)
            if _at(flags, index) & (_CONFIG | _GHOST) == _CONFIG and index < len(digests):
                configuration[path] = digests[index]
    return _Files(files=frozenset(files), directories=frozenset(directories), configuration=configuration)


def _at(numbers: tuple[int, ...], index: int) -> int:
    return numbers[index] if index < len(numbers) else 0


def _names(database: _Database, one: Header) -> Iterator[ImagePath | None]:
    """The real paths of a header's files in its order, None for what lies in no directory of the image."""
    names: Iterable[tuple[str, str]]
    bases, old = one.lists.get(header.BASENAMES, ()), one.lists.get(header.OLDFILENAMES, ())
    folders = one.lists.get(header.DIRNAMES, ())
    database.spend(len(bases) + len(folders) + len(old))
    if bases:
        real = [_folder(database, name) for name in folders]
        indexes = one.numbers.get(header.DIRINDEXES, ())
        if len(indexes) != len(bases) or (indexes and max(indexes) >= len(real)):
            label = one.texts[header.NAME]
            database.problems.add(database.path, BAD, f"{label}: names of files without their directories")
            return
        names = ((real[folder], base) for folder, base in zip(indexes, bases, strict=True))
    else:
        split = (name.rpartition("/") for name in old)
        names = ((_folder(database, folder), base) for folder, _, base in split)
    for folder, base in names:
        yield ImagePath(folder + base) if folder and base not in ("", ".", "..") and "/" not in base else None


def _folder(database: _Database, name: str) -> str:
    """The real path of a directory with a slash behind it; empty where the image has none such."""
    if not name.startswith("/") and name:
        return ""
    return database.paths.directory(name.rstrip("/"))
