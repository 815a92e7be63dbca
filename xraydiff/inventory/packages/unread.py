"""Package databases of which this package only knows that they are there: never a silent "no packages"."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.facts import Problem, Scope
from xraydiff.inventory.packages.databases import PackageRecords
from xraydiff.paths import ImagePath
from xraydiff.tree import FileTree

_DATABASES = (
    ("/var/lib/pacman/local", "pacman"),
    ("/var/db/pkg", "portage"),
    ("/nix/var/nix/db/db.sqlite", "nix"),
    ("/var/lib/chisel", "chisel"),
)
"""The last in Ubuntu images made of slices: a compressed manifest of what each slice brought."""


def read(tree: FileTree) -> PackageRecords:
    """The databases that exist, each with one problem of scope analysis."""
    databases = dict(_databases(tree))
    problems = tuple(
        Problem(
            path=path,
            code="package-database-unreadable",
            message=f"packages of {kind} are not read: its files count as the operating system's",
            scope=Scope.ANALYSIS,
            fatal=False,
        )
        for path, kind in sorted(databases.items())
    )
    return PackageRecords(databases=tuple(sorted(databases)), problems=problems)


def _databases(tree: FileTree) -> Iterator[tuple[ImagePath, str]]:
    for path, kind in _DATABASES:
        found = tree.resolve(path).path
        if found is not None:
            yield found, kind
