"""Where the walk begins: the scripts that are run, and what the start and the health check load, before anything else.

Each set is computed once, from those before it, and none changes afterwards; so a node's standing never changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from xraydiff.commands.start import find_executable, start_command
from xraydiff.facts import ConfigField, Edge, EdgeKind, FileType, Firing, Node, NodeKind, OwnerKind
from xraydiff.owners import Owners
from xraydiff.paths import ROOT, ImagePath, join
from xraydiff.reach.extraction import Extraction
from xraydiff.reach.presence import Presence
from xraydiff.reach.table import PACKAGE_ROWS, Standing, stops
from xraydiff.references import Context
from xraydiff.tree import FileTree

CONFIGS: Final = (Node(kind=NodeKind.CONFIG, path="original"), Node(kind=NodeKind.CONFIG, path="slim"))
HEALTH: Final = frozenset({ConfigField.HEALTHCHECK})
START: Final = frozenset({ConfigField.ENTRYPOINT, ConfigField.CMD})
_EXEC = frozenset({EdgeKind.EXECUTES, EdgeKind.SOURCES, EdgeKind.CONTAINS, EdgeKind.INTERPRETS, EdgeKind.LINKS})
_STATE = frozenset({EdgeKind.NAMES, EdgeKind.WORKS_IN})
_RESTORED = {
    OwnerKind.APPLICATION: Standing.RESTORED_APPLICATION,
    OwnerKind.LANGUAGE_PACKAGE: Standing.RESTORED_LANGUAGE,
    OwnerKind.OS_PACKAGE: Standing.RESTORED_OS,
}
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """What each node is to the image, as the row of the certainty table that judges its edges."""

    original: FileTree
    slim: FileTree
    owners: Owners
    presence: Presence
    extraction: Extraction
    executed: frozenset[ImagePath]
    """Real paths of the scripts that exec edges reach from an image config."""
    active: frozenset[ImagePath] = frozenset()
    """Real paths of kept files that the start loads, or that the minifier's run used."""

    def of(self, node: Node, *, run: bool = False) -> Standing:
        """The standing of a node; `run` for a kept script that is run, though no config leads to it."""
        if node.kind is NodeKind.CONFIG:
            return Standing.CONFIG
        if not node.path.startswith("/"):
            return Standing.EXECUTED
        path = ImagePath(node.path)
        kind, kept = self.owners.owner(path).kind, path in self.slim.files
        real = path if path in self.original.files else self.original.resolve(path).path or path
        if run or real in self.executed:
            own = kind is OwnerKind.APPLICATION or not kept
            return Standing.EXECUTED if own or not self._is_settled(node) else Standing.SETTLED
        if not kept:
            return _RESTORED[kind]
        if kind is OwnerKind.APPLICATION:
            return Standing.APPLICATION
        return Standing.ACTIVE_PACKAGE if real in self.active else Standing.KEPT_PACKAGE

    def _is_settled(self, node: Node) -> bool:
        """Whether slim has everything that a script names, so that its tests come out as they did in the run."""
        named = (edge for edge in self.extraction.edges(node, path_of(node), full=True) if edge.kind in _STATE)
        targets = (self.presence.target(edge.target.path) for edge in named)
        return not any(target is not None and target.missing for target in targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roots:
    """What runs for sure; every set holds real paths of the original."""

    standings: Standings
    started: frozenset[ImagePath]
    """Kept programs that the start command names, and those that its scripts always run."""
    launched: frozenset[ImagePath]
    """Of these, the ones that only scripts run."""
    active: frozenset[ImagePath]
    """Kept files that load edges reach from the start command."""
    checked: frozenset[ImagePath]
    """Kept files that load edges reach from the health check alone."""
    vital: frozenset[ImagePath]
    """Kept files that the start surely comes to and cannot do without."""
    breaks: frozenset[ImagePath]
    """Missing paths that the start cannot do without."""


def reachable(start: Iterable[T], follow: Callable[[T], Iterable[T]]) -> frozenset[T]:
    """Everything that `follow` leads to from the start, in any number of steps; the start belongs to it."""
    todo = list(start)
    seen = set(todo)
    while todo:
        for found in follow(todo.pop()):
            if found not in seen:
                seen.add(found)
                todo.append(found)
    return frozenset(seen)


def path_of(node: Node) -> ImagePath:
    """The real path of a file, or of the file that holds an inline script; `/` for a config and what it holds."""
    return ImagePath(node.path) if node.path.startswith("/") else ROOT


def find_roots(
    slim: FileTree,
    *,
    owners: Owners,
    presence: Presence,
    extraction: Extraction,
    context: Context,
    used: frozenset[ImagePath],
) -> Roots:
    """The roots of a pair. `used` are the real paths that the minifier's run is known to have used."""
    loads = _Loads(slim, presence, extraction, context)
    executed = _files(reachable(CONFIGS, loads.scripts))
    # Whether a kept package file is active decides how its edges are judged, not which of them are read.
    standings = Standings(
        original=context.original, slim=slim, owners=owners, presence=presence, extraction=extraction, executed=executed
    )
    named = loads.programs_of_config()
    launched = loads.programs_of_scripts(executed) - named
    original, slimmed = CONFIGS
    active = _files(reachable([slimmed], lambda node: loads.loaded(node, START, standings)))
    checked = _files(reachable([original], lambda node: loads.loaded(node, HEALTH, standings)))
    vital = [
        edge
        for node in reachable([slimmed], lambda node: loads.kept(loads.vital(node, standings)))
        for edge in loads.vital(node, standings)
    ]
    sources = frozenset(path_of(edge.source) for edge in vital if edge.source.path.startswith("/"))
    return Roots(
        standings=replace(standings, active=active | used),
        started=named | launched,
        launched=launched,
        active=active,
        checked=checked - active,
        vital=sources | _files(loads.kept(vital)),
        breaks=frozenset(path for edge in vital for path in presence.missed(edge)),
    )


class _Loads:
    """The edges that one kind of root or another goes by."""

    def __init__(self, slim: FileTree, presence: Presence, extraction: Extraction, context: Context) -> None:
        self._original = context.original
        self._slim = slim
        self._presence = presence
        self._extraction = extraction
        self._context = context

    def scripts(self, node: Node) -> Iterator[Node]:
        """The scripts that a config or script runs, sources or holds."""
        for edge in self._extraction.edges(node, path_of(node), full=True):
            if edge.kind not in _EXEC:
                continue
            if edge.target.kind is NodeKind.SCRIPT:
                yield edge.target
                continue
            found = self._original.resolve(edge.target.path)
            if found.path is None or found.file is None or found.file.type is not FileType.FILE:
                continue
            tree = self._slim if found.path in self._slim.files else self._original
            if edge.target.language or tree.read_at(found.path, 0, 2) == b"#!":
                yield Node(path=found.path, language=edge.target.language)

    def programs_of_config(self) -> frozenset[ImagePath]:
        """The kept programs that the words of the start command name."""
        context = self._context
        words = start_command(context.config)[: context.limits.command_words]
        found = (find_executable(word, self._original, context.path, context.cwd) for word in words)
        return self._kept_programs(path for path in found if path is not None)

    def programs_of_scripts(self, scripts: Iterable[ImagePath]) -> frozenset[ImagePath]:
        """The kept programs that these scripts always run."""
        edges = (edge for path in sorted(scripts) for edge in self._extraction.edges(Node(path=path), path, full=True))
        runs = (edge for edge in edges if edge.kind is EdgeKind.EXECUTES and edge.firing is Firing.LOAD)
        return self._kept_programs(edge.target.path for edge in runs)

    def loaded(self, node: Node, fields: frozenset[ConfigField], standings: Standings) -> Iterator[Node]:
        """Kept files and inline scripts that the load edges of a node lead to; of a config, those of these fields."""
        config = node.kind is NodeKind.CONFIG
        for edge in self._edges(node, standings):
            if edge.firing is Firing.LOAD and (not config or edge.field in fields):
                yield from self.kept([edge])

    def vital(self, node: Node, standings: Standings) -> Iterator[Edge]:
        """The edges of a node that it cannot do without."""
        config = node.kind is NodeKind.CONFIG
        for edge in self._edges(node, standings):
            if edge.firing is Firing.NAMED and config and edge.field not in HEALTH:
                yield from self._vital_data(edge, standings)
            elif (not config or edge.field in START) and (stops(edge) or (config and edge.kind is EdgeKind.CONTAINS)):
                yield edge

    def kept(self, edges: Iterable[Edge]) -> Iterator[Node]:
        """The kept files and the inline scripts that edges lead to."""
        for edge in edges:
            if edge.target.kind is NodeKind.SCRIPT:
                yield edge.target
                continue
            target = self._presence.target(edge.target.path)
            if target is not None and not target.missing and target.file.type is FileType.FILE:
                yield Node(path=target.path, language=edge.target.language)

    def _vital_data(self, named: Edge, standings: Standings) -> Iterator[Edge]:
        """What kept data that the start command names cannot be opened without: of a directory, the files in it."""
        real = self._slim.resolve(named.target.path).path
        if real is None:
            return
        for path in (real, *(join(real, name) for name in self._slim.children(real))):
            file, node = self._slim.files.get(path), Node(path=path)
            if file is not None and file.type is FileType.FILE and standings.of(node) not in PACKAGE_ROWS:
                edges = self._extraction.edges(node, path, full=True)
                yield from (edge for edge in edges if edge.stops and stops(edge))

    def _edges(self, node: Node, standings: Standings) -> tuple[Edge, ...]:
        return self._extraction.edges(node, path_of(node), full=standings.of(node) not in PACKAGE_ROWS)

    def _kept_programs(self, paths: Iterable[str]) -> frozenset[ImagePath]:
        found = (self._original.resolve(path).path for path in paths)
        return frozenset(path for path in found if path is not None and self._presence.kept(path))


def _files(nodes: Iterable[Node]) -> frozenset[ImagePath]:
    return frozenset(path_of(node) for node in nodes if node.kind is NodeKind.FILE)
