"""What the minifier says: files that its run used or looked for, and paths that it was told to keep."""

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

_PASSING = ("/tmp", "/var/tmp", "/run", "/var/run", "/run/lock", "/var/lock")  # noqa: S108  names inside the image
"""Places whose files a run makes for itself; the minifier drops pid and lock files on purpose."""


class Told:
    """Edges and raised certainties from what is known of the minifier's run."""

    def __init__(self, original: FileTree, presence: Presence, run: Run) -> None:
        self._original = original
        self._presence = presence
        self._run = run
        self.used = _real(original, run.used)
        """Real paths of the files that the run used."""
        self._looked_for = _real(original, run.looked_for)

    def raised(self, target: Target, judged: Certainty) -> Certainty:
        """A file that the run looked for and did not open is likely to be opened by another run."""
        return looked_for(judged) if target.path in self._looked_for else judged

    def edges(self, source: Node) -> Iterator[Edge]:
        """What slim lacks of what the run used (LIKELY: its report is no list of files) or was told to keep."""
        kind, firing = EdgeKind.NAMES, Firing.NAMED
        used = Edge(source=source, target=source, kind=kind, firing=firing, origin=Origin.RUN, detail="creport")
        asked = replace(used, origin=Origin.INCLUDE, detail="include-file")
        for path in sorted(self._gone(self.used)):
            if not path.endswith(".pid") and not any(is_below(path, place) for place in _PASSING):
                yield replace(used, target=Node(path=path))
        for _, _, gone in answers(self._original, self._presence, self._run):
            for path in gone:
                directory = self._original.files[path].type is FileType.DIRECTORY
                target = Node(kind=NodeKind.DIRECTORY if directory else NodeKind.FILE, path=path)
                yield replace(asked, target=target)

    def _gone(self, paths: Iterable[ImagePath]) -> Iterator[ImagePath]:
        for path in paths:
            target = self._presence.target(path)
            if target is not None and target.gone and target.file.type is FileType.FILE:
                yield path


def answers(
    original: FileTree, presence: Presence, run: Run
) -> Iterator[tuple[Asked, Target | None, tuple[ImagePath, ...]]]:
    """What became of each path that was to be kept, by path: its target in the original, and what slim lacks of it.

    A path below a directory that was to be kept as well is answered with that directory.
    """
    whole: set[str] = set()
    for asked in sorted(run.asked, key=lambda one: one.path):
        if asked.problem:
            yield asked, None, ()
            continue
        path = image_path(asked.path)
        if not whole.isdisjoint(ancestors(path)):
            continue
        target = presence.target(path)
        gone: tuple[ImagePath, ...] = ()
        if target is not None and target.file.type is FileType.DIRECTORY:
            whole.add(path)
            links = (hop for hop, file in target.gone if file.type is not FileType.DIRECTORY)
            gone = (*links, *_inside(original, presence, target.path))
        elif target is not None:
            gone = tuple(hop for hop, _ in target.gone)
        if target is not None or not engine_provides(path):
            yield asked, target, gone


def _inside(original: FileTree, presence: Presence, directory: ImagePath) -> Iterator[ImagePath]:
    """Files, links and empty directories of a directory that slim lacks, or the directory itself if it is empty."""
    if not original.children(directory) and not presence.kept(directory):
        yield directory
    for path in original.below(directory):
        file = original.files[path]
        content = file.type in (FileType.FILE, FileType.SYMLINK)
        if not presence.kept(path) and (content or (file.type is FileType.DIRECTORY and not original.children(path))):
            yield path


def _real(original: FileTree, paths: Iterable[str]) -> frozenset[ImagePath]:
    found = set()
    for path in paths:
        try:
            real = original.resolve(path).path
        except LimitExceeded:
            continue
        if real is not None:
            found.add(real)
    return frozenset(found)
