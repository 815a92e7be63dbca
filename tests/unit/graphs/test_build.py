"""Graphs: whole images, pairs, chains; written as DOT and GraphML and read back by other parsers."""

from __future__ import annotations

import io

import networkx as nx
import pydot
import pytest

from xraydiff.facts import Certainty, EdgeKind, Evidence, Finding, Firing, Severity
from xraydiff.graphs.build import _edge, as_dot, as_graphml, chains_graph
from xraydiff.paths import escaped
from xraydiff.pipeline import compare, graph
from xraydiff.testing import ImageBuilder, elf

HOSTILE = ['/a"b', "/a\nb", "/a\\b", "/a<b>&amp;", "/a;label=x]", "/\udcff", "/a\u202eb", "/{rank=same}", "/a->b", "/é"]
HOSTILE += [
    "/\ufffe",
    "/\uffff",
    "/\x00\x08",
    "/a\\",
    '/a\\"b',
    "/\\N",
    "<<b>x</b>>",
    "/##[x]",
    "]]>",
    "/a\xadb",
    "a:b:c",
]


def image() -> ImageBuilder:
    builder = ImageBuilder().config(cmd=["/bin/app"]).file("/lib/ld.so", elf(soname="ld.so"), mode=0o755)
    builder.file("/bin/app", elf(needed=["liba.so"], interpreter="/lib/ld.so", executable=True), mode=0o755)
    builder.file("/lib/liba.so.1", elf(soname="liba.so")).symlink("/lib/liba.so", "liba.so.1")
    builder.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n").file(
        "/bin/sh", elf(interpreter="/lib/ld.so", executable=True), mode=0o755
    )
    return builder


def test_an_image_graph_has_files_sonames_and_users() -> None:
    drawn = graph(image().image())
    assert drawn.has_edge("/bin/app", "soname:liba.so", key="needs")
    assert drawn.has_edge("soname:liba.so", "/lib/liba.so", key="links")
    assert drawn.has_edge("/lib/liba.so", "/lib/liba.so.1", key="links")
    assert drawn.has_edge("/bin/app", "/lib/ld.so", key="interprets")
    assert drawn.has_edge("user:root", "/bin/sh", key="needs")
    assert all(isinstance(value, str | int) for _, data in drawn.nodes(data=True) for value in data.values())


def test_a_comparison_graph_tells_what_became_of_each_node() -> None:
    slim = ImageBuilder().config(cmd=["/bin/app"]).file("/lib/ld.so", elf(soname="ld.so"), mode=0o755)
    slim.file("/bin/app", elf(needed=["liba.so"], interpreter="/lib/ld.so", executable=True), mode=0o755)
    with compare(image().image(), slim.image()) as comparison:
        drawn = comparison.graph()
    assert drawn.nodes["/bin/app"]["status"] == "kept"
    assert drawn.nodes["/lib/liba.so.1"]["status"] == "removed"


def test_edges_say_the_same_in_every_graph() -> None:
    """`kind` everywhere, `firing` where a reader saw the reference, `certainty` where a walk followed it."""
    slim = ImageBuilder().config(cmd=["/bin/app"]).file("/lib/ld.so", elf(soname="ld.so"), mode=0o755)
    slim.file("/bin/app", elf(needed=["liba.so"], interpreter="/lib/ld.so", executable=True), mode=0o755)
    alone = graph(image().image())
    with compare(image().image(), slim.image()) as comparison:
        pair = comparison.graph()
        chains = comparison.report.graph()
    edges = {(source, target, key): data for source, target, key, data in pair.edges(keys=True, data=True)}
    lone = {(source, target, key): data for source, target, key, data in alone.edges(keys=True, data=True)}
    assert set(edges) == set(lone)  # slim has none of its own, and what both have stands there once
    for edge, data in edges.items():
        assert data["kind"] == edge[2]
        assert {name: value for name, value in data.items() if name != "certainty"} == lone[edge]
    assert edges["/bin/app", "/lib/ld.so", "interprets"] == {
        "kind": "interprets",
        "firing": "load",
        "certainty": "proven",
    }
    assert edges["/bin/app", "soname:liba.so", "needs"]["certainty"] == "proven"
    assert edges["/lib/liba.so", "/lib/liba.so.1", "links"] == {"kind": "links", "firing": "load"}  # judged by no walk
    assert edges["user:root", "/bin/sh", "needs"] == {"kind": "needs"}
    told = [data for *_, data in chains.edges(data=True)]
    assert told
    assert all({"kind", "firing", "certainty"} <= data.keys() for data in told)


