"""The references of the files that this reader takes: start commands, package.json, scripts and bundles of Node."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.commands.start import find_executable
from xraydiff.errors import LimitExceeded
from xraydiff.facts import Edge, EdgeKind, Firing, NodeKind
from xraydiff.paths import ImagePath, parent
from xraydiff.references import UNKNOWN_PART, Command, Context, Gap, Subject
from xraydiff.references.kit.recorder import Recorder
from xraydiff.references.readers.node.calls import NodeCalls, sight_modules
from xraydiff.references.readers.node.modules import Resolver
from xraydiff.references.readers.node.script import Parsed
from xraydiff.references.readers.node.start import NodeLaunch, commands_of, launch
from xraydiff.references.readers.node.values import ScriptLocation

__all__ = ["launched", "resolve"]


def resolve(parsed: Parsed, subject: Subject, context: Context) -> Iterator[Edge | Gap | Command]:
    """Edges by line, then gaps, then programs with their arguments."""
    seen = Recorder(subject.node, "node", context.limits)
    modules = context.once(Resolver)
    try:
        for command in commands_of(subject.config, context.cwd) if subject.config is not None else ():
            launch(command, context, modules, seen)
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
    yield from seen.commands()


def launched(command: Command, context: Context) -> Iterator[Edge | Gap]:
    """What a command of a script refers to. Of a config this reader looks at all words itself, what stands before Node
    included.
    """  # noqa: D205  two sentences that belong together
    if command.field is not None:
        return
    seen = Recorder.launched(command, "node", context.limits)
    words = (command.program, *(word for word in command.words[1:] if UNKNOWN_PART not in word))
    start = NodeLaunch(words=words, detail=command.detail, firing=command.firing, cwd=command.cwd)
    try:
        launch(start, context, context.once(Resolver), seen)
    except LimitExceeded as error:
        seen.gap("too-large", error.message)
    yield from seen.all()


def _declared(parsed: Parsed, subject: Subject, modules: Resolver, seen: Recorder) -> None:
    """Packages that the application says it needs; those of a package are its own code's affair."""
    if "/node_modules/" in subject.path:
        return
    folder = parent(subject.path)
    for name in parsed.dependencies:
        found = modules.modules(name, folder, esm=False) or modules.modules(name, folder, esm=True)
        sight_modules(seen, found, EdgeKind.COMPANION, Firing.KEPT_WITH, f"dependencies: {name}")


def _scripts(parsed: Parsed, subject: Subject, context: Context, modules: Resolver, seen: Recorder) -> None:
    node = find_executable("node", context.original, context.path, context.cwd) if parsed.scripts else None
    place = ScriptLocation(path=subject.path, directory=_directory(subject, context), cwd=context.cwd, node=node)
    for script in parsed.scripts:
        NodeCalls(script, place, context=context, resolver=modules, seen=seen).read()


def _directory(subject: Subject, context: Context) -> ImagePath:
    """The folder in which a script lies."""
    return context.cwd if subject.node.kind is NodeKind.SCRIPT else parent(subject.path)
