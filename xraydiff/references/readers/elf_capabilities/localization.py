"""tzset(3) and setlocale(3): zone files by name, locales by LANG and by strings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xraydiff.facts import Edge, EdgeKind
from xraydiff.references.readers.elf_capabilities.program import ElfProgram

_ZONE = re.compile(r"^[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_+-]+[0-9]*){1,2}$")
_LOCALE = re.compile(r"^[a-z]{2,3}_[A-Z]{2}(?:\.[A-Za-z0-9-]+)?(?:@[a-z]+)?$")
_LOCALES = ("LANG", "LC_ALL", "LC_CTYPE", "LC_COLLATE", "LC_MESSAGES", "LC_NUMERIC", "LC_TIME", "LC_MONETARY")


def edges(program: ElfProgram) -> Iterator[Edge]:
    """A zone file where its name is a string or TZ, /etc/localtime where it is not UTC, locales that are named."""
    yield from zones(program)
    if program.searching_function("locales"):
        yield from _locales(program)


def zones(program: ElfProgram) -> Iterator[Edge]:
    """Zone names are telling by themselves, so a string of their form counts without any imported function."""
    (folder,) = program.search("zones").files
    for string in sorted(program.strings):
        if _ZONE.match(string) and program.exists(f"{folder}/{string}"):
            yield program.edge(f"{folder}/{string}", EdgeKind.NAMES, string)
    if not program.searching_function("zones"):
        return
    zone = program.context.env.get("TZ", "").lstrip(":")
    if program.imports("setenv", "putenv") and "TZ" in program.strings and program.exists(folder):
        # A zone that the program computes: of the directory only what the application itself put there will count.
        yield program.edge(folder, EdgeKind.NAMES, "TZ")
    if zone and program.exists(f"{folder}/{zone}"):
        yield program.edge(f"{folder}/{zone}", EdgeKind.NAMES, f"TZ={zone}")
    elif not zone and _is_elsewhere(program):
        yield program.edge("/etc/localtime", EdgeKind.NAMES, "localtime")


def _is_elsewhere(program: ElfProgram) -> bool:
    """Without /etc/localtime the clock shows UTC, which is no loss where it showed UTC before."""
    found = program.context.original.resolve("/etc/localtime").path
    return found is not None and not found.endswith(("/UTC", "/Etc/UTC", "/Universal", "/Zulu", "/UCT"))


def _locales(program: ElfProgram) -> Iterator[Edge]:
    search = program.search("locales")
    wanted = [program.context.env.get(name, "") for name in _LOCALES]
    wanted += [string for string in sorted(program.strings) if _LOCALE.match(string)]
    for locale in dict.fromkeys(wanted):
        if not locale or locale in search.words:
            continue
        for folder in search.files:
            path = program.exists(f"{folder}/{_directory_of(locale)}") or program.exists(f"{folder}/{locale}")
            if path is not None:
                yield program.edge(path, EdgeKind.NAMES, locale)
                break
        else:
            archive = program.exists("/usr/lib/locale/locale-archive")
            if archive is not None:
                yield program.edge(archive, EdgeKind.NAMES, locale)


def _directory_of(locale: str) -> str:
    """The name of a locale's directory, in which glibc normalises the codeset: `en_US.UTF-8` lies in `en_US.utf8`."""
    name, dot, codeset = locale.partition(".")
    return name + dot + codeset.lower().replace("-", "")
