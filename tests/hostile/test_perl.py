"""Programs of Perl, and trees around them, that were made to stall or to crash their reader."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.patience import SLOW
from xraydiff.facts import Edge
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath
from xraydiff.references import Gap
from xraydiff.references.readers.perl import PerlReader
from xraydiff.testing import ImageBuilder, context_of, subject_of
from xraydiff.testing import read as read_file

PATH = ImagePath("/srv/app.pl")
SIZE = 250_000
TAIL = b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n" * 7_000
CORE = "/usr/share/perl/5.36"
PERL = b"\x7fELF\0/usr/share/perl/5.36\0"


def read(
    data: bytes, files: Mapping[str, bytes] | None = None, limits: Limits | None = None
) -> tuple[list[Edge], set[str], float]:
    """Edges, reasons of gaps, and seconds."""
    builder = ImageBuilder().file(PATH, data).file("/usr/bin/perl", PERL, mode=0o755).file(f"{CORE}/A.pm", b"")
    for name, content in (files or {}).items():
        builder.file(name, content)
    context = replace(context_of(builder.config(workdir="/srv")), limits=limits or Limits())
    subject = subject_of(context, PATH)
    assert PerlReader().accepts(subject)
    start = time.process_time()
    items = list(PerlReader().read(subject, context))
    seconds = time.process_time() - start
    return (
        [item for item in items if isinstance(item, Edge)],
        {item.reason for item in items if isinstance(item, Gap)},
        seconds,
    )


ONE_LINE = (
    *(b"[", b"(", b"{", b"f(<<A, ", b'"@{[', b"if (a) {", b"sub f {", b"tr/", b"$", b"$$", b"a->", b"$a[", b"$a = "),
    *(b"$a ? ", b"$a && ", b"not ", b"!", b"-", b"a,", b"@{", b"a => ", b"$a . ", b"do {", b"eval {", b"/(?{", b"<"),
    *(b"<$a> ", b"q(", b"q()", b"qw{", b"m{", b"s{a}{", b"q#a", b"'", b'"', b"`", b"use A;", b"y/a/", b"%", b"\xff"),
)


@pytest.mark.parametrize("text", ONE_LINE)
def test_one_text_over_and_over(text: bytes) -> None:
    for one in (text, text + b"\n"):
        for data in (
            (one * (SIZE // len(one) + 1))[:SIZE],
            one * 500 + TAIL,
            one * 2_000 + TAIL,
            (one * 4_000)[:18_000],
        ):
            assert read(data)[2] < 8 * SLOW


@pytest.mark.parametrize(
    "text",
    [
        "<<A%d;\n",
        "f(<<~A%d,\n",
        '"%d\n',
        "`%d\n",
        "q!%d\n",
        "=pod %d\n",
        "=cut %d\n",
        "__END__%d\n",
        "m/%d\n",
        "s/%d\n",
        "format A%d =\n",
        '"@{[<<A%d\n',
        "${%d\n",
        "qw!%d\n",
        "$x =~ /a%d\n",
        "split /%d\n",
        "sub f%d($\n",
        "q#%d\n",
    ],
)
def test_texts_that_differ(text: str) -> None:
    data = "".join(text % index for index in range(20_000)).encode()[:SIZE]
    for one in (data, data[: SIZE // 5] + TAIL):
        assert read(one)[2] < 8 * SLOW


@pytest.mark.parametrize(("text", "end"), [(b"q(\n", b")"), (b"qw{\n", b"}"), (b"m{\n", b"}"), (b"s[\n", b"]")])
def test_quotes_that_end_far_away_or_seem_to(text: bytes, end: bytes) -> None:
    for data in (text * 5_000 + TAIL + end * 5_000, (text + b"\\" + end) * 5_000 + TAIL, end * 9_000 + text * 9_000):
        assert read(data)[2] < 8 * SLOW


def test_what_costs_the_parser_its_square_is_told_before() -> None:
    for data in (b"use A;\n" + b"q(" * 5_000 + TAIL, b"use A;\n" + b"a," * 60_000):
        edges, gaps, seconds = read(data)
        assert seconds < 1 * SLOW
        assert gaps == set()
        assert [(edge.target.path, edge.firing) for edge in edges] == [(f"{CORE}/A.pm", "guarded")]


def test_values_that_grow() -> None:
    doubled = b"$a = 'x';\n" + b"".join(b"$a%d = $a%d . $a%d;\n" % (i + 1, i, i) for i in range(5_000))
    many = b"@l = qw(" + b"w " * 20_000 + b");\n" + b'for my $x (@l) { for my $y (@l) { require "$x/$y" } }\n' * 200
    deep = b"x(" * 1_000 + b"'a'" + b")" * 1_000
    choices = b"".join(b"$v = 'p%d';\n" % i for i in range(2_000)) + b'require "$v/$v/$v";\n' * 500
    for data in (doubled, many.replace(b" w", b"\nw"), deep, choices):
        assert read(data)[2] < 8 * SLOW


def test_patterns_and_prefixes_over_a_large_tree() -> None:
    files = {f"/srv/d{i % 40}/e{i % 60}/f{i}.pm": b"" for i in range(8_000)}
    files |= {f"{CORE}/Big/M{i}.pm": b"" for i in range(8_000)}
    source = b"my @f = glob('*/*/*.pm');\n" * 2_000 + b'eval "require Big::$x";\n' * 2_000
    _, gaps, seconds = read(source, files)
    assert seconds < 8 * SLOW
    assert "too-large" in gaps


@pytest.mark.parametrize(
    "program",
    [
        b"",
        b"\x7fELF",
        b"\x7fELF\x00/etc/perl" + b"\x00/x/perl" * 200000,
        b"\x7fELF\x00/../../perl\x00/perl/../../etc\x00",
        b"\x7fELF\x00/" + b"perl/" * 100000,
        b"#!/bin/sh\n",
    ],
    ids=range(6),
)
def test_programs_that_are_no_perl(program: bytes) -> None:
    _, _, seconds = read(b"use passwd; require 'passwd';", {"/usr/bin/perl": program, "/etc/passwd": b""})
    assert seconds < 5 * SLOW


def test_links_that_lead_in_circles() -> None:
    builder = ImageBuilder().file(PATH, b"require './loop/a.pl'; use lib 'loop'; use B; open my $f, '<', 'loop/x';")
    builder.symlink("/srv/loop", "loop2").symlink("/srv/loop2", "loop")
    assert read_file(PerlReader(), builder.config(workdir="/srv"), PATH).found == ()


def test_inline_scripts_and_edges_are_bounded() -> None:
    source = b"".join(b"system('ls %d > x'); eval 'use A%d;';\n" % (i, i) for i in range(5_000))
    edges, gaps, _ = read(source, {"/bin/sh": b"x"}, Limits(inline_scripts=10))
    assert sum(edge.target.text != "" for edge in edges) <= 10
    assert "too-large" in gaps
    source = b"".join(b"require './x%d.pl';\n" % i for i in range(50))
    edges, gaps, _ = read(source, {f"/srv/x{i}.pl": b"" for i in range(50)}, Limits(edges_per_file=5))
    assert len(edges) == 5
    assert "too-many-references" in gaps


def test_nesting_is_bounded() -> None:
    edges, gaps, seconds = read(b"if ($a) {\n" * 20_000 + b"require A;\n" + b"}\n" * 20_000)
    assert seconds < 8 * SLOW
    assert edges
    assert gaps == set()


@pytest.mark.parametrize("text", [b"<<X\n$,", b'return <<"X"; <<~Y\nX\n$,', b"f(<<'X')\n @{[ $,", b"<<X;\nX\n<<X;\n$x"])
def test_here_documents_without_an_end(text: bytes) -> None:
    edges, gaps, seconds = read(b"require A;\n" + text)
    assert seconds < 2 * SLOW
    assert gaps == set()
    assert edges
