"""One best-first walk on (certainty, length, bytes of the path), like Dijkstra's: each node keeps its best chain."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import replace

from xraydiff.conventions import engine_provides
from xraydiff.facts import Certainty, Edge, EdgeKind, FileType, ImageConfig, Node, NodeKind, Package, WalkDepth
from xraydiff.minifier.run import UNKNOWN_RUN, Run
from xraydiff.owners import Owners
from xraydiff.paths import ImagePath, encoded, image_path
from xraydiff.reach import Followed, Missing, Reach
from xraydiff.reach.chains import Chains, MissingNode, Step
from xraydiff.reach.directories import DirectoryFiles, user_of
from xraydiff.reach.extraction import Extraction
from xraydiff.reach.parts import Parts
from xraydiff.reach.presence import Presence, Target
from xraydiff.reach.roots import CONFIGS, Roots, find_roots, path_of
from xraydiff.reach.run_evidence import RunEvidence
from xraydiff.reach.table import PACKAGE_ROWS, ROOT, TO_THE_END, UNREACHED, Standing, certainty_of, content_of
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
    run: Run = UNKNOWN_RUN,
    depth: WalkDepth = WalkDepth.LIKELY,
) -> Reach:
    """Walk from the configs and every file of slim; pure, deterministic, reads only what it reaches.

    Evidence of the minifier's `run` (files that it used, includes) counts once all references that are LIKELY are
    followed. The rest of `packages` of the original that were kept in part comes last. `depth` says
    how far a missing file that is only POSSIBLE is followed: one such script may lead to hundreds more.
    """
    presence = Presence(original, slim)
    extraction = Extraction(readers, context, slim, {"original": configs[0], "slim": configs[1]})
    run_evidence = RunEvidence(original, presence, run)
    roots = find_roots(
        slim, owners=owners, presence=presence, extraction=extraction, context=context, used=run_evidence.used
    )
    directories = DirectoryFiles(original, owners, presence, user=user_of(context), budget=context.budget)
    parts = Parts(original, presence, packages)
    one = _Walk(
        context,
        slim,
        roots=roots,
        presence=presence,
        extraction=extraction,
        directories=directories,
        run_evidence=run_evidence,
        depth=depth,
    )
    return one.run(parts.edges(roots.started), owners)


class _Walk:
    def __init__(
        self,
        context: Context,
        slim: FileTree,
        *,
        roots: Roots,
        presence: Presence,
        extraction: Extraction,
        directories: DirectoryFiles,
        run_evidence: RunEvidence,
        depth: WalkDepth,
    ) -> None:
        self._context = context
        self._slim = slim
        self._roots = roots
        self._presence = presence
        self._extraction = extraction
        self._directories = directories
        self._run_evidence = run_evidence
        self._depth = depth
        self._best: dict[Node, Step] = {}
        self._heap: list[tuple[int, int, bytes, int, Node]] = []
        self._count = 0
        self._expanded: set[Node] = set()
        self._missing: dict[ImagePath, MissingNode] = {}
        self._followed: dict[tuple[Edge, bool], Followed] = {}
        self._directories_to_enter: list[tuple[Edge, ImagePath]] = []
        self._entered_directories: dict[tuple[ImagePath, bool], tuple[Certainty, int]] = {}
        self._executed_paths: set[str] = set()
        self._named_paths: set[str] = set()
        self._run_scripts: set[ImagePath] = set()
        """Kept scripts of packages that no config leads to, and that the application runs."""
        self._only_parts = False
        """Whether only the rest of packages that were kept in part is left to follow."""

    def run(self, parts: Iterator[Edge], owners: Owners) -> Reach:
        """The walk and its answer."""
        for node in CONFIGS:
            self._improve(node, Step(certainty=ROOT, length=0))
        for path, file in self._slim.files.items():
            if file.type is FileType.FILE and not engine_provides(path):
                self._improve(Node(path=path), Step(certainty=ROOT, length=0))
        self._drain(likely=True)
        self._follow_run_evidence()
        self._drain()
        self._follow_parts(parts)
        self._drain()
        chains = Chains(self._best, self._missing, roots=self._roots, presence=self._presence, owners=owners)
        return self._answer(chains.missing())

    # --- the walk itself --------------------------------------------------------------------------------------------

    def _improve(self, node: Node, step: Step) -> None:
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
        standing = Standing.PART if self._only_parts else self._standing(node)
        launched = node.path in self._roots.launched
        for edge in self._edges(node, standing):
            judged = certainty_of(edge, standing, launched=launched)
            if judged > UNREACHED:
                self._follow(node, edge, judged, standing)

    def _standing(self, node: Node) -> Standing:
        return self._roots.standings.of(node, run=node.path in self._run_scripts)

    def _edges(self, node: Node, standing: Standing) -> Iterator[Edge]:
        """The references of a node, and the application's files near it.

        Of the rest of a package, and of a missing file of too low a certainty, only what the loader does is followed.
        """
        path = path_of(node)
        if standing is Standing.PART or self._is_far(node):
            yield from self._extraction.loads(node, path)
            return
        yield from self._extraction.edges(node, path, full=standing not in PACKAGE_ROWS)
        if standing is Standing.APPLICATION and node.kind is NodeKind.FILE:
            yield from self._directories.siblings(node, path)
            yield from self._directories.programs(node, path)
        if node == CONFIGS[0]:
            yield from self._directories.commands(node, self._context.path)
            config = self._context.config
            anew = frozenset((self._context.cwd, *map(image_path, config.volumes)))
            yield from self._directories.state(node, self._roots.active, made_anew=anew)

    def _is_far(self, node: Node) -> bool:
        """Whether a missing node's certainty is too low for it to be followed to its end; a kept one always is."""
        return node.path in self._missing and self._best[node].certainty < TO_THE_END[self._depth]

    def _follow_run_evidence(self) -> None:
        """Evidence of the run, after all references that are as certain and say more."""
        for edge in self._run_evidence.edges(CONFIGS[1]):
            target = self._presence.target(edge.target.path)
            known = self._missing.get(target.path) if target is not None else None
            if known is None or self._best[known.node].certainty < Certainty.LIKELY:
                self._follow(edge.source, edge, certainty_of(edge, Standing.CONFIG), Standing.CONFIG)

    def _follow_parts(self, parts: Iterator[Edge]) -> None:
        """The rest of packages that ran, where nothing refers to it: last, so that every reference comes before it."""
        self._only_parts = True
        for edge in parts:
            if edge.target.path not in self._missing:
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
            self._improve(edge.target, step)
            return
        if step.certainty >= Certainty.LIKELY and edge.kind is not EdgeKind.COMPANION and not edge.target.language:
            (self._executed_paths if edge.kind in _RUNS else self._named_paths).add(edge.target.path)
        self._context.budget.spend(_FOLLOWED)
        target = self._presence.target(edge.target.path)
        if target is None or (not target.missing and target.file.type is FileType.FILE):
            self._record(edge, judged, standing, missing=False)
            if target is not None:
                self._revisit_kept(edge, target, step, standing)
            return
        if self._presence.is_missed(edge, target):
            judged = self._run_evidence.raised(target, judged)
            step = replace(step, judged=judged, certainty=min(here.certainty, judged))
            self._record(edge, judged, standing, missing=True)
            self._add_missing(edge, target, step)
        if target.file.type is FileType.DIRECTORY and standing not in PACKAGE_ROWS:
            self._enter_directory(edge, target.path, node, standing)

    def _record(self, edge: Edge, judged: Certainty, standing: Standing, *, missing: bool) -> None:
        self._followed[edge, missing] = Followed(edge=edge, certainty=judged, standing=standing.value, missing=missing)

    def _revisit_kept(self, edge: Edge, target: Target, step: Step, standing: Standing) -> None:
        """A kept file is read in any case; a reference that runs it may show its language, or that it is read whole."""
        if edge.kind is EdgeKind.EXECUTES and step.certainty >= Certainty.LIKELY:
            self._run_script(target.path, standing)
        if edge.target.language:
            node = Node(path=target.path, language=edge.target.language)
            if self._extraction.needs_language(node, target.path):
                self._improve(node, step)

    def _run_script(self, path: ImagePath, standing: Standing) -> None:
        """A kept package's script that the application runs is read whole, as one that the start runs is."""
        node = Node(path=path)
        if standing in PACKAGE_ROWS or self._standing(node) not in PACKAGE_ROWS:
            return
        if self._slim.read_at(path, 0, 2) == b"#!":
            self._run_scripts.add(path)
            self._expanded.discard(node)
            self._push(node, self._best[node])

    def _add_missing(self, edge: Edge, target: Target, step: Step) -> None:
        for path, file in target.missing:
            kind = NodeKind.DIRECTORY if file.type is FileType.DIRECTORY else NodeKind.FILE
            node = Node(kind=kind, path=path, language=edge.target.language if path == target.path else "")
            self._improve(node, step)
            known = self._missing.get(path)
            if known is None or self._best[known.node].rank < self._best[node].rank:
                self._missing[path] = MissingNode(node=node, type=file.type)

    def _enter_directory(self, edge: Edge, directory: ImagePath, node: Node, standing: Standing) -> None:
        """A directory that application code or a config names stands for the application's files in it.

        Links in it may lead to further directories, so they are entered in turn and not from within each other.
        """
        if edge.kind not in _ENTERS:
            return
        self._directories_to_enter.append((edge, directory))
        if len(self._directories_to_enter) > 1:
            return
        judged = content_of(standing)
        for named, inside in self._directories_to_enter:
            if self._is_first_to_enter(inside, node, judged):
                for inner in self._directories.content(node, inside, detail=named.detail or inside):
                    self._follow(node, inner, judged, standing)
        self._directories_to_enter.clear()

    def _is_first_to_enter(self, directory: ImagePath, node: Node, judged: Certainty) -> bool:
        """Whether no chain as good led into a directory before, which gave all that this one could give.

        So what is below is walked once, however often and in however many files the directory is named; once
        more from what is itself missing, since who accepts that has not accepted what a kept file refers to.
        """
        step = self._best[node]
        rank, key = (min(step.certainty, judged), -step.length), (directory, node.path in self._missing)
        known = self._entered_directories.get(key)
        if known is not None and known >= rank:
            return False
        self._entered_directories[key] = rank
        return True

    # --- the answer -------------------------------------------------------------------------------------------------

    def _answer(self, missing: dict[ImagePath, Missing]) -> Reach:
        broken = [missing[path] for path in self._roots.breaks if path in missing]
        # Of a link and its target, both missing, the latter is the cause that the finding tells of.
        first = min(broken, key=lambda one: (one.trail.length, one.path != one.cause, one.path), default=None)
        followed = sorted(
            self._followed.values(), key=lambda one: (one.edge.source, one.edge.target, one.edge.kind, one.edge.line)
        )
        return Reach(
            missing=missing,
            followed=tuple(followed),
            active=self._roots.active,
            broken_start=first.chain if first else (),
            unfollowed=tuple(sorted(self._extraction.unfollowed)),
            unread=unread(self._extraction, self._reached(), self._slim, self._context.original),
            coverage=self._extraction.coverage(),
            files_read=len(self._extraction.files_read),
            files_parsed=len(self._extraction.files_parsed),
            depth=self._depth,
        )

    def _reached(self) -> Reached:
        """What the walk knows of its nodes, for the gaps in them."""
        none = Step(certainty=UNREACHED, length=0)
        roots, original = self._roots, self._context.original
        return Reached(
            certainty=lambda node: self._best.get(node, none).certainty,
            standing=self._standing,
            started=roots.active | roots.vital | roots.standings.executed | self._run_scripts,
            run=frozenset(real_targets(self._executed_paths, original)),
            named=frozenset(real_targets(self._named_paths, original)),
        )
