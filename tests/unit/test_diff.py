from __future__ import annotations

from pathlib import Path

import pytest

from xraydiff.diff import Aspect, ImageDiff, compare_trees
from xraydiff.facts import File, FileType, ImageConfig
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath
from xraydiff.testing import ImageBuilder, elf
from xraydiff.tree import Tree


def compare(original: ImageBuilder, slim: ImageBuilder) -> ImageDiff:
    one, other = original.image(), slim.image()
    return compare_trees(
        original.tree(),
        slim.tree(),
        one.config,
        other.config,
        layers=(len(one.layers), len(other.layers)),
        digests=(one.digest, other.digest),
    )


def image() -> ImageBuilder:
    return ImageBuilder().directory("/d").file("/d/a", "aaaa").file("/d/b", "bbbb").symlink("/l", "d/a")


def test_kept_removed_and_added() -> None:
    diff = compare(image().file("/gone", "12"), image().file("/new", "3"))
    assert diff.kept == ("/", "/d", "/d/a", "/d/b", "/l")
    assert [change.path for change in diff.removed] == ["/gone"]
    assert [change.path for change in diff.added] == ["/new"]
    assert (diff.removed[0].after, diff.added[0].before) == (None, None)
    assert (diff.changed, diff.moved, diff.identical, diff.not_a_pair) == ((), (), False, ())
    assert (diff.layers, diff.files, diff.bytes) == ((1, 1), (4, 4), (10, 9))


CHANGES = {
    "content": (ImageBuilder().file("/x", "aaaa"), ImageBuilder().file("/x", "aaab"), [Aspect.CONTENT]),
    "size": (ImageBuilder().file("/x", "aaaa"), ImageBuilder().file("/x", "aaa"), [Aspect.CONTENT]),
    "mode": (ImageBuilder().file("/x", mode=0o644), ImageBuilder().file("/x", mode=0o4644), [Aspect.MODE]),
    "owner": (ImageBuilder().file("/x", uid=1), ImageBuilder().file("/x", gid=1), [Aspect.OWNER]),
    "xattr": (ImageBuilder().file("/x", xattrs={"a.b": b"1"}), ImageBuilder().file("/x"), [Aspect.XATTR]),
    "target": (ImageBuilder().symlink("/x", "a"), ImageBuilder().symlink("/x", "b"), [Aspect.TARGET]),
    "type": (ImageBuilder().symlink("/x", "a"), ImageBuilder().directory("/x"), [Aspect.TYPE]),
    "device": (ImageBuilder().device("/x", 1, 3), ImageBuilder().device("/x", 1, 5), [Aspect.CONTENT]),
    "several": (
        ImageBuilder().file("/x", "a", uid=1, mode=0o600),
        ImageBuilder().file("/x", "b"),
        [Aspect.CONTENT, Aspect.MODE, Aspect.OWNER],
    ),
    "time": (ImageBuilder().file("/x", "a", mtime=1), ImageBuilder().file("/x", "a", mtime=2), []),
}


@pytest.mark.parametrize("case", CHANGES)
def test_aspects_of_a_changed_path(case: str) -> None:
    before, after, aspects = CHANGES[case]
    diff = compare(before, after)
    assert [list(change.aspects) for change in diff.changed] == ([aspects] if aspects else [])
    assert diff.identical == (not aspects)


def test_moved_files_are_told_by_their_content() -> None:
    diff = compare(image().file("/old", "same"), image().file("/elsewhere/new", "same"))
    assert [(change.path, change.moved_to) for change in diff.moved] == [("/old", "/elsewhere/new")]
    assert [change.path for change in diff.added] == ["/elsewhere"]
    assert not diff.removed


def test_a_move_is_told_only_where_there_is_one_choice() -> None:
    for before, after in (
        (image().file("/o1", "same").file("/o2", "same"), image().file("/n", "same")),
        (image().file("/o", "same"), image().file("/n1", "same").file("/n2", "same")),
        (image().file("/o", ""), image().file("/n", "")),
        (image().file("/o", "1111"), image().file("/n", "2222")),
    ):
        diff = compare(before, after)
        assert not diff.moved
        assert diff.removed
        assert diff.added


