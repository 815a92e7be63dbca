"""Names and first bytes that tell files and programs of Java."""

from __future__ import annotations

from xraydiff.references import Subject

__all__ = ["ARCHIVE", "CLAIMS", "LANGUAGE", "PROGRAMS", "PROVIDERS", "SERVICES", "is_archive", "is_class"]

LANGUAGE = "java"
PROGRAMS = frozenset({"java", "javaw"})
"""Programs whose arguments are understood."""
CLAIMS = PROGRAMS | {""}
"""And those that only a run knows: `"$JAVACMD" -jar app.jar` of a start script tells by its options."""
SERVICES = "/META-INF/services/"
ARCHIVE = "archive"
PROVIDERS = "providers"
"""Forms of files that their first bytes do not tell."""
_ARCHIVES = (".jar", ".war", ".ear")
_OLDEST, _NEWEST = 45, 120
"""Versions of class files; a universal Mach-O binary begins with the same four bytes and a small number."""


def is_class(data: bytes) -> bool:
    """Whether a file is a class file (JVMS 4.1)."""
    magic = data.startswith(b"\xca\xfe\xba\xbe") and len(data) >= 10
    return magic and _OLDEST <= int.from_bytes(data[6:8], "big") <= _NEWEST


def is_archive(subject: Subject) -> bool:
    """Whether Java opens a file as an archive, by its name or by who refers to it."""
    return subject.node.language == LANGUAGE or subject.path.endswith(_ARCHIVES)
