"""Choosing and writing suggestions; no image is needed for that."""

from __future__ import annotations

import shlex

import pytest

from xraydiff.errors import UsageError
from xraydiff.escaping import escaped
from xraydiff.facts import Certainty, Closure, EdgeKind, Evidence, FileType, Finding, Firing, Severity, Suggestion
from xraydiff.suggestions import Suggestions, choose, read_budget


def one(path: str, size: int = 1, certainty: Certainty = Certainty.LIKELY, **kw: object) -> Suggestion:
    kind = kw.pop("kind", FileType.FILE)
    return Suggestion(path=path, kind=kind, bytes=size, certainty=certainty, **kw)  # type: ignore[arg-type]  # shorthand


def test_certainty_is_a_floor() -> None:
    items = (one("/a", certainty=Certainty.PROVEN), one("/b"), one("/c", certainty=Certainty.POSSIBLE))
    assert [item.path for item in choose(items, Certainty.PROVEN).items] == ["/a"]
    assert [item.path for item in choose(items, Certainty.LIKELY).items] == ["/a", "/b"]
    assert [item.path for item in choose(items, Certainty.POSSIBLE).items] == ["/a", "/b", "/c"]


def test_a_budget_takes_whole_findings_the_most_certain_and_smallest_first() -> None:
    items = (
        one("/a", 50, findings=("f1",)),
        one("/b", 60, findings=("f1",)),
        one("/c", 80, findings=("f2",)),
        one("/d", 90, Certainty.PROVEN, findings=("f3",)),
    )
    chosen = choose(items, Certainty.LIKELY, budget=175)
    assert [item.path for item in chosen.items] == ["/c", "/d"]
    assert [item.path for item in chosen.left_out] == ["/a", "/b"]
    assert chosen.bytes == 170


def finding(kind: EdgeKind, *restore: str, needs: dict[str, tuple[str, ...]] | None = None) -> Finding:
    step = Evidence(source="/x", target=restore[0], kind=kind, firing=Firing.KEPT_WITH, certainty=Certainty.POSSIBLE)
    closures = tuple(Closure(path=path, needs=needed) for path, needed in (needs or {}).items())
    return Finding(
        severity=Severity.LOW,
        certainty=Certainty.POSSIBLE,
        subject=restore[0],
        message="m",
        evidence=(step,),
        restore=restore,
        closures=closures,
    )


POSSIBLE = Certainty.POSSIBLE
SPARE = (
    one("/a", 1_000),
    one("/data/heap", 0, POSSIBLE),
    one("/lib/big.so", 90_000, POSSIBLE),
    one("/lib/y.so", 5_000, POSSIBLE),
    one("/tool/small", 10, POSSIBLE),
    one("/tool/x", 10, POSSIBLE),
    one("/tool/y", 10, POSSIBLE),
)
POSSIBLE_FINDINGS = (
    finding(EdgeKind.NAMES, "/data/heap"),
    finding(EdgeKind.COMPANION, "/lib/y.so"),
    finding(
        EdgeKind.EXECUTES,
        *("/lib/big.so", "/tool/small", "/tool/x", "/tool/y"),
        needs={"/tool/x": ("/lib/big.so",), "/tool/y": ("/lib/y.so",)},
    ),
)


@pytest.mark.parametrize(
    ("budget", "paths"),
    [
        (999, []),
        (1_000, ["/a"]),
        (1_521, ["/a"]),
        (1_522, ["/a", "/tool/small"]),
        (1_000 + 522 + 5_512 + 522, ["/a", "/lib/y.so", "/tool/small", "/tool/y"]),
        (200_000, ["/a", "/lib/big.so", "/lib/y.so", "/tool/small", "/tool/x", "/tool/y"]),
    ],
)
def test_what_is_left_of_a_budget_goes_to_possible_needs_with_all_that_they_need(budget: int, paths: list[str]) -> None:
    chosen = choose(SPARE, Certainty.LIKELY, budget, findings=POSSIBLE_FINDINGS)
    assert [item.path for item in chosen.items] == paths


def test_nothing_possible_comes_while_something_certain_does_not_fit() -> None:
    items = (*SPARE, one("/certain", 5_000, Certainty.PROVEN, findings=("f",)))
    chosen = choose(items, Certainty.LIKELY, 4_000, findings=POSSIBLE_FINDINGS)
    assert [item.path for item in chosen.items] == ["/a"]
    assert [item.path for item in chosen.left_out] == ["/certain"]


def test_without_a_budget_nothing_is_filled() -> None:
    assert [item.path for item in choose(SPARE, Certainty.LIKELY, findings=POSSIBLE_FINDINGS).items] == ["/a"]


