"""What libmagic calls the files that findings name."""

from __future__ import annotations

from collections.abc import Iterable

from xraydiff.case import Case
from xraydiff.facts import FileKind, FileType, Finding, Problem
from xraydiff.inventory.details import file_kinds
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath
from xraydiff.tree import FileTree

__all__ = ["kinds_of"]


def kinds_of(
    case: Case, findings: Iterable[Finding], limits: Limits
) -> tuple[tuple[FileKind, ...], tuple[Problem, ...]]:
    """The kinds, and what could not be looked at; a file is the original's where it has one, else slim's."""
    named = {path for finding in findings for path in (*finding.restore, *_ends(finding))}
    holders: dict[str, FileTree] = {}
    for tree in (case.slim.tree, case.original.tree):
        files = ((path, tree.files.get(ImagePath(path))) for path in named)
        holders |= {path: tree for path, file in files if file is not None and file.type is FileType.FILE}
    return file_kinds([(holders[path], path) for path in sorted(holders)], limits=limits)


def _ends(finding: Finding) -> Iterable[str]:
    return (end for step in finding.evidence for end in (step.source, step.target))
