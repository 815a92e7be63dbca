"""For people: inventories, references and chains as a networkx.MultiDiGraph, and queries on one.

Nodes are strings, attributes are scalars. A node is a path of the image, or `soname:`, `package:`, `user:`,
`certificate:`, `config of` and `script in` with a name. Edges are keyed by their kind: needs, interprets, links,
contains, trusts, owns. They carry it as `kind` too; `firing` where a reader saw the reference, `certainty` where a walk
judged it, as words. networkx is imported only where a graph is made: a comparison needs none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from xraydiff.commands.start import environment, search_path, working_directory
from xraydiff.conventions import ELF_MAGIC
from xraydiff.escaping import escaped
from xraydiff.facts import (
    Certainty,
    Edge,
    EdgeKind,
    Evidence,
    FileType,
    Finding,
    Firing,
    ImageConfig,
    Inventory,
    Node,
    ToolClass,
)
from xraydiff.graphs.links import link_edges
from xraydiff.limits import DEFAULT, Limits
from xraydiff.paths import ImagePath
from xraydiff.reach import Reach, Trail
from xraydiff.reach.chains import described
from xraydiff.reach.table import UNREACHED
from xraydiff.references import Context, Reader, Subject
from xraydiff.references.readers.elf import ElfReader
from xraydiff.references.readers.elf_capabilities import ElfCapabilitiesReader
from xraydiff.references.readers.shebang import ShebangReader
from xraydiff.tree import FileTree

if TYPE_CHECKING:
    import networkx as nx

    Graph = nx.MultiDiGraph[str]

_ROOT = ""
"""Stands before every root when dominators are computed."""
_LOOKS: Mapping[str, Mapping[str, str]] = {
    "removed": {"style": "dashed", "color": "red"},
    "added": {"color": "blue"},
    "changed": {"color": "orange"},
}
_WORDS: Mapping[EdgeKind, str] = {EdgeKind.LOADS: "needs", EdgeKind.EXECUTES: "needs", EdgeKind.SOURCES: "needs"}

Certainties = Mapping[tuple[str, str, EdgeKind], Certainty]
"""What a walk made of references, by source, target and kind."""


def image_graph(
    tree: FileTree,
    config: ImageConfig,
    inventory: Inventory,
    *,
    packages: bool = False,
    certainties: Certainties = MappingProxyType({}),
    limits: Limits = DEFAULT,
) -> Graph:
    """The dependency graph of a whole image: ELF files, sonames, scripts, shells, certificates, users, packages.

    With `packages` every package owns its files (`owns`). Reads every executable file of the image. An image alone has
    no `certainties`; a comparison has those that its walk followed (`judged`).
    """
    import networkx as nx

    graph: Graph = nx.MultiDiGraph()
    _add_programs(graph, tree, config, certainties, limits)
    _add_inventory(graph, tree, inventory)
    if packages:
        for package in inventory.packages:
            name = f"package:{package.ecosystem}/{package.name}"
            graph.add_node(name, kind="package", version=package.version)
            for path in sorted(package.files & tree.files.keys()):
                _edge(graph, name, path, "owns")
    return graph


def judged(reach: Reach | None) -> Certainties:
    """What the walk made of every reference that it followed; of several that are alike, the most certain."""
    found: dict[tuple[str, str, EdgeKind], Certainty] = {}
    for followed in reach.followed if reach else ():
        alike = _alike(followed.edge)
        found[alike] = max(followed.certainty, found.get(alike, UNREACHED))
    return found


def _alike(edge: Edge) -> tuple[str, str, EdgeKind]:
    return described(edge.source), described(edge.target), edge.kind


def pair_graph(before: Graph, after: Graph, changed: Iterable[str] = ()) -> Graph:
    """Both graphs as one, each node with `status`: kept, removed, added or changed; edges of both are one."""
    import networkx as nx

    graph: Graph = nx.MultiDiGraph()
    for half in (before, after):
        graph.add_nodes_from(half.nodes(data=True))
        for source, target, key, data in half.edges(keys=True, data=True):  # `update` would number them anew
            graph.add_edge(source, target, key, **data)
    differing = set(changed)
    for node in graph:
        if node not in after:
            status = "removed"
        elif node not in before:
            status = "added"
        else:
            status = "changed" if node in differing else "kept"
        graph.nodes[node]["status"] = status
    return graph


def chains_graph(findings: Iterable[Finding]) -> Graph:
    """The chains of findings, rebuilt from their evidence; needs no image."""
    import networkx as nx

    graph: Graph = nx.MultiDiGraph()
    for finding in findings:
        for step in finding.evidence:
            graph.add_node(step.source, status=graph.nodes.get(step.source, {}).get("status", "kept"))
            graph.add_node(step.target, status=step.target_status)
            graph.add_edge(
                step.source,
                step.target,
                key=step.kind.value,
                kind=step.kind.value,
                firing=step.firing.value,
                certainty=str(step.certainty),
                detail=step.detail,
            )
    return graph


# --- why ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The references that lead to one path."""

    path: str
    status: str
    """kept, removed, or absent (from the original)."""
    certainty: Certainty
    chains: tuple[tuple[Evidence, ...], ...]
    """One for each direct reference to it, the most certain and shortest first; empty where there is none."""
    holders: tuple[str, ...] = ()
    """What alone holds it: every chain from a root passes through each of these, the nearest first."""


