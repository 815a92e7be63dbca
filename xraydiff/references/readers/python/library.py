"""Functions of libraries that import in their own bodies: who calls them needs what they import."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from xraydiff.references import Context
from xraydiff.references.readers.python.modules import Finder, Module

__all__ = ["LibraryCalls", "library_calls"]

_TOP: Final = re.compile(rb"^(?:async[ \t]{1,9})?(def|class)[ \t]{1,9}(\w{1,100})", re.MULTILINE)
_METHOD: Final = re.compile(rb"^[ \t]{1,8}(?:async[ \t]{1,9})?def[ \t]{1,9}(\w{1,100})", re.MULTILINE)
_INNER: Final = re.compile(
    rb"^(    |\t|  |        |\t\t)"
    rb"(?:from[ \t]{1,9}(\.{0,3}[\w.]{0,200})[ \t]{1,9}import[ \t]{1,9}(\([^()]{0,2000}\)|[^\n]{0,500})"
    rb"|import[ \t]{1,9}([\w.]{1,200}))",
    re.MULTILINE,
)
_OUTER: Final = re.compile(
    rb"^from[ \t]{1,9}(\.{0,3}[\w.]{0,200})[ \t]{1,9}import[ \t]{1,9}(\([^()]{0,20000}\)|[^\n(]{0,2000})", re.MULTILINE
)
_WORD: Final = re.compile(rb"\w{1,100}")
_MAX_FUNCTIONS: Final = 5_000
_IMPORTS: Final = 200
"""Imports of one function's body."""
_FUNCTION_BODY: Final = (b"    ", b"\t", b"  ")
_METHOD_BODY: Final = (b"        ", b"\t\t", b"    ")
_MADE: Final = frozenset({b"__init__", b"__new__", b"__enter__"})
"""Methods that run whenever a class is called, or what it gives is used in `with`."""


@dataclass(frozen=True, slots=True)
class _Import:
    module: str
    names: tuple[str, ...]


def library_calls(_: Context) -> LibraryCalls:
    """The summaries of the walk's libraries, each made once."""
    return LibraryCalls()


class LibraryCalls:
    """What functions of modules import when they are called."""

    def __init__(self) -> None:
        self._summaries: dict[str, dict[str, tuple[_Import, ...]]] = {}
        self._known: dict[tuple[int, str], list[tuple[Module, ...]]] = {}
        self._exports: dict[str, dict[bytes, str]] = {}

    def of(self, name: str, finder: Finder) -> list[tuple[Module, ...]]:
        """The chains of modules that calling `pkg.mod.function` imports; empty for anything else."""
        head, dot, function = name.rpartition(".")
        if not dot or head.startswith("?"):
            return []
        key = (id(finder), name)
        if key not in self._known:
            self._known[key] = self._find(head, function, finder)
        return self._known[key]

    def _find(self, head: str, function: str, finder: Finder) -> list[tuple[Module, ...]]:
        chain, whole = finder.find(head)
        if not whole or not chain:
            return []
        module = chain[-1]
        found: list[tuple[Module, ...]] = []
        for _ in range(2):
            inner = self._summary(module, finder).get(function)
            if inner is not None:
                for one in inner:
                    found += _resolved(one, module, finder)
                break
            exported = self._exported(module, function, finder)
            if exported is None:
                break
            module = exported
        return found

    def _exported(self, module: Module, name: str, finder: Finder) -> Module | None:
        """Where `from .x import name` at the top of a package takes a name from."""
        if module.file is None:
            return None
        known = self._exports.get(module.file)
        if known is None:
            known = self._exports[module.file] = {}
            for match in _OUTER.finditer(finder.content(module)):
                for word in _WORD.findall(match[2]):
                    if len(known) < _MAX_FUNCTIONS:
                        known.setdefault(word, match[1].decode())
        source = known.get(name.encode("utf-8", "surrogateescape"))
        chains = _resolved(_Import(source, ()), module, finder) if source is not None else iter(())
        return next((chain[-1] for chain in chains), None)

    def _summary(self, module: Module, finder: Finder) -> dict[str, tuple[_Import, ...]]:
        if module.file is None or not module.file.endswith(".py"):
            return {}
        known = self._summaries.get(module.file)
        if known is None:
            data = finder.content(module)
            known = _summarised(data) if _INNER.search(data) else {}
            self._summaries[module.file] = known
        return known


def _summarised(data: bytes) -> dict[str, tuple[_Import, ...]]:
    """Functions and classes of the top level with the imports that stand in their bodies behind no branch."""
    found = {name.decode(): tuple(islice(_imports(body, indents), _IMPORTS)) for name, body, indents in _bodies(data)}
    return {name: imports for name, imports in found.items() if imports}


def _bodies(data: bytes) -> Iterator[tuple[bytes, bytes, tuple[bytes, ...]]]:
    """Names, bodies, and how the statements of such a body are indented."""
    starts = list(_TOP.finditer(data))[:_MAX_FUNCTIONS]
    for at, match in enumerate(starts):
        body = data[match.end() : starts[at + 1].start() if at + 1 < len(starts) else len(data)]
        if match[1] == b"class":
            methods = list(_METHOD.finditer(body))
            ends = [*(one.start() for one in methods[1:]), len(body)]
            parts = [body[one.end() : end] for one, end in zip(methods, ends, strict=False) if one[1] in _MADE]
            yield match[2], b"\n".join(parts), _METHOD_BODY
        else:
            yield match[2], body, _FUNCTION_BODY


def _imports(body: bytes, indents: tuple[bytes, ...]) -> Iterator[_Import]:
    for match in _INNER.finditer(body):
        if match[1] not in indents:
            continue
        if match[4]:
            yield _Import(match[4].decode(), ())
        else:
            parts = (part.split() for part in (match[3] or b"").strip(b"()").split(b",")[:64])
            names = tuple(part[0].decode("utf-8", "replace") for part in parts if part)
            yield _Import(match[2].decode(), names)


def _resolved(one: _Import, module: Module, finder: Finder) -> Iterator[tuple[Module, ...]]:
    dots = len(one.module) - len(one.module.lstrip("."))
    if not dots:
        chain, whole = finder.find(one.module)
    elif dots == 1 and module.package:
        chain, whole = (
            finder.relative(module.package[0], one.module[1:], module.name) if one.module != "." else ((), True)
        )
    else:
        parts = module.name.split(".")
        cut = dots - bool(module.package)
        name = ".".join([*parts[: max(0, len(parts) - cut)], *filter(None, [one.module[dots:]])])
        chain, whole = finder.find(name)
    if not whole:
        return
    if chain:
        yield chain
    last = chain[-1] if chain else module
    for name in one.names:
        inner = finder.inside(last, name) if last.package and name.isidentifier() else None
        if inner is not None:
            yield (*chain, inner)
