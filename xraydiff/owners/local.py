"""Which language packages are the application: installed from a directory, started, or around WORKDIR."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from xraydiff.facts import FileType, Package
from xraydiff.owners.runtimes import Regions
from xraydiff.owners.start import Start
from xraydiff.owners.system_paths import is_root
from xraydiff.paths import ImagePath, basename, is_below, parent
from xraydiff.tree import FileTree

_LAUNCHERS = frozenset({"npm", "yarn", "pnpm", "corepack", "pip", "setuptools", "pipenv", "poetry", "uv", "bundler"})
"""Package managers start whatever the application's own files tell them to."""

_OWN_TOPS = ("/srv", "/root")
"""Directories of the whole system in which nobody but the application has files that are not hidden."""


def local_packages(
    tree: FileTree, packages: Iterable[Package], by_path: Mapping[ImagePath, Package], start: Start, regions: Regions
) -> tuple[Package, ...]:
    """The language packages that are the application, in a fixed order.

    A server that only runs the application (`gunicorn shop:app`) is not: a program or `-m` module counts only where
    nothing else of the image does, neither a local package, nor the module that the program runs, nor code in WORKDIR.
    """
    packages = tuple(packages)
    programs = [*start.commands, *(path for path in start.files if _is_program(path))]
    named = [path for path in start.files if not _is_program(path)]
    found = [package for package in packages if package.local]
    found.extend(by_path[path] for path in named if path in by_path)
    sites = sorted({parent(parent(ImagePath(p.location))) for p in packages if p.ecosystem == "python"})
    started = [module.partition(".")[0] for module in start.objects]
    elsewhere = any(_is_module(tree, start.workdir, top) for top in started)
    if not elsewhere:
        found.extend(_of_modules(tree, by_path, sites, started))
    found.extend(_around(packages, start.workdir))
    known = {id(package) for package in packages}
    found = [package for package in found if id(package) in known]
    code = elsewhere or any(path not in by_path and regions.owner(path) is None for path in named)
    if not found and not code and not _has_code(tree, by_path, start.workdir, regions):
        found.extend(by_path[path] for path in programs if path in by_path)
        found.extend(_of_modules(tree, by_path, sites, [module.partition(".")[0] for module in start.modules]))
        found = [package for package in found if id(package) in known and package.name.lower() not in _LAUNCHERS]
    return tuple({id(package): package for package in found}.values())


def _is_program(path: ImagePath) -> bool:
    """Whether an argument is a program that another one starts (`python /opt/venv/bin/gunicorn`)."""
    return basename(parent(path)) in ("bin", "sbin", ".bin")


def _is_module(tree: FileTree, folder: ImagePath, top: str) -> bool:
    base = "" if folder == "/" else folder
    return ImagePath(f"{base}/{top}.py") in tree.files or bool(tree.children(ImagePath(f"{base}/{top}")))


def _of_modules(
    tree: FileTree, by_path: Mapping[ImagePath, Package], sites: Iterable[ImagePath], tops: Iterable[str]
) -> Iterator[Package]:
    """The packages that own these top modules in the first site directory that has them."""
    sites = tuple(sites)
    for top in dict.fromkeys(tops):
        for site in sites:
            names = [ImagePath(f"{site}/{top}/__init__.py"), ImagePath(f"{site}/{top}.py")]
            names.extend(ImagePath(f"{site}/{top}/{name}") for name in tree.children(ImagePath(f"{site}/{top}")))
            owner = next((by_path[name] for name in names if name in by_path), None)
            if owner is not None:
                yield owner
                break


def _around(packages: Iterable[Package], workdir: ImagePath) -> Iterator[Package]:
    """The Node packages and gems that WORKDIR is, or lies in."""
    if is_root(workdir):
        return
    for package in packages:
        root = _root(package)
        if root is not None and (workdir == root or is_below(workdir, root)):
            yield package


def _root(package: Package) -> ImagePath | None:
    """The folder of a Node package or of a gem."""
    location = ImagePath(package.location)
    if package.ecosystem == "node":
        return parent(location)
    if package.ecosystem == "ruby":
        return ImagePath(f"{parent(parent(location))}/gems/{basename(location).removesuffix('.gemspec')}")
    return None


def _has_code(tree: FileTree, by_path: Mapping[ImagePath, Package], workdir: ImagePath, regions: Regions) -> bool:
    """Whether WORKDIR holds files of its own."""
    if is_root(workdir) and workdir not in _OWN_TOPS:
        return False
    for name in tree.children(workdir):
        path = ImagePath(f"{workdir}/{name}")
        if name.startswith(".") or name == "node_modules" or path in by_path or regions.owner(path) is not None:
            continue
        inside = tree.children(path)
        is_environment = "pyvenv.cfg" in inside or "conda-meta" in inside
        if tree.files[path].type is not FileType.DIRECTORY or (inside and not is_environment):
            return True
    return False
