"""What was seen in one Perl program so far: edges and gaps, each once, in the order of the file."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.facts import Edge, EdgeKind, FileType, Firing, Node, NodeKind
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath
from xraydiff.references import Gap

_DETAIL = 200
"""Characters of a name that a person needs to find it again."""


def weakened(firing: Firing) -> Firing:
    """The firing of what a branch of something holds."""
    return Firing.GUARDED if firing is Firing.LOAD else firing


class Findings:
    """Edges and gaps of one program. `line` is where the walk stands."""

    def __init__(self, node: Node, limits: Limits) -> None:
        self._node = node
        self._limits = limits
        self._edges: dict[tuple[Node, EdgeKind, Firing], Edge] = {}
        self._gaps: dict[tuple[str, str], Gap] = {}
        self._inline = 0
        self.line = 0

    def all(self) -> Iterator[Edge | Gap]:
        """Edges by line, then gaps."""
        yield from sorted(self._edges.values(), key=lambda edge: edge.line)
        yield from self._gaps.values()

    def gap(self, reason: str, detail: str = "") -> None:
        """Note something that could not be followed."""
        if len(self._gaps) < self._limits.inline_scripts:
            detail = detail[:_DETAIL]
            self._gaps.setdefault((reason, detail), Gap(node=self._node, reason=reason, detail=detail))

    def edge(self, target: Node, kind: EdgeKind, firing: Firing, detail: str) -> None:
        """Note a reference; the first of several equal ones stays."""
        key = (target, kind, firing)
        if key in self._edges or target.path == self._node.path:
            return
        if len(self._edges) >= self._limits.edges_per_file:
            self.gap("too-many-references")
            return
        line, detail = self.line, detail[:_DETAIL]
        self._edges[key] = Edge(
            source=self._node, target=target, kind=kind, firing=firing, detail=detail, line=line, by="perl"
        )

    def file(self, path: ImagePath, kind: EdgeKind, firing: Firing, detail: str, *, language: str = "") -> None:
        """A file that is loaded, sourced or started."""
        self.edge(Node(path=path, language=language), kind, firing, detail)

    def names(self, path: ImagePath, type_: FileType, detail: str, firing: Firing = Firing.NAMED) -> None:
        """A path that the program names."""
        kind = NodeKind.DIRECTORY if type_ is FileType.DIRECTORY else NodeKind.FILE
        self.edge(Node(kind=kind, path=path), EdgeKind.NAMES, firing, detail)

    def shell(self, text: str, firing: Firing) -> None:
        """A command line that `/bin/sh` reads."""
        self.inline("shell", text, firing)

    def inline(self, language: str, text: str, firing: Firing) -> None:
        """A program that stands in a string."""
        if not text.strip():
            return
        self._inline += 1
        if len(text) > self._limits.script or self._inline > self._limits.inline_scripts:
            self.gap("too-large", "inline scripts")
            return
        node = Node(kind=NodeKind.SCRIPT, path=self._node.path, language=language, text=text)
        if node == self._node:
            return
        # An inline script lies in the file itself, which is no reason to leave it out.
        kind, line, detail = EdgeKind.CONTAINS, self.line, text[:_DETAIL]
        edge = Edge(source=self._node, target=node, kind=kind, firing=firing, detail=detail, line=line, by="perl")
        self._edges.setdefault((node, kind, firing), edge)
