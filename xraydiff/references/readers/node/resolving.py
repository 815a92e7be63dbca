"""The references of the files that this reader takes: start commands, package.json, scripts and bundles of Node."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.commands.start import find_executable
from xraydiff.errors import LimitExceeded
from xraydiff.facts import Edge, EdgeKind, Firing, NodeKind
from xraydiff.paths import ImagePath, parent
from xraydiff.references import Context, Gap, Subject
from xraydiff.references.kit.recorder import Sightings
from xraydiff.references.readers.node.calls import Calls, sight_modules
from xraydiff.references.readers.node.modules import Resolver
from xraydiff.references.readers.node.script import Parsed
from xraydiff.references.readers.node.start import Launch, commands_of, launch
from xraydiff.references.readers.node.values import Place

__all__ = ["resolve"]


def resolve(parsed: Parsed, subject: Subject, context: Context) -> Iterator[Edge | Gap]:
    """Edges by line, then gaps."""
    seen = Sightings(subject.node, "node", context.limits)
    modules = context.once(Resolver)
    try:
        _launched(parsed, subject, context, modules, seen)
        _declared(parsed, subject, modules, seen)
        _scripts(parsed, subject, context, modules, seen)
        seen.lost(parsed.lost)
        # Nobody knows when they are followed.
        for specifier, esm in parsed.specifiers:
            found = modules.modules(specifier, _directory(subject, context), esm=esm)
            sight_modules(seen, found, EdgeKind.IMPORTS, Firing.DEFERRED, specifier)
    except LimitExceeded as error:
        seen.gap("too-large", error.message)
    yield from seen.all()


def _launched(parsed: Parsed, subject: Subject, context: Context, modules: Resolver, seen: Sightings) -> None:
    for command in commands_of(subject.config) if subject.config is not None else ():
        launch(command, context, modules, seen)
    # What a config holds is run; of a script nobody knows which lines are.
    firing = Firing.GUARDED if subject.node.path.startswith("/") else Firing.LOAD
    for one in parsed.commands:
        launch(Launch(words=one.words, detail=one.text, firing=firing), context, modules, seen)


def _declared(parsed: Parsed, subject: Subject, modules: Resolver, seen: Sightings) -> None:
    """Packages that the application says it needs; those of a package are its own code's affair."""
    if "/node_modules/" in subject.path:
        return
    folder = parent(subject.path)
    for name in parsed.dependencies:
        found = modules.modules(name, folder, esm=False) or modules.modules(name, folder, esm=True)
        sight_modules(seen, found, EdgeKind.COMPANION, Firing.KEPT_WITH, f"dependencies: {name}")


def _scripts(parsed: Parsed, subject: Subject, context: Context, modules: Resolver, seen: Sightings) -> None:
    node = find_executable("node", context.original, context.path, context.cwd) if parsed.scripts else None
    place = Place(path=subject.path, directory=_directory(subject, context), cwd=context.cwd, node=node)
    for script in parsed.scripts:
        Calls(script, place, context=context, resolver=modules, seen=seen).read()


def _directory(subject: Subject, context: Context) -> ImagePath:
    """The folder in which a script lies."""
    return context.cwd if subject.node.kind is NodeKind.SCRIPT else parent(subject.path)