@pytest.mark.parametrize(
    ("text", "most"),
    [
        *[("0", 0), ("20000", 20_000), ("5MB", 5_000_000), ("5 mb", 5_000_000), ("1.5kB", 1_500), ("512KiB", 1 << 19)],
        *[("2GiB", 1 << 31), ("7b", 7), ("5%", 500), ("0.5%", 50), ("100%", 10_000), ("250%", 25_000)],
    ],
)
def test_budgets(text: str, most: int) -> None:
    assert read_budget(text, 10_000) == most


@pytest.mark.parametrize("text", ["", "MB", "-1", "5 M", "1e3", "5%%", "5MBit", "\u0665", "9" * 16, "1.2.3", "\x1b"])
def test_no_budgets(text: str) -> None:
    with pytest.raises(UsageError, match="is no budget: give bytes"):
        read_budget(text, 10_000)


def test_a_directory_with_content_is_no_line_unless_all_of_it_is_wanted() -> None:
    items = (
        one("/data", 0, kind=FileType.DIRECTORY),
        one("/data/x"),
        one("/empty", 0, kind=FileType.DIRECTORY, whole=True),
    )
    assert choose(items, Certainty.LIKELY).paths() == ("/data/x", "/empty")


def test_what_lies_below_a_whole_directory_is_not_repeated() -> None:
    items = (one("/w", 0, kind=FileType.DIRECTORY, whole=True), one("/w/x"), one("/wx"))
    assert choose(items, Certainty.LIKELY).paths() == ("/w", "/wx")


def test_paths_are_escaped_one_a_line() -> None:
    assert choose([one("/a\nb\\c\udcff")], Certainty.LIKELY).paths() == ("/a\\x0ab\\\\c\\xff",)


def test_flags_are_quoted_for_a_shell() -> None:
    chosen = choose([one("/a b$(x)"), one("/plain")], Certainty.LIKELY)
    flags, notes = chosen.flags(), chosen.notes()
    assert [shlex.split(flag) for flag in flags] == [["--include-path", "/a b$(x)"], ["--include-path", "/plain"]]
    assert notes == ()


def test_paths_that_the_minifier_cannot_name_are_left_out_with_their_directory() -> None:
    chosen = choose([one("/dir/a:b"), one("/dir/c\nd")], Certainty.LIKELY)
    flags, notes = chosen.flags(), chosen.notes()
    assert flags == ()
    assert all("/dir" in note for note in notes)
    assert len(notes) == 2


@pytest.mark.parametrize(
    "name", ["a\x1b[2J", "a\rb", "\u202egpj", "lib\u00adx", "caf\udce9", "\ufffe", "\u0338x", "a\tb"]
)
def test_what_no_quoting_shows_is_left_out(name: str) -> None:
    """`xargs` knows no `$'...'`, nor does every shell."""
    chosen = choose([one(f"/dir/{name}")], Certainty.LIKELY)
    flags, notes = chosen.flags(), chosen.notes()
    assert flags == ()
    assert notes == (f"/dir/{escaped(name)}: the minifier cannot name this path; include its directory /dir",)


def test_the_directory_to_include_is_one_that_can_be_named() -> None:
    notes = choose([one("/a b/##x/c:d/\x1b/e"), one("/\x1b")], Certainty.LIKELY).notes()
    assert [note.rpartition(" directory ")[2] for note in notes] == ["'/a b/#''#x'", "/"]


def test_a_job_command_is_parted_and_still_the_same_word() -> None:
    chosen = choose([one("/it's/###vso[x]")], Certainty.LIKELY)
    (flag,) = chosen.flags()
    assert "##" not in flag
    assert shlex.split(flag) == ["--include-path", "/it's/###vso[x]"]
    assert chosen.notes() == ()


def test_every_path_is_a_flag_or_a_note_and_never_neither() -> None:
    items = (one("/a b"), one("/c:d"), one("/e\nf"), one("/w", 0, kind=FileType.DIRECTORY, whole=True), one("/w/x:y"))
    chosen = choose(items, Certainty.LIKELY)
    noted = {note.partition(": the minifier")[0] for note in chosen.notes()}
    flagged = {escaped(shlex.split(flag)[1]) for flag in chosen.flags()}
    assert noted == {"/c:d", "/e\\x0af"}
    assert flagged == {"/a b", "/w"}
    assert noted | flagged == set(chosen.paths())


def test_an_empty_choice() -> None:
    nothing = choose([], Certainty.LIKELY)
    assert nothing == Suggestions(items=(), certainty=Certainty.LIKELY)
    assert nothing.paths() == nothing.flags() == nothing.notes() == ()
