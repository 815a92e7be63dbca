"""Where runtimes that no OS package installed keep their own files: layouts, found by their landmarks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from xraydiff.facts import FileType, Owner, OwnerKind, Runtime
from xraydiff.paths import ImagePath, basename, is_below, parent
from xraydiff.tree import FileTree

_INTERPRETERS = frozenset({"python", "node", "ruby", "php", "perl", "java", "erlang"})
"""Languages whose runtime is a program of its own; Go's and Rust's lies inside the application."""


@dataclass(slots=True, kw_only=True)
class Regions:
    """Directories with everything below them, and single files, by owner; None takes a directory out again."""

    directories: dict[ImagePath, Owner | None] = field(default_factory=dict)
    files: dict[ImagePath, Owner] = field(default_factory=dict)
    _memo: dict[ImagePath, Owner | None] = field(default_factory=dict)

    def owner(self, path: ImagePath) -> Owner | None:
        """The runtime that a path belongs to, if any."""
        found = self.files.get(path)
        if found is not None or not self.directories:
            return found
        way: list[ImagePath] = []
        here = path
        while here not in self.directories and here not in self._memo and here != "/":
            way.append(here)
            here = parent(here)
        answer = self.directories[here] if here in self.directories else self._memo.get(here)
        self._memo.update(dict.fromkeys(way[1:], answer))
        return answer


def find_regions(tree: FileTree, os_files: Mapping[ImagePath, object], runtimes: Iterable[Runtime]) -> Regions:
    """The regions of every runtime whose landmark no operating system's package owns."""
    regions = Regions()
    for path in tree.files:
        name = path[path.rfind("/") + 1 :]
        layout = _LANDMARKS.get(name)
        if layout is not None and path not in os_files:
            layout(tree, path, regions)
    for runtime in runtimes:
        path = ImagePath(runtime.path)
        if runtime.language in _INTERPRETERS and path in tree.files:
            regions.files.setdefault(path, _language(runtime.language, runtime.language))
    return regions


def _language(package: str, ecosystem: str) -> Owner:
    return Owner(kind=OwnerKind.LANGUAGE_PACKAGE, package=package, ecosystem=ecosystem)


def _matching(tree: FileTree, folder: str, prefixes: tuple[str, ...]) -> Iterator[ImagePath]:
    for name in tree.children(ImagePath(folder)):
        if name.startswith(prefixes):
            yield ImagePath(f"{folder}/{name}")


def _claim(regions: Regions, owner: Owner, paths: Iterable[ImagePath]) -> None:
    for path in paths:
        regions.files[path] = owner


def _prefix(folder: ImagePath, levels: int) -> str:
    for _ in range(levels):
        folder = parent(folder)
    return "" if folder == "/" else folder


def _cpython(tree: FileTree, landmark: ImagePath, regions: Regions) -> None:
    """PREFIX/lib/python3.X/os.py, the landmark that CPython itself looks for (Modules/getpath.py)."""
    stdlib = parent(landmark)
    if not basename(stdlib).startswith(("python", "pypy")) or basename(parent(stdlib)) not in ("lib", "lib64"):
        return
    prefix = _prefix(stdlib, 2)
    owner = _language("cpython", "python")
    regions.directories[stdlib] = owner
    for name in ("site-packages", "dist-packages"):
        regions.directories[ImagePath(f"{stdlib}/{name}")] = None
        regions.files[ImagePath(f"{stdlib}/{name}/README.txt")] = owner
    regions.directories[ImagePath(f"{prefix}/include/{basename(stdlib)}")] = owner
    _claim(regions, owner, _matching(tree, f"{prefix}/bin", ("python", "pip", "idle", "pydoc", "2to3", "pypy")))
    _claim(regions, owner, _matching(tree, f"{prefix}/lib", ("libpython", "libpypy")))
    _claim(regions, owner, _matching(tree, f"{prefix}/lib/pkgconfig", ("python",)))


def _venv(tree: FileTree, landmark: ImagePath, regions: Regions) -> None:
    """pyvenv.cfg (PEP 405): the environment's own scripts, links and folders; its distributions have records."""
    prefix = parent(landmark)
    owner = _language("venv", "python")
    regions.files[landmark] = owner
    for name in ("bin", "include", "Scripts"):
        regions.directories[ImagePath(f"{prefix}/{name}")] = owner
    _claim(regions, owner, _matching(tree, prefix, ("lib64", ".gitignore", "CACHEDIR.TAG", ".lock")))
    for version in tree.children(ImagePath(f"{prefix}/lib")):
        site = f"{prefix}/lib/{version}/site-packages"
        _claim(regions, owner, _matching(tree, site, ("_virtualenv", "distutils-precedence", "_distutils_hack")))


def _conda(_tree: FileTree, landmark: ImagePath, regions: Regions) -> None:
    """PREFIX/conda-meta/history: everything below the prefix came by conda."""
    if basename(parent(landmark)) == "conda-meta":
        regions.directories[parent(parent(landmark))] = _language("conda", "python")


