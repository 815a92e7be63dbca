"""dlopen(3): libraries that are named by a string."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xraydiff.facts import Edge, EdgeKind
from xraydiff.references.readers.elf_capabilities.program import ElfProgram

_SONAME = re.compile(r"^[A-Za-z0-9_.+-]+\.so(?:\.[0-9]+)*$")


def edges(program: ElfProgram) -> Iterator[Edge]:
    """Strings that are sonames or paths of libraries, where the program can load one."""
    if not program.searching_function("libraries"):
        return
    for name in sorted(program.strings):
        if name.startswith("/") and re.search(r"\.so(?:\.[0-9]+)*$", name):
            path = program.exists(name)
            if path is not None:
                yield program.edge(path, EdgeKind.LOADS, name)
        elif _SONAME.match(name):
            yield from _by_search(program, name)


def _by_search(program: ElfProgram, name: str) -> Iterator[Edge]:
    found = program.loader.search(name, program.subject.path, elf=program.elf)
    if found.path is not None:
        yield program.edge(found.path, EdgeKind.LOADS, name)
