"""Choosing and writing suggestions; no image is needed for that."""

from __future__ import annotations

import shlex

import pytest

from xraydiff.escaping import escaped
from xraydiff.facts import Certainty, FileType, Suggestion
from xraydiff.suggestions import Suggestions, choose


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
