"""References in the calls and texts of a script: modules, files, folders, programs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from xraydiff.facts import EdgeKind, FileType, Firing
from xraydiff.paths import ImagePath, basename, image_path, is_below, join, parent
from xraydiff.references import Context
from xraydiff.references.kit.evaluation import DEEP, HOLE, Exhausted, is_vague, joined, known
from xraydiff.references.kit.lookup import Lookup
from xraydiff.references.kit.plain import PlainNode
from xraydiff.references.kit.programs import Programs
from xraydiff.references.kit.recorder import Recorder
from xraydiff.references.readers.node.literals import arguments, may_be_path, string
from xraydiff.references.readers.node.modules import Found, Resolver
from xraydiff.references.readers.node.script import NodeScript, NodeUse
from xraydiff.references.readers.node.values import NodeEvaluator, ScriptLocation
from xraydiff.references.readers.node.vocabulary import (
    ADDONS,
    FORKS,
    HAS_SUFFIX,
    NAME,
    PATHS,
    PROGRAMS,
    READS,
    REGISTERS,
    RENDERS,
    REQUIRES,
    SHELLS,
    STATIC,
    SUFFIXES,
    TOUCHES,
)

__all__ = ["NodeCalls", "language_of", "sight_modules"]

_VIEWS: Final = ("views", "templates", "src/views")
_ADDONS: Final = (
    "build/Release", "build/Debug", "build", "out/Release", "Release", "build/default", "compiled",
    "addon-build/release/install-root",
)  # fmt: skip
_HOST: Final = "linux"
_SNIPPET: Final = 300
"""Characters of an expression that a person needs to find it again."""


def language_of(path: str) -> str:
    """The language that a file's node must carry: none where its name tells Node what it is."""
    return "" if path.endswith((*SUFFIXES, ".json", ".node", ".wasm")) else "node"


def sight_modules(seen: Recorder, found: Iterable[Found], kind: EdgeKind, firing: Firing, detail: str) -> None:
    """Note modules with the package.json files that lead to them."""
    for module in found:
        seen.file(module.path, kind, firing, detail, language=language_of(module.path))
        for manifest in module.manifests:
            seen.file(manifest, kind if kind is EdgeKind.COMPANION else EdgeKind.IMPORTS, firing, detail)


