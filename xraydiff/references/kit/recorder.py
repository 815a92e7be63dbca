"""Records the references of one script as edges, and what could not be followed as gaps: each once, in file order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Self

from xraydiff.facts import ConfigField, Edge, EdgeKind, FileType, Firing, Node, NodeKind, Origin, When
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath
from xraydiff.references import Command, Gap

__all__ = ["Lost", "Recorder", "weakened"]


def weakened(firing: Firing) -> Firing:
    """The firing of what only some runs of something reach."""
    return Firing.GUARDED if firing is Firing.LOAD else firing


@dataclass(frozen=True, slots=True)
class Lost:
    """Something of a file that was not parsed; becomes a `Gap` when the file's references are resolved."""

    reason: str
    """As of a `Gap`."""
    detail: str = ""


class Recorder:
    """Edges and gaps of one node, made by the reader of this name."""

    def __init__(
        self,
        source: Node,
        reader: str,
        limits: Limits,
        *,
        origin: Origin = Origin.FILE,
        stops: bool | None = None,
    ) -> None:
        """`stops` is that of the edges which do not say it."""
        self.source = source
        self._origin = origin
        self._stops = stops
        self._reader = reader
        self._limits = limits
        self._edges: dict[tuple[Node, EdgeKind, Firing], Edge] = {}
        self._gaps: dict[tuple[str, str], Gap] = {}
        self._commands: dict[tuple[tuple[str, ...], ImagePath, Firing], Command] = {}
        self._inline = 0
        self.line = 0
        """Line that the next edges stand in, 0 for unknown."""
        self.field: ConfigField | None = None
        """Field of the image config that the next edges stand in."""
        self.when: When | None = None
        """Moment of what the next edges refer to, where it is not that of the source."""
        self.quiet = False
        """Whether nothing is noted: while another file is read for what it sets."""
        self.optional = False
        """Whether what the next edges are followed for depends on who calls a library, and with which arguments."""

    @classmethod
    def launched(cls, command: Command, reader: str, limits: Limits) -> Self:
        """For what the arguments of a command refer to, which its source refers to."""
        seen = cls(command.source, reader, limits, stops=command.stops)
        seen.line, seen.field, seen.when = command.line, command.field, command.when
        return seen

    def edges(self) -> Iterator[Edge]:
        """Every edge, by line; those of one line as they were seen."""
        yield from sorted(self._edges.values(), key=lambda edge: edge.line)

    def gaps(self) -> Iterator[Gap]:
        """What could not be followed, as it was met."""
        yield from self._gaps.values()

    def commands(self) -> Iterator[Command]:
        """Programs with their arguments, for the readers that claim them."""
        yield from self._commands.values()

    def all(self) -> Iterator[Edge | Gap]:
        """Edges, then gaps."""
        yield from self.edges()
        yield from self.gaps()

    def gap(self, reason: str, detail: str = "") -> None:
        """Note something that could not be followed. Of very many the details are left out, but never that one was."""
        detail = detail[: self._limits.reference_detail] if len(self._gaps) < self._limits.inline_scripts else ""
        if not self.quiet:
            self._gaps.setdefault((reason, detail), Gap(node=self.source, reason=reason, detail=detail))

    def lost(self, losses: Iterable[Lost]) -> None:
        """Note what was not parsed."""
        for one in losses:
            self.gap(one.reason, one.detail)

    def edge(
        self,
        target: Node,
        kind: EdgeKind,
        firing: Firing,
        detail: str,
        *,
        stops: bool | None = None,
        group: str = "",
    ) -> None:
        """Note a reference; the first of several equal ones stays, and stops its source if one of them does."""
        if self.quiet or target == self.source or (target.path == self.source.path and target.kind is NodeKind.FILE):
            return
        key = (target, kind, firing)
        weak = self.optional and firing is Firing.DEFERRED
        known = self._edges.get(key)
        if known is not None:
            if (known.weak and not weak) or (stops and not known.stops):
                self._edges[key] = replace(known, weak=known.weak and weak, stops=stops or known.stops)
            return
        if len(self._edges) >= self._limits.edges_per_file:
            self.gap("too-many-references")
            return
        detail = " ".join(detail.split())[: self._limits.reference_detail]
        self._edges[key] = Edge(
            source=self.source,
            target=target,
            kind=kind,
            firing=firing,
            detail=detail,
            line=self.line,
            by=self._reader,
            field=self.field,
            weak=weak,
            group=group,
            stops=self._stops if stops is None else stops,
            when=self.when,
            origin=self._origin,
        )

    def command(self, command: Command) -> None:
        """Note a program with its arguments, as whoever knows the program is to see them."""
        if self.quiet:
            return
        if len(self._commands) < self._limits.edges_per_file:
            self._commands.setdefault((command.words, command.cwd, command.firing), command)
        else:
            self.gap("too-many-references")

    def file(
        self,
        path: ImagePath,
        kind: EdgeKind,
        firing: Firing,
        detail: str,
        *,
        language: str = "",
        group: str = "",
        stops: bool | None = None,
    ) -> None:
        """Note a file that is read, loaded or run."""
        self.edge(Node(path=path, language=language), kind, firing, detail, group=group, stops=stops)

    def named(self, path: ImagePath, type_: FileType, detail: str, firing: Firing = Firing.NAMED) -> None:
        """Note a path that a text names."""
        directory = type_ is FileType.DIRECTORY
        node = Node(kind=NodeKind.DIRECTORY if directory else NodeKind.FILE, path=path)
        self.edge(node, EdgeKind.NAMES, firing, detail)

    def inline(self, language: str, text: str, firing: Firing, detail: str, *, stops: bool | None = None) -> None:
        """Note a script that stands in a text."""
        if self.quiet or not text.strip():
            return
        self._inline += 1
        if len(text) > self._limits.script or self._inline > self._limits.inline_scripts:
            self.gap("too-large", f"inline script: {detail}")
            return
        script = Node(kind=NodeKind.SCRIPT, path=self.source.path, language=language, text=text)
        self.edge(script, EdgeKind.CONTAINS, firing, detail, stops=stops)
