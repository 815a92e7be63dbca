"""What a script's words mean in the original tree, and the bound on how much one script may ask."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xraydiff.commands.start import find_executable
from xraydiff.conventions import engine_provides
from xraydiff.errors import LimitExceeded
from xraydiff.facts import File, FileType
from xraydiff.paths import ImagePath, decoded, image_path
from xraydiff.references import Context
from xraydiff.references.kit.lookup import Exhausted
from xraydiff.references.readers.shell.variables import UNKNOWN, Variables
from xraydiff.tree.glob import glob

_RUN_PARTS = re.compile(r"[A-Za-z0-9_-]+\Z")
"""Names that run-parts(8) of Debian takes when it is told nothing else."""


class Lookups:
    """Finds names of one script; remembers what it found."""

    def __init__(self, context: Context, variables: Variables) -> None:
        self.context = context
        self._tree = context.original
        self._slim = context.slim
        self._limits = context.limits
        self._budget = context.budget
        self._variables = variables
        self._steps = context.limits.script_steps
        self._found: dict[tuple[str, str, tuple[str, ...]], tuple[ImagePath, ...]] = {}
        self._globs: dict[str, tuple[ImagePath, ...]] = {}
        self._resolved: dict[str, tuple[ImagePath, File] | None] = {}
        self.too_many: list[str] = []
        """Patterns and directories that hold more files than the bound."""

    def spend(self, steps: int = 1) -> None:
        """Count work, of the script and of the comparison. Raises `Exhausted` where a script takes too much of it."""
        self._steps -= steps
        self._budget.spend(steps)
        if self._steps < 0:
            raise Exhausted

    def resolve(self, path: str) -> tuple[ImagePath, File] | None:
        """Real path and file of a path, or None where it is not in the original."""
        try:
            return self._resolved[path]
        except KeyError:
            self.spend()
        try:
            found = self._tree.resolve(path)
        except LimitExceeded:
            answer = None
        else:
            answer = None if found.path is None or found.file is None else (found.path, found.file)
        self._resolved[path] = answer
        return answer

    def kept(self, path: str) -> bool:
        """Whether slim resolves a path; true where there is no slim tree."""
        self.spend()
        try:
            return self._slim is None or self._slim.resolve(path).file is not None
        except LimitExceeded:
            return False

    def named(self, path: str) -> tuple[ImagePath, FileType] | None:
        """The path and type of something that an argument names; None for what is absent or the engine's."""
        if "\0" in path or engine_provides(path):
            return None
        found = self.resolve(path)
        if found is None or found[1].type not in (FileType.FILE, FileType.DIRECTORY):
            return None
        # `a/../b` after a link is not what it looks like, so only then the real path is named.
        at = found[0] if "/.." in path else image_path(path)
        return None if at == "/" or engine_provides(at) else (at, found[1].type)

    def real(self, path: str) -> str:
        """The real path, or the path itself where it does not resolve."""
        found = self.resolve(path)
        return found[0] if found else path

    def executables(self, word: str, directory: str) -> tuple[ImagePath, ...]:
        """The programs that a command word may start over the PATH in force: one for each PATH that may be."""
        if not word or UNKNOWN in word or "\0" in word:
            return ()
        paths: tuple[str, ...] = ("",)
        if "/" not in word:
            held = self._variables.get("PATH")
            paths = held.texts if held else ("",)
        key = (word, directory, paths)
        if key not in self._found:
            self.spend(4)
            found = (self._executable(word, path, directory) for path in paths)
            self._found[key] = tuple(dict.fromkeys(one for one in found if one is not None))
        return self._found[key]

    def _executable(self, word: str, path: str, directory: str) -> ImagePath | None:
        parts = path.split(":")
        self.spend(len(parts))
        known = [image_path(part) for part in parts if part.startswith("/") and UNKNOWN not in part]
        try:
            return find_executable(word, self._tree, known, image_path(directory))
        except LimitExceeded:
            return None

    def shell_of(self, user: str) -> str:
        """The login shell of a user of the original (passwd(5)), which su(1) starts."""
        found = self.resolve("/etc/passwd")
        if found is None or found[1].type is not FileType.FILE or found[1].size > self._limits.passwd:
            return "/bin/sh"
        self.spend(found[1].size >> 8)
        for line in decoded(self._tree.content(found[0], limit=self._limits.passwd)).split("\n"):
            fields = line.split(":")
            if fields[0] == user and len(fields) == 7 and fields[6].startswith("/"):
                return fields[6]
        return "/bin/sh"

    def glob(self, pattern: str) -> tuple[ImagePath, ...]:
        """The files and directories that an absolute pattern matches, or nothing where they are too many."""
        if pattern not in self._globs:
            try:
                found = glob(self._tree, pattern.replace("**", "*"), spend=self.spend)
            except LimitExceeded:
                found = ()
            self._globs[pattern] = self._bounded(list(found), pattern)
        return self._globs[pattern]

    def below(self, directory: str) -> tuple[ImagePath, ...]:
        """The regular files below a directory, its links among them."""
        found = self.resolve(directory)
        if found is None or found[1].type is not FileType.DIRECTORY:
            return ()
        files: list[ImagePath] = []
        for path in self._tree.below(found[0]):
            self.spend()
            if self._tree.files[path].type in (FileType.FILE, FileType.SYMLINK):
                files.append(path)
                if len(files) > self._limits.directory_targets:
                    break
        return self._bounded(files, directory)

    def run_parts(self, directory: str) -> Iterator[ImagePath]:
        """The programs of a directory that run-parts(8) starts."""
        found = self.resolve(directory)
        if found is None:
            return
        for name in self.bounded_children(found[0]):
            path = image_path(f"{directory}/{name}")
            target = self.resolve(path)
            if _RUN_PARTS.match(name) and target and target[1].type is FileType.FILE and target[1].mode & 0o111:
                yield path

    def bounded_children(self, directory: ImagePath) -> tuple[str, ...]:
        """The names in a real directory, or nothing where they are too many."""
        names = self._tree.children(directory)
        self.spend(len(names))
        if len(names) > self._limits.directory_targets:
            self.too_many.append(directory)
            return ()
        return names

    def content(self, path: ImagePath) -> bytes:
        """The bytes of a script that is sourced."""
        return self._tree.content(path, limit=self._limits.script)

    def _bounded(self, found: list[ImagePath], what: str) -> tuple[ImagePath, ...]:
        self.spend(len(found))
        if len(found) > self._limits.directory_targets:
            self.too_many.append(what)
            return ()
        return tuple(found)
