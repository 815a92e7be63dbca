"""Which programs are tools that slimming is expected to take (shells, package managers, ...), and where they lie."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from xraydiff.commands.start import search_path
from xraydiff.facts import File, FileType, ImageConfig, Tool, ToolClass
from xraydiff.knowledge import OURS, Tools
from xraydiff.paths import ImagePath, basename
from xraydiff.tree import FileTree

__all__ = ["read_tools", "tool_class"]

_FOLDERS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/games", "/busybox")
"""Where programs lie whatever PATH says; the last one is the debug variant of distroless images."""
_MULTI_CALL = ("busybox", "toybox")
_TRIPLET = re.compile(r"[a-z0-9_]+-(?:[a-z0-9_]+-)?linux-[a-z0-9_]+-(?=.)")
_PREFIX = re.compile(r"python[0-9.]*-(?=pip)")
_VERSION = re.compile(r"-?v?[0-9]+(?:\.[0-9]+)*\Z")
_NAME_LENGTH = 80
"""No name of a tool is longer with its version and its triplet."""


def tool_class(name: str) -> ToolClass | None:
    """The class of a program's name, or None: `gcc-12`, `x86_64-linux-gnu-g++-12`, `pip3.11`, `python3-pip` too."""
    known = OURS.named(Tools)
    if name in known or len(name) > _NAME_LENGTH:
        return known[name].tool if name in known else None
    for prefix in (_TRIPLET, _PREFIX):
        match = prefix.match(name)
        if match is not None:
            name = name[match.end() :]
    row = known.get(name) or known.get(_VERSION.sub("", name, count=1))
    return row.tool if row is not None else None


def read_tools(tree: FileTree, config: ImageConfig, *, shells: Iterable[str] = ()) -> tuple[Tool, ...]:
    """The tools in the directories of PATH and in the usual ones, and the login shells given (shells(5)), sorted.

    Paths are real; `target` is the real file where a tool is a link, or the multi-call program whose hard link it is.
    A dangling link and a file that nobody may execute are no tools.
    """
    found: set[Tool] = set()
    applets = _Applets(tree)
    for folder in _folders(tree, config):
        prefix = "" if folder == "/" else folder
        for name in tree.children(folder):
            kind = tool_class(name)
            if kind is not None:
                found.update(_tool(tree, applets, ImagePath(f"{prefix}/{name}"), kind))
    for shell in shells:
        place = tree.resolve(shell, follow=False).path
        if place is not None:
            found.update(_tool(tree, applets, place, ToolClass.SHELL))
    return tuple(sorted(found))


def _folders(tree: FileTree, config: ImageConfig) -> Iterator[ImagePath]:
    """Real directories of programs, each once."""
    seen: set[ImagePath] = set()
    for raw in (*search_path(config), *_FOLDERS):
        found = tree.resolve(raw)
        if found.path is not None and found.path not in seen:
            seen.add(found.path)
            yield found.path


class _Applets:
    """Which hard links are applets of a multi-call program; the names of each inode are read once."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self._programs: dict[int, str] = {}

    def program(self, path: ImagePath, file: File) -> str:
        """The first name of a multi-call program that a file has; empty for that name itself and where it has none."""
        program = self._programs.get(file.inode)
        if program is None:
            names = self._tree.links(path)
            program = next((name for name in names if basename(name).startswith(_MULTI_CALL)), "")
            self._programs[file.inode] = program
        return program if program != path else ""


def _tool(tree: FileTree, applets: _Applets, path: ImagePath, kind: ToolClass) -> Iterator[Tool]:
    file = tree.files.get(path)
    if file is None:
        return
    if file.type is FileType.SYMLINK:
        target = tree.resolve(path)
        if target.path is not None and target.file is not None and _runs(target.file):
            yield Tool(tool=kind, path=path, target=target.path)
    elif _runs(file):
        yield Tool(tool=kind, path=path, target=applets.program(path, file))


def _runs(file: File) -> bool:
    return file.type is FileType.FILE and bool(file.mode & 0o111)
