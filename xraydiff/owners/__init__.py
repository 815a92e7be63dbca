"""Whose file it is: packages, runtimes and the start command decide the Owner of every path."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from xraydiff.facts import FileType, ImageConfig, Owner, OwnerKind, Package, Runtime
from xraydiff.inventory.packages import rpm, unread
from xraydiff.limits import DEFAULT, Limits
from xraydiff.owners.local import local_packages
from xraydiff.owners.runtimes import find_regions
from xraydiff.owners.scripts import MaintainerScripts
from xraydiff.owners.start import read_start
from xraydiff.owners.system_paths import (
    STATE_FILES,
    in_state_tree,
    in_system,
    is_generated,
    is_library,
    is_root,
    is_state,
    is_state_root,
)
from xraydiff.paths import ROOT, ImagePath, ancestors, basename, image_path, is_below, parent
from xraydiff.tree import FileTree

__all__ = ["ImageOwners", "Owners", "find_owners"]

OS_ECOSYSTEMS = frozenset({"dpkg", "opkg", "apk", "rpm"})
APPLICATION = Owner(kind=OwnerKind.APPLICATION)
UNKNOWN_OS = Owner(kind=OwnerKind.OS_PACKAGE, package="?")
"""The operating system's, of no package that we know."""
_NODE_MODULES = Owner(kind=OwnerKind.LANGUAGE_PACKAGE, package="npm", ecosystem="node")
_DIRECTORY_FILES = 100
"""Files of a directory whose owners decide that of the directory."""


class Owners(Protocol):
    """Owner of every real path of the original."""

    def owner(self, path: ImagePath) -> Owner:
        """The owner of a path; `application` where no package has it."""


def find_owners(
    tree: FileTree,
    packages: Iterable[Package],
    config: ImageConfig,
    *,
    runtimes: Iterable[Runtime] = (),
    limits: Limits = DEFAULT,
) -> ImageOwners:
    """The owners of an image: file lists now, everything else when it is needed."""
    return ImageOwners(tree, tuple(packages), config, runtimes=tuple(runtimes), limits=limits)


