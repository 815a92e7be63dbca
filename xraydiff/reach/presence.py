"""Which of the paths that a reference needs are missing from slim, by slim's own links."""

from __future__ import annotations

from dataclasses import dataclass

from xraydiff.conventions import engine_provides
from xraydiff.errors import LimitExceeded
from xraydiff.facts import Edge, EdgeKind, File, FileType, NodeKind
from xraydiff.paths import ImagePath
from xraydiff.tree import FileTree


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A target as the original resolves it."""

    path: ImagePath
    """Real path in the original."""
    file: File
    missing: tuple[tuple[ImagePath, File], ...]
    """Links on the way and the target itself, as far as slim lacks them; empty where slim resolves the target."""


class Presence:
    """Answers for one pair of trees, remembered by path."""

    def __init__(self, original: FileTree, slim: FileTree) -> None:
        self._original = original
        self._slim = slim
        self._known: dict[str, Target | None] = {}

    def target(self, path: str) -> Target | None:
        """The target of a reference's path; None where the original does not resolve it or the engine provides it."""
        if path not in self._known:
            try:
                self._known[path] = self._look_up(path)
            except LimitExceeded:  # links made to be followed for ever lead nowhere
                self._known[path] = None
        return self._known[path]

    def kept(self, path: ImagePath) -> bool:
        """Whether slim has a real path of the original under the same name and type."""
        mine, theirs = self._original.files.get(path), self._slim.files.get(path)
        return mine is not None and theirs is not None and mine.type is theirs.type

    def missed(self, edge: Edge) -> tuple[ImagePath, ...]:
        """What slim lacks of an edge's target; nothing where the target itself will not be missed."""
        target = None if edge.target.kind is NodeKind.SCRIPT else self.target(edge.target.path)
        return tuple(path for path, _ in target.missing) if target is not None and self.is_missed(edge, target) else ()

    def is_missed(self, edge: Edge, target: Target) -> bool:
        """Whether slim lacks the target of an edge, and the target itself will be missed.

        A directory with content comes back with what is wanted of it; only a program that works in it, and so needs its
        owner and mode, needs the directory. WORKDIR and volumes are made anew by the engine, owned by root.
        """
        if not target.missing:
            return False
        if target.file.type is not FileType.DIRECTORY:
            return True
        if edge.kind is not EdgeKind.WORKS_IN:
            return not self._original.children(target.path)
        usual = (target.file.uid, target.file.gid, target.file.mode) == (0, 0, 0o755)
        return not (usual and edge.source.kind is NodeKind.CONFIG)

    def _look_up(self, path: str) -> Target | None:
        if engine_provides(path):
            return None
        found = self._original.resolve(path)
        if found.path is None or found.file is None or engine_provides(found.path):
            return None
        theirs = self._slim.resolve(path)
        if theirs.file is not None and theirs.file.type is found.file.type:
            return Target(path=found.path, file=found.file, missing=())
        missing = [(hop, self._original.files[hop]) for hop in found.hops if hop not in self._slim.files]
        if not self.kept(found.path):
            missing.append((found.path, found.file))
        # Slim can hold both ends and yet not resolve the name: a link of the original became a directory there.
        return Target(path=found.path, file=found.file, missing=tuple(missing) or ((found.requested, found.file),))