def _node(tree: FileTree, landmark: ImagePath, regions: Regions) -> None:
    """PREFIX/bin/node, with the headers and texts of the official archive."""
    if basename(parent(landmark)) != "bin" or tree.files[landmark].type is FileType.DIRECTORY:
        return
    prefix = _prefix(landmark, 2)
    owner = _language("node", "node")
    regions.files[landmark] = owner
    regions.directories[ImagePath(f"{prefix}/include/node")] = owner
    _claim(regions, owner, (ImagePath(f"{prefix}/{name}") for name in ("CHANGELOG.md", "LICENSE", "README.md")))
    for yarn in _matching(tree, "/opt", ("yarn-v",)):
        regions.directories[yarn] = _language("yarn", "node")


def _ruby(tree: FileTree, landmark: ImagePath, regions: Regions) -> None:
    """PREFIX/lib/ruby/X.Y.Z/English.rb, of every Ruby's standard library."""
    top = parent(parent(landmark))
    if basename(top) != "ruby":
        return
    prefix = _prefix(top, 2)
    owner = _language("ruby", "ruby")
    regions.directories[top] = owner
    names = ("ruby", "irb", "gem", "erb", "rake", "rdoc", "ri", "bundle", "racc", "rbs", "rdbg", "typeprof", "syntax_")
    _claim(regions, owner, _matching(tree, f"{prefix}/bin", names))
    _claim(regions, owner, _matching(tree, f"{prefix}/lib", ("libruby",)))


def _gems(tree: FileTree, landmark: ImagePath, regions: Regions) -> None:
    """GEM_HOME/specifications beside gems: stubs, caches and checkouts of RubyGems and Bundler; gems have records."""
    home = parent(landmark)
    if home != "/" and tree.children(ImagePath(f"{home}/gems")):
        for name in ("bin", "build_info", "bundler", "cache", "doc", "extensions", "plugins", "specifications"):
            regions.directories[ImagePath(f"{home}/{name}")] = _language("rubygems", "ruby")


def _java(tree: FileTree, landmark: ImagePath, regions: Regions) -> None:
    """JAVA_HOME/release with lib/modules (JEP 220) or lib/rt.jar."""
    home = _prefix(landmark, 1)
    if home and any(
        ImagePath(f"{home}/{name}") in tree.files for name in ("lib/modules", "lib/rt.jar", "jre/lib/rt.jar")
    ):
        regions.directories[ImagePath(home)] = _language("openjdk", "java")


def _tomcat(_tree: FileTree, landmark: ImagePath, regions: Regions) -> None:
    """CATALINA_HOME/lib/catalina.jar; what people deploy lies in webapps."""
    home = parent(parent(landmark))
    if basename(parent(landmark)) == "lib" and home != "/":
        regions.directories[home] = _language("tomcat", "java")
        regions.directories[ImagePath(f"{home}/webapps")] = None


def _php(tree: FileTree, landmark: ImagePath, regions: Regions) -> None:
    """PREFIX/bin/php-config, with extensions, headers and PEAR, and the files of Docker's official image."""
    prefix = _prefix(landmark, 2)
    owner = _language("php", "php")
    for name in ("lib/php", "include/php", "php"):
        regions.directories[ImagePath(f"{prefix}/{name}")] = owner
    for folder, names in (
        ("bin", ("php", "phar", "pear", "pecl", "docker-php-")),
        ("sbin", ("php-fpm",)),
        ("etc", ("pear.conf", "php-fpm.conf")),
        ("etc/php", ("php.ini-",)),
        ("etc/php/conf.d", ("docker-php-ext-", "docker-fpm")),
        ("etc/php-fpm.d", ("docker.conf", "www.conf", "zz-docker.conf")),
    ):
        _claim(regions, owner, _matching(tree, f"{prefix}/{folder}", names))


def _go(tree: FileTree, landmark: ImagePath, regions: Regions) -> None:
    """GOROOT/VERSION beside bin/go."""
    home = parent(landmark)
    if home != "/" and ImagePath(f"{home}/bin/go") in tree.files:
        regions.directories[home] = _language("go", "go")


def _dotnet(_tree: FileTree, landmark: ImagePath, regions: Regions) -> None:
    """DOTNET_ROOT/shared/Microsoft.NETCore.App/VERSION/Microsoft.NETCore.App.deps.json."""
    home = ImagePath(_prefix(landmark, 4) or "/")
    if home != "/" and is_below(landmark, f"{home}/shared"):
        regions.directories[home] = _language("dotnet", "dotnet")


def _erlang(_tree: FileTree, landmark: ImagePath, regions: Regions) -> None:
    """PREFIX/lib/erlang/bin/start_clean.boot; Elixir lies beside it. A release carries the application as well."""
    home = parent(parent(landmark))
    if basename(home) == "erlang":
        regions.directories[home] = _language("erlang", "erlang")
        regions.directories[ImagePath(f"{parent(home)}/elixir")] = _language("elixir", "erlang")


def _perl(_tree: FileTree, landmark: ImagePath, regions: Regions) -> None:
    """PREFIX/lib/perl5/X.Y.Z/strict.pm."""
    top = parent(parent(landmark))
    if basename(top).startswith("perl5"):
        regions.directories[top] = _language("perl", "perl")


_LANDMARKS = {
    "os.py": _cpython,
    "pyvenv.cfg": _venv,
    "history": _conda,
    "node": _node,
    "English.rb": _ruby,
    "specifications": _gems,
    "release": _java,
    "catalina.jar": _tomcat,
    "php-config": _php,
    "VERSION": _go,
    "Microsoft.NETCore.App.deps.json": _dotnet,
    "start_clean.boot": _erlang,
    "strict.pm": _perl,
}
