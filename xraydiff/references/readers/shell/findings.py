"""What was seen in one script so far: edges and gaps, each once, in the order of the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from xraydiff.facts import Edge, EdgeKind, FileType, Firing, Node, NodeKind, Origin, When
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath
from xraydiff.references import Command, Gap

_DETAIL = 200
"""Characters of a word that a person needs to find it again."""


def weakened(firing: Firing) -> Firing:
    """The firing of what a branch of something holds."""
    return Firing.GUARDED if firing is Firing.LOAD else firing


class Findings:
    """Edges and gaps of one script. `line` is where the walk stands; `quiet` while it goes through a sourced file."""

    def __init__(self, node: Node, limits: Limits) -> None:
        self.source = node
        self._limits = limits
        self._edges: dict[tuple[Node, EdgeKind, Firing], tuple[int, Edge]] = {}
        self.when: When | None = None
        """The moment of what is seen now, where it is not that of the script."""
        self._gaps: dict[tuple[str, str], Gap] = {}
        self._commands: dict[tuple[tuple[str, ...], ImagePath, Firing], Command] = {}
        self._inline = 0
        self.line = 0
        self.quiet = False

    def all(self) -> Iterator[Edge | Gap | Command]:
        """Edges by line, then commands, then gaps."""
        for _, edge in sorted(self._edges.values(), key=lambda one: one[0]):
            yield edge
        yield from self._commands.values()
        yield from self._gaps.values()

    def gap(self, reason: str, detail: str = "") -> None:
        """Note something that could not be followed. Of very many the details are left out, but never that one was."""
        if not self.quiet:
            detail = detail[:_DETAIL] if len(self._gaps) < self._limits.inline_scripts else ""
            self._gaps.setdefault((reason, detail), Gap(node=self.source, reason=reason, detail=detail))

    def edge(self, target: Node, kind: EdgeKind, firing: Firing, detail: str, *, stops: bool = False) -> None:
        """Note a reference; the first of several equal ones stays, and stops the script if one of them does."""
        if self.quiet:
            return
        known = self._edges.get((target, kind, firing))
        if known is not None:
            if stops and not known[1].stops:
                self._edges[target, kind, firing] = (known[0], replace(known[1], stops=True))
            return
        if len(self._edges) >= self._limits.edges_per_file:
            self.gap("too-many-references")
            return
        edge = Edge(
            source=self.source,
            target=target,
            kind=kind,
            firing=firing,
            detail=detail[:_DETAIL],
            line=self.line,
            by="shell",
            origin=Origin.SHELL,
            stops=stops,
            when=self.when,
        )
        self._edges[target, kind, firing] = (self.line, edge)

    def command(self, command: Command) -> None:
        """Note a program with its arguments, as whoever knows the program is to see them."""
        if self.quiet:
            return
        if len(self._commands) < self._limits.edges_per_file:
            self._commands.setdefault((command.words, command.cwd, command.firing), command)
        else:
            self.gap("too-many-references")

    def executes(
        self, path: ImagePath, firing: Firing, detail: str, *, language: str = "", stops: bool = False
    ) -> None:
        """A program or script that is started."""
        self.edge(Node(path=path, language=language), EdgeKind.EXECUTES, firing, detail, stops=stops)

    def names(self, path: ImagePath, kind: FileType, detail: str) -> None:
        """A path that an argument or a test names."""
        directory = kind is FileType.DIRECTORY
        node = Node(kind=NodeKind.DIRECTORY if directory else NodeKind.FILE, path=path)
        self.edge(node, EdgeKind.NAMES, Firing.NAMED, detail)

    def works_in(self, path: ImagePath, detail: str) -> None:
        """A directory that something is written to."""
        self.edge(Node(kind=NodeKind.DIRECTORY, path=path), EdgeKind.WORKS_IN, Firing.NAMED, detail)

    def runs_as(self, path: ImagePath, detail: str, firing: Firing) -> None:
        """The account database that a user's name is looked up in."""
        self.edge(Node(path=path), EdgeKind.RUNS_AS, firing, detail)

    def contains(self, language: str, text: str, firing: Firing, detail: str, *, stops: bool = False) -> None:
        """An inline script."""
        if not text.strip():
            return
        if len(text) > self._limits.script:
            self.gap("too-large", detail)
            return
        if not self.quiet:
            self._inline += 1
        if self._inline > self._limits.inline_scripts:
            self.gap("too-large", "inline scripts")
            return
        node = Node(kind=NodeKind.SCRIPT, path=self.source.path, language=language, text=text)
        self.edge(node, EdgeKind.CONTAINS, firing, detail, stops=stops)
