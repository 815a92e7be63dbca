"""What a script's words mean in the original tree: the kit's look-ups over a PATH that the script may change."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xraydiff.commands.accounts import login_shell
from xraydiff.commands.start import find_executable
from xraydiff.conventions import engine_provides
from xraydiff.errors import LimitExceeded
from xraydiff.facts import FileType
from xraydiff.paths import ImagePath, image_path
from xraydiff.references import Context
from xraydiff.references.kit import lookup
from xraydiff.references.readers.shell.variables import UNKNOWN, Variables
from xraydiff.tree.glob import glob

_RUN_PARTS = re.compile(r"[A-Za-z0-9_-]+\Z")
"""Names that run-parts(8) of Debian takes when it is told nothing else."""


class ShellLookup(lookup.Lookup):
    """Finds names of one script; remembers what it found."""

    def __init__(self, context: Context, variables: Variables) -> None:
        super().__init__(context)
        self._slim = context.slim
        self._limits = context.limits
        self._variables = variables
        self._found: dict[tuple[str, str, tuple[str, ...]], tuple[ImagePath, ...]] = {}
        self._globs: dict[str, tuple[ImagePath, ...]] = {}
        self.too_many: list[str] = []
        """Patterns and directories that hold more files than the bound."""

    def kept(self, path: str) -> bool:
        """Whether slim resolves a path; true where there is no slim tree."""
        self.spend()
        try:
            return self._slim is None or self._slim.resolve(path).file is not None
        except LimitExceeded:
            return False

    def named(self, text: str, directory: str = "/") -> tuple[ImagePath, FileType] | None:
        """The path and type of something that an argument names; None for what is absent or the engine's."""
        if "/.." not in text:
            return super().named(text, directory)
        # `a/../b` after a link is not what it looks like, so only then the real path is named.
        found = self.real(text) if "\0" not in text else None
        if found is None or found[0] == "/" or found[1] not in (FileType.FILE, FileType.DIRECTORY):
            return None
        return None if engine_provides(text) or engine_provides(found[0]) else found

    def followed(self, path: str) -> str:
        """The real path, or the path itself where it does not resolve."""
        found = self.real(path)
        return found[0] if found else path

    def executables(self, word: str, directory: str) -> tuple[ImagePath, ...]:
        """The programs that a command word may start over the PATH in force: one for each PATH that may be."""
        if not word or UNKNOWN in word or "\0" in word:
            return ()
        paths: tuple[str, ...] = ("",)
        if "/" not in word:
            current = self._variables.get("PATH")
            paths = current.texts if current else ("",)
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
        """The login shell of a user of the original."""
        found = self.real("/etc/passwd")
        if found is not None:
            self.spend(min(self._tree.files[found[0]].size, self._limits.passwd) >> 8)
        return login_shell(self._tree, user, limit=self._limits.passwd)

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
        found = self.real(directory)
        if found is None or found[1] is not FileType.DIRECTORY:
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
        names = self.children(directory)
        if len(names) > self._limits.directory_targets:
            self.too_many.append(self.followed(directory))
            return
        for name in names:
            path = image_path(f"{directory}/{name}")
            target = self.real(path) if _RUN_PARTS.match(name) else None
            if target and target[1] is FileType.FILE and self._tree.files[target[0]].mode & 0o111:
                yield path

    def _bounded(self, found: list[ImagePath], what: str) -> tuple[ImagePath, ...]:
        self.spend(len(found))
        if len(found) > self._limits.directory_targets:
            self.too_many.append(what)
            return ()
        return tuple(found)
