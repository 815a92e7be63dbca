"""The packages of dpkg and opkg: status files, distroless' status.d, file lists, diversions and changed conffiles.

deb822(5) for the stanzas, dpkg-query(1) for the third word of Status.
"""

from __future__ import annotations

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
    is_regular,
    real_file,
    record,
    stanzas,
)
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, basename, decoded, parent
from xraydiff.tree import FileTree

ROOTS = (
    ("/var/lib/dpkg", "dpkg"),
    ("/usr/lib/dpkg", "dpkg"),
    ("/var/lib/opkg", "opkg"),
    ("/usr/lib/opkg", "opkg"),
)
"""Where the databases stand; /usr/lib in images that are made as file-system trees (ostree)."""

BAD_ENTRY = "bad-dpkg-entry"
NOT_DPKG = "not-a-dpkg-database"
UNREADABLE = "dpkg-unreadable"

_GONE = frozenset({"not-installed", "config-files"})
_STATES = frozenset(
    {"installed", "unpacked", "half-configured", "half-installed", "triggers-awaited", "triggers-pending"} | _GONE
)
_WANTED = {
    name.lower(): name
    for name in ("Package", "Status", "Version", "Architecture", "Depends", "Pre-Depends", "Conffiles", "Maintainer")
}
_FOREIGN = frozenset({b"abi", b"feature", b"port-version"})
"""Fields of vcpkg's status file, which has the same form and the same place below another root."""
_FIELD = re.compile(rb"[!\"$-,./0-9;-~][!-9;-~]*\Z")
_DEPENDS = re.compile(r"[a-z0-9][a-z0-9+.\-]*", re.IGNORECASE)
_CHECKSUM = 34
"""Where the name starts in a line of *.md5sums: 32 digits and two spaces; distroless has these and no lists."""
_MD5 = re.compile(r"[0-9a-f]{32}\Z")


