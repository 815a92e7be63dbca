"""How a reader finds in the original what a program names; the work is counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from xraydiff.commands.start import find_executable
from xraydiff.conventions import engine_provides
from xraydiff.errors import ImageError, LimitExceeded
from xraydiff.facts import FileType
from xraydiff.paths import ImagePath, image_path, join
from xraydiff.references import Context
from xraydiff.references.kit.evaluation import DEEP, HOLE, Exhausted
from xraydiff.tree import FileTree
from xraydiff.tree.glob import glob

__all__ = ["Exhausted", "Lookup", "candidates"]

_SYSTEM: Final = frozenset(
    ("", "/lib", "/bin", "/usr", "/usr/lib", "/usr/local", "/usr/local/lib", "/etc", "/var", "/opt")
)
_FILES_PER_STEP: Final = 64
"""Files that are passed by on the way to directories, for which one look-up counts."""


class Lookup:
    """Finds names of one program in the original; counts the work."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._tree = context.original
        self._steps = context.limits.script_steps
        self._types: dict[str, tuple[ImagePath, FileType] | None] = {}
        self._expanded: dict[str, tuple[ImagePath, ...]] = {}

    def spend(self, steps: int = 1) -> None:
        """Count work, of the program and of the comparison. Raises `Exhausted` where a program takes too much of it."""
        self._steps -= steps
        self.context.budget.spend(steps)
        if self._steps < 0:
            raise Exhausted

    def real(self, path: str) -> tuple[ImagePath, FileType] | None:
        """Real path and type of a path, or None where it is not in the original."""
        if path not in self._types:
            self.spend()
            self._types[path] = self._resolved(path)
        return self._types[path]

    def _resolved(self, path: str) -> tuple[ImagePath, FileType] | None:
        try:
            found = self._tree.resolve(path)
        except LimitExceeded:
            return None
        return (found.path, found.file.type) if found.path is not None and found.file is not None else None

    def type_of(self, path: str) -> FileType | None:
        """The type of what a path leads to; None for what is absent, and for the root."""
        found = self.real(path)
        return found[1] if found is not None and path != "/" else None

    def is_file(self, path: str) -> bool:
        """Whether a path is a regular file, links followed."""
        found = self.real(path)
        return found is not None and found[1] is FileType.FILE

    def is_directory(self, path: str) -> bool:
        """Whether a path is a directory, links followed."""
        found = self.real(path)
        return found is not None and found[1] is FileType.DIRECTORY

    def is_system(self, path: str) -> bool:
        """Whether a directory is the whole system's, so that lying in it says nothing."""
        return path.rstrip("/") in _SYSTEM

    def named(self, text: str, directory: str) -> tuple[ImagePath, FileType] | None:
        """The path and type of something that a program names; None for what is absent or the engine's."""
        if not text or "\0" in text or len(text) > self.context.limits.path:
            return None
        path = join(directory, text)
        if path == "/" or engine_provides(path):
            return None
        found = self.real(path)
        if found is None or found[1] not in (FileType.FILE, FileType.DIRECTORY):
            return None
        return path, found[1]

    def executable(self, word: str, cwd: ImagePath | None = None) -> ImagePath | None:
        """The program that a command word starts over PATH; one with a slash counts from the working directory."""
        if not word or "\0" in word:
            return None
        self.spend(1 + len(self.context.path))
        try:
            return find_executable(word, self._tree, self.context.path, cwd or self.context.cwd)
        except LimitExceeded:
            return None

    def glob(self, pattern: str) -> tuple[ImagePath, ...]:
        """The files that an absolute pattern matches."""
        found: set[ImagePath] = set()
        try:
            for text in _alternatives(pattern):
                matched = glob(self._tree, text, spend=self.spend)
                self.spend(len(matched))
                found.update(matched)
        except LimitExceeded:
            return ()
        return tuple(sorted(found))

    def expand(self, pattern: str) -> tuple[ImagePath, ...]:
        """The files and directories that a path with holes may be, sorted.

        A hole matches anything but a slash, a name that begins with a dot only where the pattern says so.
        """
        if pattern not in self._expanded:
            self._expanded[pattern] = self._matched([part for part in pattern.split("/") if part])
        return self._expanded[pattern]

    def _matched(self, parts: list[str]) -> tuple[ImagePath, ...]:
        found: list[ImagePath] = [ImagePath("/")] if parts else []
        passed = 0
        for part in parts:
            following: dict[ImagePath, None] = {}
            for directory in found:
                for name in candidates(self._tree, directory, part):
                    if name is None and part == DEEP:
                        # A file that `**` goes by is no directory; it counts as a candidate of the next component.
                        passed += 1
                        if passed % _FILES_PER_STEP:
                            continue
                    self.spend()
                    if name is not None:
                        following.setdefault(image_path(f"{directory}/{name}"))
            found = list(following)
        return tuple(sorted(path for path in found if self._tree.resolve(path).file is not None))

    def below(self, directory: str) -> tuple[ImagePath, ...]:
        """The regular files below a directory."""
        found = self.real(directory)
        if found is None or found[1] is not FileType.DIRECTORY:
            return ()
        files: list[ImagePath] = []
        for path in self._tree.below(found[0]):
            self.spend()
            if self._tree.files[path].type is FileType.FILE:
                files.append(path)
        return tuple(files)

    def children(self, directory: str) -> tuple[str, ...]:
        """Names in a directory."""
        found = self.real(directory)
        if found is None or found[1] is not FileType.DIRECTORY:
            return ()
        names = self._tree.children(found[0])
        self.spend(len(names))
        return names

    def content(self, path: str, limit: int) -> bytes:
        """The bytes of a file, or none where it is absent or larger than the limit."""
        found = self.real(path)
        if found is None or found[1] is not FileType.FILE:
            return b""
        try:
            data = self._tree.content(found[0], limit=limit)
        except ImageError:
            return b""
        self.spend(len(data) >> 10)
        return data


def candidates(tree: FileTree, directory: ImagePath, part: str) -> Iterator[str | None]:
    """The names in a directory that a component may be; None for each that was looked at in vain."""
    if HOLE not in part:
        yield part
        return
    real = tree.resolve(directory).path
    if real is None:
        return
    if part == DEEP:
        yield "."
        start = len("" if real == "/" else real) + 1
        for path in tree.below(real):
            if tree.files[path].type is FileType.DIRECTORY and "/." not in path[start - 1 :]:
                yield path[start:]
            else:
                yield None
        return
    pieces = part.split(HOLE)
    for name in tree.children(real):
        yield name if _matches(name, pieces) else None


def _matches(name: str, pieces: list[str]) -> bool:
    """Whether a name holds the pieces in order, the first at its start and the last at its end."""
    first, last = pieces[0], pieces[-1]
    if not name.startswith(first) or not name.endswith(last) or (name.startswith(".") and not first):
        return False
    at, end = len(first), len(name) - len(last)
    for piece in pieces[1:-1]:
        at = name.find(piece, at, max(end, at))
        if at < 0:
            return False
        at += len(piece)
    return at <= end


def _alternatives(pattern: str) -> Iterator[str]:
    """`a{b,c}d` as `abd` and `acd`: one pair of braces, which is what people write for suffixes."""
    head, brace, rest = pattern.partition("{")
    inner, close, tail = rest.partition("}")
    if not brace or not close:
        yield str(image_path(pattern))
        return
    for one in inner.split(","):
        yield str(image_path(head + one + tail))