def test_of_references_that_are_alike_the_one_that_fires_first_is_told() -> None:
    for order in ((Firing.DEFERRED, Firing.LOAD), (Firing.LOAD, Firing.DEFERRED)):
        drawn: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        for firing in order:
            _edge(drawn, "/a", "/b", "needs", {"firing": firing.value})
        _edge(drawn, "/a", "/b", "needs")
        assert list(drawn.edges(data=True)) == [("/a", "/b", {"kind": "needs", "firing": "load"})]


def test_what_edges_say_is_written() -> None:
    drawn = graph(image().image())
    read = nx.read_graphml(io.BytesIO(as_graphml(drawn).encode()), force_multigraph=True)
    assert read["/bin/app"]["/lib/ld.so"]["interprets"] == {"kind": "interprets", "firing": "load"}
    line = '  "/bin/app" -> "/lib/ld.so" [firing="load", kind="interprets", label="interprets"];'
    assert line in as_dot(drawn).splitlines()


def test_the_chains_of_a_stored_report() -> None:
    step = Evidence(
        source="/bin/app",
        target="/lib/liba.so",
        kind=EdgeKind.NEEDS,
        firing=Firing.LOAD,
        certainty=Certainty.PROVEN,
        target_status="removed",
    )
    finding = Finding(
        rule="ELF001", severity=Severity.HIGH, certainty=Certainty.PROVEN, subject="x", message="m", evidence=(step,)
    )
    drawn = chains_graph([finding])
    assert drawn.nodes["/lib/liba.so"]["status"] == "removed"
    assert drawn.edges["/bin/app", "/lib/liba.so", "needs"]["firing"] == "load"


def hostile_graph() -> nx.MultiDiGraph[str]:
    drawn: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for name in HOSTILE:
        drawn.add_node(name, status=name)
        drawn.add_edge("/root", name, key="needs", detail=name)
    return drawn


@pytest.mark.filterwarnings("ignore")  # the parser's own deprecations
def test_dot_is_read_back_by_a_parser() -> None:
    graphs = pydot.graph_from_dot_data(as_dot(hostile_graph()))
    assert graphs is not None
    (read,) = graphs
    names = {node.get_name() for node in read.get_nodes()} - {"node"}  # the defaults of all nodes
    assert names == {'"' + escaped(name).replace('"', '\\"') + '"' for name in [*HOSTILE, "/root"]}
    assert len(read.get_edges()) == len(HOSTILE)


def test_a_name_is_drawn_as_it_is_written() -> None:
    r"""In a label a backslash begins an escape of the drawing program (escString), and `\\` is drawn as one."""
    drawn: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    drawn.add_edge("/\udce9", "/a\\N", key="needs")
    assert as_dot(drawn).splitlines()[3:] == [
        r'  "/a\\N" [label="/a\\\\N"];',
        r'  "/\xe9" [label="/\\xe9"];',
        r'  "/\xe9" -> "/a\\N" [label="needs"];',
        "}",
    ]


def test_graphml_is_read_back_by_a_parser() -> None:
    read = nx.read_graphml(io.BytesIO(as_graphml(hostile_graph()).encode()), force_multigraph=True)
    assert set(read) == {escaped(name) for name in [*HOSTILE, "/root"]}
    assert read.number_of_edges() == len(HOSTILE)


@pytest.mark.parametrize("write", [as_dot, as_graphml])
def test_the_same_graph_gives_the_same_bytes_whatever_the_order(write: object) -> None:
    backwards: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for name in reversed(HOSTILE):
        backwards.add_edge("/root", name, key="needs", detail=name)
        backwards.nodes[name]["status"] = name
    assert callable(write)
    assert write(backwards) == write(hostile_graph())


def test_why_tells_every_asker_and_what_alone_holds_a_path() -> None:
    slim = ImageBuilder().config(cmd=["/bin/app"]).file("/lib/ld.so", elf(soname="ld.so"), mode=0o755)
    slim.file("/bin/app", elf(needed=["liba.so"], interpreter="/lib/ld.so", executable=True), mode=0o755)
    original = image().file("/bin/two", elf(needed=["liba.so"], interpreter="/lib/ld.so", executable=True), mode=0o755)
    slim.file("/bin/two", elf(needed=["liba.so"], interpreter="/lib/ld.so", executable=True), mode=0o755)
    with compare(original.image(), slim.image()) as comparison:
        asked = comparison.explain("/lib/liba.so")
        nobody = comparison.explain("/etc/passwd")
        absent = comparison.explain("/never")
    assert asked.status == "removed"
    assert {chain[-1].source for chain in asked.chains} == {"/bin/app", "/bin/two"}
    assert nobody.chains == ()
    assert absent.status == "absent"
