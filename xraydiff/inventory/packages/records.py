"""Where the records of language packages lie: one pass over the names of a tree."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from xraydiff.paths import ImagePath, basename, parent
from xraydiff.tree import FileTree

NODE_MODULES = "/node_modules/"
_DEBIAN_NODE = re.compile(r"/usr/(?:share|lib(?:/[a-z0-9_]{1,20}-linux-[a-z0-9]{1,20})?)/nodejs/")
"""Where Debian's packages put their modules, one folder for each, and where its node looks after every node_modules:
https://sources.debian.org/src/nodejs/ (lib/internal/modules/cjs/loader.js as patched there)."""


@dataclass(slots=True, kw_only=True)
class Records:
    """Paths of records by ecosystem, each in the order of the tree."""

    python: list[ImagePath] = field(default_factory=list)
    """METADATA and PKG-INFO of *.dist-info and *.egg-info, and *.egg-info that are files."""
    node: list[ImagePath] = field(default_factory=list)
    """package.json of every node_modules/NAME and node_modules/@SCOPE/NAME, and of the folders of Debian's modules."""
    node_files: list[ImagePath] = field(default_factory=list)
    """Everything that has a node_modules, or the folder of Debian's modules, above it."""
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
        if NODE_MODULES in path or _DEBIAN_NODE.match(path):
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
    """The innermost node_modules/NAME or node_modules/@SCOPE/NAME that holds a path, or is it; None outside of any.

    Debian's folder of modules counts as the outermost node_modules.
    """
    start = start_of_node_name(path)
    if start is None:
        return None
    end = path.find("/", start)
    if path[start] == "@":
        if end < 0:
            return None
        end = path.find("/", end + 1)
    if path[start] == ".":
        # .bin, .cache and .package-lock.json are npm's own; pnpm's store .pnpm has a node_modules of its own below.
        return None
    return path if end < 0 else ImagePath(path[:end])


def start_of_node_name(path: ImagePath) -> int | None:
    """Where in a path the name of the innermost node package begins; None where it lies in no folder of modules."""
    at = path.rfind(NODE_MODULES)
    if at >= 0:
        return at + len(NODE_MODULES)
    found = _DEBIAN_NODE.match(path)
    return found.end() if found else None
