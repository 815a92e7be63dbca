"""Where Node finds a module: its algorithms for `require` and `import` over the tree of an image.

https://nodejs.org/api/modules.html#all-together and https://nodejs.org/api/esm.html#resolution-algorithm-specification
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from xraydiff.facts import FileType
from xraydiff.paths import ImagePath, ancestors, basename, image_path
from xraydiff.references import Context
from xraydiff.references.kit.evaluation import HOLE, is_vague, joined
from xraydiff.references.kit.lookup import Lookup
from xraydiff.references.readers.node.manifest import Manifest, Manifests
from xraydiff.references.readers.node.vocabulary import BUILTINS

__all__ = ["Found", "Resolver"]

EXTENSIONS: Final = (".js", ".json", ".node")
"""What `require` tries, in this order."""
LOADABLE: Final = (".js", ".json", ".node", ".cjs", ".mjs", ".ts", ".cts", ".mts")
_TYPED: Final = {".js": (".ts", ".tsx"), ".mjs": (".mts",), ".cjs": (".cts",)}
_REQUIRE: Final = frozenset({"node", "require", "node-addons"})
_IMPORT: Final = frozenset({"node", "import", "node-addons"})
_BOTH: Final = frozenset({"module-sync"})
"""A condition that Node knows since 20.19 and 22.10: what it leads to is taken beside what older ones take."""
_GLOBAL: Final = ("/usr/lib/node", "/usr/local/lib/node", "/usr/share/nodejs", "/usr/lib/nodejs")
"""Folders that `require` looks through last: those of the program's prefix, then Debian's."""
_MEMO: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A module: its file, and the package.json files that were read to find it and to know its type."""

    path: ImagePath
    manifests: tuple[ImagePath, ...] = ()


