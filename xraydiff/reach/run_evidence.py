"""Evidence of the minifier's run: files that it used or looked for, and the paths that it was to include."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from xraydiff.conventions import engine_provides
from xraydiff.errors import LimitExceeded
from xraydiff.facts import Certainty, Edge, EdgeKind, FileType, Firing, Node, NodeKind, Origin
from xraydiff.minifier.run import Asked, Run
from xraydiff.paths import ImagePath, ancestors, image_path, is_below
from xraydiff.reach.presence import Presence, Target
from xraydiff.reach.table import looked_for
from xraydiff.tree import FileTree

_TRANSIENT = ("/tmp", "/var/tmp", "/run", "/var/run", "/run/lock", "/var/lock")  # noqa: S108  names inside the image
"""Directories whose files a run makes for itself; the minifier drops pid and lock files on purpose."""


class RunEvidence:
    """Edges and raised certainties that follow from the minifier's run."""

    def __init__(self, original: FileTree, presence: Presence, run: Run) -> None:
        self._original = original
        self._presence = presence
        self._run = run
        self.used = _real_paths(original, run.used)
        """Real paths of the files that the run used."""
        self._looked_for = _real_paths(original, run.looked_for)

    def raised(self, target: Target, judged: Certainty) -> Certainty:
        """A file that the run looked for and did not open is likely to be opened by another run."""
        return looked_for(judged) if target.path in self._looked_for else judged

    def edges(self, source: Node) -> Iterator[Edge]:
        """Edges to missing files that the run used (LIKELY: its report is no list of files) and to missing includes."""
        kind, firing = EdgeKind.NAMES, Firing.NAMED
        used = Edge(source=source, target=source, kind=kind, firing=firing, origin=Origin.RUN, detail="creport")
        included = replace(used, origin=Origin.INCLUDE, detail="include-file")
        for path in sorted(self._missing_files(self.used)):
            if not path.endswith(".pid") and not any(is_below(path, directory) for directory in _TRANSIENT):
                yield replace(used, target=Node(path=path))
        for _, _, missing in resolved_includes(self._original, self._presence, self._run):
            for path in missing:
                directory = self._original.files[path].type is FileType.DIRECTORY
                target = Node(kind=NodeKind.DIRECTORY if directory else NodeKind.FILE, path=path)
                yield replace(included, target=target)

    def _missing_files(self, paths: Iterable[ImagePath]) -> Iterator[ImagePath]:
        for path in paths:
            target = self._presence.target(path)
            if target is not None and target.missing and target.file.type is FileType.FILE:
                yield path


def resolved_includes(
    original: FileTree, presence: Presence, run: Run
) -> Iterator[tuple[Asked, Target | None, tuple[ImagePath, ...]]]:
    """Each path that was to be included, sorted: its target in the original, and what slim lacks of it.

    A path below a directory that was to be included as well counts with that directory.
    """
    whole: set[str] = set()
    for include in sorted(run.asked, key=lambda one: one.path):
        if include.problem:
            yield include, None, ()
            continue
        path = image_path(include.path)
        if not whole.isdisjoint(ancestors(path)):
            continue
        target = presence.target(path)
        missing: tuple[ImagePath, ...] = ()
        if target is not None and target.file.type is FileType.DIRECTORY:
            whole.add(path)
            links = (hop for hop, file in target.missing if file.type is not FileType.DIRECTORY)
            missing = (*links, *_missing_below(original, presence, target.path))
        elif target is not None:
            missing = tuple(hop for hop, _ in target.missing)
        if target is not None or not engine_provides(path):
            yield include, target, missing


def _missing_below(original: FileTree, presence: Presence, directory: ImagePath) -> Iterator[ImagePath]:
    """Files, links and empty directories of a directory that slim lacks, or the directory itself if it is empty."""
    if not original.children(directory) and not presence.kept(directory):
        yield directory
    for path in original.below(directory):
        file = original.files[path]
        content = file.type in (FileType.FILE, FileType.SYMLINK)
        if not presence.kept(path) and (content or (file.type is FileType.DIRECTORY and not original.children(path))):
            yield path


def _real_paths(original: FileTree, paths: Iterable[str]) -> frozenset[ImagePath]:
    found = set()
    for path in paths:
        try:
            real = original.resolve(path).path
        except LimitExceeded:
            continue
        if real is not None:
            found.add(real)
    return frozenset(found)
