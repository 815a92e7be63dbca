"""The way from a subject to the parts of this room: start commands, package.json, scripts and bundles of Node."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from xraydiff.commands.start import find_executable
from xraydiff.conventions import SHELL_SCRIPT
from xraydiff.errors import LimitExceeded
from xraydiff.facts import Edge, EdgeKind, Firing, NodeKind
from xraydiff.paths import ImagePath, basename, decoded, parent
from xraydiff.references import Context, Gap, Subject
from xraydiff.references.kit.grammars import Refused, parse, parser_allowance
from xraydiff.references.kit.outline import Lexed, broken_lines, parsed, sound, uncommented, within
from xraydiff.references.kit.recorder import Sightings
from xraydiff.references.readers.node.calls import Calls, sight_modules
from xraydiff.references.readers.node.lexer import lex
from xraydiff.references.readers.node.outline import outline
from xraydiff.references.readers.node.resolve import Resolver
from xraydiff.references.readers.node.script import Script, gather
from xraydiff.references.readers.node.start import commands_of, launch, shell_commands
from xraydiff.references.readers.node.values import Place

__all__ = ["read"]

_WORTH = (b"require", b"import", b"export ", b"__dirname", b"render(", b"process", b"createRequire", b"Worker(")
"""A script without any of these asks for nothing that a parser would show."""
_SPECIFIERS = 10_000
"""Different plain imports of one bundle; the largest have some hundreds."""
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
    node, modules = subject.node, context.once(Resolver)
    if subject.config is not None:
        for command in commands_of(subject.config):
            launch(command, context, modules, seen)
    elif node.language == "shell" or (node.kind is NodeKind.FILE and SHELL_SCRIPT.match(subject.data, 0, 256)):
        # What a config holds is run; of a script nobody knows which lines are.
        firing = Firing.GUARDED if node.path.startswith("/") else Firing.LOAD
        text = decoded(uncommented(subject.data[: context.limits.script_scan]))
        if len(subject.data) > context.limits.script_scan:
            seen.gap("too-large", f"{len(subject.data)} bytes")
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
    limits = context.limits
    if len(data) > limits.script_scan:
        seen.gap("too-large", f"{len(data)} bytes")
        return
    inline = subject.node.kind is NodeKind.SCRIPT
    directory = context.cwd if inline else parent(subject.path)
    node = find_executable("node", context.original, context.path, context.cwd)
    place = Place(path=subject.path, directory=directory, cwd=context.cwd, node=node)
    script = _Script(data, place, context, modules, seen)
    # Types of TypeScript are errors to the grammar of JavaScript.
    script.read(typed=subject.path.endswith((".ts", ".mts", ".cts")))


class _Script:
    """One script, read by the grammar where that takes it, and for the rest by its outline."""

    def __init__(self, data: bytes, place: Place, context: Context, modules: Resolver, seen: Sightings) -> None:
        self._data = data
        self._place = place
        self._context = context
        self._modules = modules
        self._seen = seen

    def read(self, *, typed: bool) -> None:
        """Note everything; comments count for nothing."""
        limits, allowance = self._context.limits, self._context.once(parser_allowance)
        data, lexed = self._data, None
        if len(data) > limits.syntax or data.count(b"//") + data.count(b"/*") > limits.syntax_comments:
            lexed = lex(data)
            data = lexed.code
        tree = parse(data, "javascript", limits=limits, allowance=allowance)
        if isinstance(tree, Refused):
            self._outlined(lexed or lex(data), (), typed=typed, refused=tree.detail)
            return
        script = gather(tree, data, levels=limits.script_depth)
        self._call(data, script)
        if script.too_deep or tree.root_node.has_error:
            broken = () if script.too_deep else (broken_lines(tree.root_node),)
            self._outlined(lexed or lex(data), broken, typed=typed)

    def _call(self, data: bytes, script: Script) -> None:
        calls = Calls(data, script, self._place, context=self._context, resolver=self._modules, seen=self._seen)
        calls.read()

    def _outlined(self, lexed: Lexed, broken: Sequence[tuple[int, int]], *, typed: bool, refused: str = "") -> None:
        """What the grammar did not show: of the whole script, or of the lines that are `broken`."""
        limits, allowance = self._context.limits, self._context.once(parser_allowance)
        found = outline(lexed, limits, sound("javascript", limits, allowance), within(lexed.code, broken))
        read = parsed(found, "javascript", allowance)
        if read is not None:
            script = gather(read[1], read[0], levels=limits.script_depth)
            self._call(read[0], script)
            if script.too_deep:
                self._seen.gap("too-deep", "one statement")
        if found.lost:
            self._seen.gap("too-large", refused or found.lost)
            _plain(self._data, self._place.directory, self._modules, self._seen)
        elif not lexed.sure and not typed:
            self._seen.gap("malformed", "a text or comment that does not end")


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
