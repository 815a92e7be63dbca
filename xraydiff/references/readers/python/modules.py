"""Where `import` finds a module in an image: importlib's path finder over directories of the original."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from xraydiff.errors import ImageError
from xraydiff.facts import FileType
from xraydiff.paths import ImagePath, basename, image_path, is_below, parent
from xraydiff.references import Context
from xraydiff.references.kit.evaluation import HOLE
from xraydiff.references.readers.python.interpreters import PythonInterpreter
from xraydiff.references.readers.python.vocabulary import FROZEN, MODULE_ATTRIBUTES
from xraydiff.tree import FileTree

__all__ = ["Directories", "Finder", "Module", "directories"]

_EXTENSION: Final = re.compile(r"(.+?)\.(?:cpython-(\d)(\d{1,2})[a-z]*-[\w-]+|abi3|pypy\w*-[\w-]+)\.so\Z")
_SPLIT: Final = (b"extend_path", b"declare_namespace")
"""Words by which a package with an `__init__` says that more of it lies in other places."""
_MAX_IDLE_BYTES: Final = 4_096
"""Bytes of an `__init__` that may do nothing."""
_IDLE_MODULE: Final = re.compile(
    rb"(?>\s++|#[^\n]*+"
    rb'|"""(?>[^"\\]|\\.|"(?!""))*+"""|"(?!"")[^"\\\n]*+"'
    rb"|'''(?>[^'\\]|\\.|'(?!''))*+'''|'(?!'')[^'\\\n]*+'"
    rb"|__all__[ \t]*+(?::[^=\n]*+)?=[ \t]*+(?:\[[^\]]*+\]|\([^)]*+\))|from __future__ import [^\n(]*+)*+",
    re.DOTALL,
)
"""Comments, documentation, `__all__`."""
_WORD: Final = re.compile(rb"\w+")
_TOP_IMPORT: Final = re.compile(rb"^(?:import ([\w.]{1,200})|from (\.?[\w.]{1,200}) import)", re.MULTILINE)
_SEARCHES: Final = 50
"""Words of one file that are searched one by one."""
_SEARCHED: Final = 1 << 30
"""Bytes of modules that are searched for words in one walk: beyond that every name is taken to be there."""
_REMEMBERED: Final = 8 << 20
"""Bytes of modules that are kept for the next question."""
_MAX_NAME_LENGTH: Final = 500
"""Characters of a dotted name that are looked up."""
_PARTS: Final = 30
"""Components of a dotted name that are looked up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A module as the path finder found it."""

    name: str
    file: ImagePath | None
    """None for a namespace package."""
    package: tuple[ImagePath, ...] = ()
    """Of a package: the directories of its `__path__`."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a directory holds under a module's name: the best file by the finder's order, and a directory."""

    file: str = ""
    rank: int = 9
    directory: bool = False


def directories(context: Context) -> Directories:
    """The listing of directories, made once for the walk."""
    return Directories(context.original)


class Directories:
    """What directories hold for the finder, and words that stand in source files; remembered."""

    def __init__(self, tree: FileTree) -> None:
        self.tree = tree
        self._listed: dict[str, dict[str, _Entry]] = {}
        self._found: dict[tuple[ImagePath, str, int], Module | None] = {}
        self._content: dict[ImagePath, bytes] = {}
        self._held = 0
        self._words: dict[ImagePath, dict[str, bool]] = {}
        self._all_words: tuple[str, frozenset[bytes]] = ("", frozenset())
        self._searched = 0
        self._idle: dict[ImagePath, bool] = {}

    def listing(self, directory: str, minor: int) -> dict[str, _Entry]:
        """Modules and directories by name, for the interpreter 3.`minor`."""
        key = f"{minor}:{directory}"
        known = self._listed.get(key)
        if known is None:
            real = self.tree.resolve(directory).path
            names = self.tree.children(real) if real is not None else ()
            known = self._listed[key] = _sorted_out(names, minor)
        return known

    def module(self, directory: ImagePath, name: str, minor: int) -> Module | None:
        """What one directory has for one component of a name; a directory without `__init__` is a portion only."""
        entry = self.listing(directory, minor).get(name)
        if entry is None:
            return None
        key = (directory, name, minor)
        if key not in self._found:
            self._found[key] = self._look_up(directory, name, entry, minor)
        return self._found[key]

    def _look_up(self, directory: ImagePath, name: str, entry: _Entry, minor: int) -> Module | None:
        folder = image_path(f"{directory}/{name}")
        is_directory = entry.directory and self._is_directory(folder)
        if is_directory:
            start = self.listing(folder, minor).get("__init__")
            if start is not None and start.file and self._is_file(f"{folder}/{start.file}"):
                return Module(name=name, file=ImagePath(f"{folder}/{start.file}"), package=(folder,))
        if entry.file and self._is_file(f"{directory}/{entry.file}"):
            return Module(name=name, file=image_path(f"{directory}/{entry.file}"))
        return Module(name=name, file=None, package=(folder,)) if is_directory else None

    def is_idle(self, path: ImagePath) -> bool:
        """Whether a source file holds no statement that does anything."""
        known = self._idle.get(path)
        if known is None:
            file = self.tree.resolve(path).file
            small = file is not None and file.size <= _MAX_IDLE_BYTES
            known = self._idle[path] = small and _IDLE_MODULE.fullmatch(self.content(path, _MAX_IDLE_BYTES)) is not None
        return known

    def content(self, path: ImagePath, limit: int) -> bytes:
        """The bytes of a module, empty where it is too large; a few are remembered."""
        if path not in self._content:
            real = self.tree.resolve(path).path
            try:
                data = self.tree.content(real, limit=limit) if real is not None else b""
            except ImageError:
                data = b""
            self._held += len(data)
            while self._content and self._held > _REMEMBERED:
                self._held -= len(self._content.pop(next(iter(self._content))))
            self._content[path] = data
        return self._content[path]

    def has_word(self, path: ImagePath, word: str, limit: int) -> bool:
        """Whether a word stands in a file."""
        known = self._words.setdefault(path, {})
        if word not in known:
            wanted = word.encode("utf-8", "surrogateescape")
            if len(known) < _SEARCHES:
                data = self.content(path, limit)
                self._searched += len(data)
                known[word] = re.search(rb"(?<!\w)" + re.escape(wanted) + rb"(?!\w)", data) is not None
            elif self._all_words[0] != path and self._searched > _SEARCHED:
                return True
            else:
                known[word] = wanted in self._words_of(path, limit)
        return known[word]

    def _words_of(self, path: ImagePath, limit: int) -> frozenset[bytes]:
        """All words of one module, where many names of it are looked up; only the last module's are kept."""
        if self._all_words[0] != path:
            data = self.content(path, limit)
            self._searched += len(data)
            self._all_words = path, frozenset(_WORD.findall(data))
        return self._all_words[1]

    def _is_directory(self, path: str) -> bool:
        file = self.tree.resolve(path).file
        return file is not None and file.type is FileType.DIRECTORY

    def _is_file(self, path: str) -> bool:
        file = self.tree.resolve(path).file
        return file is not None and file.type is FileType.FILE


def _sorted_out(names: Iterable[str], minor: int) -> dict[str, _Entry]:
    """FileFinder's order: extension modules, then source, then byte-code without source."""
    found: dict[str, _Entry] = {}
    for name in names:
        stem, rank = _module_name(name, minor)
        if rank:
            known = found.get(stem, _Entry())
            if rank < known.rank:
                found[stem] = _Entry(name, rank, known.directory)
        elif "." not in name:
            known = found.get(name, _Entry())
            found[name] = _Entry(known.file, known.rank, directory=True)
    return found


def _module_name(name: str, minor: int) -> tuple[str, int]:
    if name.endswith(".py"):
        return name[:-3], 4
    if name.endswith(".so"):
        match = _EXTENSION.match(name)
        if match is None:
            return name[:-3], 3
        if match[2] is None:
            return match[1], 2
        return (match[1], 1) if (match[2], match[3]) == ("3", str(minor)) else ("", 0)
    return (name[:-4], 5) if name.endswith(".pyc") else ("", 0)


class Finder:
    """Finds modules for one interpreter, with what its main program put in front of sys.path."""

    def __init__(
        self, context: Context, interpreter: PythonInterpreter | None, front: tuple[ImagePath, ...], limit: int
    ) -> None:
        self.interpreter = interpreter
        self._directories = context.once(directories)
        self._front = front
        self._limit = limit
        self._minor = interpreter.version[1] if interpreter else 0
        self._search = tuple(dict.fromkeys((*front, *(interpreter.search if interpreter else ()))))
        self._editable = dict(interpreter.editable) if interpreter else {}
        self._tops: dict[str, Module | None] = {}
        self._known: dict[str, tuple[tuple[Module, ...], bool]] = {}
        self._behind: dict[str, tuple[Module, ...]] = {}
        self._split: dict[str, bool] = {}
        self._parts: dict[str, tuple[ImagePath, ...]] = {}
        self._holders: dict[str, list[ImagePath]] | None = None

    @property
    def search(self) -> tuple[ImagePath, ...]:
        """sys.path."""
        return self._search

    def find(self, name: str) -> tuple[tuple[Module, ...], bool]:
        """The modules that importing a dotted name loads, outermost first, and whether the name itself was found."""
        known = self._known.get(name)
        if known is None:
            known = self._find(name)
            if len(self._known) > 20_000:
                self._known.clear()
            self._known[name] = known
        return known

    def _find(self, name: str) -> tuple[tuple[Module, ...], bool]:
        parts = name.split(".")
        if len(name) > _MAX_NAME_LENGTH or len(parts) > _PARTS or not all(parts):
            return (), False
        found: list[Module] = []
        at = self._top(parts[0])
        for count, part in enumerate(parts):
            if count:
                at = self.inside(found[-1], part)
            if at is None:
                return tuple(found), False
            found.append(at)
        return tuple(found), True

    def inside(self, package: Module, part: str) -> Module | None:
        """A submodule of a package."""
        found = self._among(package.package, part, f"{package.name}.{part}")
        if found is None and package.file is not None and package.package and self._is_split(package):
            found = self._among(self._portions(package), part, f"{package.name}.{part}")
        return found

    def relative(self, directory: ImagePath, name: str, package: str) -> tuple[tuple[Module, ...], bool]:
        """As `find`, for a name that counts from the package in this directory."""
        found: list[Module] = []
        at = Module(name=package, file=None, package=(directory,))
        for part in name.split("."):
            inner = self.inside(at, part) if part else None
            if inner is None:
                return tuple(found), False
            found.append(inner)
            at = inner
        return tuple(found), True

    def package_at(self, directory: ImagePath, name: str) -> Module:
        """The package in a directory, with or without `__init__`."""
        found = self._directories.module(parent(directory), basename(directory), self._minor)
        file = found.file if found is not None and found.package else None
        return Module(name=name, file=file, package=(directory,))

    def package_of(self, directory: ImagePath) -> str:
        """The dotted name of the package in a directory, as sys.path gives it; its own name where it does not."""
        best = ""
        for entry in self._search:
            if directory.startswith(f"{entry}/") and len(entry) > len(best):
                best = entry
        return directory[len(best) + 1 :].replace("/", ".") if best else basename(directory)

    def submodules(self, package: Module) -> Iterator[str]:
        """The name of every module directly in a package, sorted."""
        names: dict[str, None] = {}
        for folder in package.package:
            names |= dict.fromkeys(self._directories.listing(folder, self._minor))
        for name in sorted(names):
            if name.isidentifier() and name not in {"__init__", "__pycache__"}:
                yield name

    def matching(self, pattern: str, *, most: int) -> tuple[list[tuple[Module, ...]], int]:
        """The chains of modules whose dotted names match a pattern with holes, and how many names were looked at.

        Its first part must be known; nothing where the names are more than `most`.
        """
        parts = pattern.split(".")
        if not 2 <= len(parts) <= _PARTS or HOLE in parts[0] or not parts[0]:
            return [], 0
        looked = 0
        top = self._top(parts[0])
        chains: list[tuple[Module, ...]] = [(top,)] if top is not None else []
        for part in parts[1:]:
            following: list[tuple[Module, ...]] = []
            for chain in chains:
                for module in self._candidates(chain[-1], part):
                    looked += 1
                    if looked > most:
                        return [], looked
                    if module is not None:
                        following.append((*chain, module))
            if not following and HOLE in part:
                break
            chains = following
        return chains, looked

    def _candidates(self, package: Module, part: str) -> Iterator[Module | None]:
        """The submodules that a part may match; None for each that was looked at in vain."""
        if HOLE not in part:
            yield self.inside(package, part)
            return
        head, tail = part.split(HOLE, maxsplit=1)[0], part.rsplit(HOLE, maxsplit=1)[-1]
        for name in self.submodules(package):
            fits = name.startswith(head) and name.endswith(tail) and len(name) >= len(head) + len(tail)
            found = self.inside(package, name) if fits else None
            yield found if found is not None and found.file is not None else None

    def tops(self, name: str) -> Iterator[Module]:
        """Top modules whose names begin so."""
        for entry in self._search:
            for found in sorted(self._directories.listing(entry, self._minor)):
                if found.startswith(name):
                    module = self._top(found)
                    if module is not None:
                        yield module

    def defines(self, module: Module, name: str) -> bool:
        """Whether a name stands as a word in a module, which it must where the module has it.

        Compiled ones are taken to have what they are asked for: their strings overlap, and they may be large.
        """
        if module.file is None:
            return False
        if name in MODULE_ATTRIBUTES or not module.file.endswith(".py"):
            return True
        return self._directories.has_word(module.file, name, self._limit)

    def is_frozen(self, module: Module) -> bool:
        """Whether a module is read from the interpreter itself, whatever becomes of its file."""
        home = self.interpreter
        if module.name not in FROZEN or home is None or not home.freezes or module.file is None:
            return False
        return home.stdlib is not None and is_below(module.file, home.stdlib)

    def behind(self, module: Module) -> tuple[Module, ...]:
        """The modules with files of their own that a frozen module imports at its top level, as its source says."""
        known = self._behind.get(module.name)
        if known is None:
            found: dict[Module, None] = {}
            todo, seen = [module], {module.name}
            while todo:
                at = todo.pop()
                for match in _TOP_IMPORT.finditer(self.content(at)):
                    name = (match[1] or match[2]).decode("utf-8", "replace")
                    for one in self.find(at.name.rpartition(".")[0] + name if name.startswith(".") else name)[0]:
                        if one.name in seen:
                            continue
                        seen.add(one.name)
                        if self.is_frozen(one):
                            todo.append(one)
                        else:
                            found[one] = None
            known = self._behind[module.name] = tuple(found)
        return known

    def is_idle(self, module: Module) -> bool:
        """Whether a package's `__init__` does nothing, so that without it the directory is a package all the same."""
        if not module.package or module.file is None or not module.file.endswith(".py"):
            return False
        return self._directories.is_idle(module.file)

    def holds_more(self, package: Module) -> bool:
        """Whether a package's directory holds anything but its `__init__`: else it goes with it."""
        return any(
            name not in {"__init__", "__pycache__"}
            for folder in package.package
            for name in self._directories.listing(folder, self._minor)
        )

    def content(self, module: Module) -> bytes:
        """The source of a module, empty for a namespace."""
        return self._directories.content(module.file, self._limit) if module.file is not None else b""

    def _top(self, name: str) -> Module | None:
        if name not in self._tops:
            entries = self._entries().get(name, ())
            self._tops[name] = self._editable_top(name) or self._among(entries, name, name)
        return self._tops[name]

    def _entries(self) -> dict[str, list[ImagePath]]:
        """The entries of sys.path that may have a top module; thousands of entries are not asked one by one."""
        if self._holders is None:
            self._holders = {}
            for entry in self._search:
                for name in self._directories.listing(entry, self._minor):
                    self._holders.setdefault(name, []).append(entry)
        return self._holders

    def _portions(self, package: Module) -> tuple[ImagePath, ...]:
        """The directories of this name below every entry of sys.path that has its top module."""
        known = self._parts.get(package.name)
        if known is None:
            top = self._entries().get(package.name.partition(".")[0], ())
            known = tuple(image_path(f"{entry}/{package.name.replace('.', '/')}") for entry in top)
            self._parts[package.name] = known
        return known

    def _editable_top(self, name: str) -> Module | None:
        path = self._editable.get(name)
        if path is None:
            return None
        if path.endswith(".py"):
            return Module(name=name, file=path)
        return self._among((parent(path),), basename(path), name)

    def _among(self, folders: Sequence[ImagePath], part: str, name: str) -> Module | None:
        portions: list[ImagePath] = []
        for folder in folders:
            found = self._directories.module(folder, part, self._minor)
            if found is None:
                continue
            if found.file is not None:
                return Module(name=name, file=found.file, package=found.package)
            portions += found.package
        return Module(name=name, file=None, package=tuple(portions)) if portions else None

    def _is_split(self, package: Module) -> bool:
        known = self._split.get(package.name)
        if known is None:
            content = self.content(package)
            known = self._split[package.name] = any(word in content for word in _SPLIT)
        return known
