"""Programs of Ruby, and trees around them, that were made to stall or to crash their reader."""

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
from xraydiff.references.readers.ruby import RubyReader
from xraydiff.testing import ImageBuilder, context_of, subject_of
from xraydiff.testing import read as read_file

PATH = ImagePath("/srv/app.rb")
SIZE = 250_000
TAIL = b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n" * 7_000
ARCH = "/usr/lib/ruby/3.1.0/x86_64-linux"
RBCONFIG = b'  CONFIG["ruby_version"] = "3.1.0"\n  CONFIG["rubylibprefix"] = "/usr/lib/ruby"\n'


def read(
    data: bytes, files: Mapping[str, bytes] | None = None, limits: Limits | None = None, path: ImagePath = PATH
) -> tuple[list[Edge], set[str], float]:
    """Edges, reasons of gaps, and seconds."""
    builder = ImageBuilder().file(path, data).file("/srv/x/y.rb", b"")
    for name, content in (files or {}).items():
        builder.file(name, content)
    context = replace(context_of(builder.config(workdir="/srv")), limits=limits or Limits())
    subject = subject_of(context, path)
    assert RubyReader().accepts(subject)
    start = time.process_time()
    items = list(RubyReader().read(subject, context))
    seconds = time.process_time() - start
    return (
        [item for item in items if isinstance(item, Edge)],
        {item.reason for item in items if isinstance(item, Gap)},
        seconds,
    )


