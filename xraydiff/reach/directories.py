"""The application's files that no reference names singly: in a named directory, in PATH, beside a kept file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from xraydiff.budget import Budget
from xraydiff.conventions import engine_provides
from xraydiff.facts import ConfigField, Edge, EdgeKind, File, FileType, Firing, Node, NodeKind, Origin, OwnerKind
from xraydiff.owners import Owners
from xraydiff.paths import ImagePath, basename, parent
from xraydiff.reach.presence import Presence
from xraydiff.references import Context
from xraydiff.tree import FileTree

SYSTEM_ROOTS = frozenset(
    {
        "/",
        "/bin",
        "/boot",
        "/etc",
        "/home",
        "/lib",
        "/lib64",
        "/media",
        "/mnt",
        "/opt",
        "/root",
        "/run",
        "/sbin",
        "/srv",
    }
    | {"/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/local", "/usr/local/bin"}  # noqa: S108  names
    | {"/usr/local/etc", "/usr/local/lib", "/usr/local/sbin", "/usr/local/share", "/usr/sbin", "/usr/share"}
    | {"/var", "/var/cache", "/var/lib", "/var/log", "/var/run", "/var/spool", "/var/tmp", "/var/www"}  # noqa: S108
)
"""Directories that belong to the whole system: lying below one says nothing about a file."""

_OTHERS_WRITE = 0o002

_NEVER = re.compile(
    r"/(?:docs?|man|info|examples?|tests?|__tests__|testing|spec|benchmarks?|__pycache__|\.git|\.cache|\.github|\.hg|\.svn)/"
    r"|(?:^|/)(?:README|LICEN[CS]E|COPYING|CHANGE(?:S|LOG)|AUTHORS|NOTICE|CONTRIBUTING|Dockerfile|\.dockerignore|\.gitignore)[^/]*$"
    r"|\.(?:pyi|pyc|pyo|map|md|rst|d\.ts|orig|rej|swp|log|pid|tmp|bak|o|a|la|h|c|hpp|cpp|cc)$"
    r"|(?:^|/)(?:conftest\.py|test_[^/]*\.py|[^/]*_test\.(?:py|go|js|ts|rb))$",
    re.IGNORECASE,
)


def never_counts(path: str) -> bool:
    """Documentation, tests, type stubs, source maps, sources of compiled programs and caches: no run needs them."""
    return _NEVER.search(path) is not None


def user_of(context: Context) -> int:
    """The number of the user whom the image runs as, 0 where it names none that the original defines."""
    name = context.config.user.partition(":")[0]
    if name.isdecimal():
        return int(name)
    passwd = context.original.resolve("/etc/passwd")
    if not name or passwd.path is None or passwd.file is None or passwd.file.type is not FileType.FILE:
        return 0
    for line in context.original.content(passwd.path, limit=context.limits.passwd).splitlines():
        fields = line.decode("utf-8", "surrogateescape").split(":")
        if len(fields) > 3 and fields[0] == name and fields[2].isdecimal():
            return int(fields[2])
    return 0


class DirectoryFiles:
    """Removed application files by their directory, from one index."""

    def __init__(
        self, original: FileTree, owners: Owners, presence: Presence, *, user: int = 0, budget: Budget | None = None
    ) -> None:
        self._original = original
        self._owners = owners
        self._presence = presence
        self._user = user
        self._budget = budget or Budget()
        self._done: set[ImagePath | tuple[ImagePath, str]] = set()
        self._missing: dict[ImagePath, list[ImagePath]] = {}
        self._by_suffix: dict[tuple[ImagePath, str], list[ImagePath]] = {}
        for path, file in original.files.items():
            if file.type is not FileType.DIRECTORY and not presence.kept(path):
                self._missing.setdefault(parent(path), []).append(path)
                self._by_suffix.setdefault((parent(path), _suffix(path)), []).append(path)

    def content(self, source: Node, directory: ImagePath, *, detail: str) -> Iterator[Edge]:
        """Edges from a node that names a directory to the removed application files below it, however many."""
        if directory in SYSTEM_ROOTS or engine_provides(directory):
            return
        for path in self._application_files_below(directory):
            yield _contains(source, path, detail)

    def siblings(self, source: Node, kept: ImagePath) -> Iterator[Edge]:
        """Edges from a kept application file to removed ones with its suffix in its own directory.

        They are given once, for the first file of a suffix: each further one would give the same.
        """
        folder, suffix = parent(kept), _suffix(kept)
        if folder in SYSTEM_ROOTS or not suffix or kept not in self._original.files:
            return
        for path in self._once_for((folder, suffix), self._by_suffix.get((folder, suffix), [])):
            if self._is_application_file(path, basename(path)):
                yield _contains(source, path, f"*{suffix} beside it")

    def commands(self, source: Node, folders: Iterable[ImagePath]) -> Iterator[Edge]:
        """Edges to the application's removed programs in PATH: no run starts them, operators do."""
        for folder in folders:
            real = self._original.resolve(folder).path
            for path in self._missing.get(real, ()) if real is not None else ():
                file = self._original.resolve(path).file
                if file is not None and file.mode & 0o111 and self._is_application_file(path, basename(path)):
                    yield self._operator_program(source, path, "PATH", field=ConfigField.PATH)

    def programs(self, source: Node, kept: ImagePath) -> Iterator[Edge]:
        """Edges from a kept program of the application to removed ones beside it, which operators start.

        They are given once, for the first program of a directory.
        """
        folder, own = parent(kept), self._original.files.get(kept)
        if folder in SYSTEM_ROOTS or own is None or not own.mode & 0o111:
            return
        for path in self._once_for(folder, self._missing.get(folder, [])):
            file = self._original.resolve(path).file
            runs = file is not None and file.type is FileType.FILE and bool(file.mode & 0o111)
            if runs and self._is_application_file(path, basename(path)):
                yield self._operator_program(source, path, "beside it")

    def state(
        self, source: Node, active: Iterable[ImagePath], *, made_anew: frozenset[str] = frozenset()
    ) -> Iterator[Edge]:
        """Edges to removed empty directories that hold what programs write: no trace of a run shows them.

        Those of the application, and those of packages with `active` files that are made for somebody: another owner
        than root, or a mode that lets others write. They cost nothing, and whoever writes there cannot make them anew;
        an engine makes WORKDIR and volumes anew (`made_anew`), owned by root.
        """
        packages = {self._owners.owner(path).package for path in active}
        for path, file in self._original.files.items():
            if file.type is FileType.DIRECTORY and not self._presence.kept(path) and not self._original.children(path):
                owner = self._owners.owner(path)
                own = owner.kind is OwnerKind.APPLICATION
                # useradd(8) makes a home for every account; of those of images nobody needed one that was empty.
                usual = path in SYSTEM_ROOTS or parent(path) == "/home" or engine_provides(path)
                if usual or not (own or owner.package in packages):
                    continue
                special = (file.uid, file.gid) != (0, 0) or bool(file.mode & _OTHERS_WRITE)
                if special or (own and path not in made_anew):
                    yield _contains(source, path, "an empty directory", kind=NodeKind.DIRECTORY)

    def _operator_program(
        self, source: Node, path: ImagePath, detail: str, *, field: ConfigField | None = None
    ) -> Edge:
        """A program that no run starts, and operators may: a script was written for this image, a binary fetched."""
        return Edge(
            source=source,
            target=Node(path=path),
            kind=EdgeKind.EXECUTES,
            firing=Firing.KEPT_WITH,
            detail=detail,
            by="places",
            origin=Origin.PLACE,
            field=field,
            weak=not self._is_script(path),
        )

    def _is_script(self, path: ImagePath) -> bool:
        found = self._original.resolve(path)
        if found.path is None or found.file is None or found.file.type is not FileType.FILE:
            return False
        return self._original.read_at(found.path, 0, 2) == b"#!"

    def _once_for(self, group: ImagePath | tuple[ImagePath, str], missing: list[ImagePath]) -> list[ImagePath]:
        """The missing files of a group on the first call, nothing on later ones."""
        if group in self._done:
            return []
        self._done.add(group)
        self._budget.spend(len(missing))
        return missing

    def _application_files_below(self, directory: ImagePath) -> Iterator[ImagePath]:
        state = self._is_state(directory)
        for path in self._original.below(directory):
            if self._presence.kept(path) or not self._can_be_missed(path):
                continue
            # What the directory's own name says does not count: `docs` may be what the application serves.
            below = "/" if state else path[len(directory) :]
            if self._is_application_file(path, below):
                yield path

    def _is_state(self, directory: ImagePath) -> bool:
        """A data directory that belongs to the image's user counts whole: logs and locks are its data."""
        file = self._original.files[directory]
        return self._user != 0 and file.uid == self._user

    def _can_be_missed(self, path: ImagePath) -> bool:
        file = self._original.files[path]
        return file.type in (FileType.FILE, FileType.SYMLINK) or self._is_empty_directory(path, file)

    def _is_empty_directory(self, path: ImagePath, file: File) -> bool:
        return file.type is FileType.DIRECTORY and not self._original.children(path)

    def _is_application_file(self, path: ImagePath, name: str) -> bool:
        return not never_counts(name) and self._owners.owner(path).kind is OwnerKind.APPLICATION


def _suffix(path: str) -> str:
    stem, dot, suffix = basename(path).rpartition(".")
    return dot + suffix if stem else ""


def _contains(source: Node, path: ImagePath, detail: str, *, kind: NodeKind = NodeKind.FILE) -> Edge:
    return Edge(
        source=source,
        target=Node(kind=kind, path=path),
        kind=EdgeKind.CONTAINS,
        firing=Firing.KEPT_WITH,
        detail=detail,
        by="places",
        origin=Origin.PLACE,
        group=detail,
    )
