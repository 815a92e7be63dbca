from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.patience import SLOW
from xraydiff.paths import image_path
from xraydiff.policy.patterns import Patterns, is_glob
from xraydiff.tree.glob import matches, quoted, unquoted

PARTS = st.sampled_from(["a", "b", "*", "**", "?", "[ab]", "[[]", "[*]", "a*", "[", "]", "[id]", "."])
PLACES = st.lists(PARTS, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("/a/b", "/a/b", True),
        ("/a//b/", "/a/b", True),
        ("/a/b", "/a/b/c", False),
        ("/a/*", "/a/b", True),
        ("/a/*", "/a", False),
        ("/a/**", "/a/b/c", True),
        ("/a/**", "/a", False),
        ("/**", "/a", True),
        ("/**/c", "/c", True),
        ("/*/c", "/b/c", True),
        ("/a/[[]b]/*", "/a/[b]/c", True),
        ("/a/[b]/*", "/a/b/c", True),
        ("/a/[b]", "/a/[b]", True),
        ("/a/[b]", "/a/b", True),
        ("/a/[[]b]", "/a/b", False),
        ("/a/[*]", "/a/b", False),
    ],
)
def test_what_a_pattern_covers(pattern: str, path: str, covered: bool) -> None:
    assert Patterns((pattern,)).covers(path) is covered


@given(st.lists(PLACES, max_size=4), PLACES)
def test_the_index_by_directory_forgets_no_glob(patterns: list[str], path: str) -> None:
    canonical = image_path(path)
    spelled = {image_path(unquoted(pattern) or pattern) for pattern in patterns}
    assert Patterns(patterns).covers(canonical) is (
        canonical in spelled or any(matches(canonical, one) for one in patterns)
    )


@given(PLACES, PLACES)
def test_a_quoted_path_covers_itself_alone(path: str, other: str) -> None:
    one, two = image_path(path), image_path(other)
    assert not is_glob(quoted(one))
    assert unquoted(quoted(one)) == one
    assert matches(one, quoted(one))
    assert Patterns((quoted(one),)).covers(two) is (one == two)


def test_a_quoted_star_is_not_the_name_of_its_quotes() -> None:
    patterns = Patterns(("/x/[*]", "/app/[id].js"))
    assert [path for path in ("/x/*", "/x/[*]", "/app/[id].js", "/app/i.js") if patterns.covers(path)] == [
        "/x/*",
        "/app/[id].js",
        "/app/i.js",
    ]


def test_many_globs_are_cheap_where_they_lie_elsewhere() -> None:
    patterns = Patterns([f"/opt/{number}/**" for number in range(1000)])
    begin = time.process_time()
    assert not any(patterns.covers(f"/usr/share/{number}/file") for number in range(20_000))
    assert patterns.covers("/opt/999/file")
    assert time.process_time() - begin < 2 * SLOW
