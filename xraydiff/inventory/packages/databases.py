"""What the readers of package databases share: bounded text, owned paths by real path, and problems that stay few."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xraydiff.errors import LimitExceeded
from xraydiff.facts import FileType, Package, Problem, Scope
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, decoded, image_path
from xraydiff.tree import FileTree

_CONFIGURATION_SIZE = 1 << 20
_SEPARATOR = re.compile(rb"\n(?:[ \t\r]*\n)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRecords:
    """The packages that one kind of database lists, and the databases themselves."""

    packages: tuple[Package, ...] = ()
    databases: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


class Problems:
    """Problems of scope analysis, at most `Limits.problems` of one code and file: the last one counts the others."""

    def __init__(self, limits: Limits) -> None:
        self._most = limits.problems
        self._found: dict[tuple[str, str], list[Problem]] = {}
        self._more: dict[tuple[str, str], int] = {}

    def add(self, path: str, code: str, message: str, *, offset: int = -1) -> None:
        """Something about one record that could not be understood; everything else is still read."""
        key = (path, code)
        found = self._found.setdefault(key, [])
        if len(found) < self._most:
            found.append(
                Problem(path=path, code=code, message=message, offset=offset, scope=Scope.ANALYSIS, fatal=False)
            )
        else:
            self._more[key] = self._more.get(key, 0) + 1

    def unreadable(self, path: str, code: str, message: str) -> None:
        """A database that was not read whole, so the image was not either."""
        self._found.setdefault((path, code), []).append(Problem(path=path, code=code, message=message))

    def all(self) -> tuple[Problem, ...]:
        """Every problem, sorted."""
        problems = [problem for found in self._found.values() for problem in found]
        for (path, code), count in self._more.items():
            message = f"{count} more problems of this kind"
            problems.append(Problem(path=path, code=code, message=message, scope=Scope.ANALYSIS, fatal=False))
        return tuple(sorted(problems))


class RealPaths:
    """Names that packages give to their files, as real paths of one tree: links of the directories are followed."""

    def __init__(self, tree: FileTree) -> None:
        self.tree = tree
        self._files = tree.files
        self._directories: dict[str, str] = {}

    def directory(self, raw: str) -> str:
        """A directory's real path with a slash behind it, or an empty string where the image has none such."""
        known = self._directories.get(raw)
        if known is None:
            known = self._directories[raw] = self._resolved(raw)
        return known

    def _resolved(self, raw: str) -> str:
        file = self._files.get(ImagePath(raw)) if raw.startswith("/") else None
        if file is not None and file.type is FileType.DIRECTORY:
            return raw if raw == "/" else raw + "/"
        found = self.tree.resolve(raw if raw.startswith("/") else "/" + raw)
        if found.path is None or found.file is None or found.file.type is not FileType.DIRECTORY:
            return ""
        return "/" if found.path == "/" else found.path + "/"

    def split(self, names: Iterable[str]) -> tuple[frozenset[ImagePath], frozenset[ImagePath]]:
        """The absolute names that exist, by real path: files of every other type, then directories."""
        files: set[ImagePath] = set()
        directories: set[ImagePath] = set()
        known = self._directories
        for name in names:
            head, _, base = name.rpartition("/")
            directory = known.get(head)
            if directory is None:
                directory = self.directory(head)
            if not directory or base in ("", ".", ".."):
                continue
            path = ImagePath(directory + base)
            file = self._files.get(path)
            if file is None:
                continue
            (directories if file.type is FileType.DIRECTORY else files).add(path)
        return frozenset(files), frozenset(directories)

    def joined(self, directory: str, names: Iterable[str]) -> frozenset[ImagePath]:
        """The files among names as seen from a real directory; `..` is lexical, links are followed after it."""
        found: set[ImagePath] = set()
        lost: list[str] = []
        base = "" if directory == "/" else directory
        for name in names:
            path = ImagePath(name if name.startswith("/") else f"{base}/{name}")
            file = self._files.get(path)
            if file is None:
                lost.append(image_path(path))
            elif file.type is not FileType.DIRECTORY:
                found.add(path)
        files, _ = self.split(lost)
        return files | found


class Hashes:
    """Digests of files, each made once, however many packages name the file."""

    def __init__(self, tree: FileTree, algorithm: str) -> None:
        self._tree = tree
        self._algorithm = algorithm
        self._known: dict[ImagePath, bytes] = {}

    def differs(self, path: ImagePath, wanted: bytes) -> bool:
        """Whether a real path is a small regular file with another digest: configuration is small."""
        known = self._known.get(path)
        if known is None:
            file = self._tree.files.get(path)
            if file is None or file.type is not FileType.FILE or file.size > _CONFIGURATION_SIZE:
                return False
            digest = hashlib.new(self._algorithm, self._tree.content(path), usedforsecurity=False)
            known = self._known[path] = digest.digest()
        return known != wanted


def files_below(tree: FileTree, folder: ImagePath) -> frozenset[ImagePath]:
    """Everything below a real directory that is no directory."""
    return frozenset(path for path in tree.below(folder) if tree.files[path].type is not FileType.DIRECTORY)


def is_regular(tree: FileTree, path: str) -> bool:
    """Whether a real path is a regular file."""
    file = tree.files.get(ImagePath(path))
    return file is not None and file.type is FileType.FILE


def real_file(tree: FileTree, path: str) -> ImagePath | None:
    """The real path of a regular file, links followed inside the image only; None where there is none."""
    found = tree.resolve(path)
    if found.path is None or found.file is None or found.file.type is not FileType.FILE:
        return None
    return found.path


def record(tree: FileTree, path: ImagePath, problems: Problems, *, code: str, limits: Limits) -> str | None:
    """The text of one package's record, or None with a problem where it is too large."""
    try:
        content = tree.content(path, limit=limits.package_record)
    except LimitExceeded:
        problems.add(path, code, f"larger than {limits.package_record} bytes")
        return None
    if content.count(b"\n") > limits.package_lines:
        problems.add(path, code, f"more than {limits.package_lines} lines")
        return None
    return decoded(content)


def database(tree: FileTree, path: ImagePath, problems: Problems, *, code: str, limits: Limits) -> bytes | None:
    """The bytes of a package database, or None where it is too large: then the image was not read whole."""
    try:
        content = tree.content(path, limit=limits.package_database)
    except LimitExceeded:
        problems.unreadable(path, code, f"larger than {limits.package_database} bytes")
        return None
    if content.count(b"\n") > limits.package_lines:
        problems.unreadable(path, code, f"more than {limits.package_lines} lines")
        return None
    return content


def stanzas(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Paragraphs that blank lines part, each with its offset; a line of spaces is blank."""
    start = 0
    for match in _SEPARATOR.finditer(content):
        if content[start : match.start()].strip():
            yield start, content[start : match.start()]
        start = match.end()
    if content[start:].strip():
        yield start, content[start:]


def json_object(text: str) -> dict[str, object] | None:
    """A JSON object, or None for anything else; a text too deep for the parser is none either."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    return {str(key): item for key, item in value.items()}


def string(value: object) -> str:
    """The value where it is a string, else an empty one."""
    return value if isinstance(value, str) else ""
