"""Files that web frameworks of Ruby find by convention: views, layouts, public files, what Zeitwerk and Rails load."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from xraydiff.facts import EdgeKind, FileType, Firing, Node
from xraydiff.paths import ImagePath, basename, image_path, join, parent
from xraydiff.references.kit.expressions import UNKNOWN
from xraydiff.references.kit.lookup import Lookups
from xraydiff.references.kit.recorder import Sightings
from xraydiff.references.readers.ruby.values import Values

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["Templates", "code_of_template"]

_ENGINES: Final = {
    "erb": ("erb", "erubi"),
    "erubi": ("erb", "erubi"),
    "erubis": ("erb", "erubis"),
    "haml": ("haml",),
    "slim": ("slim",),
    "liquid": ("liquid",),
    "markdown": ("md", "markdown", "mkd"),
    "builder": ("builder",),
    "nokogiri": ("nokogiri",),
    "sass": ("sass",),
    "scss": ("scss",),
    "rdoc": ("rdoc",),
    "haml5": ("haml",),
    "asciidoc": ("adoc", "asciidoc"),
    "rabl": ("rabl",),
}
"""Rendering methods of Sinatra (and Roda's `render`), with the suffixes of their templates."""
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
_RENDERS: Final = frozenset({"render", "render_to_string", "view", "partial", "render_template"})
_RAILS = ("app", "config", "lib/assets", "public")


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
        self, values: Values, seen: Sightings, lookups: Lookups, feature: Callable[[str, Firing], None]
    ) -> None:
        self._values = values
        self._seen = seen
        self._lookups = lookups
        self._feature = feature
        self._views: list[str] = []
        self._sinatra = False
        self._rendered: list[tuple[str, str, Firing, int]] = []
        """Engine (or empty), name, firing, line: looked up at the end, when `set :views` was seen."""

    def required(self, feature: str) -> None:
        """A feature that the program loads: `sinatra` brings conventions with it."""
        self._sinatra = self._sinatra or feature.partition("/")[0] == "sinatra"

    def superclass(self, name: str) -> None:
        """`class App < Sinatra::Base`, `class Application < Rails::Application`."""
        name = name.removeprefix("::")
        if name.startswith("Sinatra::"):
            self._sinatra = True
        elif name == "Rails::Application":
            # The class stands in config/application.rb; Rails loads what lies in these folders by name, not by require.
            root = parent(ImagePath(self._values.scope.directory))
            for folder in _RAILS:
                self._with(f"{root}/{folder}", "Rails")

    def call(self, node: Syntax, owner: str, name: str, firing: Firing) -> None:
        """A call that renders, sets a folder, or hands a folder to a loader."""
        if name in _ENGINES and owner == "":
            self._render(node, name, firing)
        elif name in _RENDERS and owner in ("", "self"):
            self._render(node, "", firing)
        elif name == "set" and owner in ("", "self", "App"):
            self._setting(node)
        elif name in ("push_dir", "autoload_dir"):
            for text in self._texts(node, 0):
                self._with(join(self._lookups.context.cwd, text), name)
        elif name in ("for_gem", "for_gem_extension") and owner.endswith("Zeitwerk::Loader"):
            self._with(self._values.scope.path.removesuffix(".rb"), name)
        elif name == "use" and owner in ("", "self"):
            self._static(node)

    def finish(self) -> None:
        """Look the templates up."""
        views = self._folders()
        for engine, name, firing, line in self._rendered:
            self._seen.line = line
            for path in self._templates(engine, name, views):
                self._seen.file(path, EdgeKind.LOADS, firing, name)
        if self._sinatra:
            for folder in ("views", "public"):
                found = self._lookups.named(folder, self._values.scope.directory)
                if found is not None and found[1] is FileType.DIRECTORY:
                    self._seen.named(*found, f"Sinatra: {folder}", Firing.KEPT_WITH)

    def _texts(self, node: Syntax, index: int) -> tuple[str, ...]:
        arguments = self._values.arguments(node)
        texts = self._values.of(arguments[index]).texts if len(arguments) > index else ()
        return tuple(text for text in texts if UNKNOWN not in text)

    def _render(self, node: Syntax, engine: str, firing: Firing) -> None:
        names = list(self._texts(node, 0))
        keywords = self._values.keywords(node)
        for key in ("template", "partial", "layout", "action", "locals_template"):
            if key in keywords:
                names.extend(text for text in self._values.of(keywords[key]).texts if UNKNOWN not in text)
        line = self._seen.line
        if engine:
            names.append("layout")
            for feature in _FEATURES.get(engine, ()):
                self._feature(feature, firing)
        self._rendered.extend((engine, name, firing, line) for name in names if name and "\n" not in name)

    def _setting(self, node: Syntax) -> None:
        key = self._texts(node, 0)
        values = self._texts(node, 1)
        keywords = self._values.keywords(node)
        for name in ("views", "public_folder", "public_dir"):
            found = values if key == (name,) else self._values.of(keywords[name]).texts if name in keywords else ()
            for text in found:
                path = join(self._values.scope.directory, text)
                self._values.scope.held.setdefault(f"settings.{name}", self._values.of(None))
                if name == "views":
                    self._views.append(path)
                self._directory(path, f"set :{name}", Firing.NAMED)

    def _static(self, node: Syntax) -> None:
        """`use Rack::Static, root: "public"`."""
        keywords = self._values.keywords(node)
        for text in self._values.of(keywords["root"]).texts if "root" in keywords else ():
            if UNKNOWN not in text:
                self._directory(join(self._lookups.context.cwd, text), text, Firing.NAMED)

    def _folders(self) -> tuple[str, ...]:
        here = self._values.scope.directory
        root = self._lookups.context.cwd
        folders = [*self._views, *(f"{at}{views}" for at in (here, root) for views in _VIEWS)]
        if "/views/" in f"{here}/":
            folders.append(here.partition("/views/")[0] + "/views")
            folders.append(here)
        return tuple(dict.fromkeys(image_path(folder) for folder in folders if self._lookups.is_directory(folder)))

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
            paths = [ImagePath(f"{base}.{suffix}") for suffix in _ENGINES[engine]]
            return tuple(path for path in paths if self._lookups.is_file(path))
        stem = basename(base)
        names = [name for name in self._lookups.children(parent(base)) if name.startswith(f"{stem}.") or name == stem]
        return tuple(path for name in names if self._lookups.is_file(path := image_path(f"{parent(base)}/{name}")))

    def _directory(self, path: str, detail: str, firing: Firing) -> None:
        found = self._lookups.named(path, "/")
        if found is not None and found[1] is FileType.DIRECTORY and found[0].count("/") >= 2:
            self._seen.named(*found, detail, firing)

    def _with(self, folder: str, detail: str) -> None:
        """Everything below a folder from which a loader takes files by the names of constants."""
        for path in self._lookups.below(folder):
            language = "ruby" if path.endswith(".rb") else ""
            self._seen.edge(Node(path=path, language=language), EdgeKind.CONTAINS, Firing.KEPT_WITH, detail)