@dataclass(slots=True, kw_only=True)
class _Stanza:
    """The fields of one package that we use, by their usual spelling, and what is wrong with it."""

    offset: int
    fields: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    foreign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Database:
    """One folder of a package manager."""

    root: ImagePath
    ecosystem: str
    status_d: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where the parts of one database are read from."""

    tree: FileTree
    paths: RealPaths
    database: _Database
    problems: Problems
    limits: Limits
    hashes: Hashes
    used: set[ImagePath] = field(default_factory=set)

    def text(self, path: str) -> str:
        """A file beside the database, once; empty where it is absent, or too large, which is a problem."""
        found = ImagePath(path) if is_regular(self.tree, path) else real_file(self.tree, path)
        if found is None or found in self.used:
            return ""
        self.used.add(found)
        return record(self.tree, found, self.problems, code=BAD_ENTRY, limits=self.limits) or ""


def read(tree: FileTree, paths: RealPaths, *, limits: Limits) -> PackageRecords:
    """Every dpkg and opkg database of an image; a database that two names reach counts once."""
    problems = Problems(limits)
    packages: dict[tuple[str, str, str], Package] = {}
    hashes = Hashes(tree, "md5")
    databases: list[str] = []
    seen: set[ImagePath] = set()
    for root, ecosystem in ROOTS:
        for status, folder, status_d in _status_files(tree, root):
            if status in seen:
                continue
            seen.add(status)
            folder_of = _Database(root=folder, ecosystem=ecosystem, status_d=status_d)
            source = _Source(
                tree=tree, paths=paths, database=folder_of, problems=problems, limits=limits, hashes=hashes
            )
            entries = _entries(tree, status, problems, limits)
            if entries is None:
                continue
            databases.append(status)
            for package in _packages(source, status, entries):
                packages.setdefault((package.ecosystem, package.name, package.architecture), package)
    return PackageRecords(
        packages=tuple(packages.values()), databases=tuple(sorted(databases)), problems=problems.all()
    )


def _status_files(tree: FileTree, root: str) -> Iterator[tuple[ImagePath, ImagePath, bool]]:
    """Status files below a root: its `status`, and each file of `status.d` that holds no checksums."""
    status = real_file(tree, f"{root}/status")
    if status is not None:
        found = tree.resolve(root)
        yield status, found.path or parent(status), False
    folder = tree.resolve(f"{root}/status.d").path
    if folder is None:
        return
    for name in tree.children(folder):
        path = ImagePath(f"{folder}/{name}")
        if not name.endswith(".md5sums") and is_regular(tree, path):
            yield path, folder, True


def _entries(tree: FileTree, status: ImagePath, problems: Problems, limits: Limits) -> list[_Stanza] | None:
    """The stanzas of a status file; None, with a problem, where it is too large or no status file at all."""
    content = database(tree, status, problems, code=UNREADABLE, limits=limits)
    if content is None:
        return None
    read_so_far: list[_Stanza] = []
    for offset, raw in stanzas(content):
        if len(read_so_far) >= limits.packages:
            problems.unreadable(status, UNREADABLE, f"more than {limits.packages} packages")
            break
        read_so_far.append(_stanza(offset, raw, limits))
    foreign = any(stanza.foreign for stanza in read_so_far)
    if foreign and not any("Maintainer" in stanza.fields for stanza in read_so_far):
        problems.add(status, NOT_DPKG, "holds fields of another package manager (vcpkg): not read as packages")
        return None
    return read_so_far


def _stanza(offset: int, raw: bytes, limits: Limits) -> _Stanza:
    stanza = _Stanza(offset=offset)
    values: dict[str, list[bytes]] = {}
    seen: set[bytes] = set()
    current: list[bytes] | None = None
    for line in raw.split(b"\n"):
        if len(line) > limits.text_line or b"\0" in line:
            stanza.faults.append("a line holds a null byte" if b"\0" in line else f"a line of {len(line)} bytes")
            current = None
        elif line[:1] in (b" ", b"\t"):
            if current is not None:
                current.append(line)
        elif line.strip():
            current = _field(line, seen, values, stanza)
    stanza.fields = {name: decoded(b"\n".join(lines)).strip() for name, lines in values.items()}
    return stanza


def _field(line: bytes, seen: set[bytes], values: dict[str, list[bytes]], stanza: _Stanza) -> list[bytes] | None:
    """Where the lines of this field go, or None where nobody wants them."""
    name, colon, value = line.partition(b":")
    name = name.lower()
    if not colon or not _FIELD.match(name):
        stanza.faults.append("a line that is no field")
        return None
    if name in seen:
        stanza.faults.append(f"field {decoded(name)} stands twice")
        return None
    seen.add(name)
    stanza.foreign = stanza.foreign or name in _FOREIGN
    wanted = _WANTED.get(decoded(name))
    if wanted is None:
        return None
    return values.setdefault(wanted, [value.rstrip(b"\r")])


def _packages(source: _Source, status: ImagePath, entries: list[_Stanza]) -> Iterator[Package]:
    diversions = _diversions(source)
    for stanza in entries:
        for fault in stanza.faults:
            source.problems.add(status, BAD_ENTRY, f"{_called(stanza)}: {fault}", offset=stanza.offset)
        state = _state(stanza, status, source.problems)
        if state is None:
            continue
        name, architecture = stanza.fields["Package"], stanza.fields.get("Architecture", "")
        files, directories = source.paths.split(_listed(source, status, name, architecture))
        files = _diverted(files, name, diversions)
        yield Package(
            ecosystem=source.database.ecosystem,
            name=name,
            version=stanza.fields.get("Version", ""),
            architecture=architecture,
            status=state,
            location=status,
            files=files,
            depends=_depends(stanza),
            directories=directories,
            changed=_changed(source, stanza.fields.get("Conffiles", ""), files),
        )


def _called(stanza: _Stanza) -> str:
    return stanza.fields.get("Package") or "an entry without a name"


def _state(stanza: _Stanza, status: ImagePath, problems: Problems) -> str | None:
    """The third word of Status, `installed` where there is no Status; None for what is not installed."""

    def bad(message: str) -> None:
        problems.add(status, BAD_ENTRY, f"{_called(stanza)}: {message}", offset=stanza.offset)

    name = stanza.fields.get("Package", "")
    if not name or "/" in name:
        bad("no usable name")
        return None
    words = stanza.fields.get("Status", "install ok installed").split()
    state = words[2] if len(words) == 3 else "unknown"
    if state in _GONE:
        return None
    if state not in _STATES:
        bad("a Status that dpkg does not write")
    if not stanza.fields.get("Version"):
        bad("no version")
        # A bare name is what dpkg keeps of packages that it only heard of; with a Status it claims to be there.
        return state if "Status" in stanza.fields else None
    return state


def _depends(stanza: _Stanza) -> tuple[str, ...]:
    """Names of `Pre-Depends` and `Depends`, of each alternative, in order, once."""
    names: dict[str, None] = {}
    for key in ("Pre-Depends", "Depends"):
        for clause in stanza.fields.get(key, "").replace("|", ",").split(","):
            match = _DEPENDS.match(clause.strip())
            if match:
                names[match.group()] = None
    return tuple(names)


def _listed(source: _Source, status: ImagePath, name: str, architecture: str) -> list[str]:
    """The names in a package's file list; empty where the database has none."""
    root = source.database.root
    if source.database.status_d:
        for base in (basename(status), name):
            text = source.text(f"{root}/{base}.md5sums")
            if text:
                return ["/" + line[_CHECKSUM:].lstrip("/") for line in text.split("\n") if len(line) > _CHECKSUM]
        return []
    for base in (f"{name}:{architecture}", name):
        text = source.text(f"{root}/info/{base}.list")
        if text:
            # opkg writes the mode behind a tab.
            return [line.partition("\t")[0] for line in text.split("\n")] if "\t" in text else text.split("\n")
    return []


def _diversions(source: _Source) -> tuple[tuple[ImagePath, ImagePath, str], ...]:
    """Lines of dpkg-divert(1) in threes: the path, where it lies instead, the package that may use the path."""
    lines = source.text(f"{source.database.root}/diversions").split("\n")
    rows: list[tuple[ImagePath, ImagePath, str]] = []
    for i in range(0, len(lines) - 2, 3):
        old, new = (ImagePath(source.paths.directory(n.rpartition("/")[0]) + basename(n)) for n in lines[i : i + 2])
        rows.append((old, new, lines[i + 2]))
    return tuple(rows)


def _diverted(
    files: frozenset[ImagePath], name: str, diversions: tuple[tuple[ImagePath, ImagePath, str], ...]
) -> frozenset[ImagePath]:
    moved = {old: new for old, new, by in diversions if by != name and old in files}
    return files.difference(moved) | frozenset(moved.values()) if moved else files


def _changed(source: _Source, conffiles: str, files: frozenset[ImagePath]) -> frozenset[ImagePath]:
    """The conffiles whose bytes are not those that the package brought: somebody's configuration stands in them."""
    changed: set[ImagePath] = set()
    for line in conffiles.split("\n"):
        words = line.strip().removesuffix(" remove-on-upgrade").removesuffix(" obsolete")
        name, _, digest = words.rpartition(" ")
        directory, _, base = name.rpartition("/")
        path = ImagePath(source.paths.directory(directory) + base)
        if path in files and _MD5.match(digest) and source.hashes.differs(path, bytes.fromhex(digest)):
            changed.add(path)
    return frozenset(changed)
