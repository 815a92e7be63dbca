"""Packages kept in part: which removed files of a package that ran are there to be run or read, not for people.

A minifier keeps what one run used of a package. No reference leads to the rest of the package; still operators call it
(`pg_dump`, `redis-cli`, `keytool`), and other requests use it. So it is POSSIBLE, unless a reference or a
companion says more.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from xraydiff.facts import Edge, EdgeKind, FileType, Firing, Node, Origin, OwnerKind, Package
from xraydiff.inventory.classes import RemovedClass, classify
from xraydiff.paths import ImagePath, basename, parent
from xraydiff.reach.directories import SYSTEM_ROOTS, never_counts
from xraydiff.reach.presence import Presence
from xraydiff.tree import FileTree

_SYSTEM = frozenset({"dpkg", "opkg", "apk", "rpm"})
_PROGRAM_FOLDERS = frozenset({"bin", "sbin", "libexec"})
_TOOLBOX = frozenset(
    {"sh", "bash", "busybox", "ls", "sed", "grep", "awk", "gawk", "mawk", "find", "ps", "mount", "su", "tar", "gzip"}
    | {"which", "hostname", "getent", "logger", "tini", "dumb-init", "gosu", "su-exec", "s6-svscan"}
)
"""A package with one of these helps to start what an image is made for; it is not what the image is made for."""
_FOR_PEOPLE = frozenset(
    {
        RemovedClass.HEADER,
        RemovedClass.LOCALE,
        RemovedClass.DOCUMENTATION,
        RemovedClass.PACKAGE_DATABASE,
        RemovedClass.CACHE,
        RemovedClass.HOME,
    }
)
_HOST_ONLY = re.compile(
    r"^/(?:usr/)?(?:local/)?(?:lib/(?:systemd|tmpfiles\.d|sysusers\.d|udev|modules-load\.d|sysctl\.d|binfmt\.d)/|share/(?:bug|lintian"
    r"|menu|applications|icons|pixmaps|metainfo|appdata|bash-completion|zsh|fish|apport|doc-base|gdb|aclocal|polkit-1)/)"
    r"|^/etc/(?:init\.d|init|conf\.d|rc[0-9S]\.d|cron\.[a-z]{1,10}|logrotate\.d|logcheck|apparmor\.d|apport|systemd|ufw"
    r"|bash_completion\.d|default|xdg|insserv[a-z.]{0,10})/"
    r"|/(?:pkgconfig|cmake|pgxs|\.dist-info|\.egg-info)/|\.(?:a|la|o|pc|cmake|m4|mk|bc|pyi|pyc|pyo|h|hpp|map|ts|flow|gemspec)$"
    r"|(?:^|/)Makefile[^/]{0,40}$|/[^/]{1,100}\.(?:dist|egg)-info/"
)
"""For hosts with an init system and logins, and for building: no container reads these."""
_CODE = (".py", ".so", ".js", ".mjs", ".cjs", ".node", ".rb", ".php")
_NODE = "node"


class Parts:
    """Edges from what was kept of packages to what was removed of them."""

    def __init__(self, original: FileTree, presence: Presence, packages: Sequence[Package]) -> None:
        self._original = original
        self._presence = presence
        self._packages = packages

    def edges(self, started: Iterable[ImagePath]) -> Iterator[Edge]:
        """Of the OS packages of the programs that the image starts, and of language packages whose own code ran."""
        yield from self._of_programs(frozenset(started))
        for package in self._packages:
            if package.ecosystem not in _SYSTEM:
                anchor = self._entry_module(package)
                if anchor is not None:
                    yield from self._of_package(anchor, package)

    def _of_programs(self, started: frozenset[ImagePath]) -> Iterator[Edge]:
        system = [package for package in self._packages if package.ecosystem in _SYSTEM]
        anchors: dict[tuple[str, str, str], ImagePath] = {}
        folders: dict[ImagePath, ImagePath] = {}
        whole: set[int] = set()
        for package in system:
            programs = sorted(started & package.files)
            if programs and not self._is_toolbox(package):
                whole.add(id(package))
                anchors.setdefault(_source(package), programs[0])
                folders.update((parent(program), programs[0]) for program in programs)
                yield from self._of_package(programs[0], package)
        for package in system:
            anchor = anchors.get(_source(package))
            if anchor is not None and id(package) not in whole:
                yield from self._of_package(anchor, package, programs_only=True)
        yield from self._beside_programs(folders, system)

    def _is_toolbox(self, package: Package) -> bool:
        return any(basename(path) in _TOOLBOX and _is_program_place(path) for path in package.files)

    def _of_package(self, anchor: ImagePath, package: Package, *, programs_only: bool = False) -> Iterator[Edge]:
        missing = (path for path in sorted(package.files) if not self._presence.kept(path))
        for path in missing:
            program = self._is_program(path)
            if (program or not programs_only) and self._is_run_time(path, package):
                yield _edge(anchor, path, package.name, program=program)

    def _beside_programs(self, folders: Mapping[ImagePath, ImagePath], packages: Sequence[Package]) -> Iterator[Edge]:
        """Programs of directories that belong to one software alone, whatever package they came with.

        `folders` has with each directory the program that was started there.
        """
        missing: dict[ImagePath, list[ImagePath]] = {}
        for folder in sorted(folders):
            if folder not in SYSTEM_ROOTS and basename(folder) in _PROGRAM_FOLDERS:
                inside = (ImagePath(f"{folder}/{name}") for name in self._original.children(folder))
                missing[folder] = [path for path in inside if not self._presence.kept(path) and self._is_program(path)]
        every = frozenset(path for paths in missing.values() for path in paths)
        owned = {path: package.name for package in packages for path in every & package.files} if every else {}
        for folder, paths in missing.items():
            for path in sorted(paths):
                yield _edge(folders[folder], path, owned.get(path, folder), program=True)

    def _is_program(self, path: ImagePath) -> bool:
        if not _is_program_place(path):
            return False
        file = self._original.resolve(path).file
        return file is not None and file.type is FileType.FILE and bool(file.mode & 0o111)

    def _is_run_time(self, path: ImagePath, package: Package) -> bool:
        file = self._original.files.get(path)
        if file is None or file.type not in (FileType.FILE, FileType.SYMLINK):
            return False
        kind = OwnerKind.OS_PACKAGE if package.ecosystem in _SYSTEM else OwnerKind.LANGUAGE_PACKAGE
        if never_counts(path) or _HOST_ONLY.search(path):
            return False
        return classify(path, file, kind) not in _FOR_PEOPLE

    def _entry_module(self, package: Package) -> ImagePath | None:
        """A kept module on the top level of the package's main directory: without it nothing of the package ran.

        A package of node is loaded by the one module that its package.json names, wherever that lies (`lib/index.js`
        beside a larger `encodings/`), and nothing but `require` opens its modules: any kept one says that it ran.
        """
        code = [path for path in package.files if path.endswith(_CODE) and not never_counts(path)]
        if package.ecosystem == _NODE:
            kept = (path for path in code if self._presence.kept(path))
            return min(kept, key=lambda path: (path.count("/"), path), default=None)
        depth = 1
        while code:
            # Down to the first directory that holds modules itself, each time where most of the code lies.
            top = sorted(path for path in code if path.count("/") == depth)
            if top:
                return next((path for path in top if self._presence.kept(path)), None)
            folders = Counter(path.split("/", depth + 1)[depth] for path in code)
            most = max(folders.values())
            main = min(name for name, count in folders.items() if count == most)
            code = [path for path in code if path.split("/", depth + 1)[depth] == main]
            depth += 1
        return None


def _is_program_place(path: ImagePath) -> bool:
    return basename(parent(path)) in _PROGRAM_FOLDERS


def _source(package: Package) -> tuple[str, str, str]:
    """Equal for packages that were built together: `postgresql-15` and `postgresql-client-15`, of one version."""
    return package.ecosystem, package.version, package.name.partition("-")[0]


def _edge(anchor: ImagePath, path: ImagePath, package: str, *, program: bool) -> Edge:
    return Edge(
        source=Node(path=anchor),
        target=Node(path=path),
        kind=EdgeKind.EXECUTES if program else EdgeKind.CONTAINS,
        firing=Firing.KEPT_WITH,
        detail=package,
        by="parts",
        origin=Origin.PART,
        group=package,
    )
