"""The best chain to each node, kept as its last step and the chain before it: chains that begin alike share that part.

Ten thousand scripts, each running the next, have fifty million steps in all their chains together, so nothing here may
go through a chain for each of its nodes. What is asked of a whole chain is told from the chain before and one step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xraydiff.facts import Certainty, Edge, Evidence, Firing, Node, Origin, When
from xraydiff.reach import Trail
from xraydiff.reach.table import ROOT, stops


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How the walk came to a node: the best chain's last edge, and the node before it."""

    certainty: Certainty
    length: int
    before: Node | None = None
    edge: Edge | None = None
    judged: Certainty = ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What the answer needs to know of one chain, root first."""

    trail: Trail
    first: Edge
    """The edge that leaves the root."""
    last: Edge
    break_: tuple[Node, Edge] | None
    """The first node that is gone, with the edge that asks for it."""
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
        *,
        gone: Callable[[Node], bool],
        evidence: Callable[[Node, Edge, Certainty], Evidence],
    ) -> None:
        """`gone` says whether a node is missing, `evidence` makes the text of one step."""
        self._best = best
        self._gone = gone
        self._evidence = evidence
        self._known: dict[Node, Chain] = {}

    def to(self, node: Node) -> Chain:
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
        here = (node, edge) if self._gone(node) else None
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


def _at_start(edge: Edge) -> bool:
    """Whether a reference is followed while the start goes on: what a shell script does, it does then or never."""
    return edge.firing is Firing.LOAD or (edge.origin is Origin.SHELL and edge.firing in (Firing.GUARDED, Firing.NAMED))
