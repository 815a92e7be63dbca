"""Directories by their purpose: C headers, homes of users, temporary files."""

from __future__ import annotations

from collections.abc import Iterable

from xraydiff.commands.start import environment
from xraydiff.facts import FileType, ImageConfig, User
from xraydiff.paths import ROOT, ImagePath, ancestors, image_path, parent
from xraydiff.tree import FileTree

__all__ = ["find_headers", "find_homes", "find_temporary"]

_HEADERS = (".h", ".hh", ".hpp", ".hxx", ".h++")
_NO_HOMES = frozenset({"/", "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/dev", "/proc", "/sys", "/etc", "/usr", "/var"})
"""What stands in passwd(5) for users that have no home."""
_TEMPORARY = ("/tmp", "/var/tmp", "/run", "/var/run", "/run/lock", "/var/lock", "/run/user", "/dev/shm")  # noqa: S108  names inside the image
_TEMPORARY_NAMES = ("TMPDIR", "TMP", "TEMP")


def find_headers(tree: FileTree) -> tuple[str, ...]:
    """Directories that hold C or C++ headers, outermost only, sorted."""
    holders: set[ImagePath] = set()
    for path, file in tree.files.items():
        if path.endswith(_HEADERS) and file.type is not FileType.DIRECTORY:
            holders.add(parent(path))
    return tuple(sorted(path for path in holders if holders.isdisjoint(ancestors(path)) or path == ROOT))


def find_homes(tree: FileTree, users: Iterable[User]) -> tuple[str, ...]:
    """Home directories of users that exist, as passwd(5) spells them but normalised, sorted."""
    homes = {image_path(user.home) for user in users if user.home.startswith("/")}
    return tuple(sorted(home for home in homes if home not in _NO_HOMES and _is_directory(tree, home)))


def find_temporary(tree: FileTree, config: ImageConfig) -> tuple[str, ...]:
    """Directories for temporary files that exist, those of the environment too, links to them as well, sorted."""
    env = environment(config)
    named = {image_path(env[name]) for name in _TEMPORARY_NAMES if env.get(name, "").startswith("/")}
    return tuple(sorted(path for path in {*map(image_path, _TEMPORARY), *named} if _is_directory(tree, path)))


def _is_directory(tree: FileTree, path: ImagePath) -> bool:
    file = tree.resolve(path).file
    return file is not None and file.type is FileType.DIRECTORY
