"""Which packages an image holds and which files each owns: operating systems' databases and languages' records."""

from __future__ import annotations

from xraydiff.facts import Package, Problem
from xraydiff.inventory.packages import apk, dpkg, java, node, php, python, rpm, ruby, unread
from xraydiff.inventory.packages.databases import RealPaths
from xraydiff.inventory.packages.records import find_records
from xraydiff.limits import DEFAULT, Limits
from xraydiff.tree import FileTree

__all__ = ["read_packages"]


def read_packages(
    tree: FileTree, *, limits: Limits = DEFAULT
) -> tuple[tuple[Package, ...], tuple[str, ...], tuple[Problem, ...]]:
    """Packages, paths of the package databases that exist, and problems, each sorted.

    A bad entry is a problem of scope analysis and everything else is still read; a database that could not be read
    whole is a problem of scope reading.
    """
    paths = RealPaths(tree)
    records = find_records(tree)
    readings = (
        dpkg.read(tree, paths, limits=limits),
        apk.read(tree, paths, limits=limits),
        rpm.read(tree, paths, limits=limits),
        unread.read(tree),
        python.read(tree, paths, records.python, limits=limits),
        node.read(tree, records.node, records.node_files, limits=limits),
        ruby.read(tree, records.ruby),
        java.read(tree, records.java),
        php.read(tree, records.php, limits=limits),
    )
    return (
        tuple(sorted(package for reading in readings for package in reading.packages)),
        tuple(sorted(path for reading in readings for path in reading.databases)),
        tuple(sorted(problem for reading in readings for problem in reading.problems)),
    )
