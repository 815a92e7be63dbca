"""Where the records of language packages lie: one pass over the names of a tree."""

from __future__ import annotations

from dataclasses import dataclass, field

from xraydiff.paths import ImagePath, basename, parent
from xraydiff.tree import FileTree

NODE_MODULES = "/node_modules/"


@dataclass(slots=True, kw_only=True)
class Records:
    """Paths of records by ecosystem, each in the order of the tree."""

    python: list[ImagePath] = field(default_factory=list)
    """METADATA and PKG-INFO of *.dist-info and *.egg-info, and *.egg-info that are files."""
    node: list[ImagePath] = field(default_factory=list)
    """package.json of every node_modules/NAME and node_modules/@SCOPE/NAME."""
    node_files: list[ImagePath] = field(default_factory=list)
    """Everything that has a node_modules above it."""
    ruby: list[ImagePath] = field(default_factory=list)
    """*.gemspec in a folder `specifications`."""
    java: list[ImagePath] = field(default_factory=list)
    """*.jar, wherever."""
    php: list[ImagePath] = field(default_factory=list)
    """vendor/composer/installed.json."""


def find_records(tree: FileTree) -> Records:
    """Sort the names of a tree; nothing is opened."""
    records = Records()
    by_name = {"METADATA": records.python, "PKG-INFO": records.python, "installed.json": records.php}
    by_ending = {"gemspec": records.ruby, "jar": records.java, "egg-info": records.python}
    for path in tree.files:
        name = path[path.rfind("/") + 1 :]
        group = by_name.get(name)
        if group is None:
            group = by_ending.get(name[name.rfind(".") + 1 :])
        if group is not None and _in_place(path, name):
            group.append(path)
        if NODE_MODULES in path:
            records.node_files.append(path)
            if name == "package.json" and node_package_of(path) == parent(path):
                records.node.append(path)
    return records


def _in_place(path: ImagePath, name: str) -> bool:
    """Whether a record stands where such records stand."""
    folder = basename(parent(path))
    match name.rpartition(".")[2]:
        case "METADATA":
            return folder.endswith(".dist-info")
        case "PKG-INFO":
            return folder.endswith(".egg-info") or folder == "EGG-INFO"
        case "json":
            return path.endswith("/vendor/composer/installed.json")
        case "gemspec":
            return folder == "specifications" or path.endswith(f"/specifications/default/{name}")
        case _:
            return True


def node_package_of(path: ImagePath) -> ImagePath | None:
    """The innermost node_modules/NAME or node_modules/@SCOPE/NAME that holds a path, or is it; None outside of any."""
    at = path.rfind(NODE_MODULES)
    if at < 0:
        return None
    start = at + len(NODE_MODULES)
    end = path.find("/", start)
    if path[start] == "@":
        if end < 0:
            return None
        end = path.find("/", end + 1)
    if path[start] == ".":
        # .bin, .cache and .package-lock.json are npm's own; pnpm's store .pnpm has a node_modules of its own below.
        return None
    return path if end < 0 else ImagePath(path[:end])
