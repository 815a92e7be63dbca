"""What is gone, by slim's own links."""

from __future__ import annotations

import pytest

from xraydiff.reach.presence import Presence
from xraydiff.testing import ImageBuilder


def gone(original: ImageBuilder, slim: ImageBuilder, path: str) -> list[str] | None:
    target = Presence(original.tree(), slim.tree()).target(path)
    return None if target is None else [name for name, _ in target.missing]


def test_a_link_and_its_target_are_both_missing() -> None:
    original = ImageBuilder().file("/usr/lib/libx.so.1.2").symlink("/usr/lib/libx.so.1", "libx.so.1.2")
    assert gone(original, ImageBuilder().directory("/usr"), "/usr/lib/libx.so.1") == [
        "/usr/lib/libx.so.1",
        "/usr/lib/libx.so.1.2",
    ]


def test_only_the_link_is_missing_where_the_target_stayed() -> None:
    original = ImageBuilder().file("/usr/lib/libx.so.1.2").symlink("/usr/lib/libx.so.1", "libx.so.1.2")
    assert gone(original, ImageBuilder().file("/usr/lib/libx.so.1.2"), "/usr/lib/libx.so.1") == ["/usr/lib/libx.so.1"]


def test_a_directory_link_on_the_way_counts() -> None:
    original = ImageBuilder().file("/usr/bin/sh").symlink("/bin", "usr/bin")
    assert gone(original, ImageBuilder().file("/usr/bin/sh"), "/bin/sh") == ["/bin"]


def test_a_link_that_became_a_directory_still_resolves_by_slims_own_tree() -> None:
    original = ImageBuilder().file("/usr/lib/a").symlink("/lib", "usr/lib")
    assert gone(original, ImageBuilder().file("/lib/a").file("/usr/lib/a"), "/lib/a") == []


def test_the_name_itself_is_missing_where_a_link_became_an_empty_directory() -> None:
    original = ImageBuilder().file("/usr/lib/a").symlink("/lib", "usr/lib")
    assert gone(original, ImageBuilder().directory("/lib").file("/usr/lib/a"), "/lib/a") == ["/lib/a"]


def test_another_type_under_the_same_name_is_missing() -> None:
    assert gone(ImageBuilder().file("/x", "1"), ImageBuilder().directory("/x"), "/x") == ["/x"]


def test_what_the_original_does_not_resolve_was_not_taken() -> None:
    assert gone(ImageBuilder().symlink("/x", "nowhere"), ImageBuilder().directory("/y"), "/x") is None


def test_a_link_loop_is_no_target() -> None:
    loop = ImageBuilder().symlink("/a", "b").symlink("/b", "a")
    assert gone(loop, ImageBuilder().directory("/y"), "/a") is None


@pytest.mark.parametrize("path", ["/dev/null", "/sys", "/etc/hosts"])
def test_what_the_engine_provides_is_never_gone(path: str) -> None:
    assert gone(ImageBuilder().file(path), ImageBuilder().directory("/y"), path) is None
