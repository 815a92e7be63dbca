"""What an archive asks for: its manifest, the application's own classes in it, and paths in its configuration."""

from __future__ import annotations

import re
from typing import Final

from xraydiff.facts import EdgeKind, FileType, Firing
from xraydiff.paths import ImagePath, decoded, image_path, join, parent
from xraydiff.references import Context
from xraydiff.references.kit.recorder import Sightings
from xraydiff.references.readers.java.archive import Archive, Budget
from xraydiff.references.readers.java.classes import Asked, budget_of
from xraydiff.references.readers.java.classfile import ClassError, read_class

__all__ = ["read_jar"]

_MANIFEST: Final = "META-INF/MANIFEST.MF"
_FOLDED = re.compile(r"\r?\n ")
_ATTRIBUTE = re.compile(r"^([A-Za-z0-9_-]{1,70}): ?([^\r\n]*)\r?$", re.MULTILINE)
_CLASSES: Final = ("BOOT-INF/classes/", "WEB-INF/classes/")
"""Where Spring Boot and servlets keep the application's own classes; what lies beside them is a launcher."""
_VERSIONS: Final = "META-INF/versions/"
_FEW: Final = 500
"""Classes of an archive that may all be the application's own; larger ones have their libraries poured in."""
_TEXTS = re.compile(r"\.(?:properties|ya?ml|xml|conf|json|toml|cfg|ini)$")
_TEXT_SIZE: Final = 1 << 18
_TEXT_FILES: Final = 200
_PATH = re.compile(rb"(?<![\w./~$}:-])(?:file:(?://)?)?(/[\w.+@~-]{1,255}(?:/[\w.+@~-]{1,255}){1,30})", re.ASCII)
_JARS: Final = 5_000
"""Entries of a manifest's Class-Path."""


def read_jar(data: bytes, path: ImagePath, context: Context, seen: Sightings) -> None:
    """Note what an archive asks for. Raises `JarError` where it cannot be read."""
    archive = Archive(data, context.limits)
    budget = context.once(budget_of)
    manifest = _manifest(archive, budget)
    _class_path(manifest.get("class-path", ""), path, context, seen)
    main = manifest.get("start-class") or manifest.get("main-class", "")
    asked = Asked(context, seen, ())
    for name in _own(archive, main):
        budget.take_class()
        try:
            asked.look(read_class(archive.read(name, budget)))
        except ClassError as error:
            seen.gap("malformed", f"{name}: {error}")
    _texts(archive, budget, context, seen)


def _manifest(archive: Archive, budget: Budget) -> dict[str, str]:
    """The main section: names in lower case, folded lines joined (JAR File Specification)."""
    text = decoded(archive.read(_MANIFEST, budget))
    section = re.split(r"\r?\n\r?\n", text, maxsplit=1)[0]
    return {match[1].lower(): match[2].strip() for match in _ATTRIBUTE.finditer(_FOLDED.sub("", section))}


def _class_path(text: str, path: ImagePath, context: Context, seen: Sightings) -> None:
    """Class-Path holds URLs relative to the archive, blanks between them."""
    for entry in text.split()[:_JARS]:
        if len(entry) > context.limits.path or "://" in entry:
            continue
        target = join(parent(path), entry.removeprefix("file:"))
        found = context.original.resolve(target).file
        if found is not None and found.type is FileType.FILE:
            seen.file(target, EdgeKind.IMPORTS, Firing.DEFERRED, f"Class-Path: {entry}")


def _own(archive: Archive, main: str) -> list[str]:
    """The classes that are the application's own, not those of libraries poured into the same archive."""
    classes = [name for name in archive.names if name.endswith(".class") and not name.startswith(_VERSIONS)]
    for folder in _CLASSES:
        inside = [name for name in classes if name.startswith(folder)]
        if inside:
            return inside
    if len(classes) <= _FEW or not main:
        return classes
    package = main.split(".")[:-1]
    start = "/".join(package[:2]) + "/"
    return [name for name in classes if (name.startswith(start) if package else "/" not in name)]


def _texts(archive: Archive, budget: Budget, context: Context, seen: Sightings) -> None:
    """Absolute paths in the application's configuration, which no search of the packed bytes finds."""
    names = [name for name in archive.names if _TEXTS.search(name) and not name.startswith("META-INF/maven/")]
    inside = [name for name in names if name.startswith(_CLASSES)] or names
    for name in inside[:_TEXT_FILES]:
        text = archive.read(name, budget)
        for match in _PATH.finditer(text[:_TEXT_SIZE]):
            target = image_path(decoded(match[1]).rstrip("."))
            found = context.original.resolve(target).file
            if found is not None and target.count("/") > 1:
                seen.named(target, found.type, f"{name}: {decoded(match[1])}")
