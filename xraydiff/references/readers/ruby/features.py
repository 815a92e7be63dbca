"""What a Ruby program loads: features over its load path, files beside it, gems and a bundle."""

from __future__ import annotations

from collections.abc import Sequence

from xraydiff.facts import EdgeKind, Firing
from xraydiff.paths import ImagePath, image_path, join, parent
from xraydiff.references.kit.expressions import UNKNOWN, ProgramScope, Value
from xraydiff.references.kit.lookup import Lookup
from xraydiff.references.kit.recorder import Recorder, weakened
from xraydiff.references.readers.ruby.interpreter import RubyInterpreter

__all__ = ["Features"]


class Features:
    """Edges to what one program loads."""

    def __init__(self, scope: ProgramScope, seen: Recorder, lookup: Lookup, ruby: RubyInterpreter) -> None:
        self._scope = scope
        self._seen = seen
        self._lookup = lookup
        self._ruby = ruby
        self._cwd = lookup.context.cwd
        self._extra: list[str] = []
        """Directories that the program itself puts on the load path."""

    def add_paths(self, texts: Sequence[str]) -> None:
        """`$LOAD_PATH.unshift`."""
        for text in texts:
            path = join(self._cwd, text)
            if UNKNOWN not in text and path not in self._extra and len(self._extra) < 64:
                self._extra.insert(0, path)

    def required(self, text: str, firing: Firing) -> None:
        """`require` of a text, which may be known in part."""
        if UNKNOWN not in text:
            self.feature(text, firing)
            if text in ("bundler/setup", "bundler/inline"):
                self.bundle(firing, everything=False)
            return
        head, _, tail = text.partition(UNKNOWN)
        if "/" not in head or UNKNOWN in tail:
            self._seen.gap("computed-name", text.replace(UNKNOWN, "..."))
            return
        if head.startswith(("/", "./", "../")):
            pattern = join(self._cwd, f"{head}*{tail}")
            paths = self._lookup.glob(pattern if pattern.endswith(".rb") else f"{pattern}.rb")
        else:
            paths = self._ruby.starting_with(head, tail, self._lookup, self._extra)
        for path in paths:
            self._seen.file(path, EdgeKind.IMPORTS, Firing.NAMED, f"{head}...{tail}")

    def feature(self, text: str, firing: Firing) -> None:
        """What `require` of a feature loads; what Ruby holds itself has no file, and so gives no edge."""
        if not text or len(text) > self._lookup.context.limits.path:
            return
        if text.startswith(("/", "./", "../", "~")):
            paths = self._beside(join(self._cwd, text))
        else:
            paths = self._ruby.files(text, self._lookup, self._extra) or self._near(text)
        for path in paths:
            self._seen.file(path, EdgeKind.IMPORTS, firing, text, language=_language(path))

    def installed(self, text: str, firing: Firing) -> None:
        """A feature of the load path and of gems, as a compiled extension requires it."""
        for path in self._ruby.files(text, self._lookup):
            self._seen.file(path, EdgeKind.IMPORTS, firing, text, language=_language(path))

    def _near(self, text: str) -> tuple[ImagePath, ...]:
        """A feature that nothing on the known load path has: some other file put this program's own folder on it."""
        head, slash, _ = text.partition("/")
        here = f"{self._scope.directory}/"
        roots = [here[: here.rfind(f"/{head}/")]] if slash and f"/{head}/" in here else []
        for root in (*roots, f"{self._cwd}/lib", str(self._cwd)):
            paths = self._beside(f"{root}/{text}")
            if paths and not self._lookup.is_system(root):
                return paths
        return ()

    def _beside(self, path: str) -> tuple[ImagePath, ...]:
        for name in (path, f"{path}.rb", f"{path}.so"):
            if self._lookup.is_file(name):
                return (image_path(name),)
        return ()

    def relative(self, value: Value, firing: Firing) -> None:
        """`require_relative`."""
        for text in value.texts:
            if UNKNOWN in text:
                head = text.partition(UNKNOWN)[0]
                self.required(f"{self._scope.directory}/{text}" if head else text, firing)
                continue
            for path in self._beside(join(self._scope.directory, text)):
                how = firing if value.certain else weakened(firing)
                self._seen.file(path, EdgeKind.SOURCES, how, text, language=_language(path))

    def load(self, value: Value, firing: Firing) -> None:
        """`load`: a file of the load path or the working directory, with its ending."""
        for text in value.texts:
            if UNKNOWN in text:
                self._seen.gap("computed-name", text.replace(UNKNOWN, "..."))
                continue
            roots = (self._cwd,) if text.startswith((".", "/")) else (*self._ruby.load_path, self._cwd)
            path = next((join(root, text) for root in roots if self._lookup.is_file(join(root, text))), None)
            if path is not None:
                how = firing if value.certain else weakened(firing)
                self._seen.file(path, EdgeKind.SOURCES, how, text, language="ruby")

    def gem(self, name: str, firing: Firing) -> None:
        """The specification of a gem."""
        found = self._ruby.gem(name)
        if found is not None:
            self._seen.file(found.specification, EdgeKind.IMPORTS, firing, f"gem {name}")

    def bundle(self, firing: Firing, *, everything: bool) -> None:
        """What Bundler reads at the start, and what `Bundler.require` then loads of every gem of the Gemfile."""
        lock = self._ruby.bundle.lock
        if lock is None:
            return
        gemfile = lock.removesuffix(".lock") if lock.endswith(".lock") else f"{parent(lock)}/gems.rb"
        for path in (gemfile, lock):
            if self._lookup.is_file(path):
                self._seen.file(image_path(path), EdgeKind.LOADS, firing, "Bundler")
        for name in self._ruby.bundle.wanted if everything else ():
            self._lookup.spend(1 + len(self._ruby.gems) // 8)
            self.gem(name, firing)
            for feature in dict.fromkeys((name, name.replace("-", "/"))):
                self.feature(feature, weakened(firing))


def _language(path: str) -> str:
    return "" if path.endswith(".so") else "ruby"
