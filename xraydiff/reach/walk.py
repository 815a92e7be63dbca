"""One best-first walk on (certainty, length, bytes of the path), like Dijkstra's: each node keeps its best chain."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from xraydiff.commands.start import find_executable, start_command
from xraydiff.conventions import engine_provides
from xraydiff.facts import (
    Certainty,
    ConfigField,
    Edge,
    EdgeKind,
    Evidence,
    FileType,
    Firing,
    ImageConfig,
    Node,
    NodeKind,
    OwnerKind,
    Package,
    When,
)
from xraydiff.minifier.run import NOTHING, Run
from xraydiff.owners import Owners
from xraydiff.paths import ROOT as TOP
from xraydiff.paths import ImagePath, encoded, join
from xraydiff.reach import Followed, Missing, Reach
from xraydiff.reach.chains import Chain, Chains, Step
from xraydiff.reach.parts import Parts
from xraydiff.reach.places import Places
from xraydiff.reach.presence import Presence, Target
from xraydiff.reach.reading import Reading
from xraydiff.reach.table import PACKAGE_ROWS, ROOT, UNREACHED, Standing, certainty_of, content_of, stops
from xraydiff.reach.told import Told
from xraydiff.reach.unread import Reached, real_targets, unread
from xraydiff.references import Context, Reader
from xraydiff.tree import FileTree

_EXEC = frozenset({EdgeKind.EXECUTES, EdgeKind.SOURCES, EdgeKind.CONTAINS, EdgeKind.INTERPRETS, EdgeKind.LINKS})
_RESTORED = {
    OwnerKind.APPLICATION: Standing.RESTORED_APPLICATION,
    OwnerKind.LANGUAGE_PACKAGE: Standing.RESTORED_LANGUAGE,
    OwnerKind.OS_PACKAGE: Standing.RESTORED_OS,
}
_RUNS = frozenset({EdgeKind.EXECUTES, EdgeKind.SOURCES, EdgeKind.INTERPRETS})
_STATE = frozenset({EdgeKind.NAMES, EdgeKind.WORKS_IN})
_HEALTH = frozenset({ConfigField.HEALTHCHECK})
_START = frozenset({ConfigField.ENTRYPOINT, ConfigField.CMD})
_FOLLOWED = 4
"""Steps of an edge that is followed: it is judged, compared and kept."""
_ENTERS = frozenset({EdgeKind.NAMES, EdgeKind.WORKS_IN, EdgeKind.CONTAINS, EdgeKind.SOURCES, EdgeKind.LOADS})
CONFIGS = (Node(kind=NodeKind.CONFIG, path="original"), Node(kind=NodeKind.CONFIG, path="slim"))


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
) -> Reach:
    """Walk from the configs and every file of slim; pure, deterministic, reads only what it reaches.

    What the minifier's `run` used, or was told to keep, and slim lacks is looked at when everything else is. Last comes
    what is left of `packages`, the original's, for those that were kept in part.
    """
    presence = Presence(original, slim)
    reading = Reading(readers, context, slim, {"original": configs[0], "slim": configs[1]})
    parts = Parts(original, presence, packages)
    told = Told(original, presence, run)
    return _Walk(
        original, slim, owners=owners, presence=presence, reading=reading, context=context, parts=parts, told=told
    ).run()


class _Walk:
    def __init__(
        self,
        original: FileTree,
        slim: FileTree,
        *,
        owners: Owners,
        presence: Presence,
        reading: Reading,
        context: Context,
        parts: Parts,
        told: Told,
    ) -> None:
        self._original = original
        self._slim = slim
        self._owners = owners
        self._presence = presence
        self._reading = reading
        self._places = Places(original, owners, presence, user=user_of(context), budget=context.budget)
        self._limits = context.limits
        self._context = context
        self._parts = parts
        self._told = told
        self._settled: dict[Node, bool] = {}
        self._started: set[ImagePath] = set()
        self._launched: set[ImagePath] = set()
        self._executed: set[ImagePath] = set()
        self._active: set[ImagePath] = set()
        self._vital: set[ImagePath] = set()
        self._checked: set[ImagePath] = set()
        self._best: dict[Node, Step] = {}
        self._heap: list[tuple[int, int, bytes, int, Node]] = []
        self._count = 0
        self._missing: dict[ImagePath, Node] = {}
        self._types: dict[ImagePath, FileType] = {}
        self._followed: dict[tuple[Edge, bool], Followed] = {}
        self._to_enter: list[tuple[Edge, ImagePath]] = []
        self._entered: dict[tuple[ImagePath, bool], tuple[Certainty, int]] = {}
        self._run: set[str] = set()
        self._named: set[str] = set()
        self._expanded: set[Node] = set()

    def run(self) -> Reach:
        self._executed = self._scripts_of_configs()
        named, self._launched = self._programs_of_configs()
        self._started = named | self._launched
        self._active = self._activity(_START)
        self._checked = self._activity(_HEALTH) - self._active
        self._vital, breaks = self._vitality()
        for node in CONFIGS:
            self._offer(node, Step(certainty=ROOT, length=0))
        for path, file in self._slim.files.items():
            if file.type is FileType.FILE and not engine_provides(path):
                self._offer(Node(path=path), Step(certainty=ROOT, length=0))
        while self._heap:
            node = heapq.heappop(self._heap)[-1]
            if node not in self._expanded:
                self._expanded.add(node)
                self._expand(node)
        self._follow_told()
        self._follow_parts()
        return self._answer(breaks)

    # --- the walk itself --------------------------------------------------------------------------------------------

    def _offer(self, node: Node, step: Step) -> None:
        known = self._best.get(node)
        if known is not None and (known.certainty, -known.length) >= (step.certainty, -step.length):
            return
        self._best[node] = step
        self._count += 1
        heapq.heappush(self._heap, (-step.certainty, step.length, encoded(node.path), self._count, node))

    def _expand(self, node: Node) -> None:
        standing = self._standing(node)
        edges = self._edges(node, standing)
        for edge in edges:
            judged = certainty_of(edge, standing, launched=node.path in self._launched)
            if judged is not Certainty.NONE:
                self._follow(node, edge, judged, standing)
        if node == CONFIGS[0]:
            for edge in self._places.commands(node, self._context.path):
                self._follow(node, edge, certainty_of(edge, standing), standing)

    def _follow_told(self) -> None:
        """What the run used, or was told to keep: after all references, each of which says more."""
        for edge in self._told.edges(CONFIGS[1]):
            target = self._presence.target(edge.target.path)
            known = self._missing.get(target.path) if target is not None else None
            if known is None or self._best[known].certainty < Certainty.LIKELY:
                self._follow(edge.source, edge, certainty_of(edge, Standing.CONFIG), Standing.CONFIG)
        while self._heap:
            node = heapq.heappop(self._heap)[-1]
            if node not in self._expanded:
                self._expanded.add(node)
                self._expand(node)

    def _follow_parts(self) -> None:
        """The rest of packages that ran, where nothing asks for it: last, so that every reference comes before it.

        Only what the loader does is followed from there: what such a file may do when somebody runs it is too far off.
        """
        for edge in self._parts.edges(self._started):
            if edge.target.path not in self._missing:
                self._follow(edge.source, edge, certainty_of(edge, Standing.PART), Standing.PART)
        while self._heap:
            node = heapq.heappop(self._heap)[-1]
            if node in self._expanded or node.kind is not NodeKind.FILE:
                continue
            self._expanded.add(node)
            for edge in self._reading.loads(node, ImagePath(node.path)):
                self._follow(node, edge, certainty_of(edge, Standing.PART), Standing.PART)

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
            if target is not None and edge.kind is EdgeKind.EXECUTES and step.certainty >= Certainty.LIKELY:
                self._run_in_use(target.path, standing)
            if target is not None and edge.target.language:
                self._offer_in_language(edge.target.language, target.path, step)
            return
        if target.gone and self._is_asked_for(edge, target):
            raised = self._told.raised(target, judged)
            if raised > judged:
                judged, step = raised, replace(step, judged=raised, certainty=min(here.certainty, raised))
            self._note(edge, judged, standing, missing=True)
            self._miss(edge, target, step)
        if target.file.type is FileType.DIRECTORY and standing not in PACKAGE_ROWS:
            self._enter(edge, target.path, node, standing)

    def _run_in_use(self, path: ImagePath, standing: Standing) -> None:
        """A kept package's script that the application runs is read whole, as one that the start runs is."""
        node = Node(path=path)
        if standing in PACKAGE_ROWS or path in self._executed or self._standing(node) not in PACKAGE_ROWS:
            return
        if self._slim.read_at(path, 0, 2) != b"#!":
            return
        self._executed.add(path)
        self._expanded.discard(node)
        self._count += 1
        step = self._best[node]
        heapq.heappush(self._heap, (-step.certainty, step.length, encoded(path), self._count, node))

    def _offer_in_language(self, language: str, path: ImagePath, step: Step) -> None:
        """A kept file that is a script by nothing but who runs it: one that is sourced, or an interpreter's operand."""
        node = Node(path=path, language=language)
        if self._reading.must_be_told(node, path):
            self._offer(node, step)

    def _is_asked_for(self, edge: Edge, target: Target) -> bool:
        """Whether the target itself will be missed.

        A directory with content comes back with what is wanted of it; only a program that works in it, and so needs its
        owner and mode, asks for the directory. WORKDIR and volumes are made anew by the engine, owned by root.
        """
        if target.file.type is not FileType.DIRECTORY:
            return True
        if edge.kind is not EdgeKind.WORKS_IN:
            return not self._original.children(target.path)
        usual = (target.file.uid, target.file.gid, target.file.mode) == (0, 0, 0o755)
        return not (usual and edge.source.kind is NodeKind.CONFIG)

    def _miss(self, edge: Edge, target: Target, step: Step) -> None:
        for path, file in target.gone:
            kind = NodeKind.DIRECTORY if file.type is FileType.DIRECTORY else NodeKind.FILE
            missing = Node(kind=kind, path=path, language=edge.target.language if path == target.path else "")
            self._types[path] = file.type
            self._offer(missing, step)
            known = self._missing.get(path)
            if known is None or self._rank(missing) > self._rank(known):
                self._missing[path] = missing

    def _rank(self, node: Node) -> tuple[int, int]:
        step = self._best[node]
        return (step.certainty, -step.length)

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
        rank, key = (min(step.certainty, judged), -step.length), (directory, node.path in self._missing)
        known = self._entered.get(key)
        if known is not None and known >= rank:
            return False
        self._entered[key] = rank
        return True

    def _note(self, edge: Edge, judged: Certainty, standing: Standing, *, missing: bool) -> None:
        self._followed[edge, missing] = Followed(edge=edge, certainty=judged, standing=standing.value, missing=missing)

    def _edges(self, node: Node, standing: Standing) -> list[Edge]:
        path = ImagePath(node.path) if node.path.startswith("/") else TOP
        edges = list(self._reading.edges(node, path, full=standing not in PACKAGE_ROWS))
        if standing is Standing.APPLICATION and node.kind is NodeKind.FILE:
            edges.extend(self._places.siblings(node, path))
            edges.extend(self._places.programs(node, path))
        return edges

    # --- what a node is ---------------------------------------------------------------------------------------------

    def _standing(self, node: Node) -> Standing:
        if node.kind is NodeKind.CONFIG:
            return Standing.CONFIG
        if node.kind is NodeKind.SCRIPT and node.path in ("original", "slim"):
            return Standing.EXECUTED
        path = ImagePath(node.path)
        kind, kept = self._owners.owner(path).kind, path in self._slim.files
        real = path if path in self._original.files else self._original.resolve(path).path or path
        if real in self._executed:
            own = kind is OwnerKind.APPLICATION or not kept
            return Standing.EXECUTED if own or not self._is_settled(node, path) else Standing.SETTLED
        if kept:
            if kind is OwnerKind.APPLICATION:
                return Standing.APPLICATION
            ran = real in self._active or real in self._told.used
            return Standing.ACTIVE_PACKAGE if ran else Standing.KEPT_PACKAGE
        return _RESTORED[kind]

    def _is_settled(self, node: Node, path: ImagePath) -> bool:
        """Whether slim has everything that a script names, so that its tests come out as they did in the run."""
        if node not in self._settled:
            named = [edge for edge in self._reading.edges(node, path, full=True) if edge.kind in _STATE]
            targets = (self._presence.target(edge.target.path) for edge in named)
            self._settled[node] = not any(target is not None and target.gone for target in targets)
        return self._settled[node]

    def _programs_of_configs(self) -> tuple[set[ImagePath], set[ImagePath]]:
        """Real paths of the kept programs that the start command names, and of others that its scripts always run."""
        context = self._context
        words = start_command(context.config)[: self._limits.command_words]
        found = (find_executable(word, self._original, context.path, context.cwd) for word in words)
        named = self._kept_programs(path for path in found if path is not None)
        launched: set[ImagePath] = set()
        for path in sorted(self._executed):
            edges = self._reading.edges(Node(path=path), path, full=True)
            runs = (e.target.path for e in edges if e.kind is EdgeKind.EXECUTES and e.firing is Firing.LOAD)
            launched |= self._kept_programs(runs)
        return named, launched - named

    def _kept_programs(self, paths: Iterable[str]) -> set[ImagePath]:
        found = (self._original.resolve(path).path for path in paths)
        return {path for path in found if path is not None and self._presence.kept(path)}

    def _scripts_of_configs(self) -> set[ImagePath]:
        """Real paths of the scripts that exec edges reach from an image config."""
        todo: list[tuple[Node, ImagePath]] = [(node, TOP) for node in CONFIGS]
        seen: set[Node] = set(CONFIGS)
        scripts: set[ImagePath] = set()
        while todo:
            node, path = todo.pop()
            for edge in self._reading.edges(node, path, full=True):
                if edge.kind not in _EXEC:
                    continue
                for reached, real in self._script_targets(edge):
                    if reached not in seen:
                        seen.add(reached)
                        todo.append((reached, real))
                        if reached.kind is NodeKind.FILE:
                            scripts.add(real)
        return scripts

    def _script_targets(self, edge: Edge) -> Iterator[tuple[Node, ImagePath]]:
        if edge.target.kind is NodeKind.SCRIPT:
            yield edge.target, ImagePath(edge.target.path) if edge.target.path.startswith("/") else TOP
            return
        found = self._original.resolve(edge.target.path)
        if found.path is None or found.file is None or found.file.type is not FileType.FILE:
            return
        tree = self._slim if found.path in self._slim.files else self._original
        language = edge.target.language
        if language or tree.read_at(found.path, 0, 2) == b"#!":
            yield Node(path=found.path, language=language), found.path

    # --- the answer -------------------------------------------------------------------------------------------------

    def _answer(self, breaks: set[ImagePath]) -> Reach:
        chains = Chains(self._best, gone=lambda node: node.path in self._missing, evidence=self._evidence)
        missing = {path: self._as_missing(path, node, chains.to(node)) for path, node in sorted(self._missing.items())}
        broken = [missing[path] for path in breaks if path in missing]
        # Of a link and what it leads to, both gone, the latter is the cause that the finding tells of.
        first = min(broken, key=lambda one: (one.trail.length, one.path != one.cause, one.path), default=None)
        followed = sorted(
            self._followed.values(), key=lambda one: (one.edge.source, one.edge.target, one.edge.kind, one.edge.line)
        )
        return Reach(
            missing=missing,
            followed=tuple(followed),
            active=frozenset(self._active),
            broken_start=first.chain if first else (),
            unfollowed=tuple(sorted(self._reading.unfollowed)),
            unread=unread(self._reading, self._reached(), self._slim, self._original),
            coverage=self._reading.coverage(),
            files_read=len(self._reading.files_read),
            files_parsed=len(self._reading.files_parsed),
        )

    def _reached(self) -> Reached:
        """What the walk knows of its nodes, for the gaps in them."""
        none = Step(certainty=UNREACHED, length=0)
        return Reached(
            certainty=lambda node: self._best.get(node, none).certainty,
            standing=self._standing,
            started=frozenset(self._active | self._vital | self._executed),
            run=frozenset(real_targets(self._run, self._original)),
            named=frozenset(real_targets(self._named, self._original)),
        )

    def _as_missing(self, path: ImagePath, node: Node, chain: Chain) -> Missing:
        at, edge = chain.break_ or (node, chain.last)
        return Missing(
            path=path,
            type=self._types[path],
            certainty=self._best[node].certainty,
            trail=chain.trail,
            edge=chain.last,
            cause=self._cause(at, edge),
            cause_edge=edge,
            owner=self._owners.owner(path),
            stops_start=self._stops_start(chain),
            when=self._moment(chain),
        )

    def _stops_start(self, chain: Chain) -> bool:
        """Whether the start cannot do without a chain: it begins in the config or a file that the start comes to."""
        return chain.stops and self._begins(chain.first, self._vital, _START)

    def _moment(self, chain: Chain) -> When:
        """START for what the start loads, or runs in a branch of its scripts; OPERATE for what only operators run."""
        if chain.when is not None:
            return chain.when
        at_start = chain.at_start and self._begins(chain.first, self._active, _START)
        if at_start or self._stops_start(chain):
            return When.START
        for_health = self._begins(chain.first, self._checked, _HEALTH)
        return When.OPERATE if for_health or chain.first.field is ConfigField.PATH else When.USE

    def _cause(self, at: Node, edge: Edge) -> ImagePath:
        """A link and what it leads to are one cause, named by the real target where that is gone too."""
        target = self._presence.target(edge.target.path)
        return target.path if target is not None and target.path in self._missing else ImagePath(at.path)

    def _begins(self, edge: Edge, reached: set[ImagePath], fields: frozenset[ConfigField]) -> bool:
        """Whether a chain begins in one of these fields of a config, or in a file that they reach."""
        return edge.field in fields if edge.source.kind is NodeKind.CONFIG else edge.source.path in reached

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

    def _activity(self, fields: frozenset[ConfigField]) -> set[ImagePath]:
        """Kept files that load edges reach from these fields of the configs."""
        active: set[ImagePath] = set()
        todo: list[Node] = [CONFIGS[1] if fields is _START else CONFIGS[0]]
        seen: set[Node] = set(todo)
        while todo:
            node = todo.pop()
            path = ImagePath(node.path) if node.path.startswith("/") else TOP
            full = self._standing(node) not in PACKAGE_ROWS
            for edge in self._reading.edges(node, path, full=full):
                if edge.firing is not Firing.LOAD or (node.kind is NodeKind.CONFIG and edge.field not in fields):
                    continue
                reached = self._activated(edge, active)
                if reached is not None and reached not in seen:
                    seen.add(reached)
                    todo.append(reached)
        return active

    def _vitality(self) -> tuple[set[ImagePath], set[ImagePath]]:
        """Kept files that the start surely comes to and cannot do without, and what it asks for there in vain."""
        vital: set[ImagePath] = set()
        breaks: set[ImagePath] = set()
        todo: list[Node] = [CONFIGS[1]]
        seen: set[Node] = set(todo)
        while todo:
            node = todo.pop()
            for edge in self._vital_edges(node):
                if edge.source.path.startswith("/"):
                    vital.add(ImagePath(edge.source.path))
                target = None if edge.target.kind is NodeKind.SCRIPT else self._presence.target(edge.target.path)
                if target is not None and target.gone:
                    breaks.update(path for path, _ in target.gone if self._is_asked_for(edge, target))
                reached = self._activated(edge, vital)
                if reached is not None and reached not in seen:
                    seen.add(reached)
                    todo.append(reached)
        return vital, breaks

    def _vital_edges(self, node: Node) -> Iterator[Edge]:
        path = ImagePath(node.path) if node.path.startswith("/") else TOP
        full = self._standing(node) not in PACKAGE_ROWS
        config = node.kind is NodeKind.CONFIG
        for edge in self._reading.edges(node, path, full=full):
            if edge.firing is Firing.NAMED and config and edge.field not in _HEALTH:
                yield from self._vital_data(edge)
            elif (not config or edge.field in _START) and (stops(edge) or (config and edge.kind is EdgeKind.CONTAINS)):
                yield edge

    def _vital_data(self, named: Edge) -> Iterator[Edge]:
        """What kept data that the start command names cannot be opened without: of a directory, the files in it."""
        real = self._slim.resolve(named.target.path).path
        if real is None:
            return
        below = [join(real, name) for name in self._slim.children(real)]
        for path in (real, *below):
            file = self._slim.files.get(path)
            if file is None or file.type is not FileType.FILE or self._standing(Node(path=path)) in PACKAGE_ROWS:
                continue
            for edge in self._reading.edges(Node(path=path), path, full=True):
                if edge.stops and stops(edge):
                    yield edge

    def _activated(self, edge: Edge, active: set[ImagePath]) -> Node | None:
        if edge.target.kind is NodeKind.SCRIPT:
            return edge.target
        target = self._presence.target(edge.target.path)
        if target is None or target.gone or target.file.type is not FileType.FILE:
            return None
        active.add(target.path)
        return Node(path=target.path, language=edge.target.language)


def user_of(context: Context) -> int:
    """The number of the user whom the image runs as, 0 where it names none that the original defines."""
    name = context.config.user.partition(":")[0]
    if name.isdecimal():
        return int(name)
    passwd = context.original.resolve("/etc/passwd")
    if not name or passwd.path is None or passwd.file is None or passwd.file.type is not FileType.FILE:
        return 0
    for line in context.original.content(passwd.path, limit=context.limits.passwd).splitlines():
        fields = line.decode("utf-8", "surrogateescape").split(":")
        if len(fields) > 3 and fields[0] == name and fields[2].isdecimal():
            return int(fields[2])
    return 0


def described(node: Node) -> str:
    """A node as text for a chain: a path, `config of slim`, `script in /x`."""
    if node.kind is NodeKind.CONFIG:
        return f"config of {node.path}"
    if node.kind is NodeKind.SCRIPT:
        holder = node.path if node.path.startswith("/") else f"config of {node.path}"
        return f"script in {holder}"
    return node.path
