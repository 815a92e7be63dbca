"""Node packages: every node_modules/NAME and node_modules/@SCOPE/NAME with a package.json, and Debian's."""

from __future__ import annotations

from collections.abc import Iterable

from xraydiff.facts import FileType, Package
from xraydiff.inventory.packages.databases import PackageRecords, Problems, is_regular, json_object, record, string
from xraydiff.inventory.packages.records import node_package_of, start_of_node_name
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, parent
from xraydiff.tree import FileTree

BAD_RECORD = "bad-node-record"


def read(
    tree: FileTree, records: Iterable[ImagePath], node_files: Iterable[ImagePath], *, limits: Limits
) -> PackageRecords:
    """The packages whose package.json lie at `records`; each owns what lies below it and in no deeper node_modules."""
    problems = Problems(limits)
    files: dict[ImagePath, set[ImagePath]] = {parent(path): set() for path in records}
    for path in node_files:
        root = node_package_of(path)
        found = files.get(root) if root is not None else None
        if found is not None and tree.files[path].type is not FileType.DIRECTORY:
            found.add(path)
    packages = [_package(tree, root, owned, problems, limits) for root, owned in files.items()]
    return PackageRecords(packages=tuple(package for package in packages if package), problems=problems.all())


def _package(
    tree: FileTree, root: ImagePath, files: set[ImagePath], problems: Problems, limits: Limits
) -> Package | None:
    path = ImagePath(f"{root}/package.json")
    if not is_regular(tree, path):
        return None
    text = record(tree, path, problems, code=BAD_RECORD, limits=limits)
    value = json_object(text.removeprefix("\ufeff")) if text is not None else None
    if text is not None and value is None:
        problems.add(path, BAD_RECORD, "no JSON object")
    value = value or {}
    depends = value.get("dependencies")
    return Package(
        ecosystem="node",
        name=string(value.get("name")) or root[start_of_node_name(root) :],
        version=string(value.get("version")),
        location=path,
        files=frozenset(files),
        depends=tuple(sorted(str(name) for name in depends)) if isinstance(depends, dict) else (),
    )
