"""getpwnam(3), getaddrinfo(3) and pam(8): databases of names and the modules that answer for them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xraydiff.facts import Edge, EdgeKind
from xraydiff.paths import ImagePath, basename
from xraydiff.references.readers.elf_capabilities.program import ElfProgram

_DATABASES = ("passwd", "group", "hosts", "services", "protocols")
_ACTION = re.compile(r"\[[^\]]*\]")


def edges(program: ElfProgram) -> Iterator[Edge]:
    """The file behind each database that the program asks, nsswitch.conf, and modules that libc lacks."""
    for database in _DATABASES:
        call = program.searching_function(database)
        if call:
            yield from _database(program, database, call)
    if program.searching_function("pam"):
        yield from _pam(program)


def _database(program: ElfProgram, database: str, call: str) -> Iterator[Edge]:
    file = next(filter(program.exists, program.search(database).files), None)
    if file is not None:
        yield program.edge(file, EdgeKind.RUNS_AS if database in ("passwd", "group") else EdgeKind.NAMES, call)
    if program.library("libc.so.6") is None or program.exists("/etc/nsswitch.conf") is None:
        return  # musl has no name service switch
    yield program.edge("/etc/nsswitch.conf", EdgeKind.NAMES, call)
    for service in _services(program, database):
        found = program.loader.search(f"libnss_{service}.so.2", program.subject.path, elf=program.elf)
        if found.path is not None and not _in_libc(program, service):
            yield program.edge(found.path, EdgeKind.LOADS, f"{database}: {service}")


def _in_libc(program: ElfProgram, service: str) -> bool:
    """Since 2.34 glibc holds `files` and `dns` itself; their libraries are empty shells then."""
    libc = program.library("libc.so.6")
    if service not in ("files", "dns") or libc is None:
        return False
    stub = program.loader.search(f"libnss_{service}.so.2", program.subject.path, elf=program.elf).real
    file = program.context.original.files.get(stub) if stub is not None else None
    return file is None or file.size < 20_000  # the real modules have 40 KB and more, the shells 14


def _services(program: ElfProgram, database: str) -> list[str]:
    for line in _text(program, "/etc/nsswitch.conf").splitlines():
        name, colon, rest = line.partition("#")[0].partition(":")
        if colon and name.strip() == database:
            return _ACTION.sub(" ", rest).split()
    return []


def _pam(program: ElfProgram) -> Iterator[Edge]:
    """The service file that a string names, the files that it includes, and their modules."""
    folder = ImagePath("/etc/pam.d")
    services = [name for name in program.context.original.children(folder) if name in program.strings]
    todo, seen = services[:], set(services)
    while todo:
        service = todo.pop()
        yield program.edge(f"{folder}/{service}", EdgeKind.NAMES, "pam_start")
        for word in _text(program, f"{folder}/{service}").replace("@include", "include").split():
            if word.startswith("pam_") and word.endswith(".so"):
                yield from _pam_module(program, word)
            elif word in program.context.original.children(folder) and word not in seen:
                seen.add(word)
                todo.append(word)


def _pam_module(program: ElfProgram, name: str) -> Iterator[Edge]:
    libpam = program.library("libpam.so")
    libc = program.library("libc.so")
    for library in (libpam, libc):
        if library is not None:
            path = program.exists(f"{library.removesuffix(basename(library))}security/{name}")
            if path is not None:
                yield program.edge(path, EdgeKind.LOADS, "pam_start")
                return


def _text(program: ElfProgram, path: str) -> str:
    return program.content(path, program.context.limits.passwd).decode("utf-8", "surrogateescape")
