"""LNK: symbolic links."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.case import Case
from xraydiff.conventions import engine_provides
from xraydiff.facts import Certainty, FileType, Finding, Severity
from xraydiff.paths import ImagePath
from xraydiff.rules import listed, rule


@rule("LNK001", "dangling-link", Severity.LOW)
def dangling_link(case: Case) -> Iterator[Finding]:
    """Links that resolve in the original dangle in the slim image."""
    referenced = case.referenced
    paths = []
    for path, file in case.slim.tree.files.items():
        if file.type is FileType.SYMLINK and case.slim.tree.resolve(path).path is None:
            found = case.original.tree.resolve(path)
            if found.path is not None and found.path not in referenced and not engine_provides(found.path):
                paths.append(path)
    if paths:
        shown = tuple(sorted(paths))
        yield Finding(
            severity=Severity.LOW,
            certainty=Certainty.PROVEN,
            subject="links",
            subject_kind="group",
            message=f"{len(shown)} links lost what they point to: {listed(shown)}",
            count=len(shown),
            restore=tuple(sorted({target for path in shown if (target := _target(case, path)) is not None})),
        )


def _target(case: Case, path: ImagePath) -> ImagePath | None:
    return case.original.tree.resolve(path).path
