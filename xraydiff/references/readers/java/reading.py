"""What the names in a class, an archive, a command or a list of providers refer to."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.facts import Edge, EdgeKind, FileType, Firing
from xraydiff.paths import image_path, join, parent
from xraydiff.references import Command, Context, Gap, Subject
from xraydiff.references.kit.recorder import Recorder
from xraydiff.references.readers.java.classes import ClassReferences, budget_of, class_root
from xraydiff.references.readers.java.launch import JavaLaunch, class_folders, note, of_command, of_config
from xraydiff.references.readers.java.names import SERVICES
from xraydiff.references.readers.java.parsing import Parsed
from xraydiff.references.readers.java.runtime import homes

__all__ = ["launched", "resolve"]


def resolve(parsed: Parsed, subject: Subject, context: Context) -> Iterator[Edge | Gap]:
    """Edges in the order in which they were seen, then gaps."""
    seen = Recorder(subject.node, "java", context.limits)
    context.once(budget_of).charge(parsed.cost)
    if subject.config is not None:
        _launches(of_config(subject.config, context), context, seen)
    else:
        _class_path(parsed, subject, context, seen)
        _classes(parsed, subject, context, seen)
        _paths(parsed, context, seen)
        _providers(parsed, subject, context, seen)
    seen.lost(parsed.lost)
    yield from seen.all()


def launched(command: Command, context: Context) -> Iterator[Edge | Gap]:
    """What a command of a script refers to. Of a config this reader looks at all words itself: a script may hand them
    on to Java.
    """  # noqa: D205  two sentences that belong together
    if command.field is not None:
        return
    seen = Recorder.launched(command, "java", context.limits)
    _launches(of_command(command, context), context, seen)
    yield from seen.all()


def _launches(launches: Iterator[JavaLaunch], context: Context, seen: Recorder) -> None:
    if context.once(homes):
        for launch in launches:
            note(launch, context, seen)


def _class_path(parsed: Parsed, subject: Subject, context: Context, seen: Recorder) -> None:
    """Class-Path holds URLs relative to the archive."""
    for entry in parsed.class_path:
        if len(entry) > context.limits.path or "://" in entry:
            continue
        target = join(parent(subject.path), entry.removeprefix("file:"))
        found = context.original.resolve(target).file
        if found is not None and found.type is FileType.FILE:
            seen.file(target, EdgeKind.IMPORTS, Firing.DEFERRED, f"Class-Path: {entry}")


def _classes(parsed: Parsed, subject: Subject, context: Context, seen: Recorder) -> None:
    folders: tuple[str, ...] = ()
    if parsed.classes and not parsed.in_archive:
        root = class_root(subject.path, parsed.classes[0].name)
        own = (root,) if root is not None else ()
        folders = tuple(dict.fromkeys((*own, *context.once(class_folders))))
    found = ClassReferences(context, seen, folders)
    for one in parsed.classes:
        found.look(one)


def _paths(parsed: Parsed, context: Context, seen: Recorder) -> None:
    """Absolute paths in the settings of an archive."""
    for name, text in parsed.paths:
        target = image_path(text.rstrip("."))
        found = context.original.resolve(target).file
        if found is not None and target.count("/") > 1:
            seen.named(target, found.type, f"{name}: {text}")


def _providers(parsed: Parsed, subject: Subject, context: Context, seen: Recorder) -> None:
    """Providers of java.util.ServiceLoader, each a class on the same class path."""
    root = subject.path[: subject.path.rindex(SERVICES)] if parsed.providers else ""
    for name in parsed.providers:
        path = image_path(f"{root}/{name.replace('.', '/')}.class")
        found = context.original.resolve(path).file
        if found is not None and found.type is FileType.FILE:
            seen.file(path, EdgeKind.IMPORTS, Firing.DEFERRED, name)
