"""Programs that gems install: the wrapper in PATH, the script behind it, and the file that a server starts with."""

from __future__ import annotations

from typing import Final

from xraydiff.facts import EdgeKind, FileType, Firing
from xraydiff.paths import ImagePath, basename, image_path, join
from xraydiff.references.kit.lookup import Lookup
from xraydiff.references.kit.recorder import Recorder, weakened
from xraydiff.references.readers.ruby.interpreter import Gem, RubyInterpreter

__all__ = ["GemPrograms"]

_SERVERS: Final = {
    "rackup": ("config.ru",),
    "puma": ("config/puma.rb", "config.ru"),
    "unicorn": ("config/unicorn.rb", "config.ru"),
    "thin": ("config.ru",),
    "falcon": ("config.ru",),
    "iodine": ("config.ru",),
    "passenger": ("config.ru",),
    "rails": ("config/boot.rb", "config/application.rb", "bin/rails", "config.ru"),
    "rake": ("Rakefile",),
    "sidekiq": ("config/sidekiq.yml", "config/environment.rb"),
    "sequel": (),
}
"""What these read from the working directory unless they are configured otherwise (their documentation)."""
_RESOLVER: Final = ("rubygems/request_set", "rubygems/resolver", "rubygems/source")
_BUNDLERS: Final = frozenset({"bundle", "bundler"})


class GemPrograms:
    """Edges of wrappers that RubyGems writes."""

    def __init__(self, seen: Recorder, lookup: Lookup, ruby: RubyInterpreter) -> None:
        self._seen = seen
        self._lookup = lookup
        self._ruby = ruby

    def start(self, path: str) -> None:
        """A program by its own name: what it reads from WORKDIR, and for `bundle exec WORD` that word's program."""
        name = basename(path)
        self._files(name, Firing.LOAD)
        if name not in _BUNDLERS:
            return
        words = (*(self._lookup.context.config.entrypoint or ()), *(self._lookup.context.config.cmd or ()))
        if "exec" not in words:
            return
        word = next((one for one in words[words.index("exec") + 1 :] if not one.startswith("-")), "")
        self._bundled(word)

    def gem_program(self, names: list[str], firing: Firing) -> None:
        """`Gem.activate_bin_path("rack", "rackup", ...)`: the script in the gem, and what resolves its dependencies.

        RubyGems autoloads the resolver when it is first named, which `Gem.finish_resolve` does in each such call and a
        plain `require` of a gem does not.
        """
        gem = self._ruby.gem(names[0]) if len(names) == 2 else None
        path = self._program_of(gem, names[1]) if gem is not None else None
        if gem is not None and path is not None:
            self._seen.file(gem.specification, EdgeKind.IMPORTS, firing, f"gem {names[0]}")
            self._seen.file(path, EdgeKind.SOURCES, firing, names[1], language="ruby")
            for feature in _RESOLVER:
                for part in self._ruby.files(feature, self._lookup):
                    self._seen.file(part, EdgeKind.IMPORTS, firing, feature, language="ruby")

    def _files(self, name: str, firing: Firing) -> None:
        for file in _SERVERS.get(name, ()):
            found = self._lookup.named(file, self._lookup.context.cwd)
            if found is not None and found[1] is FileType.FILE:
                self._seen.file(found[0], EdgeKind.SOURCES, weakened(firing), f"{name}: {file}", language="ruby")

    def _bundled(self, word: str) -> None:
        bundle = self._ruby.bundle
        gemfile = join(self._lookup.context.cwd, "Gemfile")
        for file in (gemfile, bundle.lock or f"{gemfile}.lock"):
            if self._lookup.is_file(file):
                self._seen.file(image_path(file), EdgeKind.LOADS, Firing.LOAD, "bundle exec")
        self._files(word, Firing.LOAD)
        program = self._lookup.executable(word)
        if program is not None:
            self._seen.file(program, EdgeKind.EXECUTES, Firing.LOAD, word)
            return
        for gem in self._ruby.gems:
            path = self._program_of(gem, word)
            if path is not None:
                self._seen.file(gem.specification, EdgeKind.IMPORTS, Firing.LOAD, f"gem {gem.name}")
                self._seen.file(path, EdgeKind.SOURCES, Firing.LOAD, word, language="ruby")
                return

    def _program_of(self, gem: Gem, name: str) -> ImagePath | None:
        if "/" in name or "\0" in name:
            return None
        for folder in ("exe", "bin"):
            path = ImagePath(f"{gem.home}/{folder}/{name}")
            if self._lookup.is_file(path):
                return path
        return None
