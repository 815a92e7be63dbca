"""iconv_open(3): character sets that are named by a string, through gconv-modules to their one module."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from xraydiff.facts import Edge, EdgeKind
from xraydiff.paths import ImagePath, basename, parent
from xraydiff.references import Context
from xraydiff.references.readers.elf_capabilities.program import ElfProgram

_CHARSET = re.compile(r"^[A-Za-z][A-Za-z0-9_.:()+-]{1,40}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gconv:
    """A gconv directory as its configuration describes it (iconvconfig(8))."""

    folder: ImagePath
    alias: dict[str, str]
    modules: dict[str, str]
    """Character set, upper case, to file name without suffix."""


def edges(program: ElfProgram) -> Iterator[Edge]:
    """The module of each character set that a string names, and the configuration that leads to it."""
    if not program.searching_function("charsets"):
        return
    for gconv in _directories(program):
        named = False
        for string in sorted(program.strings):
            module = _module(gconv, string, program.search("charsets").words)
            path = program.exists(f"{gconv.folder}/{module}.so") if module else None
            if path is not None:
                named = True
                yield program.edge(path, EdgeKind.LOADS, f"iconv_open {string}")
        if named:
            yield from _configuration(program, gconv)


def _configuration(program: ElfProgram, gconv: Gconv) -> Iterator[Edge]:
    """The cache is read by glibc where there is one, else gconv-modules and gconv-modules.d."""
    cache = program.exists(f"{gconv.folder}/gconv-modules.cache")
    if cache is not None:
        yield program.edge(cache, EdgeKind.LOADS, "iconv_open")
        return
    for name in ("gconv-modules", "gconv-modules.d"):
        path = program.exists(f"{gconv.folder}/{name}")
        if path is not None:
            yield program.edge(path, EdgeKind.LOADS, "iconv_open")


def _module(gconv: Gconv, string: str, built_in: frozenset[str]) -> str | None:
    name = string.partition("//")[0].upper()
    if not _CHARSET.match(name) or name in built_in:
        return None
    for _ in range(8):  # aliases of aliases are rare and never deeper
        if name in gconv.modules or name not in gconv.alias:
            break
        name = gconv.alias[name]
    return None if name in built_in else gconv.modules.get(name)


def _directories(program: ElfProgram) -> tuple[Gconv, ...]:
    found = program.context.once(_found)
    if found.directories is not None:
        return found.directories
    files = [path for path in program.context.original.files if basename(path) == "gconv-modules"]
    directories = tuple(_read(program, path) for path in files)
    if not program.unread:
        found.directories = directories
    return directories


@dataclass(slots=True)
class _Found:
    """The directories of this walk, once a program has read them whole."""

    directories: tuple[Gconv, ...] | None = None


def _found(_: Context) -> _Found:
    return _Found()


def _read(program: ElfProgram, path: ImagePath) -> Gconv:
    folder = parent(path)
    alias: dict[str, str] = {}
    modules: dict[str, str] = {}
    extra = ImagePath(f"{folder}/gconv-modules.d")
    files = [
        path,
        *(ImagePath(f"{extra}/{name}") for name in program.context.original.children(extra) if name.endswith(".conf")),
    ]
    for file in files:
        for line in _lines(program, file):
            words = line.partition("#")[0].split()
            if len(words) >= 3 and words[0] == "alias":
                alias[words[1].rstrip("/").upper()] = words[2].rstrip("/").upper()
            elif len(words) >= 4 and words[0] == "module" and words[2].upper().startswith("INTERNAL"):
                modules[words[1].rstrip("/").upper()] = words[3]
    return Gconv(folder=folder, alias=alias, modules=modules)


def _lines(program: ElfProgram, path: ImagePath) -> list[str]:
    return program.content(path, program.context.limits.script).decode("utf-8", "surrogateescape").splitlines()
