"""From the bytes of a class, an archive or a list of providers to what they name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from xraydiff.limits import Limits
from xraydiff.paths import decoded
from xraydiff.references.kit.recorder import Lost
from xraydiff.references.readers.java.archive import Archive, Budget, Cost, JarError
from xraydiff.references.readers.java.bytecode import command_words, starts_programs
from xraydiff.references.readers.java.classfile import ClassError, read_class
from xraydiff.references.readers.java.names import ARCHIVE, is_class

__all__ = ["Class", "Parsed", "parse"]

_MAX_CONSTANT_LENGTH: Final = 1_024
"""Characters of a constant that may be a path or a name."""
_PROVIDER: Final = re.compile(r"^[ \t]*([A-Za-z_$][\w$.]{0,500})[ \t]*(?:#[^\n]*)?$", re.MULTILINE | re.ASCII)
_MANIFEST: Final = "META-INF/MANIFEST.MF"
_FOLDED: Final = re.compile(r"\r?\n ")
_ATTRIBUTE: Final = re.compile(r"^([A-Za-z0-9_-]{1,70}): ?([^\r\n]*)\r?$", re.MULTILINE)
_CLASSES: Final = ("BOOT-INF/classes/", "WEB-INF/classes/")
"""Where Spring Boot and servlets keep the application's own classes; what lies beside them is a launcher."""
_VERSIONS: Final = "META-INF/versions/"
_MAX_OWN_CLASSES: Final = 500
"""Classes of an archive that may all be the application's own; larger ones have their libraries poured in."""
_TEXTS: Final = re.compile(r"\.(?:properties|ya?ml|xml|conf|json|toml|cfg|ini)$")
_TEXT_SIZE: Final = 1 << 18
_TEXT_FILES: Final = 200
_PATH: Final = re.compile(rb"(?<![\w./~$}:-])(?:file:(?://)?)?(/[\w.+@~-]{1,255}(?:/[\w.+@~-]{1,255}){1,30})", re.ASCII)
_JARS: Final = 5_000
"""Entries of a manifest's Class-Path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Class:
    """What one class names. Names are internal ones: `java/lang/String`."""

    major: int
    """Version of the format: 52 is Java 8, 61 is Java 17."""
    name: str
    supers: tuple[str, ...]
    """Superclass and interfaces: they are loaded with the class."""
    classes: tuple[str, ...]
    """Every other class that it names, an array as its element."""
    strings: tuple[str, ...]
    """String constants, recipes of concatenations among them."""
    texts: tuple[str, ...]
    """Other text that looks like a path or a URL: values of annotations."""
    methods: frozenset[tuple[str, str]]
    """Class and name of every method that it calls."""
    commands: tuple[tuple[str, ...], ...]
    """Words of the commands that it starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a file names."""

    classes: tuple[Class, ...] = ()
    """A class file's one, or an archive's own."""
    class_path: tuple[str, ...] = ()
    """Of an archive's manifest."""
    paths: tuple[tuple[str, str], ...] = ()
    """Entries of an archive that hold settings, and absolute paths in them."""
    providers: tuple[str, ...] = ()
    in_archive: bool = False
    cost: Cost = Cost()  # noqa: RUF009  frozen
    lost: tuple[Lost, ...] = ()


def parse(data: bytes, form: str, limits: Limits) -> Parsed:
    """What a file names; what it is, its first bytes say, else its form."""
    if is_class(data):
        return _class_file(data, limits)
    if data.startswith(b"PK\3\4") or form == ARCHIVE:
        return _Jar(data, limits).parsed()
    if len(data) > limits.script:
        return Parsed(lost=(Lost("too-large", f"{len(data)} bytes"),))
    return Parsed(providers=tuple(match[1] for match in _PROVIDER.finditer(decoded(data))))