def repeated(text: bytes) -> bytes:
    return (text * (SIZE // len(text) + 1))[:SIZE]


@pytest.mark.parametrize(
    "text",
    [
        b"(",
        b"[",
        b"{a=>",
        b'"#{',
        b"`#{",
        b"/#{",
        b"f do\n",
        b"if a\n",
        b"def f\n",
        b"class A\n",
        b"begin\nrescue\n",
        b"a ? ",
        b"->{",
        b"a.",
        b"::A",
        b"a && ",
        b"a = ",
        b"!",
        b"-",
        b"a[",
        b"a, ",
        b"(a,",
        b"f a, ",
        b"f{|",
        b"a | ",
        b"%w(",
        b"%q{",
        b"%(",
        b"%r<",
        b"%w(a) ",
        b"<<A\n",
        b"x(<<~A, ",
        b"'",
        b'"',
        b':"#{',
        b"=begin\n",
        b"?a",
        b"\xff",
        b"\n",
        b"#",
        b"require 'a'\n",
        b"x unless ",
        b"case a when ",
        b"a = b + ",
        b"`ls`\n",
        b"a/",
        b"[*",
    ],
)
def test_one_text_over_and_over(text: bytes) -> None:
    for data in (repeated(text), text * 500 + TAIL, text * 2_000 + TAIL):
        _, _, seconds = read(data)
        assert seconds < 5 * SLOW


@pytest.mark.parametrize(("text", "end"), [(b"%(", b")"), (b"%q{", b"}"), (b"%w[", b"]"), (b"=begin\n", b"=end\n")])
def test_quotes_that_end_far_away_or_seem_to(text: bytes, end: bytes) -> None:
    for data in (text * 5_000 + TAIL + end * 5_000, (text + b"\\" + end) * 5_000 + TAIL, end * 9_000 + text * 9_000):
        assert read(data)[2] < 5 * SLOW


def test_quotes_that_never_end_are_told_before_they_are_parsed() -> None:
    edges, gaps, _ = read(b"require_relative 'x/y'\n" + b"%(" * 5_000 + TAIL)
    assert gaps == set()
    assert [(edge.target.path, edge.firing) for edge in edges] == [("/srv/x/y.rb", "guarded")]


def test_values_that_grow() -> None:
    doubled = b"a = 'x'\n" + b"".join(b"a%d = a%d + a%d\n" % (i + 1, i, i) for i in range(5_000)).replace(b"a0", b"a")
    many = b"l = %w[" + b"w " * 20_000 + b"]\n" + b'l.each { |x| l.each { |y| require "#{x}/#{y}" } }\n' * 200
    deep = b"x = File.join(" * 5_000 + b"'a'" + b")" * 5_000
    choices = b"".join(b"v = 'p%d'\n" % i for i in range(2_000)) + b'require "#{v}/#{v}/#{v}"\n' * 500
    for data in (doubled, many, deep, choices):
        assert read(data)[2] < 5 * SLOW


def test_patterns_over_a_large_tree() -> None:
    files = {f"/srv/d{i % 40}/e{i % 60}/f{i}.rb": b"" for i in range(8_000)}
    source = b"Dir.glob('**/**/**/*.rb').each { |f| require f }\n" * 2_000 + b'require "d1/#{x}"\n' * 2_000
    _, gaps, seconds = read(source, files)
    assert seconds < 5 * SLOW
    assert "too-large" in gaps


def test_a_thousand_gems_and_a_thousand_features() -> None:
    files = {f"/usr/lib/ruby/gems/3.1.0/specifications/g{i}-1.gemspec": b"# stub: g 1 ruby lib\n" for i in range(1_500)}
    files |= {f"/usr/lib/ruby/gems/3.1.0/extensions/p/a/g{i}-1/x.so": b"" for i in range(1_500)}
    source = b"".join(b"require 'feature%d'\n" % i for i in range(10_000))
    assert read(source, {**files, f"{ARCH}/rbconfig.rb": RBCONFIG})[2] < 10 * SLOW


def test_links_that_lead_in_circles() -> None:
    builder = ImageBuilder().file(PATH, b"require './loop/a'\nrequire_relative 'loop/loop/b'\nFile.read('loop')")
    builder.symlink("/srv/loop", "loop2").symlink("/srv/loop2", "loop")
    assert read_file(RubyReader(), builder.config(workdir="/srv"), PATH).found == ()


@pytest.mark.parametrize(
    "config",
    [
        b"",
        b"\x00" * 1000,
        b'CONFIG["a"] = "$(b)"\nCONFIG["b"] = "$(a)$(a)"\n' * 50,
        b'  CONFIG["x"] = "' + b"y" * 100000,
        b'  CONFIG["rubylibdir"] = "/../../../etc"\n',
        b'CONFIG["ruby_version"] = "../.."\n',
    ],
    ids=range(6),
)
def test_configurations_of_ruby_that_make_no_sense(config: bytes) -> None:
    edges, _, seconds = read(b"require 'passwd'\nrequire 'x'", {f"{ARCH}/rbconfig.rb": config, "/etc/passwd": b""})
    assert seconds < 5 * SLOW
    assert edges == []


def test_lock_files_and_specifications_that_make_no_sense() -> None:
    lock = (
        b"GEM\n  specs:\n"
        + b"    a (1)\n" * 50_000
        + b"DEPENDENCIES\n"
        + b"  a\n" * 50_000
        + b"PATH\n  remote: ..\n" * 9
    )
    spec = b"# stub: a b c " + b"\0".join(b"../" * 50 + b"p%d" % i for i in range(5_000)) + b"\n"
    files = {
        "/srv/Gemfile.lock": lock,
        "/srv/Gemfile": b"",
        "/usr/lib/ruby/gems/3.1.0/specifications/a-1.gemspec": spec,
    }
    _, _, seconds = read(b"Bundler.require\nrequire 'z'\n" * 100, {**files, f"{ARCH}/rbconfig.rb": RBCONFIG})
    assert seconds < 5 * SLOW


def test_templates_without_an_end() -> None:
    for text in (b"<%" * 100_000, b"<%= a %>" * 30_000, b"<%%>" * 50_000, b"%>" * 100_000, b"<%=" + b"%w(" * 80_000):
        assert read(text, path=ImagePath("/srv/views/a.erb"))[2] < 5 * SLOW


def test_inline_scripts_and_edges_are_bounded() -> None:
    source = b"".join(b"`ls %d > x`\n" % i for i in range(5_000))
    edges, gaps, _ = read(source, {"/bin/sh": b"x"}, Limits(inline_scripts=10))
    assert sum(edge.target.text != "" for edge in edges) <= 10
    assert "too-large" in gaps
    source = b"".join(b"require './x%d'\n" % i for i in range(50))
    edges, gaps, _ = read(source, {f"/srv/x{i}.rb": b"" for i in range(50)}, Limits(edges_per_file=5))
    assert len(edges) == 5
    assert "too-many-references" in gaps
