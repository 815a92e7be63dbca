from __future__ import annotations

import pytest

from xraydiff.paths import (
    ROOT,
    ImagePath,
    ancestors,
    basename,
    components,
    decoded,
    encoded,
    escaped,
    image_path,
    is_below,
    join,
    parent,
    unescaped,
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


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain \xc3\xa9", "plain é"),
        (b"caf\xe9", "caf\\xe9"),
        (b"a\\b", "a\\\\b"),
        (b"\\xe9", "\\\\xe9"),
        (b"a\n::error::\x1b[2J", "a\\x0a::error::\\x1b[2J"),
        ("\u202egpj".encode(), "\\xe2\\x80\\xaegpj"),
    ],
)
def test_escapes_what_a_terminal_or_a_log_would_obey(raw: bytes, text: str) -> None:
    assert escaped(decoded(raw)) == text
    assert encoded(unescaped(text)) == raw


@pytest.mark.parametrize("text", ["\\", "\\x4", "\\x41", "\\xE9", "\\n", "\x07", "\\xc3\\xa9"])
def test_refuses_what_escaping_cannot_have_made(text: str) -> None:
    with pytest.raises(ValueError, match="not an escaped name"):
        unescaped(text)
