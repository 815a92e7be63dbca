"""Names of a program in a tree, and what asking for them costs."""

from __future__ import annotations

import pytest

from xraydiff.commands.start import search_path
from xraydiff.facts import FileType
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath
from xraydiff.references import Context
from xraydiff.references.kit.evaluation import DEEP, HOLE
from xraydiff.references.kit.lookup import Exhausted, Lookup
from xraydiff.testing import ImageBuilder


def lookup(*, steps: int = 200_000) -> Lookup:
    builder = ImageBuilder().config(env=["PATH=/bin"])
    builder.file("/bin/date", b"x", mode=0o755).file("/srv/a.rb", b"a").file("/srv/b.pl", b"bb").file("/proc/x", b"x")
    builder.symlink("/srv/link", "a.rb").symlink("/srv/gone", "nowhere").symlink("/srv/round", "round")
    return Lookup(
        Context(
            original=builder.tree(),
            config=builder.image().config,
            env={},
            path=search_path(builder.image().config),
            cwd=ImagePath("/srv"),
            limits=Limits(script_steps=steps),
        )
    )


def test_real_path_and_type() -> None:
    names = lookup()
    assert names.real("/srv/link") == ("/srv/a.rb", FileType.FILE)
    assert names.real("/srv/gone") is None
    assert names.real("/srv/round") is None
    assert names.is_file("/srv/link")
    assert names.is_directory("/srv")


def test_what_is_named_stays_as_it_is_spelled_and_the_engine_s_is_left_out() -> None:
    names = lookup()
    assert names.named("link", "/srv") == ("/srv/link", FileType.FILE)
    assert names.named("../proc/x", "/srv") is None
    assert names.named("a\0b", "/srv") is None


def test_patterns_with_one_pair_of_braces() -> None:
    names = lookup()
    assert names.glob("/srv/*.{rb,pl}") == ("/srv/a.rb", "/srv/b.pl")
    assert names.children("/srv") == ("a.rb", "b.pl", "gone", "link", "round")
    assert names.below("/srv") == ("/srv/a.rb", "/srv/b.pl")


def test_programs_and_content() -> None:
    names = lookup()
    assert names.executable("date") == "/bin/date"
    assert names.executable("nothing") is None
    assert names.content("/srv/b.pl", 2) == b"bb"
    assert names.content("/srv/b.pl", 1) == b""


def test_a_program_may_ask_only_so_much() -> None:
    names = lookup(steps=2)
    assert names.real("/srv/a.rb") == names.real("/srv/a.rb")
    names.real("/srv/b.pl")
    with pytest.raises(Exhausted):
        names.real("/srv/c")


def test_the_type_of_a_path() -> None:
    names = lookup()
    assert names.type_of("/srv/link") is FileType.FILE
    assert names.type_of("/srv") is FileType.DIRECTORY
    assert names.type_of("/srv/gone") is None
    assert names.type_of("/") is None


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (f"/srv/{HOLE}.rb", ("/srv/a.rb",)),
        (f"/srv/{HOLE}", ("/srv/a.rb", "/srv/b.pl", "/srv/link")),
        (f"/{HOLE}/date", ("/bin/date",)),
        (f"/{DEEP}/a.rb", ("/srv/a.rb",)),
        ("/srv/b.pl", ("/srv/b.pl",)),
        (f"/srv/{HOLE}.txt", ()),
        ("", ()),
    ],
)
def test_a_path_with_holes(pattern: str, found: tuple[str, ...]) -> None:
    assert lookup().expand(pattern) == found


def test_a_path_with_holes_costs_what_it_looks_through() -> None:
    names = lookup(steps=8)
    assert names.expand(f"/srv/{HOLE}.rb") == names.expand(f"/srv/{HOLE}.rb")
    with pytest.raises(Exhausted):
        names.expand(f"/srv/{HOLE}.pl")
