"""One best-first walk on (certainty, length, bytes of the path), like Dijkstra's: each node keeps its best chain."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import replace

from xraydiff.conventions import engine_provides
from xraydiff.facts import Certainty, Edge, EdgeKind, FileType, ImageConfig, Node, NodeKind, Package, WalkDepth
from xraydiff.minifier.run import NOTHING, Run
from xraydiff.owners import Owners
from xraydiff.paths import ImagePath, encoded, image_path
from xraydiff.reach import Followed, Missing, Reach
from xraydiff.reach.chains import Chains, Gone, Step
from xraydiff.reach.parts import Parts
from xraydiff.reach.places import Places, user_of
from xraydiff.reach.presence import Presence, Target
from xraydiff.reach.reading import Reading
from xraydiff.reach.roots import CONFIGS, Roots, find_roots, path_of
from xraydiff.reach.table import PACKAGE_ROWS, ROOT, TO_THE_END, UNREACHED, Standing, certainty_of, content_of
from xraydiff.reach.told import Told
from xraydiff.reach.unread import Reached, real_targets, unread
from xraydiff.references import Context, Reader
from xraydiff.tree import FileTree

_RUNS = frozenset({EdgeKind.EXECUTES, EdgeKind.SOURCES, EdgeKind.INTERPRETS})
_FOLLOWED = 4
"""Steps of an edge that is followed: it is judged, compared and kept."""
_ENTERS = frozenset({EdgeKind.NAMES, EdgeKind.WORKS_IN, EdgeKind.CONTAINS, EdgeKind.SOURCES, EdgeKind.LOADS})


def walk(
    original: FileTree,
    slim: FileTree,
    configs: tuple[ImageConfig, ImageConfig],
    *,
    owners: Owners,
    readers: Sequence[Reader],
    context: Context,
    packages: Sequence[Package] = (),
    run: Run = NOTHING,
    depth: WalkDepth = WalkDepth.LIKELY,
) -> Reach:
    """Walk from the configs and every file of slim; pure, deterministic, reads only what it reaches.

    What the minifier's `run` used, or was told to keep, and slim lacks is looked at when all references that are LIKELY
    are followed. Last comes what is left of `packages`, the original's, for those that were kept in part. `depth` says
    how far what is missed only POSSIBLY is followed: one such script may lead to hundreds that nobody asked about.
    """
    presence = Presence(original, slim)
    reading = Reading(readers, context, slim, {"original": configs[0], "slim": configs[1]})
    told = Told(original, presence, run)
    roots = find_roots(slim, owners=owners, presence=presence, reading=reading, context=context, used=told.used)
    places = Places(original, owners, presence, user=user_of(context), budget=context.budget)
    parts = Parts(original, presence, packages)
    one = _Walk(context, slim, roots=roots, presence=presence, reading=reading, places=places, told=told, depth=depth)
    return one.run(parts.edges(roots.started), owners)


class _Walk:
    def __init__(
        self,
        context: Context,
        slim: FileTree,
        *,
        roots: Roots,
        presence: Presence,
        reading: Reading,
        places: Places,
        told: Told,
        depth: WalkDepth,
    ) -> None:
        self._context = context
        self._slim = slim
        self._roots = roots
        self._presence = presence
        self._reading = reading
        self._places = places
        self._told = told
        self._depth = depth
        self._best: dict[Node, Step] = {}
        self._heap: list[tuple[int, int, bytes, int, Node]] = []
        self._count = 0
        self._expanded: set[Node] = set()
        self._gone: dict[ImagePath, Gone] = {}
        self._followed: dict[tuple[Edge, bool], Followed] = {}
        self._to_enter: list[tuple[Edge, ImagePath]] = []
        self._entered: dict[tuple[ImagePath, bool], tuple[Certainty, int]] = {}
        self._run: set[str] = set()
        self._named: set[str] = set()
        self._run_too: set[ImagePath] = set()
        """Kept scripts of packages that no config leads to, and that the application runs."""
        self._rest = False
        """Whether nothing is left but what packages that were kept in part have more."""

    def run(self, parts: Iterator[Edge], owners: Owners) -> Reach:
        """The walk and its answer."""
        for node in CONFIGS:
            self._offer(node, Step(certainty=ROOT, length=0))
        for path, file in self._slim.files.items():
            if file.type is FileType.FILE and not engine_provides(path):
                self._offer(Node(path=path), Step(certainty=ROOT, length=0))
        self._drain(likely=True)
        self._follow_told()
        self._drain()
        self._follow_parts(parts)
        self._drain()
        chains = Chains(self._best, self._gone, roots=self._roots, presence=self._presence, owners=owners)
        return self._answer(chains.missing())

    # --- the walk itself --------------------------------------------------------------------------------------------

    def _offer(self, node: Node, step: Step) -> None:
        known = self._best.get(node)
        if known is None or known.rank < step.rank:
            self._best[node] = step
            self._push(node, step)

    def _push(self, node: Node, step: Step) -> None:
        self._count += 1
        heapq.heappush(self._heap, (-step.certainty, step.length, encoded(node.path), self._count, node))

    def _drain(self, *, likely: bool = False) -> None:
        """Follow what is known and not yet followed, the best first; only what is `likely`, or all."""
        while self._heap and (not likely or -self._heap[0][0] >= Certainty.LIKELY):
            node = heapq.heappop(self._heap)[-1]
            if node not in self._expanded:
                self._expanded.add(node)
                self._expand(node)

    def _expand(self, node: Node) -> None:
        standing = Standing.PART if self._rest else self._standing(node)
        launched = node.path in self._roots.launched
        for edge in self._edges(node, standing):
            judged = certainty_of(edge, standing, launched=launched)
            if judged > UNREACHED:
                self._follow(node, edge, judged, standing)

    def _standing(self, node: Node) -> Standing:
        return self._roots.standings.of(node, run=node.path in self._run_too)

    def _edges(self, node: Node, standing: Standing) -> Iterator[Edge]:
        """The references of a node, and what lies near it.

        Of the rest of a package, and of what is missed too unsurely, only what the loader does is followed: what such a
        file may do when somebody runs it is too far off.
        """
        path = path_of(node)
        if standing is Standing.PART or self._is_far(node):
            yield from self._reading.loads(node, path)
            return
        yield from self._reading.edges(node, path, full=standing not in PACKAGE_ROWS)
        if standing is Standing.APPLICATION and node.kind is NodeKind.FILE:
            yield from self._places.siblings(node, path)
            yield from self._places.programs(node, path)
        if node == CONFIGS[0]:
            yield from self._places.commands(node, self._context.path)
            config = self._context.config
            anew = frozenset((self._context.cwd, *map(image_path, config.volumes)))
            yield from self._places.state(node, self._roots.active, made_anew=anew)

    def _is_far(self, node: Node) -> bool:
        """Whether a node is missed too unsurely to be followed to its end; what is kept is always read."""
        return node.path in self._gone and self._best[node].certainty < TO_THE_END[self._depth]

    def _follow_told(self) -> None:
        """What the run used, or was told to keep: after all references that are as certain and say more."""
        for edge in self._told.edges(CONFIGS[1]):
            target = self._presence.target(edge.target.path)
            known = self._gone.get(target.path) if target is not None else None
            if known is None or self._best[known.node].certainty < Certainty.LIKELY:
                self._follow(edge.source, edge, certainty_of(edge, Standing.CONFIG), Standing.CONFIG)

    def _follow_parts(self, parts: Iterator[Edge]) -> None:
        """The rest of packages that ran, where nothing refers to it: last, so that every reference comes before it."""
        self._rest = True
        for edge in parts:
            if edge.target.path not in self._gone:
                self._follow(edge.source, edge, certainty_of(edge, Standing.PART), Standing.PART)

    # --- one edge ---------------------------------------------------------------------------------------------------

    def _follow(self, node: Node, edge: Edge, judged: Certainty, standing: Standing) -> None:
        here = self._best[node]
        step = Step(
            certainty=min(here.certainty, judged),
            length=here.length + 1,
            before=node,
            edge=edge,
            judged=judged,
        )
        if edge.target.kind is NodeKind.SCRIPT:
            self._offer(edge.target, step)
            return
        if step.certainty >= Certainty.LIKELY and edge.kind is not EdgeKind.COMPANION and not edge.target.language:
            (self._run if edge.kind in _RUNS else self._named).add(edge.target.path)
        self._context.budget.spend(_FOLLOWED)
        target = self._presence.target(edge.target.path)
        if target is None or (not target.gone and target.file.type is FileType.FILE):
            self._note(edge, judged, standing, missing=False)
            if target is not None:
                self._keep(edge, target, step, standing)
            return
        if self._presence.is_missed(edge, target):
            judged = self._told.raised(target, judged)
            step = replace(step, judged=judged, certainty=min(here.certainty, judged))
            self._note(edge, judged, standing, missing=True)
            self._miss(edge, target, step)
        if target.file.type is FileType.DIRECTORY and standing not in PACKAGE_ROWS:
            self._enter(edge, target.path, node, standing)

    def _note(self, edge: Edge, judged: Certainty, standing: Standing, *, missing: bool) -> None:
        self._followed[edge, missing] = Followed(edge=edge, certainty=judged, standing=standing.value, missing=missing)

    def _keep(self, edge: Edge, target: Target, step: Step, standing: Standing) -> None:
        """A kept file is read anyway; what runs it may say that it is a script, or that more of it is to be read."""
        if edge.kind is EdgeKind.EXECUTES and step.certainty >= Certainty.LIKELY:
            self._run_script(target.path, standing)
        if edge.target.language:
            node = Node(path=target.path, language=edge.target.language)
            if self._reading.must_be_told(node, target.path):
                self._offer(node, step)

    def _run_script(self, path: ImagePath, standing: Standing) -> None:
        """A kept package's script that the application runs is read whole, as one that the start runs is."""
        node = Node(path=path)
        if standing in PACKAGE_ROWS or self._standing(node) not in PACKAGE_ROWS:
            return
        if self._slim.read_at(path, 0, 2) == b"#!":
            self._run_too.add(path)
            self._expanded.discard(node)
            self._push(node, self._best[node])

    def _miss(self, edge: Edge, target: Target, step: Step) -> None:
        for path, file in target.gone:
            kind = NodeKind.DIRECTORY if file.type is FileType.DIRECTORY else NodeKind.FILE
            node = Node(kind=kind, path=path, language=edge.target.language if path == target.path else "")
            self._offer(node, step)
            known = self._gone.get(path)
            if known is None or self._best[known.node].rank < self._best[node].rank:
                self._gone[path] = Gone(node=node, type=file.type)

    def _enter(self, edge: Edge, directory: ImagePath, node: Node, standing: Standing) -> None:
        """A directory that application code or a config names stands for the application's files in it.

        Links in it may lead to further directories, so they are entered in turn and not from within each other.
        """
        if edge.kind not in _ENTERS:
            return
        self._to_enter.append((edge, directory))
        if len(self._to_enter) > 1:
            return
        judged = content_of(standing)
        for asked, inside in self._to_enter:
            if self._is_first_to_enter(inside, node, judged):
                for inner in self._places.content(node, inside, detail=asked.detail or inside):
                    self._follow(node, inner, judged, standing)
        self._to_enter.clear()

    def _is_first_to_enter(self, directory: ImagePath, node: Node, judged: Certainty) -> bool:
        """Whether no chain as good led into a directory before, which has said all that this one could say.

        So what is below is gone through once, however often and in however many files the directory is named; once
        more from what is itself gone, since who accepts that has not accepted what a kept file asks for.
        """
        step = self._best[node]
        rank, key = (min(step.certainty, judged), -step.length), (directory, node.path in self._gone)
        known = self._entered.get(key)
        if known is not None and known >= rank:
            return False
        self._entered[key] = rank
        return True

    # --- the answer -------------------------------------------------------------------------------------------------

    def _answer(self, missing: dict[ImagePath, Missing]) -> Reach:
        broken = [missing[path] for path in self._roots.breaks if path in missing]
        # Of a link and what it leads to, both gone, the latter is the cause that the finding tells of.
        first = min(broken, key=lambda one: (one.trail.length, one.path != one.cause, one.path), default=None)
        followed = sorted(
            self._followed.values(), key=lambda one: (one.edge.source, one.edge.target, one.edge.kind, one.edge.line)
        )
        return Reach(
            missing=missing,
            followed=tuple(followed),
            active=self._roots.active,
            broken_start=first.chain if first else (),
            unfollowed=tuple(sorted(self._reading.unfollowed)),
            unread=unread(self._reading, self._reached(), self._slim, self._context.original),
            coverage=self._reading.coverage(),
            files_read=len(self._reading.files_read),
            files_parsed=len(self._reading.files_parsed),
            depth=self._depth,
        )

    def _reached(self) -> Reached:
        """What the walk knows of its nodes, for the gaps in them."""
        none = Step(certainty=UNREACHED, length=0)
        roots, original = self._roots, self._context.original
        return Reached(
            certainty=lambda node: self._best.get(node, none).certainty,
            standing=self._standing,
            started=roots.active | roots.vital | roots.standings.executed | self._run_too,
            run=frozenset(real_targets(self._run, original)),
            named=frozenset(real_targets(self._named, original)),
        )
