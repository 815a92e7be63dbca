"""One module that is read, and what its names mean in the image: modules, files, programs, libraries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from xraydiff.commands.start import find_executable
from xraydiff.conventions import engine_provides
from xraydiff.errors import LimitExceeded
from xraydiff.facts import EdgeKind, FileType, Firing
from xraydiff.paths import ImagePath, image_path, is_below
from xraydiff.references import Context
from xraydiff.references.kit.evaluation import HOLE, Texts, is_vague, joined
from xraydiff.references.kit.programs import Programs
from xraydiff.references.kit.recorder import Recorder
from xraydiff.references.readers.python.lazy import LazyNames
from xraydiff.references.readers.python.library import LibraryCalls
from xraydiff.references.readers.python.modules import Finder, Module
from xraydiff.references.readers.python.patterns import expand
from xraydiff.references.readers.python.script import PythonScript
from xraydiff.references.readers.python.values import PythonEvaluator
from xraydiff.references.readers.python.vocabulary import ALWAYS_BUILT_IN

__all__ = ["Call", "PythonProgram"]

_MAX_FILE_NAMES: Final = 20_000
"""Names of files looked at for one module: a catalogue names hundreds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call, by the qualified name of what is called."""

    node: int
    """Index of its expression, as those of its receiver and arguments."""
    name: str
    """`subprocess.run`; `?.encode` where the receiver is not a module's name."""
    method: str
    """The last part of the name."""
    receiver: int | None
    args: list[int]
    keywords: dict[str, int]
    firing: Firing