def test_hard_links_count_once() -> None:
    diff = compare(image().hardlink("/h", "/d/a"), image())
    assert diff.bytes == (8, 8)
    assert diff.files == (4, 3)


def test_identical_images() -> None:
    diff = compare(image(), image())
    assert diff.identical
    assert not diff.not_a_pair
    # The same tree by other layers is the same image to whoever runs it.
    assert compare(image(), image().layer()).identical
    assert not compare(image(), image().config(user="x")).identical


def test_config_changes_field_by_field() -> None:
    before = image().config(entrypoint=["sh", "-c", "x"], env=["A=1", "B=2"], labels={"l": "v"}, user="root")
    after = image().config(entrypoint=["/x"], env=["A=1", "C=3"], user="root", cmd=[])
    assert [(change.field, change.before, change.after) for change in compare(before, after).config] == [
        ("cmd", None, "[]"),
        ("entrypoint", '["sh","-c","x"]', '["/x"]'),
        ("env.B", '"2"', None),
        ("env.C", None, '"3"'),
        ("labels.l", '"v"', None),
    ]


def test_not_a_pair() -> None:
    def reasons(original: ImageBuilder, slim: ImageBuilder) -> str:
        return "; ".join(compare(original, slim).not_a_pair)

    assert "arguments swapped?" in reasons(image(), image().file("/more", "x" * 100))
    assert reasons(image(), ImageBuilder().directory("/d")) == "the slim image holds no file"
    arm = ImageBuilder(architecture="arm64").file("/d/a", "aaaa")
    assert "platforms contradict: linux/amd64, linux/arm64" in reasons(image(), arm)
    other_variant = ImageBuilder(variant="v8").file("/d/a", "aaaa")
    assert not reasons(image(), other_variant)


def test_a_slim_image_of_strange_programs_is_no_pair() -> None:
    big = image().file("/usr/bin/app", elf(soname="app") + bytes(100)).file("/usr/bin/run", "#!/bin/sh\n" + "#" * 2000)
    strange = [elf(soname=f"strange{number}") for number in range(3)]
    known = ImageBuilder().file("/usr/bin/app", strange[0]).file("/x", strange[1])
    assert not compare(big, known).not_a_pair
    unknown = known.file("/y", strange[2])
    assert compare(big, unknown).not_a_pair == (
        "the original knows 1 of the 3 ELF files and scripts of the slim image",
    )
    renamed = ImageBuilder().file("/bin/x", "#!/bin/sh\n" + "#" * 2000).file("/y", strange[0])
    assert not compare(big, renamed).not_a_pair


def test_data_of_the_run_does_not_count() -> None:
    slim = ImageBuilder().file("/usr/bin/app", elf()).file("/var/log/a", "12").file("/var/log/b", "12")
    assert not compare(image().file("/usr/bin/app", elf()), slim).not_a_pair


def test_files_too_large_to_read_count_as_changed() -> None:
    root = File(type=FileType.DIRECTORY, mode=0o755, uid=0, gid=0)
    huge = File(type=FileType.FILE, mode=0o644, uid=0, gid=0, size=1 << 60, extents=(), layer=0)
    layers = ImageBuilder().layer().image().layers
    one, other = (
        Tree({ImagePath("/"): root, ImagePath("/huge"): huge, ImagePath(name): huge}, layers=layers)
        for name in ("/a", "/b")
    )
    diff = compare_trees(one, other, ImageConfig(), ImageConfig())
    assert [(change.path, change.aspects) for change in diff.changed] == [("/huge", (Aspect.CONTENT,))]
    assert not diff.moved


def test_content_is_compared_across_chunks(tmp_path: Path) -> None:
    data = bytes(3 << 20)
    other = data[:-1] + b"x"
    diff = compare(ImageBuilder().file("/x", data).file("/y", data), ImageBuilder().file("/x", data).file("/y", other))
    assert [change.path for change in diff.changed] == ["/y"]
    small = compare_trees(
        ImageBuilder().file("/x", data).tree(),
        ImageBuilder().file("/x", data).tree(),
        ImageConfig(),
        ImageConfig(),
        limits=Limits(file=100),
    )
    assert [change.path for change in small.changed] == ["/x"]