class ImageOwners:
    """Owner of every path of one image.

    A file list decides first: an OS package before a language package. A language package that is local, that the start
    command names or that holds WORKDIR is the application; so is a configuration file whose bytes are not its
    package's. For what no list names, in this order: byte-code follows its source; a runtime's own region;
    node_modules; WORKDIR and volumes are the application's; a link in a system place follows its target; the system's
    own state; what maintainer scripts name; what programs wrote into a package's directory below /var/lib. What is left
    is the application.

    Where an image has no readable list of its OS packages (rpm, a chiselled image) everything in a system place is the
    operating system's, but for what the start command names. Where it has no package database at all, or a dpkg
    database with lists missing, shared objects in the loader's default directories are. Layers only say whether a file
    that a maintainer script may have made was written with the package or later.
    """

    def __init__(
        self,
        tree: FileTree,
        packages: tuple[Package, ...],
        config: ImageConfig,
        *,
        runtimes: tuple[Runtime, ...],
        limits: Limits,
    ) -> None:
        self._tree = tree
        self._system = [package for package in packages if package.ecosystem in OS_ECOSYSTEMS]
        self._packages: dict[ImagePath, Package] = {}
        self._lists: dict[ImagePath, Owner] = {}
        self._own = [package for package in packages if package.ecosystem not in OS_ECOSYSTEMS]
        for package in (*self._own, *self._system):
            self._add(package, _owner_of(package))
        self._regions = find_regions(tree, self._lists, runtimes)
        self._start = read_start(tree, config, limits=limits)
        self._application_roots = self._find_application_roots(config)
        for package in local_packages(tree, self._own, self._packages, self._start, self._regions):
            self._lists.update(dict.fromkeys(self._still_of(package), APPLICATION))
        for package in self._system:
            self._lists.update(dict.fromkeys(package.changed - STATE_FILES, APPLICATION))
        self._scripts = MaintainerScripts(tree, self._system, limits)
        self._directories = _directories_of(self._system)
        self._has_unread = _has_unread_database(tree, self._system)
        self._has_unlisted = not self._system or any(_is_unlisted(package) for package in self._system)
        self._layered = len({file.layer for file in tree.files.values() if file.layer >= 0}) > 1
        self._named = frozenset(self._start.files)
        self._memo: dict[ImagePath, Owner] = {}

    def owner(self, path: ImagePath) -> Owner:
        """The owner of a path; `application` where no package has it.

        A path that slim holds through a directory where the original has a link (`/lib` -> `usr/lib`) has the owner of
        what it is in the original.
        """
        listed = self._lists.get(path)
        if listed is not None:
            return listed
        known = self._memo.get(path)
        if known is None:
            known = self._memo[path] = self._found(path)
        return known

    def _found(self, path: ImagePath) -> Owner:
        file = self._tree.files.get(path)
        if file is None:
            real = self._tree.resolve(path).path
            if real is not None and real != path:
                return self.owner(real)
        is_directory = file is not None and file.type is FileType.DIRECTORY
        return self._of_directory(path) if is_directory else self._of_file(path)

    def package(self, path: ImagePath) -> Package | None:
        """The package whose file list names a path, an OS package before others."""
        return self._packages.get(path)

    def _add(self, package: Package, owner: Owner) -> None:
        self._packages.update(dict.fromkeys(package.files, package))
        self._lists.update(dict.fromkeys(package.files, owner))

    def _still_of(self, package: Package) -> Iterable[ImagePath]:
        return (path for path in package.files if self._packages[path] is package)

    def _find_application_roots(self, config: ImageConfig) -> tuple[ImagePath, ...]:
        """WORKDIR, volumes and the directories that the start command names, where these are not the whole system's."""
        volumes = (self._tree.resolve(path).path or image_path(path) for path in config.volumes)
        data = {root for root in (*volumes, *self._start.arguments) if not in_state_tree(root)}
        return tuple(sorted(root for root in {self._start.workdir, *data} if not is_root(root)))

    def _of_file(self, path: ImagePath) -> Owner:
        source = _source_of(path)
        if source is not None and source in self._tree.files:
            return self.owner(source)
        region = self._regions.owner(path)
        if region is not None:
            return region
        if "/node_modules/" in path:
            return self._of_node_module(path)
        if any(is_below(path, root) for root in self._application_roots):
            return APPLICATION
        return self._of_link(path) or self._of_system(path) or APPLICATION

    def _of_node_module(self, path: ImagePath) -> Owner:
        """Npm's own files, and links: a workspace's link leads to the application's own folder."""
        found = self._tree.resolve(path).path
        if found is not None and found != path and "/node_modules/" not in found:
            return self.owner(found)
        return _NODE_MODULES

    def _of_link(self, path: ImagePath) -> Owner | None:
        """The owner of a link's target, for links in system places and in /usr/local."""
        file = self._tree.files.get(path)
        if file is None or file.type is not FileType.SYMLINK:
            return None
        if not in_system(path) and not is_below(path, "/usr/local"):
            return None
        found = self._tree.resolve(path)
        if found.path is not None:
            return None if found.path == path else self.owner(found.path)
        broken = found.missing
        return UNKNOWN_OS if broken is not None and (is_state(broken) or broken in self._directories) else None

    def _of_system(self, path: ImagePath) -> Owner | None:
        if path in self._named:
            return None
        if is_state(path):
            return self._nearest(parent(path))[1] or UNKNOWN_OS
        made = self._scripts.maker(path)
        if made is not None and self._made_with(path, made[1]):
            return Owner(kind=OwnerKind.OS_PACKAGE, package=made[0], ecosystem="dpkg")
        return self._of_place(path) if in_system(path) else None

    def _of_place(self, path: ImagePath) -> Owner | None:
        """What a file in a system place is, going by the directories and databases of packages."""
        listed, package = self._nearest(parent(path))
        if is_state_root(listed) or (is_generated(path) and listed == parent(path)):
            return package or UNKNOWN_OS
        if self._has_unread or (self._has_unlisted and is_library(path)) or self._is_busybox(path):
            return UNKNOWN_OS
        return None

    def _made_with(self, path: ImagePath, layer: int) -> bool:
        """Whether a file that a script names may be the script's: not where a later layer wrote it."""
        file = self._tree.files.get(path)
        if file is None or not self._layered:
            return in_system(path)
        return file.layer <= layer if in_system(path) else file.layer == layer

    def _nearest(self, directory: ImagePath) -> tuple[ImagePath, Owner | None]:
        """The nearest directory that packages list, this one or above it, with its package where only one does."""
        for here in (directory, *ancestors(directory)):
            if here in self._directories:
                return here, self._directories[here]
        return ROOT, None

    def _is_busybox(self, path: ImagePath) -> bool:
        """Whether a file is a name of busybox in an image without packages."""
        if not self._has_unlisted or path not in self._tree.files or self._tree.files[path].type is not FileType.FILE:
            return False
        return any(basename(name) == "busybox" for name in self._tree.links(path))

    def _of_directory(self, path: ImagePath) -> Owner:
        """A listed directory is its package's; any other belongs to whom its files do, the application first."""
        if path in self._directories:
            return self._directories[path] or UNKNOWN_OS
        if is_root(path) or is_state(path):
            return UNKNOWN_OS
        here = path
        while True:
            children = [ImagePath(f"{here}/{name}") for name in self._tree.children(here)[:_DIRECTORY_FILES]]
            files = [child for child in children if self._tree.files[child].type is not FileType.DIRECTORY]
            if files:
                owners = [self.owner(child) for child in files]
                return APPLICATION if APPLICATION in owners else owners[0]
            if not children:
                return self._of_file(path)
            here = next((child for child in children if basename(child) != "node_modules"), children[0])


def _owner_of(package: Package) -> Owner:
    kind = OwnerKind.OS_PACKAGE if package.ecosystem in OS_ECOSYSTEMS else OwnerKind.LANGUAGE_PACKAGE
    return Owner(kind=kind, package=package.name, ecosystem=package.ecosystem)


def _directories_of(packages: Iterable[Package]) -> dict[ImagePath, Owner | None]:
    """Each listed directory with the one package that lists it, or None where several do."""
    found: dict[ImagePath, Owner | None] = {}
    for package in packages:
        owner = _owner_of(package)
        for directory in package.directories:
            found[directory] = owner if directory not in found or found[directory] == owner else None
    return found


def _source_of(path: ImagePath) -> ImagePath | None:
    """The module that a byte-code file was compiled from (PEP 3147, or beside it)."""
    if not path.endswith((".pyc", ".pyo")):
        return None
    folder, name = parent(path), basename(path)
    if basename(folder) == "__pycache__":
        return ImagePath(f"{parent(folder)}/{name.partition('.')[0]}.py".replace("//", "/"))
    return ImagePath(path[:-1])


def _is_unlisted(package: Package) -> bool:
    """Whether the file list of a package is missing: dpkg's always name directories."""
    return package.ecosystem == "dpkg" and not package.files and not package.directories


def _has_unread_database(tree: FileTree, system: Iterable[Package]) -> bool:
    """Whether a database says less than it should: a kind that nobody reads, or one of rpm that gave no package."""
    silent = not any(package.ecosystem == "rpm" for package in system)
    return bool(unread.read(tree).databases) or (silent and bool(rpm.find_databases(tree)))