class Resolver:
    """Finds modules in the original; remembers what it found."""

    def __init__(self, context: Context) -> None:
        self._tree = context.original
        self._limits = context.limits
        self._cwd = context.cwd
        self.manifests = Manifests(context.original, context.limits)
        paths = [image_path(one) for one in context.env.get("NODE_PATH", "").split(":") if one.startswith("/")]
        home = context.env.get("HOME", "/root")
        last = (f"{home}/.node_modules", f"{home}/.node_libraries", *_GLOBAL, *self._of_architecture())
        self._last = tuple(one for one in (*paths, *map(image_path, last)) if self._is_directory(one))
        self._known: dict[tuple[str, str, bool], tuple[Found, ...]] = {}

    def _of_architecture(self) -> Iterator[str]:
        for name in self._tree.children(ImagePath("/usr/lib")):
            if name.endswith(("-gnu", "-gnueabihf", "-musl")):
                yield f"/usr/lib/{name}/nodejs"

    # --- what callers ask --------------------------------------------------------------------------------------------

    def modules(self, specifier: str, directory: str, *, esm: bool) -> tuple[Found, ...]:
        """The files that a specifier means in a module of this folder: none for a builtin, seldom more than one."""
        key = (specifier, directory, esm)
        if key not in self._known:
            if len(self._known) > _MEMO:
                self._known.clear()
            self._known[key] = tuple(dict.fromkeys(self._find(specifier, directory, esm=esm)))
        return self._known[key]

    def matching(self, pattern: str, directory: str, lookup: Lookup, *, esm: bool) -> tuple[Found, ...] | None:
        """The modules that a computed specifier may mean; None where it tells too little."""
        if pattern.startswith(("./", "../", "/")) or pattern in (".", ".."):
            place = joined(directory, pattern)
            return None if is_vague(place, self._roots(directory)) else self._matching(place, lookup, esm=esm)
        if pattern.startswith((HOLE, "#")) or pattern.partition("/")[0] == "@" + HOLE:
            return None
        for folder in self._module_folders(directory):
            found = self._matching(f"{folder}/{pattern}", lookup, esm=esm)
            if found:
                return found
        return ()

    def main(self, path: str) -> Found | None:
        """What `node PATH` starts: the file, or what `require` would take for the name."""
        return self._file_or_directory(image_path(path))

    def package(self, name: str, directory: str) -> Manifest | None:
        """The package.json of a package as seen from a folder."""
        for folder in self._module_folders(directory):
            found = self.manifests.of(f"{folder}/{name}")
            if found is not None:
                return found
        return None

    def package_root(self, directory: str) -> ImagePath:
        """The folder of the package that a folder belongs to, the folder itself where there is none."""
        scope = self.manifests.scope(directory)
        return scope.directory if scope is not None else ImagePath(directory)

    # --- the algorithms ----------------------------------------------------------------------------------------------

    def _find(self, specifier: str, directory: str, *, esm: bool) -> Iterator[Found]:
        name = self._plain(specifier, esm=esm)
        if name is None or len(name) > self._limits.path:
            return
        if name.startswith(("./", "../", "/")) or name in (".", ".."):
            found = self._at(joined(directory, name), trailing=name.endswith(("/", "/.", "..")) or name == ".")
            yield from self._with_scope(found)
        elif name.startswith("#"):
            yield from self._from_imports(name, directory, esm=esm)
        else:
            yield from self._from_packages(name, directory, esm=esm)

    def _plain(self, specifier: str, *, esm: bool) -> str | None:
        """A specifier without scheme and query; None for builtins and for what no file holds."""
        name = specifier
        if name.startswith("node:") or name in BUILTINS or not name or HOLE in name:
            return None
        if name.startswith("file://"):
            name = unquote(name.removeprefix("file://"))
        elif ":" in name.partition("/")[0]:
            return None
        return name.partition("?")[0].partition("#")[0] or name if esm and not name.startswith("#") else name

    def _at(self, path: str, *, trailing: bool) -> Found | None:
        """A path as it stands, else as `require` takes it.

        `import` takes it only as it stands; code that a loader transpiles imports without suffixes all the same.
        """
        exact = self._file(path)
        if exact is not None and not trailing:
            return Found(path=exact)
        found = self._directory(path) if trailing else self._file_or_directory(path)
        return found or self._typed(path)

    def _typed(self, path: str) -> Found | None:
        """`./x.js` of a TypeScript source that is run as it is."""
        stem, suffix = path[: path.rfind(".")], path[path.rfind(".") :]
        for other in _TYPED.get(suffix, ()):
            found = self._file(stem + other)
            if found is not None:
                return Found(path=found)
        found = self._file(f"{path}.ts") or self._file(f"{path}/index.ts")
        return Found(path=found) if found is not None else None

    def _file_or_directory(self, path: str) -> Found | None:
        found = self._as_file(path)
        return Found(path=found) if found is not None else self._directory(path)

    def _as_file(self, path: str) -> ImagePath | None:
        """LOAD_AS_FILE."""
        for suffix in ("", *EXTENSIONS):
            found = self._file(path + suffix)
            if found is not None:
                return found
        return None

    def _directory(self, path: str) -> Found | None:
        """LOAD_AS_DIRECTORY."""
        if not self._is_directory(path):
            return None
        manifest = self.manifests.of(path)
        manifests = (manifest.path,) if manifest is not None else ()
        candidates: list[str] = []
        if manifest is not None and manifest.main:
            main = joined(path, manifest.main)
            candidates += [main, *(main + suffix for suffix in EXTENSIONS)]
            candidates += [f"{main}/index{suffix}" for suffix in EXTENSIONS]
        candidates += [f"{path}/index{suffix}" for suffix in EXTENSIONS]
        for candidate in candidates:
            found = self._file(candidate)
            if found is not None:
                return Found(path=found, manifests=manifests)
        return None

    def _from_imports(self, name: str, directory: str, *, esm: bool) -> Iterator[Found]:
        scope = self.manifests.scope(directory)
        if scope is None:
            return
        for conditions in self._conditions(esm=esm):
            target = scope.imported(name, conditions)
            if target is None:
                continue
            if target.startswith("./"):
                path = self._file(joined(scope.directory, target))
                yield from self._with_scope(Found(path=path, manifests=(scope.path,)) if path is not None else None)
            elif not target.startswith("#"):
                plain = self._plain(target, esm=esm)
                yield from self._from_packages(plain, scope.directory, esm=esm) if plain is not None else ()

    def _from_packages(self, name: str, directory: str, *, esm: bool) -> Iterator[Found]:
        parts = name.split("/")
        count = 2 if name.startswith("@") else 1
        package, subpath = "/".join(parts[:count]), "/".join(parts[count:])
        if len(parts) < count:
            return
        scope = self.manifests.scope(directory)
        if scope is not None and scope.exports is not None and scope.name == package:
            yield from self._exported(scope, subpath, esm=esm)
            return
        for folder in self._module_folders(directory, esm=esm):
            root = f"{folder}/{package}"
            manifest = self.manifests.of(root) if self._is_directory(root) else None
            if manifest is not None and manifest.exports is not None:
                yield from self._exported(manifest, subpath, esm=esm)
                return
            path = f"{root}/{subpath}" if subpath else root
            found = self._at(path.rstrip("/"), trailing=name.endswith("/"))
            if found is not None:
                manifests = (*found.manifests, manifest.path) if manifest is not None else found.manifests
                yield from self._with_scope(Found(path=found.path, manifests=manifests))
                return

    def _exported(self, manifest: Manifest, subpath: str, *, esm: bool) -> Iterator[Found]:
        for conditions in self._conditions(esm=esm):
            target = manifest.exported(f"./{subpath}" if subpath else ".", conditions)
            path = self._file(joined(manifest.directory, target)) if target is not None else None
            if path is not None:
                yield from self._with_scope(Found(path=path, manifests=(manifest.path,)))

    def _conditions(self, *, esm: bool) -> tuple[frozenset[str], frozenset[str]]:
        usual = _IMPORT if esm else _REQUIRE
        return usual, usual | _BOTH

    def _with_scope(self, found: Found | None) -> Iterator[Found]:
        """Node reads the package.json above a `.js` file to know whether it is an ES module."""
        if found is None:
            return
        real = self._tree.resolve(found.path).path or found.path
        scope = self.manifests.scope(real.rpartition("/")[0] or "/") if found.path.endswith((".js", ".ts")) else None
        manifests = (*found.manifests, scope.path) if scope is not None else found.manifests
        yield Found(path=found.path, manifests=tuple(dict.fromkeys(manifests)))

    # --- patterns ----------------------------------------------------------------------------------------------------

    def _matching(self, pattern: str, lookup: Lookup, *, esm: bool) -> tuple[Found, ...]:
        patterns = [pattern]
        if not pattern.endswith((HOLE, *LOADABLE)):
            patterns += [pattern + suffix for suffix in EXTENSIONS]
        found: dict[Found, None] = {}
        for one in patterns:
            for path in lookup.expand(one):
                for module in self._as_module(path, esm=esm):
                    found.setdefault(module)
        return tuple(found)

    def _as_module(self, path: ImagePath, *, esm: bool) -> Iterator[Found]:
        if not self._is_directory(path):
            if path.endswith(LOADABLE) and not path.endswith((".d.ts", ".d.mts", ".d.cts")):
                yield from self._with_scope(Found(path=path))
            return
        above = path.rpartition("/node_modules/")
        if above[1] and above[2].count("/") == above[2].startswith("@"):
            yield from self._from_packages(above[2], above[0] or "/", esm=esm)
        else:
            yield from self._with_scope(self._directory(path))

    # --- the tree ----------------------------------------------------------------------------------------------------

    def _module_folders(self, directory: str, *, esm: bool = False) -> Iterator[str]:
        for folder in (ImagePath(directory), *ancestors(ImagePath(directory))):
            if basename(folder) != "node_modules":
                candidate = f"{'' if folder == '/' else folder}/node_modules"
                if self._is_directory(candidate):
                    yield candidate
        if not esm:
            yield from self._last

    def _roots(self, directory: str) -> tuple[str, ...]:
        return (self._cwd, self.package_root(directory))

    def _file(self, path: str) -> ImagePath | None:
        file = self._tree.resolve(path).file
        return image_path(path) if file is not None and file.type is FileType.FILE else None

    def _is_directory(self, path: str) -> bool:
        file = self._tree.resolve(path).file
        return file is not None and file.type is FileType.DIRECTORY