def _class_file(data: bytes, limits: Limits) -> Parsed:
    if len(data) > limits.jar_entry:
        return Parsed(lost=(Lost("too-large", f"{len(data)} bytes"),))
    budget = Budget(limits)
    classes: list[Class] = []
    lost = tuple(_looked_at(data, budget, classes))
    return Parsed(classes=tuple(classes), cost=budget.spent, lost=lost)


def _looked_at(data: bytes, budget: Budget, classes: list[Class], name: str = "") -> Iterator[Lost]:
    """Add what a class names; gives what of it was not read."""
    prefix = f"{name}: " if name else ""
    try:
        read = read_class(data)
    except ClassError as error:
        yield Lost("malformed", f"{prefix}{error}")
        return
    commands: list[tuple[str, ...]] = []
    if starts_programs(read):
        if budget.take_code(len(data)):
            try:
                commands.extend(command_words(read))
            except ClassError as error:
                yield Lost("malformed", f"{prefix}{error}")
        else:
            yield Lost("too-large", f"the code of {read.name} is not looked at")
    classes.append(
        Class(
            major=read.major,
            name=read.name,
            supers=read.supers,
            classes=read.classes,
            strings=tuple(filter(_is_short, read.strings)),
            texts=tuple(filter(_is_short, read.texts)),
            methods=read.methods,
            commands=tuple(commands),
        )
    )


def _is_short(text: str) -> bool:
    return 0 < len(text) <= _MAX_CONSTANT_LENGTH


class _Jar:
    """One archive: its manifest, the application's own classes in it, and paths in its settings."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data = data
        self._limits = limits
        self._budget = Budget(limits)
        self._manifest: dict[str, str] = {}
        self._classes: list[Class] = []
        self._paths: list[tuple[str, str]] = []
        self._lost: list[Lost] = []

    def parsed(self) -> Parsed:
        """What was read before the archive turned out to be damaged or too large, too."""
        try:
            self._read(Archive(self._data, self._limits))
        except JarError as error:
            self._lost.append(Lost(error.reason, error.detail))
        return Parsed(
            classes=tuple(self._classes),
            class_path=tuple(self._manifest.get("class-path", "").split()[:_JARS]),
            paths=tuple(self._paths),
            in_archive=True,
            cost=self._budget.spent,
            lost=tuple(self._lost),
        )

    def _read(self, archive: Archive) -> None:
        self._manifest = _manifest(decoded(archive.read(_MANIFEST, self._budget)))
        main = self._manifest.get("start-class") or self._manifest.get("main-class", "")
        for name in _own(archive, main):
            self._budget.take_class()
            self._lost += _looked_at(archive.read(name, self._budget), self._budget, self._classes, name)
        for name in _settings(archive):
            text = archive.read(name, self._budget)
            self._paths += ((name, decoded(match[1])) for match in _PATH.finditer(text[:_TEXT_SIZE]))


def _manifest(text: str) -> dict[str, str]:
    """The main section: names in lower case, folded lines joined (JAR File Specification)."""
    section = re.split(r"\r?\n\r?\n", text, maxsplit=1)[0]
    return {match[1].lower(): match[2].strip() for match in _ATTRIBUTE.finditer(_FOLDED.sub("", section))}


def _own(archive: Archive, main: str) -> list[str]:
    """The classes that are the application's own, not those of libraries poured into the same archive."""
    classes = [name for name in archive.names if name.endswith(".class") and not name.startswith(_VERSIONS)]
    for folder in _CLASSES:
        inside = [name for name in classes if name.startswith(folder)]
        if inside:
            return inside
    if len(classes) <= _MAX_OWN_CLASSES or not main:
        return classes
    package = main.split(".")[:-1]
    start = "/".join(package[:2]) + "/"
    return [name for name in classes if (name.startswith(start) if package else "/" not in name)]


def _settings(archive: Archive) -> list[str]:
    """The application's configuration, whose absolute paths no search of the packed bytes finds."""
    names = [name for name in archive.names if _TEXTS.search(name) and not name.startswith("META-INF/maven/")]
    return ([name for name in names if name.startswith(_CLASSES)] or names)[:_TEXT_FILES]