class NodeCalls:
    """Records the references of one script."""

    def __init__(
        self, script: NodeScript, place: ScriptLocation, *, context: Context, resolver: Resolver, seen: Recorder
    ) -> None:
        self._script = script
        self._place = place
        self._resolver = resolver
        self._seen = seen
        self._values = NodeEvaluator(script, place, resolver, steps=context.limits.evaluated_expressions)
        self._lookup = Lookup(context)
        self._programs = Programs(seen.source, seen, self._lookup, scripts=EdgeKind.SOURCES)
        self._requires: dict[str, ImagePath] = {}
        """Names bound to what `createRequire` gives, each with the folder from which it looks."""
        self._specifiers: set[int] = set()
        """Expressions that were looked up as modules or files and so name nothing else."""
        self._views: list[ImagePath] = []
        self._engine = ""

    def read(self) -> None:
        """Note everything, in the order of imports, calls, texts."""
        try:
            self._read()
        except Exhausted:
            self._seen.gap("too-large", "more look-ups than the limit for one script")
        if self._values.exhausted:
            self._seen.gap("too-large", "more expressions than the limit for one script")

    def _read(self) -> None:
        for name, expression in self._script.loaders:
            self._bind_require(name, self._values.node(expression))
        for one in self._script.imports:
            self._seen.line = one.line
            self._module(one.specifier, one.firing, one.specifier, self._place.directory, esm=True)
        rendered: list[NodeUse] = []
        for use in self._script.calls:
            node = self._at(use)
            if node.name in RENDERS:
                rendered.append(use)
            else:
                self._call(node, use.firing)
        for use in rendered:
            self._render(self._at(use), use.firing)
        for use in self._script.options:
            self._option(self._at(use))
        for use in self._script.texts:
            node = self._at(use)
            if node.index not in self._specifiers:
                self._text(node)

    def _at(self, use: NodeUse) -> PlainNode:
        self._seen.line = use.line
        return self._values.node(use.expression)

    def _bind_require(self, name: str, argument: PlainNode) -> None:
        for text in known(self._values.texts(argument)):
            plain = text.removeprefix("file://")
            base = plain if plain.endswith("/") else plain.rpartition("/")[0]
            self._requires[f"/{name}"] = image_path(join(self._place.directory, base or "/"))

    # --- calls -------------------------------------------------------------------------------------------------------

    def _call(self, node: PlainNode, firing: Firing) -> None:
        args, name = arguments(node), node.name
        if name in self._requires or name in REQUIRES:
            self._require(args[0], name, firing)
        elif name in SHELLS:
            self._shell(self._values.texts(args[0]), firing, args[0])
        elif name in FORKS:
            self._fork(args[0], firing)
        elif name in PROGRAMS:
            self._program(args, firing)
        elif name in READS:
            self._file(args[0], firing)
        elif name in TOUCHES or name in STATIC:
            self._file(args[0], Firing.NAMED, bare=True)
        elif name in PATHS and node.index not in self._specifiers:
            self._path(node)
        elif name in ("/.set", "/.engine") and len(args) > 1:
            self._setting(args, name)
        elif name in ADDONS:
            self._addon(node, firing)
        elif name in REGISTERS and string(args[0]):
            self._require(args[0], "import", firing)

    def _require(self, argument: PlainNode, name: str, firing: Firing) -> None:
        directory = self._requires.get(name, self._place.directory)
        esm = name in ("import", "import.meta.resolve")
        detail = string(argument) or _snippet(argument)
        self._specifiers.add(argument.index)
        for text in self._values.texts(argument):
            self._module(text, firing, detail, directory, esm=esm)

    def _module(self, text: str, firing: Firing, detail: str, directory: ImagePath, *, esm: bool) -> None:
        self._lookup.spend(8)
        if HOLE not in text:
            sight_modules(
                self._seen, self._resolver.modules(text, directory, esm=esm), EdgeKind.IMPORTS, firing, detail
            )
            return
        found = self._resolver.matching(text, directory, self._lookup, esm=esm)
        if found is None:
            self._seen.gap("computed-name", f"line {self._seen.line}: {detail}")
        else:
            sight_modules(self._seen, found, EdgeKind.CONTAINS, Firing.NAMED, detail)

    def _shell(self, lines: Iterable[str], firing: Firing, node: PlainNode) -> None:
        for line in lines:
            self._programs.shell(line, firing, _snippet(node), always=True)

    def _program(self, args: Sequence[PlainNode], firing: Firing) -> None:
        """A program and its arguments; with the option `shell` Node joins them to a line."""
        words = args[1].parts if len(args) > 1 and args[1].kind == "array" else ()
        texts = [self._values.texts(word) for word in (args[0], *words)]
        if any(self._is_true(option, "shell") for option in args[1:3]):
            rest = [choices[0] for choices in texts[1:]]
            self._shell([" ".join([command, *rest]) for command in texts[0]], firing, args[0])
        else:
            self._programs.run(texts, firing, _snippet(args[0]))

    def _is_true(self, options: PlainNode, key: str) -> bool:
        return options.kind == "object" and any(
            name == key and value.kind in ("true", "string") for name, value in self._values.pairs(options)
        )

    def _fork(self, argument: PlainNode, firing: Firing) -> None:
        for text in known(self._values.texts(argument)):
            plain = text.removeprefix("file://")
            for base in (self._place.cwd, self._place.directory):
                found = self._resolver.main(join(base, plain)) if plain else None
                if found is not None:
                    sight_modules(self._seen, (found,), EdgeKind.SOURCES, firing, _snippet(argument))
                    self._specifiers.add(argument.index)
                    break

    def _addon(self, node: PlainNode, firing: Firing) -> None:
        """Packages that look for a compiled addon in the places where build tools put it."""
        args, name = arguments(node), node.name
        root = self._resolver.package_root(self._place.directory)
        patterns: list[str] = []
        if name == "bindings.default":
            names = known(self._values.texts(args[0])) or (HOLE,)
            for text in names:
                file = text if text.endswith(".node") else f"{text}.node"
                patterns += [f"{root}/{folder}/{file}" for folder in _ADDONS] + [f"{root}/lib/binding/{DEEP}/{file}"]
        elif name == "node-gyp-build.default":
            folders = known(self._values.texts(args[0])) or (root,)
            for folder in folders:
                patterns += [f"{folder}/build/Release/{HOLE}.node", f"{folder}/prebuilds/{_HOST}-{HOLE}/{HOLE}.node"]
        elif name == "process.dlopen":
            patterns += [text for text in (self._values.texts(args[1]) if len(args) > 1 else ()) if text != HOLE]
        else:
            for manifest in known(self._values.texts(args[0])):
                folder = parent(ImagePath(manifest))
                found = self._resolver.manifests.of(folder)
                module_path = re.sub(r"\{[^}]{0,100}\}", HOLE, found.binary_module if found is not None else "")
                patterns.append(joined(folder, f"{module_path or 'build/Release'}/{HOLE}.node"))
        for pattern in patterns:
            for path in self._lookup.expand(pattern):
                self._seen.file(path, EdgeKind.LOADS, firing, _snippet(node))

    # --- views -------------------------------------------------------------------------------------------------------

    def _setting(self, args: Sequence[PlainNode], name: str) -> None:
        """`app.set('view engine', 'pug')`, `app.set('views', dir)`, `app.engine('html', ...)` of Express."""
        key = string(args[0])
        values = known(self._values.texts(args[1]))
        if name == "/.engine" and key:
            self._engine = self._engine or key.lstrip(".")
        elif key == "view engine" and values:
            self._engine = values[0].lstrip(".")
            self._specifiers.add(args[1].index)
            found = self._resolver.modules(self._engine, self._place.directory, esm=False)
            sight_modules(self._seen, found, EdgeKind.IMPORTS, Firing.DEFERRED, f"view engine {self._engine}")
            self._folder(self._place.cwd, "views", "view engine")
        elif key == "views":
            for text in values:
                folder = join(self._place.cwd, text)
                self._views.append(folder)
                self._named(folder, text)

    def _render(self, node: PlainNode, firing: Firing) -> None:
        """`res.render('name')`: the name in a folder of views, with the engine's suffix or any."""
        names = [text for text in known(self._values.texts(arguments(node)[0])) if NAME.match(text)]
        root = self._resolver.package_root(self._place.directory)
        folders = dict.fromkeys(
            [*self._views, *(join(base, view) for base in (self._place.cwd, root) for view in _VIEWS)]
        )
        for text in names[:8]:
            for folder in folders:
                patterns = (
                    [f"{folder}/{text}"] if HAS_SUFFIX.search(text) else [f"{folder}/{text}.{self._engine or HOLE}"]
                )
                for pattern in patterns:
                    for path in self._lookup.expand(pattern):
                        if self._lookup.type_of(path) is FileType.FILE:
                            self._seen.named(path, FileType.FILE, text, firing)

    def _folder(self, base: ImagePath, name: str, detail: str) -> None:
        path = join(base, name)
        if self._lookup.type_of(path) is FileType.DIRECTORY:
            self._named(path, detail)

    # --- paths -------------------------------------------------------------------------------------------------------

    def _option(self, node: PlainNode) -> None:
        """`{root: 'public'}`: a folder below the working directory, or beside the script."""
        for text in known(self._values.texts(node)):
            if NAME.match(text) and (text.startswith("/") or not HAS_SUFFIX.search(text)):
                self._relative(text, bare=True)

    def _file(self, argument: PlainNode, firing: Firing, *, bare: bool = True) -> None:
        """A path that a function of `fs` takes: a relative one counts from the working directory."""
        self._specifiers.update((argument.index, *(part.index for part in arguments(argument))))
        for text in self._values.texts(argument):
            plain = text.removeprefix("file://")
            if HOLE in plain:
                self._pattern(joined(self._place.cwd, plain), _snippet(argument))
            elif plain.startswith("/") or bare:
                path = join(self._place.cwd, plain)
                if self._lookup.type_of(path) is FileType.FILE:
                    self._seen.named(path, FileType.FILE, _snippet(argument), firing)
                elif firing is Firing.NAMED:
                    self._named(path, _snippet(argument))

    def _path(self, node: PlainNode) -> None:
        """A path that is put together of parts, whatever it is used for."""
        self._specifiers.update(part.index for part in arguments(node))
        for text in self._values.texts(node):
            if text.startswith("/"):
                if HOLE in text:
                    self._pattern(text, _snippet(node))
                else:
                    self._named(image_path(text), _snippet(node))

    def _text(self, node: PlainNode) -> None:
        literal = string(node)
        if literal is None:
            self._path(node)
        elif may_be_path(literal):
            self._relative(literal, bare=False)

    def _relative(self, text: str, *, bare: bool) -> None:
        """A name that is a path only if something is there: from the working directory, the script or its package."""
        spoken = text.startswith(("./", "../"))
        if not (bare or spoken or "/" in text or HAS_SUFFIX.search(text)):
            return
        bases = [self._place.cwd, self._resolver.package_root(self._place.directory)]
        for base in dict.fromkeys([self._place.directory, *bases] if spoken or bare else bases):
            path = join(base, text)
            type_ = self._lookup.type_of(path)
            if type_ is FileType.FILE or (type_ is FileType.DIRECTORY and (bare or "/" in text)):
                self._named(path, text)
                return

    def _pattern(self, pattern: str, detail: str) -> None:
        roots = (self._place.cwd, self._resolver.package_root(self._place.directory))
        if is_vague(pattern, roots):
            return
        for path in self._lookup.expand(pattern):
            self._named(path, detail)

    def _named(self, path: ImagePath, detail: str) -> None:
        """A path that exists; not a directory that holds the script itself, of which everything is part."""
        type_ = self._lookup.type_of(path)
        if type_ is FileType.FILE or (
            type_ is FileType.DIRECTORY
            and path.count("/") > 1
            and path != self._place.cwd
            and basename(path) != "node_modules"
            and not is_below(self._place.path, path)
        ):
            self._seen.named(path, type_, detail)


def _snippet(node: PlainNode) -> str:
    return node.text[:_SNIPPET]
