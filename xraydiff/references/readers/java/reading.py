"""The way from a subject to the parts of this room: configs, scripts, archives, classes and lists of providers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xraydiff.facts import Edge, EdgeKind, FileType, Firing
from xraydiff.paths import decoded, image_path
from xraydiff.references import Context, Gap, Subject
from xraydiff.references.kit.outline import uncommented
from xraydiff.references.kit.recorder import Sightings
from xraydiff.references.readers.java.archive import JarError
from xraydiff.references.readers.java.classes import Asked, class_root
from xraydiff.references.readers.java.classfile import ClassError, read_class
from xraydiff.references.readers.java.jars import read_jar
from xraydiff.references.readers.java.launch import class_folders, note, of_config, of_script
from xraydiff.references.readers.java.names import SERVICES, is_archive, is_class
from xraydiff.references.readers.java.runtime import homes

__all__ = ["read"]

_PROVIDER = re.compile(r"^[ \t]*([A-Za-z_$][\w$.]{0,500})[ \t]*(?:#[^\n]*)?$", re.MULTILINE | re.ASCII)


def read(subject: Subject, context: Context) -> Iterator[Edge | Gap]:
    """Edges in the order in which they were seen, then gaps."""
    seen = Sightings(subject.node, "java", context.limits)
    try:
        _look(subject, context, seen)
    except JarError as error:
        seen.gap(error.reason, error.detail)
    except ClassError as error:
        seen.gap("malformed", str(error))
    yield from seen.all()


def _look(subject: Subject, context: Context, seen: Sightings) -> None:
    data = subject.data
    if subject.config is not None:
        if context.once(homes):
            for launch in of_config(subject.config, context):
                note(launch, context, seen)
    elif is_class(data):
        _look_at_class(subject, context, seen)
    elif data.startswith(b"PK\3\4") or (subject.file is not None and is_archive(subject)):
        read_jar(data, subject.path, context, seen)
    elif SERVICES in subject.path:
        _look_at_services(subject, context, seen)
    elif len(data) > context.limits.script_scan:
        seen.gap("too-large", f"{len(data)} bytes")
    elif context.once(homes):
        for launch in of_script(uncommented(data), subject.path, context, firing=Firing.GUARDED):
            note(launch, context, seen)


def _look_at_class(subject: Subject, context: Context, seen: Sightings) -> None:
    if len(subject.data) > context.limits.jar_entry:
        raise JarError("too-large", f"{len(subject.data)} bytes")
    read = read_class(subject.data)
    root = class_root(subject.path, read.name)
    own = (root,) if root is not None else ()
    Asked(context, seen, tuple(dict.fromkeys((*own, *context.once(class_folders))))).look(read)


def _look_at_services(subject: Subject, context: Context, seen: Sightings) -> None:
    """Providers of java.util.ServiceLoader, each a class on the same class path."""
    if len(subject.data) > context.limits.script:
        raise JarError("too-large", f"{len(subject.data)} bytes")
    root = subject.path[: subject.path.rindex(SERVICES)]
    for match in _PROVIDER.finditer(decoded(subject.data)):
        path = image_path(f"{root}/{match[1].replace('.', '/')}.class")
        found = context.original.resolve(path).file
        if found is not None and found.type is FileType.FILE:
            seen.file(path, EdgeKind.IMPORTS, Firing.DEFERRED, match[1])
