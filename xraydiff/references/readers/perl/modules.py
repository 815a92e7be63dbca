"""Modules of Perl: names to files, their compiled parts, and the functions that take a module's name in a string."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from xraydiff.facts import EdgeKind, FileType, Firing
from xraydiff.paths import ImagePath, basename, decoded, image_path, join
from xraydiff.references import Context
from xraydiff.references.kit.expressions import UNKNOWN, Value
from xraydiff.references.kit.lookup import Lookup
from xraydiff.references.kit.recorder import Recorder, weakened
from xraydiff.references.readers.perl.interpreter import PerlInterpreter, find_interpreter
from xraydiff.references.readers.perl.values import PerlScope
from xraydiff.references.readers.perl.vocabulary import LOADERS, PREFIXED

__all__ = ["Modules"]

_NAME: Final = re.compile(r"[A-Za-z_]\w*(?:(?:::|')\w+)*\Z")
_CLASS: Final = re.compile(r"[A-Z]\w*(?:::\w+)+\Z|[A-Z]\w*\Z")
_CONFIGURED: Final = re.compile(rb"^ +(\w+) +=>", re.MULTILINE)
_DSN: Final = re.compile(r"dbi:([A-Za-z_]\w*)", re.IGNORECASE)
_NEEDED_MODULES: Final = frozenset(("parent", "base", "Mojo::Base", "aliased", "fields"))
_NEEDED_IN_C: Final = {"PerlIO::encoding": ("Encode",)}
"""Modules that compiled code loads when it is loaded (encoding.xs, BOOT)."""
_FRAMEWORKS: Final = {
    "Mojolicious::Lite": ("templates", "public"),
    "Mojolicious": ("templates", "public"),
    "Dancer2": ("views", "public", "environments", "config.yml"),
    "Dancer": ("views", "public", "environments", "config.yml"),
    "Catalyst": ("root",),
}
"""What these find beside the program, or beside its folder `bin`, `script` or `lib` (their manuals)."""
_ABOVE: Final = frozenset(("bin", "script", "lib"))


class Modules:
    """Edges to what one program loads."""

    def __init__(self, scope: PerlScope, seen: Recorder, lookup: Lookup, perl: PerlInterpreter) -> None:
        self._scope = scope
        self._seen = seen
        self._lookup = lookup
        self._perl = perl
        self._extra: list[str] = []
        """Directories that the program itself puts before @INC."""

    def add_paths(self, words: Sequence[str]) -> None:
        """`use lib`, `push @INC`."""
        for word in words:
            path = join(self._lookup.context.cwd, word)
            if path not in self._extra and len(self._extra) < 64:
                self._extra.append(path)

    def load(self, name: str, firing: Firing) -> bool:
        """A module by its name; whether it is there. What perl holds itself has no file, and so gives no edge."""
        if len(name) > self._lookup.context.limits.component or not _NAME.match(name):
            return False
        path = self._find(re.sub(r"::|'", "/", name) + ".pm")
        if path is None:
            return False
        self._seen.file(path, EdgeKind.IMPORTS, firing, name, language="perl")
        return True

    def use(self, name: str, words: Sequence[str], firing: Firing) -> None:
        """`use NAME WORDS`: the module, and the modules that some of them load on the program's behalf."""
        if self.load(name, firing) and any(word.startswith((":", "!", "/")) for word in words):
            # A list with more than names in it is work for the other half of Exporter.
            self.load("Exporter::Heavy", weakened(firing))
        if name == "parent" and "-norequire" in words:
            return
        if name in _NEEDED_MODULES:
            for word in words:
                self.load(word, weakened(firing) if name == "base" else firing)
        elif name in ("if", "autouse", "maybe"):
            for word in words:
                if _CLASS.match(word) and self.load(word, weakened(firing) if name != "autouse" else Firing.DEFERRED):
                    break
        elif name in ("AutoLoader", "SelfLoader"):
            self._autoloaded(firing)
        elif name == "Catalyst":
            for word in words:
                self.load(word[1:] if word.startswith("+") else f"Catalyst::Plugin::{word}", firing)
        elif name == "POSIX" and "locale_h" in words:
            self.load("locale", firing)
        self._framework(name)

    def configured(self, key: str, firing: Firing) -> None:
        """`$Config{key}`: a few keys stand in Config.pm itself, the others in a larger file that it loads."""
        known = self._lookup.context.once(_configuration)
        if known and key not in known:
            for name in ("Config_heavy.pl", "Config_git.pl"):
                self.file(name, firing)

    def file(self, text: str, firing: Firing) -> None:
        """`require "x.pl"`: over @INC, or from the working directory where it begins with a dot or slash."""
        path = self._find(text)
        if path is not None:
            self._seen.file(path, EdgeKind.SOURCES, firing, text, language="perl")

    def done(self, text: str, firing: Firing) -> None:
        """`do "x.pl"`: as `require`, but its absence is no error."""
        path = self._find(text)
        if path is not None:
            language = "" if text.endswith((".txt", ".dat")) else "perl"
            self._seen.file(path, EdgeKind.SOURCES, firing, text, language=language)

    def prefix(self, text: str) -> bool:
        """A name whose end is made up as the program runs: the modules in that folder; false where nothing is known."""
        head = text.partition(UNKNOWN)[0]
        if "::" not in head:
            return False
        folder = head.rpartition("::")[0].replace("::", "/")
        for path in self._perl.below(folder, self._lookup, self._extra):
            name = basename(path)
            if name.startswith(head.rpartition("::")[2]):
                self._seen.file(path, EdgeKind.IMPORTS, Firing.NAMED, f"{head}...", language="perl")
        return True

    def compiled(self, names: Sequence[str], firing: Firing) -> None:
        """The shared object of a module (`XSLoader::load`, `bootstrap`), and what DynaLoader reads beside it."""
        for name in names or (self._scope.package,):
            parts = name.split("::")
            if not _NAME.match(name):
                parts = self._scope.package.split("::")
            folder = "auto/" + "/".join(parts)
            path = self._find(f"{folder}/{parts[-1]}.so")
            if path is not None:
                self._seen.file(path, EdgeKind.LOADS, firing, name)
            for needed in _NEEDED_IN_C.get(name, ()):
                self.load(needed, firing)
            beside = self._find(f"{folder}/{parts[-1]}.bs")
            if beside is not None and beside != path:
                self._seen.file(beside, EdgeKind.LOADS, weakened(firing), name)

    def called(self, function: str, text: str, firing: Firing) -> None:
        """A function or method that is given a text."""
        if function in LOADERS:
            if UNKNOWN in text:
                self.prefix(text)
            elif _CLASS.match(text):
                self.load(text, firing)
        for prefix in PREFIXED.get(function, ()):
            self._prefixed(prefix, text, firing)

    def driver(self, text: str, firing: Firing) -> None:
        """The name of a data source says which driver DBI will load."""
        match = _DSN.match(text)
        if match:
            self.load(f"DBD::{match[1]}", firing)

    def assigned(self, name: str, value: Value, firing: Firing) -> None:
        """`@ISA = ("AutoLoader")` gives a class the functions that AutoSplit wrote below auto/."""
        if name == "@ISA" and ("AutoLoader" in value.texts or "SelfLoader" in value.texts):
            self._autoloaded(firing)

    def _prefixed(self, prefix: str, text: str, firing: Firing) -> None:
        if text.startswith("+"):
            self.load(text[1:], firing)
        elif UNKNOWN not in text:
            self.load(f"{prefix}::{text}" if prefix else text, firing)

    def _autoloaded(self, firing: Firing) -> None:
        folder = "auto/" + self._scope.package.replace("::", "/")
        index = self._find(f"{folder}/autosplit.ix")
        if index is None:
            return
        self._seen.file(index, EdgeKind.LOADS, weakened(firing), "AutoLoader", language="perl")
        home = index.rpartition("/")[0]
        for name in self._lookup.children(home):
            if name.endswith(".al"):
                path = image_path(f"{home}/{name}")
                self._seen.file(path, EdgeKind.LOADS, Firing.DEFERRED, f"AutoLoader {name}", language="perl")

    def _framework(self, name: str) -> None:
        for entry in _FRAMEWORKS.get(name, ()):
            here = self._scope.directory
            above = here.rpartition("/")[0] if basename(here) in _ABOVE else here
            for folder in dict.fromkeys((here, above)):
                found = self._lookup.named(entry, folder or "/")
                if found is not None and found[1] in (FileType.FILE, FileType.DIRECTORY):
                    self._seen.named(*found, f"{name}: {entry}", Firing.KEPT_WITH)

    def _find(self, name: str) -> ImagePath | None:
        if UNKNOWN in name or len(name) > self._lookup.context.limits.path or not name:
            return None
        if name.startswith(("/", "./", "../")):
            path = join(self._lookup.context.cwd, name)
            return path if self._lookup.is_file(path) else None
        found = self._perl.file(name, self._lookup, self._extra)
        return found if found is not None else self._near(name)

    def _near(self, name: str) -> ImagePath | None:
        """A file that nothing on the known @INC has: another program put this one's own folders there."""
        head, slash, _ = name.partition("/")
        here = f"{self._scope.directory}/"
        cwd = self._lookup.context.cwd
        roots = [here[: here.rfind(f"/{head}/")]] if slash and f"/{head}/" in here else []
        roots += [f"{self._scope.directory}/lib", f"{self._scope.directory}/../lib", f"{cwd}/lib", str(cwd)]
        roots += [] if slash else [self._scope.directory]
        for root in roots:
            path = join(root or "/", name)
            if not self._lookup.is_system(root) and self._lookup.is_file(path):
                return path
        return None


def _configuration(context: Context) -> frozenset[str]:
    """The keys of `%Config` that stand in Config.pm itself."""
    lookup = Lookup(context)
    path = find_interpreter(context, lookup).file("Config.pm", lookup)
    data = lookup.content(path, context.limits.script) if path is not None else b""
    return frozenset(decoded(name) for name in _CONFIGURED.findall(data))
