"""Files that web frameworks of Ruby find by convention: views, layouts, public files, what Zeitwerk and Rails load."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from xraydiff.facts import EdgeKind, FileType, Firing, Node
from xraydiff.paths import ImagePath, basename, image_path, join, parent
from xraydiff.references.kit.expressions import ProgramScope
from xraydiff.references.kit.lookup import Lookup
from xraydiff.references.kit.recorder import Recorder
from xraydiff.references.readers.ruby.vocabulary import ENGINES

__all__ = ["Templates", "code_of_template"]

_FEATURES: Final = {
    "erb": ("tilt/erubi", "erubi", "tilt/erb", "erb"),
    "haml": ("tilt/haml", "haml"),
    "slim": ("tilt/slim", "slim"),
    "liquid": ("tilt/liquid", "liquid"),
    "markdown": ("tilt/redcarpet", "tilt/kramdown", "tilt/commonmarker", "kramdown", "redcarpet", "commonmarker"),
    "builder": ("tilt/builder", "builder"),
    "sass": ("tilt/sass", "sassc"),
    "scss": ("tilt/sass", "sassc"),
}
"""What Tilt loads when the first template of an engine is rendered (tilt.rb, register_lazy)."""
_VIEWS: Final = ("/views", "/app/views")
_RAILS: Final = ("app", "config", "lib/assets", "public")


def code_of_template(data: bytes) -> bytes:
    """The Ruby code of an ERB template, its lines where they were."""
    parts: list[bytes] = []
    at = 0
    while True:
        start = data.find(b"<%", at)
        end = data.find(b"%>", start + 2) if start >= 0 else -1
        if end < 0:
            break
        parts.append(b"\n" * data.count(b"\n", at, start))
        code = data[start + 2 : end]
        if code.startswith((b"#", b"%")):
            parts.append(b"\n" * code.count(b"\n"))
        else:
            parts.append(code.lstrip(b"=-").removesuffix(b"-") + b";")
        at = end + 2
    return b"".join(parts)


class Templates:
    """Edges to templates and directories of one program."""

    def __init__(
        self, scope: ProgramScope, seen: Recorder, lookup: Lookup, feature: Callable[[str, Firing], None]
    ) -> None:
        self._scope = scope
        self._seen = seen
        self._lookup = lookup
        self._feature = feature
        self._views: list[str] = []
        self._sinatra = False
        self._rendered: list[tuple[str, str, Firing, int]] = []
        """Engine (or empty), name, firing, line: looked up at the end, when `set :views` was seen."""

    def required(self, feature: str) -> None:
        """A feature that the program loads, or whose class it derives from: `sinatra` brings conventions with it."""
        self._sinatra = self._sinatra or feature.partition("/")[0] == "sinatra"

    def rails(self) -> None:
        """`class Application < Rails::Application` in config/application.rb.

        Rails loads what lies in these folders by name, not by require.
        """
        root = parent(ImagePath(self._scope.directory))
        for folder in _RAILS:
            self._all_of(f"{root}/{folder}", "Rails")

    def folders(self, texts: Sequence[str], method: str) -> None:
        """Folders that are handed to a loader."""
        for text in texts:
            self._all_of(join(self._lookup.context.cwd, text), method)

    def own_folder(self, method: str) -> None:
        """`Zeitwerk::Loader.for_gem`: the folder that is named like the program."""
        self._all_of(self._scope.path.removesuffix(".rb"), method)

    def render(self, engine: str, names: list[str], firing: Firing) -> None:
        """Templates of these names, and what Tilt loads for their engine."""
        if engine:
            names = [*names, "layout"]
            for feature in _FEATURES.get(engine, ()):
                self._feature(feature, firing)
        line = self._seen.line
        self._rendered.extend((engine, name, firing, line) for name in names if name and "\n" not in name)

    def setting(self, name: str, texts: Sequence[str]) -> None:
        """`set :views, "x"` of Sinatra."""
        for text in texts:
            path = join(self._scope.directory, text)
            if name == "views":
                self._views.append(path)
            self._directory(path, f"set :{name}", Firing.NAMED)

    def static(self, texts: Sequence[str]) -> None:
        """`use Rack::Static, root: "public"`."""
        for text in texts:
            self._directory(join(self._lookup.context.cwd, text), text, Firing.NAMED)

    def finish(self) -> None:
        """Look the templates up."""
        views = self._folders()
        for engine, name, firing, line in self._rendered:
            self._seen.line = line
            for path in self._templates(engine, name, views):
                self._seen.file(path, EdgeKind.LOADS, firing, name)
        if self._sinatra:
            for folder in ("views", "public"):
                found = self._lookup.named(folder, self._scope.directory)
                if found is not None and found[1] is FileType.DIRECTORY:
                    self._seen.named(*found, f"Sinatra: {folder}", Firing.KEPT_WITH)

    def _folders(self) -> tuple[str, ...]:
        here = self._scope.directory
        root = self._lookup.context.cwd
        folders = [*self._views, *(f"{at}{views}" for at in (here, root) for views in _VIEWS)]
        if "/views/" in f"{here}/":
            folders.append(here.partition("/views/")[0] + "/views")
            folders.append(here)
        return tuple(dict.fromkeys(image_path(folder) for folder in folders if self._lookup.is_directory(folder)))

    def _templates(self, engine: str, name: str, views: tuple[str, ...]) -> tuple[ImagePath, ...]:
        for folder in views:
            at = image_path(f"{folder}/{name}")
            for base in (at, image_path(f"{parent(at)}/_{basename(at)}")):
                found = self._with_suffix(base, engine)
                if found:
                    return found
        return ()

    def _with_suffix(self, base: ImagePath, engine: str) -> tuple[ImagePath, ...]:
        if engine:
            paths = [ImagePath(f"{base}.{suffix}") for suffix in ENGINES[engine]]
            return tuple(path for path in paths if self._lookup.is_file(path))
        stem = basename(base)
        names = [name for name in self._lookup.children(parent(base)) if name.startswith(f"{stem}.") or name == stem]
        return tuple(path for name in names if self._lookup.is_file(path := image_path(f"{parent(base)}/{name}")))

    def _directory(self, path: str, detail: str, firing: Firing) -> None:
        found = self._lookup.named(path, "/")
        if found is not None and found[1] is FileType.DIRECTORY and found[0].count("/") >= 2:
            self._seen.named(*found, detail, firing)

    def _all_of(self, folder: str, detail: str) -> None:
        """Everything below a folder from which a loader takes files by the names of constants."""
        for path in self._lookup.below(folder):
            language = "ruby" if path.endswith(".rb") else ""
            self._seen.edge(Node(path=path, language=language), EdgeKind.CONTAINS, Firing.KEPT_WITH, detail)
