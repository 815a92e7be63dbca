"""Whatever the names of an image are, every output is safe to print and to paste, and no two names become one."""

from __future__ import annotations

import contextlib
import io
import shlex
import xml.dom.minidom
from dataclasses import dataclass
from datetime import date

import networkx as nx
import pydot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile.test_policy_and_output import full
from tests.printed import fault
from xraydiff.cli.output import note
from xraydiff.escaping import escaped, one_line, unescaped
from xraydiff.facts import Certainty
from xraydiff.graphs.build import as_dot, as_graphml
from xraydiff.paths import decoded, image_path, whiteout_target
from xraydiff.pipeline import compare, graph, inspect
from xraydiff.policy import evaluate, load_policy
from xraydiff.report.codec import dump_inspection, dump_report, load_report
from xraydiff.report.markdown import render_gate_markdown, render_markdown
from xraydiff.report.text import render_inspection, render_text, render_verdict, render_why
from xraydiff.suggestions import choose
from xraydiff.testing import ImageBuilder
from xraydiff.tree.listing import listing
from xraydiff.tree.squash import squash

pieces = st.one_of(
    st.sampled_from(
        ["##", "#", "vso[", "[x]", ":", "::", "error::", "section_", "start:1", "end:", "travis_fold:", " "]
    ),
    st.sampled_from(
        ["\n", "\r", "\t", "\x1b[2J", "\x9b", "\x7f", "\\", "\\x41", '"', "'", "`", "|", "<", ">", "&", "]]>"]
    ),
    st.sampled_from(
        [*"\xad\u034f\u180e\u200b\u202e\u2066\u2800\u3164\ufe0f\uffa0\ufff9\ufffe\uffff\u0301\u0338\ue000"]
    ),
    st.characters(codec="utf-8"),
    st.binary(min_size=1, max_size=2).map(decoded),
    st.sampled_from(["a", "lib", "é", "日本", "@x", "](", "$(x)"]),
)
texts = st.lists(pieces, min_size=1, max_size=6).map("".join)
# Bytes that are split and put together may be another text, as the bytes of a name are.
names = texts.map(lambda text: decoded(text.encode("utf-8", "surrogateescape")).replace("/", "_").replace("\0", "_"))
names = names.filter(
    lambda name: name not in (".", "..") and whiteout_target(name) is None and not name.startswith(".wh")
)
pairs = st.lists(names, min_size=2, max_size=2, unique=True)


@dataclass(frozen=True)
class Outputs:
    """All that is written of a pair of images whose names are odd."""

    printed: dict[str, str]
    """By format; TSV apart, whose tabs are its own."""
    tsv: str
    paths: tuple[str, ...]
    flags: tuple[str, ...]
    left_out: tuple[str, ...]


def outputs(odd: list[str]) -> Outputs:
    original, slim = (ImageBuilder(name="app:1").config(cmd=["/app/main", "/app/main.conf"]) for _ in range(2))
    for builder in (original, slim):
        builder.file("/app/main", "#!/bin/sh\n", mode=0o755).file("/bin/sh", "x", mode=0o755)
        builder.file("/app/main.conf", "dir /app/p\n")
    for name in odd:
        original.file(f"/app/p/{name}", "#!/bin/sh\n", mode=0o755)
    with original.image() as before, slim.image() as after, compare(before, after) as comparison:
        report = comparison.report
        verdict = evaluate(report, load_policy(), today=date(2026, 6, 1))
        chosen = choose(report.suggestions, Certainty.LIKELY)
        flags, left_out = chosen.flags(), chosen.notes()
        seen = inspect(before)
        drawn = graph(before)
        printed = {
            "text": render_text(report),
            "json": dump_report(report),
            "markdown": render_markdown(report),
            "verdict": render_verdict(report, verdict),
            "verdict as markdown": render_gate_markdown(report, verdict),
            "inspection": render_inspection(seen),
            "inspection as json": dump_inspection(seen),
            "dot": as_dot(drawn),
            "graphml": as_graphml(drawn),
            "paths": "\n".join(chosen.paths()),
            "flags": "\n".join(flags),
            "notes": noted(*left_out, f"xraydiff: {''.join(odd)}"),
            **{f"why {n}": render_why(comparison.explain(f"/app/p/{name}")) for n, name in enumerate(odd)},
        }
        tsv = "\n".join(listing(squash(before)))
    return Outputs(printed=printed, tsv=tsv, paths=chosen.paths(), flags=flags, left_out=left_out)


def noted(*lines: str) -> str:
    """What stands on stderr."""
    with contextlib.redirect_stderr(io.StringIO()) as stream:
        for line in lines:
            note(line)
    return stream.getvalue()


@settings(max_examples=60, deadline=None)
@given(pairs)
def test_every_output_of_a_pair_of_images(odd: list[str]) -> None:
    made = outputs(odd)
    for output, text in made.printed.items():
        assert (output, fault(text)) == (output, "")
    assert fault(made.tsv, beside="\t") == ""
    wanted = {f"/app/p/{name}" for name in odd}
    assert sorted(map(unescaped, made.paths)) == sorted(wanted)
    assert wanted <= {unescaped(row.split("\t")[0]) for row in made.tsv.split("\n")}
    flagged = [shlex.split(flag)[1] for flag in made.flags]
    assert sorted(flagged + [unescaped(line.partition(": the minifier")[0]) for line in made.left_out]) == sorted(
        wanted
    )
    document = xml.dom.minidom.parseString(made.printed["graphml"])  # noqa: S318  our own output
    assert wanted <= {unescaped(node.getAttribute("id")) for node in document.getElementsByTagName("node")}
    assert made.printed["why 0"] != made.printed["why 1"]


@pytest.mark.filterwarnings("ignore")  # the parser's own deprecations
@settings(max_examples=40, deadline=None)
@given(pairs)
def test_graphs_are_read_back(odd: list[str]) -> None:
    drawn: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    drawn.add_edge(odd[0], odd[1], key="needs", detail=odd[0])
    drawn.add_node(odd[1], status=odd[1])
    graphs = pydot.graph_from_dot_data(as_dot(drawn))
    assert graphs is not None
    (read,) = graphs
    ids = {node.get_name() for node in read.get_nodes()} - {"node"}  # the defaults of all nodes
    assert ids == {'"' + escaped(name).replace('"', '\\"') + '"' for name in odd}
    again = nx.read_graphml(io.BytesIO(as_graphml(drawn).encode()))
    assert {unescaped(node) for node in again} == set(odd)


@given(pairs)
def test_every_field_of_a_report(odd: list[str]) -> None:
    """A stored report is a stranger's: here all its texts are odd, not only its paths."""
    shown = []
    for name in odd:
        report = full(name)
        texts = (render_text(report), render_markdown(report), dump_report(report))
        assert [fault(text) for text in texts] == ["", "", ""]
        verdict = evaluate(report, load_policy(), today=date(2026, 6, 1))
        assert fault(render_verdict(report, verdict)) == ""
        assert fault(render_gate_markdown(report, verdict)) == ""
        assert load_report(texts[-1]) == report
        shown.append(texts)
    for one, other in zip(*shown, strict=True):
        assert one != other


@given(texts)
def test_a_line_is_safe_whatever_stands_in_it(text: str) -> None:
    assert fault(one_line(text)) == ""
    assert one_line(one_line(text)) == one_line(text)
    assert one_line(f"xraydiff: {escaped(text)}: gone") == f"xraydiff: {escaped(text)}: gone"
    assert unescaped(escaped(str(image_path(text)))) == decoded(
        str(image_path(text)).encode("utf-8", "surrogateescape")
    )
