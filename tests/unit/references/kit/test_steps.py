"""Steps of programs: what is stored resolves as what was parsed, values follow the program, what is lost is said."""

from __future__ import annotations

import pytest

from tests.unit.references.samples import perl, ruby
from xraydiff.facts import Edge, Firing
from xraydiff.limits import DEFAULT, Limits
from xraydiff.references import Context, Gap, ParsedReader, Subject
from xraydiff.references.kit.steps import Program
from xraydiff.references.kit.stored import dump, load
from xraydiff.references.readers.perl import PerlReader
from xraydiff.references.readers.ruby import RubyReader
from xraydiff.testing import ImageBuilder, context_of, elf, subject_of

FILES = ("x.pl", "conf.pl", "lib/a.rb", "plugins/a.rb", "plugins/b.rb", "views/index.erb", "x/1.rb", "x/2.rb", "old.pl")
CASES = [("/srv/app.pl", PerlReader(), form, data) for form, data in perl.SAMPLES] + [
    ("/srv/app.erb" if form else "/srv/app.rb", RubyReader(), form, data) for form, data in ruby.SAMPLES
]


def context_with(path: str, data: bytes, limits: Limits = DEFAULT) -> tuple[Subject, Context]:
    builder = ImageBuilder().config(env=["PATH=/bin"], workdir="/srv").file(path, data)
    for name in FILES:
        builder.file(f"/srv/{name}", b"")
    for name in ("sh", "cat", "ls", "convert", "perl", "ruby"):
        builder.file(f"/bin/{name}", elf(executable=True), mode=0o755)
    context = context_of(builder, limits=limits)
    return subject_of(context, path), context


@pytest.mark.parametrize(("path", "reader", "form", "data"), CASES)
def test_stored_steps_resolve_as_parsed_ones(path: str, reader: ParsedReader[Program], form: str, data: bytes) -> None:
    subject, context = context_with(path, data or b" ")
    parsed = reader.parse(data, form, DEFAULT)
    stored = load(Program, dump(parsed), DEFAULT)
    found = list(reader.resolve(parsed, subject, context))
    assert list(reader.resolve(stored, subject, context)) == found
    assert found or data not in (perl.PROGRAM, ruby.PROGRAM)


def perl_edges(source: str, limits: Limits = DEFAULT) -> tuple[dict[str, Firing], list[str]]:
    subject, context = context_with("/srv/app.pl", source.encode(), limits)
    found = list(PerlReader().read(subject, context))
    edges = {edge.target.path.rpartition("/")[2]: edge.firing for edge in found if isinstance(edge, Edge)}
    return edges, [gap.reason for gap in found if isinstance(gap, Gap)]


@pytest.mark.parametrize(
    ("source", "firing"),
    [
        ("for my $x ('a') { do './x.pl' }", Firing.LOAD),
        ("for my $x (glob('/srv/plugins/*.rb')) { do './x.pl' }", Firing.LOAD),
        ("for my $x (glob('/srv/absent/*')) { do './x.pl' }", Firing.GUARDED),
        ("for my $x (@ARGV) { do './x.pl' }", Firing.GUARDED),
        ("for my $x ('a') { for my $y ($z . glob('/no/*')) { 1 } do './x.pl' }", Firing.LOAD),
        ("for my $x (glob('/no/*')) { for my $y ('a') { do './x.pl' } }", Firing.GUARDED),
        ("for my $x (glob('/no/*')) { sub later { do './x.pl' } }", Firing.DEFERRED),
    ],
)
def test_a_loop_over_an_unknown_list_may_not_run(source: str, firing: Firing) -> None:
    assert perl_edges(source)[0]["x.pl"] == firing


def test_a_name_has_the_value_that_the_steps_before_gave_it() -> None:
    assert perl_edges("do $x; $x = './x.pl';")[0] == {}
    assert perl_edges("$x = './x.pl'; do $x;")[0] == {"x.pl": Firing.LOAD}


@pytest.mark.parametrize(("steps", "reasons"), [(120, ["too-large"]), (2_000, [])])
def test_more_steps_than_one_program_may_take_are_said(steps: int, reasons: list[str]) -> None:
    source = "do './x.pl';\n" + "$y = 'a' . 'b';\n" * 40
    edges, gaps = perl_edges(source, Limits(script_steps=steps))
    assert edges == {"x.pl": Firing.LOAD}
    assert gaps == reasons


def test_the_budget_pays_for_what_was_parsed() -> None:
    subject, context = context_with("/srv/app.pl", b"$y = 'a';\n" * 100)
    before = context.budget.spent
    parsed = PerlReader().parse(subject.data, "", DEFAULT)
    list(PerlReader().resolve(parsed, subject, context))
    assert context.budget.spent - before >= parsed.nodes >= 300


def test_where_no_perl_is_known_both_branches_may_run() -> None:
    source = "if ($] < 5.008) { do './old.pl' } else { do './x.pl' }"
    assert set(perl_edges(source)[0]) == {"old.pl", "x.pl"}
