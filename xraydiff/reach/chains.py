"""The best chain to each node, kept as its last step and the chain before it: chains that begin alike share that part.

Ten thousand scripts, each running the next, have fifty million steps in all their chains together, so nothing here may
go through a chain for each of its nodes. What is known of a whole chain follows from the chain before it and one step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xraydiff.facts import Certainty, ConfigField, Edge, Evidence, FileType, Firing, Node, NodeKind, Origin, When
from xraydiff.owners import Owners
from xraydiff.paths import ImagePath
from xraydiff.reach import Missing, Trail
from xraydiff.reach.presence import Presence
from xraydiff.reach.roots import HEALTH, START, Roots
from xraydiff.reach.table import ROOT, stops


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How the walk came to a node: the best chain's last edge, and the node before it."""

    certainty: Certainty
    length: int
    before: Node | None = None
    edge: Edge | None = None
    judged: Certainty = ROOT

    @property
    def rank(self) -> tuple[Certainty, int]:
        """Of two chains the one with the greater rank is better."""
        return self.certainty, -self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingNode:
    """A missing path as the walk came to it."""

    node: Node
    type: FileType


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What the answer needs to know of one chain, root first."""

    trail: Trail
    first: Edge
    """The edge that leaves the root."""
    last: Edge
    break_: tuple[Node, Edge] | None
    """The first missing node, with the edge that refers to it."""
    stops: bool
    """Whether every edge stops its source."""
    at_start: bool
    """Whether every edge is followed while the start goes on."""
    when: When | None
    """The first moment that a reader knows."""


class Chains:
    """Chains of one walk that is done; each node's is made once."""

    def __init__(
        self,
        best: Mapping[Node, Step],
        missing: Mapping[ImagePath, MissingNode],
        *,
        roots: Roots,
        presence: Presence,
        owners: Owners,
    ) -> None:
        self._best = best
        self._missing = missing
        self._roots = roots
        self._presence = presence
        self._owners = owners
        self._known: dict[Node, Chain] = {}

    def missing(self) -> dict[ImagePath, Missing]:
        """Every missing path with what its best chain says, by path."""
        return {
            path: self._as_missing(path, missing, self._to(missing.node))
            for path, missing in sorted(self._missing.items())
        }

    def _to(self, node: Node) -> Chain:
        """The chain to a node that the walk came to over an edge."""
        todo: list[tuple[Node, Step, Edge]] = []
        at: Node | None = node
        before: Chain | None = None
        while at is not None:
            before = self._known.get(at)
            step = self._best[at]
            if before is not None or step.edge is None:
                break
            todo.append((at, step, step.edge))
            at = step.before
        for reached, step, edge in reversed(todo):
            before = self._known[reached] = self._longer(before, reached, step, edge)
        return self._known[node]

    def _longer(self, before: Chain | None, node: Node, step: Step, edge: Edge) -> Chain:
        trail = Trail(
            before=before.trail if before else None,
            step=self._evidence(node, edge, step.judged),
            length=before.trail.length + 1 if before else 1,
        )
        here = (node, edge) if node.path in self._missing else None
        if before is None:
            return Chain(
                trail=trail,
                first=edge,
                last=edge,
                break_=here,
                stops=stops(edge),
                at_start=_at_start(edge),
                when=edge.when,
            )
        return Chain(
            trail=trail,
            first=before.first,
            last=edge,
            break_=before.break_ or here,
            stops=before.stops and stops(edge),
            at_start=before.at_start and _at_start(edge),
            when=edge.when if before.when is None else before.when,
        )

    def _evidence(self, at: Node, edge: Edge, judged: Certainty) -> Evidence:
        kept = at.kind is NodeKind.SCRIPT or at.path not in self._missing
        return Evidence(
            source=described(edge.source),
            target=described(at),
            kind=edge.kind,
            firing=edge.firing,
            certainty=judged,
            detail=edge.detail,
            line=edge.line,
            source_owner=self._owners.owner(ImagePath(edge.source.path)) if edge.source.path.startswith("/") else None,
            target_status="kept" if kept else "removed",
        )

    def _as_missing(self, path: ImagePath, missing: MissingNode, chain: Chain) -> Missing:
        at, edge = chain.break_ or (missing.node, chain.last)
        return Missing(
            path=path,
            type=missing.type,
            certainty=self._best[missing.node].certainty,
            trail=chain.trail,
            edge=chain.last,
            cause=self._cause(at, edge),
            cause_edge=edge,
            owner=self._owners.owner(path),
            stops_start=self._stops_start(chain),
            when=self._moment(chain),
        )

    def _cause(self, at: Node, edge: Edge) -> ImagePath:
        """A link and what it leads to are one cause, named by the real target where that is missing too."""
        target = self._presence.target(edge.target.path)
        return target.path if target is not None and target.path in self._missing else ImagePath(at.path)

    def _stops_start(self, chain: Chain) -> bool:
        """Whether the start cannot do without a chain: it begins in the config or a file that the start comes to."""
        return chain.stops and _begins(chain.first, self._roots.vital, START)

    def _moment(self, chain: Chain) -> When:
        """START for what the start loads, or runs in a branch of its scripts; OPERATE for what only operators run."""
        if chain.when is not None:
            return chain.when
        at_start = chain.at_start and _begins(chain.first, self._roots.active, START)
        if at_start or self._stops_start(chain):
            return When.START
        for_health = _begins(chain.first, self._roots.checked, HEALTH)
        return When.OPERATE if for_health or chain.first.field is ConfigField.PATH else When.USE


def _begins(edge: Edge, reached: frozenset[ImagePath], fields: frozenset[ConfigField]) -> bool:
    """Whether a chain begins in one of these fields of a config, or in a file that they reach."""
    return edge.field in fields if edge.source.kind is NodeKind.CONFIG else edge.source.path in reached


def _at_start(edge: Edge) -> bool:
    """Whether a reference is followed while the start goes on: what a shell script does, it does then or never."""
    return edge.firing is Firing.LOAD or (edge.origin is Origin.SHELL and edge.firing in (Firing.GUARDED, Firing.NAMED))


def described(node: Node) -> str:
    """A node as text for a chain: a path, `config of slim`, `script in /x`."""
    if node.kind is NodeKind.CONFIG:
        return f"config of {node.path}"
    if node.kind is NodeKind.SCRIPT:
        holder = node.path if node.path.startswith("/") else f"config of {node.path}"
        return f"script in {holder}"
    return node.path
