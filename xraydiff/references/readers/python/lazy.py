"""Names that a package loads at their first use: a module's `__getattr__` (PEP 562) and its tables."""

from __future__ import annotations

import re
from typing import Final

from xraydiff.references import Context
from xraydiff.references.readers.python.modules import Finder, Module

__all__ = ["LazyNames", "lazy_names"]

_MARKS: Final = (b"def __getattr__", b"lazy_loader", b"_LazyModule", b"lazy_import", b"LazyImport")
_PAIR: Final = re.compile(
    rb"""['"](\w{1,100})['"]\s{0,20}:\s{0,20}\(?\s{0,20}(?:[A-Za-z_][\w.]{0,40}\s{0,9},\s{0,20})?['"](\.{0,3}[\w.]{0,200}(?::\w{1,100})?)['"]"""
)
"""`'BaseModel': (__spec__.parent, '.main')`, `"Client": "pkg.client:Client"`."""
_LISTED: Final = re.compile(rb"""['"](\.{0,3}[\w.]{1,200})['"]\s{0,20}:\s{0,20}[\[(]([^\])\[(:{}]{0,20000})[\])]""")
"""`"configuration": ["Config", "PretrainedConfig"]`, the other way round."""
_FROM: Final = re.compile(
    rb"^[ \t]+from[ \t]{1,9}(\.{0,3}[\w.]{0,200})[ \t]{1,9}import[ \t]{1,9}(?:\(([^()]{0,20000})\)|([^\n(]{0,2000}))",
    re.MULTILINE,
)
"""Imports within such a block."""
_BLOCK: Final = re.compile(
    rb"^(?:if [\w.]{0,40}TYPE_CHECKING:|def __getattr__)[^\n]*+\n((?>(?:[ \t)][^\n]*+)?\n)*+)", re.MULTILINE
)
"""Blocks of the top level that tell where names come from."""
_WORD: Final = re.compile(rb"\w{1,100}")
_MAX_NAMES: Final = 20_000


def lazy_names(_: Context) -> LazyNames:
    """The tables of the walk's packages, read once."""
    return LazyNames()


class LazyNames:
    """Which modules stand behind names that a package does not hold itself."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, tuple[str, ...]]] = {}

    def is_lazy(self, module: Module, finder: Finder) -> bool:
        """Whether a module loads names on demand."""
        return bool(self._table(module, finder))

    def of(self, module: Module, name: str, finder: Finder) -> list[tuple[Module, ...]]:
        """The chains of modules that asking a package for a name loads; empty where the name is no lazy one."""
        found: list[tuple[Module, ...]] = []
        for target in self._table(module, finder).get(name, ()):
            dots = len(target) - len(target.lstrip("."))
            if dots == 1 and module.package:
                chain, whole = finder.relative(module.package[0], target[1:], module.name)
            elif dots:
                continue
            else:
                chain, whole = finder.find(target)
                if not whole and module.package:
                    chain, whole = finder.relative(module.package[0], target, module.name)
            if whole and chain[-1].file != module.file:
                found.append(chain)
        return found

    def _table(self, module: Module, finder: Finder) -> dict[str, tuple[str, ...]]:
        if module.file is None or not module.file.endswith(".py"):
            return {}
        known = self._tables.get(module.file)
        if known is None:
            data = finder.content(module)
            known = _read(data) if any(mark in data for mark in _MARKS) else {}
            self._tables[module.file] = known
        return known


def _read(data: bytes) -> dict[str, tuple[str, ...]]:
    table: dict[str, dict[str, None]] = {}
    for count, match in enumerate(_PAIR.finditer(data)):
        if count > _MAX_NAMES:
            break
        name, target = match[1].decode(), match[2].decode()
        # `'__module__'` and the like stand for the submodule of the name itself.
        target = target.partition(":")[0] if not target.startswith("__") else f".{name}"
        if target.strip("."):
            table.setdefault(name, {})[target] = None
    for match in _LISTED.finditer(data):
        for word in _WORD.findall(match[2])[:_MAX_NAMES]:
            table.setdefault(word.decode(), {})[match[1].decode()] = None
    blocks = b"\n".join(block[1] for block in _BLOCK.finditer(data))
    for match in _FROM.finditer(blocks):
        for part in (match[2] or match[3] or b"").split(b",")[:_MAX_NAMES]:
            words = _WORD.findall(part.partition(b"#")[0])
            for word in {words[0], words[-1]} if words else ():
                table.setdefault(word.decode(), {})[match[1].decode()] = None
    return {name: tuple(targets) for name, targets in table.items()}