def explain(reach: Reach | None, path: ImagePath, status: str) -> Explanation:
    """Every chain to a path, and its dominators, from the edges that the walk followed."""
    chains = tuple(sorted(_chains(reach, path), key=_chain_order)) if reach else ()
    return Explanation(
        path=path,
        status=status,
        certainty=_certainty(chains[0]) if chains else UNREACHED,
        chains=chains,
        holders=_holders(reach, path) if reach and chains else (),
    )


def _chains(reach: Reach, path: ImagePath) -> Iterator[tuple[Evidence, ...]]:
    known = reach.missing.get(path)
    best = known.chain if known else ()
    # A link and its target, both missing, are referred to by the link's name.
    named = {path, known.edge.target.path} if known else {path}
    if best:
        yield best
    for followed in reach.followed:
        if followed.edge.target.path not in named:
            continue
        step = _step(followed.edge, followed.certainty, "removed" if followed.missing else "kept")
        above = reach.missing.get(ImagePath(followed.edge.source.path))
        chain = (*(above.chain if above else ()), step)
        if not best or (chain[-1].source, chain[-1].kind) != (best[-1].source, best[-1].kind):
            yield chain


def _step(edge: Edge, certainty: Certainty, status: str) -> Evidence:
    return Evidence(
        source=described(edge.source),
        target=described(edge.target),
        kind=edge.kind,
        firing=edge.firing,
        certainty=certainty,
        detail=edge.detail,
        line=edge.line,
        target_status=status,
    )


def _certainty(chain: tuple[Evidence, ...]) -> Certainty:
    return min(step.certainty for step in chain)


def _chain_order(chain: tuple[Evidence, ...]) -> tuple[int, int, tuple[str, ...]]:
    return -_certainty(chain), len(chain), tuple(step.source for step in chain)


def _holders(reach: Reach, path: ImagePath) -> tuple[str, ...]:
    """Dominators of the path in the graph of followed edges (Lengauer and Tarjan's definition)."""
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph()
    for followed in reach.followed:
        edge = followed.edge
        graph.add_edge(_ROOT if _stands_for_others(edge) else described(edge.source), described(edge.target))
    for step in _steps(reach):
        graph.add_edge(_ROOT if _stands_for_others(step) else step.source, step.target)
    if path not in graph:
        return ()
    missing = {str(path) for path in reach.missing}
    graph.add_edges_from((_ROOT, node) for node in list(graph) if node not in missing)
    dominators = nx.immediate_dominators(graph, _ROOT)
    found = []
    node = dominators.get(path)
    while node and node != _ROOT:
        found.append(node)
        node = dominators.get(node)
    return tuple(found)


def _stands_for_others(reference: Edge | Evidence) -> bool:
    """Whether a reference stands for several equal ones, so that its source does not dominate the target.

    A file in a directory that many files name, or beside many of its kind, is referred to by the first of them only.
    """
    return reference.kind is EdgeKind.CONTAINS and reference.firing is Firing.KEPT_WITH


def _steps(reach: Reach) -> Iterator[Evidence]:
    """Every step of the chains to what is missing, once, however many chains share it."""
    seen: set[int] = set()
    for missing in reach.missing.values():
        at: Trail | None = missing.trail
        while at is not None and id(at) not in seen:
            seen.add(id(at))
            yield at.step
            at = at.before


# --- writing --------------------------------------------------------------------------------------------------------


def as_dot(graph: Graph) -> str:
    """The graph in the DOT language, names escaped as in a report, sorted; LF at the end."""
    lines = ["digraph xraydiff {", "  rankdir=LR;", '  node [shape=box, fontname="sans-serif"];']
    for node, data in _nodes(graph):
        look = {**_label(node), **_LOOKS.get(str(data.get("status", "")), {})}
        lines.append(f"  {_quoted(node)}{_attributes({**data, **look})};")
    for source, target, key, data in _edges(graph):
        lines.append(f"  {_quoted(source)} -> {_quoted(target)}{_attributes({'label': key, **data})};")
    return "\n".join([*lines, "}"]) + "\n"


def as_graphml(graph: Graph) -> str:
    """The graph as GraphML (http://graphml.graphdrawing.org), names escaped as in a report, sorted; LF at the end."""
    import networkx as nx

    plain: Graph = nx.MultiDiGraph()
    for node, data in _nodes(graph):
        plain.add_node(escaped(node), **{key: _scalar(value) for key, value in sorted(data.items())})
    for source, target, key, data in _edges(graph):
        attributes = {name: _scalar(value) for name, value in sorted({"kind": key, **data}.items())}
        plain.add_edge(escaped(source), escaped(target), key=key, **attributes)
    return "\n".join(nx.generate_graphml(plain)) + "\n"


