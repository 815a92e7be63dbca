from __future__ import annotations

import pytest

from xraydiff.paths import (
    ROOT,
    ImagePath,
    ancestors,
    basename,
    components,
    image_path,
    is_below,
    join,
    parent,
    whiteout_target,
)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("", "/"),
        (".", "/"),
        ("./etc/passwd", "/etc/passwd"),
        ("/etc//passwd/", "/etc/passwd"),
        ("../../x", "/x"),
        ("/../x", "/x"),
        ("a/../../b", "/b"),
        ("..\\x", "/..\\x"),
        ("C:x", "/C:x"),
        ("...", "/..."),
    ],
)
def test_names_are_absolute_and_clamped(raw: str, path: str) -> None:
    assert image_path(raw) == path
    assert "/" + "/".join(components(raw)) == path


def test_joins_as_seen_from_a_directory() -> None:
    assert join("/a/b", "../c") == "/a/c"
    assert join("/a", "/c") == "/c"
    assert join("/", "c") == "/c"


def test_parts_of_a_path() -> None:
    path = ImagePath("/a/b/c")
    assert parent(path) == "/a/b"
    assert parent(ImagePath("/a")) == parent(ROOT) == "/"
    assert basename(path) == "c"
    assert basename("/") == ""
    assert list(ancestors(path)) == ["/a/b", "/a", "/"]
    assert list(ancestors(ROOT)) == []


def test_below_is_by_components() -> None:
    assert is_below("/dest/x", "/dest")
    assert is_below("/x", "/")
    assert not is_below("/dest-evil/x", "/dest")
    assert not is_below("/dest", "/dest")
    assert not is_below("/", "/")


@pytest.mark.parametrize(
    ("name", "target"),
    [
        (".wh.x", "x"),
        (".wh..wh..opq", None),
        (".wh..wh..opqX", ".wh..opqX"),
        (".wh.", ""),
        (".wh..", "."),
        (".wh...", ".."),
        ("x.wh.y", None),
        (".wh", None),
    ],
)
def test_whiteouts_are_told_by_their_exact_name(name: str, target: str | None) -> None:
    assert whiteout_target(name) == target
