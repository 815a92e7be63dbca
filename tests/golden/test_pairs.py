"""A real pair that needs no engine: what must be found, with its chain, and what must stay quiet."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import networkx as nx
import pydot
import pytest

from xraydiff.comparison import Comparison
from xraydiff.facts import Certainty, Finding, Severity
from xraydiff.graphs.build import as_dot, as_graphml
from xraydiff.pipeline import compare
from xraydiff.suggestions import choose


@pytest.fixture(scope="module")
def archives(pairs: Path) -> tuple[Path, Path]:
    return pairs / "payment-mini" / "original.tar.gz", pairs / "payment-mini" / "slim.tar.gz"


@pytest.fixture(scope="module")
def comparison(archives: tuple[Path, Path]) -> Iterator[Comparison]:
    with compare(*archives) as result:
        yield result


@pytest.fixture(scope="module")
def scorer(pairs: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("score", pairs / "score.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["score"] = module
    spec.loader.exec_module(module)
    return module


def one(comparison: Comparison, rule: str, word: str = "") -> Finding:
    hits = [f for f in comparison.report.findings if f.rule == rule and (word in f.message or word in f.restore)]
    assert len(hits) == 1, [f.message for f in hits]
    return hits[0]


@pytest.mark.parametrize(
    ("rule", "word", "severity"),
    [
        ("CFG001", "HEALTHCHECK is lost", Severity.MEDIUM),
        ("STA001", "/etc/resolv.conf of the build host", Severity.MEDIUM),
        ("PRV001", "/usr, /usr/bin", Severity.MEDIUM),
        ("PKG001", "package database gone", Severity.MEDIUM),
        ("SHL002", "", Severity.INFO),
    ],
)
def test_what_needs_no_walk(comparison: Comparison, rule: str, word: str, severity: Severity) -> None:
    assert one(comparison, rule, word).severity is severity


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [
        ("CRT001", "/etc/ssl/certs/ca-certificates.crt", "/usr/local/bin/pay"),
        ("TLS001", "/usr/lib/x86_64-linux-gnu/ossl-modules/legacy.so", "/usr/local/bin/pay"),
        ("ELF002", "/usr/lib/payment/plugins/visa.so", "/usr/local/bin/pay"),
        ("ELF002", "/usr/lib/x86_64-linux-gnu/gconv/SJIS.so", "/usr/local/bin/pay"),
        ("SCR001", "/usr/local/bin/report", "config of original"),
    ],
)
def test_what_the_walk_finds_with_its_chain(comparison: Comparison, rule: str, path: str, source: str) -> None:
    finding = one(comparison, rule, path)
    assert finding.severity >= Severity.HIGH
    assert finding.certainty >= Certainty.LIKELY
    assert finding.evidence[0].source == source
    assert path in finding.restore


def test_the_health_checks_script_comes_back_with_everything_it_runs(comparison: Comparison) -> None:
    restored = set(one(comparison, "SCR001", "/usr/local/bin/report").restore)
    for name in ("/usr/bin/sh", "/usr/bin/date", "/usr/bin/openssl", "/usr/bin/sed", "/usr/local/lib/report/common.sh"):
        assert name in restored
    assert "/etc/payment/fees.csv" in restored
    assert any(path.endswith("/libselinux.so.1") for path in restored)


def test_few_findings_are_grave(comparison: Comparison) -> None:
    findings = comparison.report.findings
    assert sum(f.severity >= Severity.HIGH for f in findings) <= 15
    assert sum(f.severity >= Severity.MEDIUM for f in findings) <= 12


def test_everything_needed_is_given_back_within_the_budget(
    comparison: Comparison, scorer: ModuleType, pairs: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "original.tar"
    archive.write_bytes(_unpacked(pairs / "payment-mini" / "original.tar.gz"))
    paths = choose(comparison.report.suggestions, Certainty.LIKELY).paths()
    score = scorer.score("payment-mini", archive, paths, root=pairs)
    assert score.recall == 1.0
    assert score.bytes <= score.budget
    assert score.precision >= 0.5


def test_its_graph_is_read_back(comparison: Comparison, tmp_path: Path) -> None:
    drawn = comparison.graph()
    read = nx.read_graphml(_file(tmp_path / "g.graphml", as_graphml(drawn)), force_multigraph=True)
    assert (read.number_of_nodes(), read.number_of_edges()) == (drawn.number_of_nodes(), drawn.number_of_edges())


@pytest.mark.filterwarnings("ignore")  # the parser's own deprecations
def test_its_dot_is_read_back(comparison: Comparison) -> None:
    drawn = comparison.report.graph()
    graphs = pydot.graph_from_dot_data(as_dot(drawn))
    assert graphs is not None
    (read,) = graphs
    nodes = {node.get_name() for node in read.get_nodes()} - {"node"}  # the defaults of all nodes
    assert len(nodes) == drawn.number_of_nodes()
    assert len(read.get_edges()) == drawn.number_of_edges()


def _unpacked(path: Path) -> bytes:
    import gzip

    return gzip.decompress(path.read_bytes())


def _file(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)
