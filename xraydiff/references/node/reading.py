"""The way from a subject to the parts of this room: start commands, package.json, scripts and bundles of Node."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xraydiff.errors import LimitExceeded
from xraydiff.facts import Edge, EdgeKind, Firing, NodeKind
from xraydiff.paths import ImagePath, basename, parent
from xraydiff.references import Context, Gap, Subject
from xraydiff.references.node.calls import Calls, sight_modules
from xraydiff.references.node.resolve import Resolver, resolver
from xraydiff.references.node.script import gather
from xraydiff.references.node.start import commands_of, launch, shell_commands
from xraydiff.references.node.values import Place
from xraydiff.sightings import Sightings
from xraydiff.start import find_executable
from xraydiff.syntax import Refused, parse

__all__ = ["read"]

_WORTH = (b"require", b"import", b"export ", b"__dirname", b"render(", b"process", b"createRequire", b"Worker(")
"""A script without any of these asks for nothing that a parser would show."""
_SPECIFIERS = 10_000
"""Different plain imports of one bundle; the largest have some hundreds."""
_SHELL = re.compile(rb"#![^\n]*\b(?:sh|bash|dash|ash)\b")
_PLAIN = re.compile(
    rb"""(?<![\w$.])(?:require\s{0,9}\(\s{0,9}|import\s{0,9}\(\s{0,9}|import\s{0,9}|from\s{0,9})"""
    rb"""(?:"([^"\\\n]{1,255})"|'([^'\\\n]{1,255})'|`([^`$\\\n]{1,255})`)"""
)


def read(subject: Subject, context: Context) -> Iterator[Edge | Gap]:
    """Edges by line, then gaps."""
    seen = Sightings(subject.node, "node", context.limits)
    try:
        _read(subject, context, seen)
    except LimitExceeded as error:
        seen.gap("too-large", error.message)
    yield from seen.all()


def _read(subject: Subject, context: Context, seen: Sightings) -> None:
    node, modules = subject.node, resolver(context)
    if subject.config is not None:
        for command in commands_of(subject.config):
            launch(command, context, modules, seen)
    elif node.language == "shell" or (node.kind is NodeKind.FILE and _SHELL.match(subject.data, 0, 256)):
        # What a config holds is run; of a script nobody knows which lines are.
        firing = Firing.GUARDED if node.path.startswith("/") else Firing.LOAD
        text = subject.data[: context.limits.script].decode("utf-8", "surrogateescape")
        for command in shell_commands(text, firing):
            launch(command, context, modules, seen)
    elif basename(subject.path) == "package.json":
        _declared(subject.path, modules, seen)
    else:
        _script(subject, context, modules, seen)


def _declared(path: ImagePath, modules: Resolver, seen: Sightings) -> None:
    """Packages that the application says it needs; those of a package are its own code's affair."""
    if "/node_modules/" in path:
        return
    manifest = modules.manifests.of(parent(path))
    for name in manifest.dependencies if manifest is not None else ():
        found = list(modules.modules(name, parent(path), esm=False)) or list(
            modules.modules(name, parent(path), esm=True)
        )
        sight_modules(seen, found, EdgeKind.COMPANION, Firing.KEPT_WITH, f"dependencies: {name}")


def _script(subject: Subject, context: Context, modules: Resolver, seen: Sightings) -> None:
    data = subject.data
    if not any(word in data for word in _WORTH):
        return
    inline = subject.node.kind is NodeKind.SCRIPT
    directory = context.cwd if inline else parent(subject.path)
    tree = parse(data, "javascript", limits=context.limits, memo=context.memo)
    if isinstance(tree, Refused):
        seen.gap(tree.reason, tree.detail)
        _plain(data, directory, modules, seen)
        return
    script = gather(tree, data, levels=context.limits.script_depth)
    if script.too_deep:
        seen.gap("too-deep")
    if tree.root_node.has_error and not subject.path.endswith((".ts", ".mts", ".cts")):
        # Types of TypeScript are errors to the grammar of JavaScript, and never hide an import.
        seen.gap("malformed")
    node = find_executable("node", context.original, context.path, context.cwd)
    place = Place(path=subject.path, directory=directory, cwd=context.cwd, node=node)
    Calls(data, script, place, context=context, resolver=modules, seen=seen).read()


def _plain(data: bytes, directory: ImagePath, modules: Resolver, seen: Sightings) -> None:
    """The plain imports of a bundle that is too large to parse. Nobody knows when they are followed."""
    for count, (specifier, esm) in enumerate(_plain_specifiers(data)):
        if count >= _SPECIFIERS:
            seen.gap("too-many-references")
            return
        found = modules.modules(specifier, directory, esm=esm)
        sight_modules(seen, found, EdgeKind.IMPORTS, Firing.DEFERRED, specifier)


def _plain_specifiers(data: bytes) -> Iterator[tuple[str, bool]]:
    known: set[tuple[str, bool]] = set()
    for match in _PLAIN.finditer(data):
        text = match[1] or match[2] or match[3]
        one = (text.decode("utf-8", "surrogateescape"), not match[0].startswith(b"require"))
        if one not in known:
            known.add(one)
            yield one