def _nodes(graph: Graph) -> list[tuple[str, dict[str, object]]]:
    """Name and attributes of every node, sorted."""
    return [(node, dict(graph.nodes[node])) for node in sorted(graph)]


def _edges(graph: Graph) -> list[tuple[str, str, str, dict[str, object]]]:
    """Source, target, key and attributes of every edge, sorted."""
    found = []
    for source, target, key in graph.edges(keys=True):
        found.append((source, target, str(key), dict(graph[source][target][key])))
    return sorted(found, key=lambda edge: edge[:3])


def _scalar(value: object) -> str | int:
    return value if isinstance(value, int) else escaped(str(value))


def _quoted(text: object) -> str:
    """A double-quoted ID: there only the quote is special, and `escaped` left no line end and no odd backslash."""
    return '"' + escaped(str(text)).replace('"', '\\"') + '"'


def _label(node: str) -> dict[str, str]:
    """What is drawn in the place of an escaped name: there a backslash is an escape of DOT's own (escString)."""
    name = escaped(node)
    return {"label": name} if name != node else {}


def _attributes(data: Mapping[str, object]) -> str:
    inner = ", ".join(f"{key}={_quoted(value)}" for key, value in sorted(data.items()) if value != "")
    return f" [{inner}]" if inner else ""


# --- what an image graph is made of ---------------------------------------------------------------------------------


def _add_programs(graph: Graph, tree: FileTree, config: ImageConfig, certainties: Certainties, limits: Limits) -> None:
    context = Context(
        original=tree,
        config=config,
        env=environment(config),
        path=search_path(config),
        cwd=working_directory(config),
        limits=limits,
    )
    readers: tuple[Reader, ...] = (ElfReader(), ShebangReader(), ElfCapabilitiesReader())
    for path, file in tree.files.items():
        if file.type is not FileType.FILE or not file.size:
            continue
        head = tree.read_at(path, 0, 4)
        if head != ELF_MAGIC and head[:2] != b"#!":
            continue
        elf = head == ELF_MAGIC
        graph.add_node(path, kind="elf" if elf else "script", size=file.size)
        node = Node(path=path)
        data = tree.content(path, limit=limits.elf) if file.size <= limits.elf else b""
        subject = Subject(node=node, path=path, file=file, tree=tree, data=data)
        for reader in readers:
            for item in reader.read(subject, context) if reader.accepts(subject) else ():
                if isinstance(item, Edge):
                    _add_reference(graph, tree, item, certainties, elf=elf)


def _add_reference(graph: Graph, tree: FileTree, edge: Edge, certainties: Certainties, *, elf: bool) -> None:
    path, target = edge.source.path, edge.target.path
    attributes = _attributes_of(edge, certainties)
    if edge.kind is EdgeKind.NEEDS and elf:
        soname = f"soname:{edge.detail or target}"
        graph.add_node(soname, kind="soname")
        _edge(graph, path, soname, "needs", attributes)
        _edge(graph, soname, target, "links")
    elif edge.kind in (EdgeKind.INTERPRETS, EdgeKind.TRUSTS, EdgeKind.LOADS):
        _edge(graph, path, target, _WORDS.get(edge.kind, edge.kind.value), attributes)
    else:
        return
    for link in link_edges(tree, ImagePath(target)):
        _edge(graph, described(link.source), described(link.target), "links", _attributes_of(link, certainties))


def _add_inventory(graph: Graph, tree: FileTree, inventory: Inventory) -> None:
    for tool in inventory.tools:
        if tool.tool is ToolClass.SHELL:
            graph.add_node(tool.path, kind="shell")
            if tool.target:
                _edge(graph, tool.path, tool.target, "links")
    for store in inventory.trust_stores:
        graph.add_node(store.path, kind="certificate bundle")
    for certificate in inventory.certificates:
        name = f"certificate:{certificate.sha256}"
        graph.add_node(name, kind="certificate", subject=certificate.subject, not_after=certificate.not_after)
        _edge(graph, certificate.path, name, "contains")
    for user in inventory.users:
        name = f"user:{user.name}"
        graph.add_node(name, kind="user", uid=user.uid)
        for path in (user.shell, user.home):
            if path and tree.resolve(path).path is not None:
                _edge(graph, name, path, "needs")


def _attributes_of(edge: Edge, certainties: Certainties) -> Mapping[str, str]:
    """What is known of a reference, as attributes."""
    attributes = {"firing": edge.firing.value}
    certainty = certainties.get(_alike(edge))
    return attributes if certainty is None else {**attributes, "certainty": str(certainty)}


def _edge(
    graph: Graph, source: str, target: str, kind: str, attributes: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Add an edge; of several of one kind the one that fires first stays."""
    if source == target:
        return
    if not graph.has_edge(source, target, kind) or _firing_rank(attributes) < _firing_rank(graph[source][target][kind]):
        graph.add_edge(source, target, key=kind, kind=kind, **attributes)


def _firing_rank(attributes: Mapping[str, str]) -> int:
    firings = list(Firing)
    return firings.index(Firing(attributes["firing"])) if "firing" in attributes else len(firings)