@dataclass(slots=True, kw_only=True)
class PythonProgram:
    """What the readers of imports, calls and strings share."""

    path: ImagePath
    context: Context
    finder: Finder
    values: PythonEvaluator
    script: PythonScript
    lazy: LazyNames
    library_calls: LibraryCalls
    seen: Recorder
    programs: Programs
    """Follows what the module starts."""
    directory: ImagePath
    """Where the module lies; of an inline script WORKDIR."""
    library: bool
    """Whether the file lies in a library directory of its interpreter."""
    foreign: bool
    """... and neither a local directory nor the start command says that it is the application's own."""
    roots: tuple[ImagePath, ...] = ()
    """Directories that relative names of files may count from: WORKDIR, the module's own."""
    literals: set[str] | None = None
    """Every literal, once it was needed."""
    _left: int = field(default=_MAX_FILE_NAMES)
    _noted: set[tuple[str, Firing, bool]] = field(default_factory=set)
    """Calls of libraries whose imports were noted."""

    # --- modules -----------------------------------------------------------------------------------------------------

    def module(self, name: str, firing: Firing, detail: str) -> bool:
        """Note what importing a dotted name loads; whether it was found whole."""
        chain, whole = self.finder.find(name)
        self.chain(chain, firing, detail)
        return whole or name.partition(".")[0] in ALWAYS_BUILT_IN

    def chain(self, chain: tuple[Module, ...], firing: Firing, detail: str) -> None:
        """Note the files of modules, outermost first."""
        for module in chain:
            if self.finder.is_frozen(module):
                for one in self.finder.behind(module):
                    if one.file is not None:
                        self.seen.file(one.file, EdgeKind.IMPORTS, firing, f"{detail}: {module.name}")
            elif module.file is not None:
                # Without an `__init__` that does nothing a directory is a namespace package (PEP 420).
                idle = self.finder.is_idle(module) and (module is not chain[-1] or self.finder.holds_more(module))
                self.seen.file(module.file, EdgeKind.IMPORTS, Firing.NAMED if idle else firing, detail)

    def object_(self, text: str, firing: Firing, detail: str, *, single: bool = False) -> bool:
        """Note the module of `pkg.mod`, `pkg.mod.Class` or `pkg.mod:attr`, if such a thing is there."""
        name, colon, attribute = text.partition(":")
        attribute = attribute.partition(".")[0].partition("(")[0].strip()
        if not name or HOLE in name or (colon and not attribute.isidentifier()):
            return False
        chain, whole = self.finder.find(name)
        if not chain or chain[-1].file is None or (len(chain) < 2 and not single and not colon):
            return False
        if not whole:
            rest = name.split(".")[len(chain) :]
            if colon or len(rest) > 2 or not self.finder.defines(chain[-1], rest[0]):
                return self._lazy_object(chain[-1], rest[0], firing, detail)
        elif colon and not self.finder.defines(chain[-1], attribute):
            return False
        self.chain(chain, firing, detail)
        if colon:
            self._lazy_object(chain[-1], attribute, firing, detail)
        return True

    def _lazy_object(self, module: Module, name: str, firing: Firing, detail: str) -> bool:
        found = self.lazy.of(module, name, self.finder)
        for chain in found:
            self.chain(chain, firing, detail)
        return bool(found)

    def pattern(self, pattern: str, firing: Firing, detail: str) -> bool:
        """Note every module that a dotted name with holes may match."""
        if self._left <= 0:
            return False
        chains, looked = self.finder.matching(pattern, most=self._left)
        self.spend(1 + looked)
        for chain in chains:
            self.chain(chain, firing, detail)
        return bool(chains)

    def spend(self, names: int) -> bool:
        """Count names that are looked up; whether there may be more. That there were too many is a gap."""
        self._left -= names
        self.context.budget.spend(names)
        if self._left <= 0:
            self.seen.gap("too-large", "more names than are looked up for one module")
        return self._left > 0

    # --- files -------------------------------------------------------------------------------------------------------

    def resolve(self, path: str) -> FileType | None:
        """The type of what a path leads to in the original; None for nothing, or what the engine provides."""
        if "\0" in path or path == "/" or engine_provides(path) or len(path) > self.context.limits.path:
            return None
        try:
            file = self.context.original.resolve(path).file
        except LimitExceeded:
            return None
        return file.type if file is not None and file.type in (FileType.FILE, FileType.DIRECTORY) else None

    def names(self, texts: Texts, directory: str, firing: Firing, detail: str, *, folders: bool = True) -> bool:
        """Note what paths name, counted from a directory; holes stand for anything there."""
        found = False
        for text in texts:
            if not text or text.startswith(HOLE) or "://" in text or not self.spend(1):
                continue
            path = joined(directory, text)
            if HOLE in path:
                found = self._matches(path, detail) or found
                continue
            type_ = self.resolve(path)
            if type_ is None or (type_ is FileType.DIRECTORY and (not folders or not self._tells(path))):
                continue
            self.seen.named(image_path(path), type_, detail, firing)
            found = True
        return found

    def _tells(self, directory: str) -> bool:
        """A directory that holds the module itself, or everything, says nothing about what is read in it."""
        return directory.count("/") > 1 and not is_below(self.path, directory)

    def _matches(self, pattern: str, detail: str) -> bool:
        vague = (self.context.cwd, "/usr", "/etc", "/var", "/usr/lib", "/usr/share", "/tmp")  # noqa: S108  a name
        if is_vague(pattern, vague):
            return False
        if self._left <= 0:
            return False
        found, looked = expand(self.context.original, pattern, most=self._left)
        self.spend(looked)
        for path in found:
            if self.resolve(path) is FileType.FILE and not path.endswith((".py", ".pyc")):
                self.seen.named(path, FileType.FILE, detail)
        return bool(found)

    # --- programs ----------------------------------------------------------------------------------------------------

    def executable(self, word: str) -> ImagePath | None:
        """The program that a word starts."""
        if not word or HOLE in word or "\0" in word:
            return None
        try:
            return find_executable(word, self.context.original, self.context.path, self.context.cwd)
        except LimitExceeded:
            return None

    def executes(self, path: ImagePath, firing: Firing, detail: str) -> None:
        """Note a program that is started."""
        self.seen.file(path, EdgeKind.EXECUTES, firing, detail)

    def inner_imports(self, call: Call) -> None:
        """Note what the called function of a library imports in its own body."""
        later = Firing.GUARDED if call.firing is Firing.LOAD else call.firing
        if (call.name, later, self.seen.optional) in self._noted:
            return
        self._noted.add((call.name, later, self.seen.optional))
        for chain in self.library_calls.of(call.name, self.finder):
            self.chain(chain, later, f"{call.name}()")
