"""LNK: symbolic links."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.conventions import engine_provides
from xraydiff.facts import Certainty, FileType, Finding, Severity
from xraydiff.paths import ImagePath
from xraydiff.rules import Sight, listed, rule


@rule("LNK001", "dangling-link", Severity.LOW)
def dangling_link(sight: Sight) -> Iterator[Finding]:
    """Links that resolve in the original dangle in the slim image."""
    asked = sight.asked
    paths = []
    for path, file in sight.slim.files.items():
        if file.type is FileType.SYMLINK and sight.slim.resolve(path).path is None:
            found = sight.original.resolve(path)
            if found.path is not None and found.path not in asked and not engine_provides(found.path):
                paths.append(path)
    if paths:
        shown = tuple(sorted(paths))
        yield Finding(
            rule="LNK001",
            severity=Severity.LOW,
            certainty=Certainty.PROVEN,
            subject="links",
            subject_kind="group",
            message=f"{len(shown)} links lost what they point to: {listed(shown)}",
            count=len(shown),
            restore=tuple(sorted({target for path in shown if (target := _target(sight, path)) is not None})),
        )


def _target(sight: Sight, path: ImagePath) -> ImagePath | None:
    return sight.original.resolve(path).path
