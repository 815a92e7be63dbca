from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from xraydiff.errors import ImageError, LimitExceeded
from xraydiff.facts import Extent, File, FileType, ImageConfig
from xraydiff.image import Image
from xraydiff.layers import Note, Opaque, Operation, Put, Whiteout
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath
from xraydiff.tree import FileTree, Tree, squash


@dataclass
class Content:
    data: bytes
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = len(self.data)

    def read_at(self, offset: int, length: int) -> bytes:
        if offset + length > len(self.data):
            raise ImageError("the bytes are gone")
        return self.data[offset : offset + length]


@dataclass
class MemoryLayer:
    """A layer that is nothing but its operations."""

    ops: list[Operation]
    data: bytes = b""
    index: int = 0
    digest: str = ""
    diff_id: str = ""
    media_type: str = ""
    error: ImageError | None = None
    content: Content = field(init=False)

    def __post_init__(self) -> None:
        self.content = Content(self.data)

    def operations(self) -> Iterator[Operation]:
        yield from self.ops
        if self.error:
            raise self.error


def file(name: str, *, size: int = 0, offset: int = 0, **more: object) -> Put:
    return Put(name=name, type=FileType.FILE, mode=0o100644, uid=0, gid=0, size=size, mtime=0, offset=offset, **more)  # type: ignore[arg-type]


def directory(name: str, mode: int = 0o755) -> Put:
    return Put(name=name, type=FileType.DIRECTORY, mode=mode, uid=0, gid=0, size=0, mtime=0)


def symlink(name: str, target: str) -> Put:
    return Put(name=name, type=FileType.SYMLINK, mode=0o777, uid=0, gid=0, size=0, mtime=0, target=target)


def hardlink(name: str, target: str) -> Put:
    return Put(name=name, type=FileType.FILE, mode=0, uid=0, gid=0, size=0, mtime=0, target=target, hardlink=True)


def image_of(*layers: list[Operation] | MemoryLayer) -> Image:
    made = tuple(it if isinstance(it, MemoryLayer) else MemoryLayer(it) for it in layers)
    return Image(reference="app.tar", digest="", config=ImageConfig(), layers=made)


def tree_of(*layers: list[Operation] | MemoryLayer, limits: Limits | None = None) -> Tree:
    return squash(image_of(*layers), limits=limits or Limits())


def paths(tree: Tree) -> list[str]:
    return [path for path in tree.files if path != "/"]


def codes(tree: Tree) -> list[str]:
    return [problem.code for problem in tree.problems]


def test_an_image_without_layers_is_a_root_directory() -> None:
    tree: FileTree = tree_of()
    assert list(tree.files) == ["/"]
    assert tree.files[ImagePath("/")].type is FileType.DIRECTORY
    assert tree.complete


def test_names_are_normalised_and_missing_parents_implied() -> None:
    tree = tree_of([file("./a//b/./c"), file("/x")])
    assert paths(tree) == ["/a", "/a/b", "/a/b/c", "/x"]
    parent = tree.files[ImagePath("/a")]
    assert (parent.type, parent.mode, parent.layer, parent.inode) == (FileType.DIRECTORY, 0o755, -1, 0)


def test_modes_keep_permission_bits_only() -> None:
    tree = tree_of([directory("d", 0o41777), file("f")])
    assert tree.files[ImagePath("/d")].mode == 0o1777
    assert tree.files[ImagePath("/f")].mode == 0o644


def test_the_root_takes_its_attributes_from_its_entry() -> None:
    assert tree_of([directory("./", 0o700)]).files[ImagePath("/")].mode == 0o700


@pytest.mark.parametrize("entry", [symlink("./", "/etc"), symlink("/.", "x"), file("."), hardlink("/", "etc")])
def test_a_root_of_another_type_is_an_error(entry: Put) -> None:
    with pytest.raises(ImageError) as caught:
        tree_of([], [entry])
    assert (caught.value.code, caught.value.layer, caught.value.image) == ("bad-root-entry", 1, "app.tar")


def test_an_error_of_a_layer_names_image_and_layer() -> None:
    broken = MemoryLayer([file("a")], error=ImageError("cut short", code="tar-truncated", offset=512))
    with pytest.raises(ImageError) as caught:
        tree_of([file("b")], broken)
    assert str(caught.value) == "app.tar: layer 1: at byte 512: cut short"


def test_notes_become_problems_of_their_layer() -> None:
    tree = tree_of([], [Note(code="tar-no-end", message="no end blocks", fatal=False, offset=3)])
    (problem,) = tree.problems
    assert (problem.layer, problem.code, problem.offset, problem.fatal) == (1, "tar-no-end", 3, False)
    assert tree.complete
    assert not tree_of([Note(code="x", message="y")]).complete


def test_progress_counts_layers() -> None:
    seen: list[tuple[int, int]] = []
    squash(image_of([], [], []), progress=lambda _image, done, all_: seen.append((done, all_)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_flood_of_problems_is_counted() -> None:
    tree = tree_of([file("a") for _ in range(8)], limits=Limits(problems=3))
    assert [problem.message for problem in tree.problems][-1] == "4 more of these"
    assert len(tree.problems) == 4


def test_limits_on_entries_and_names() -> None:
    with pytest.raises(LimitExceeded, match="more than 2 entries"):
        tree_of([file("a"), file("b")], [file("c")], limits=Limits(entries_per_image=2))
    with pytest.raises(LimitExceeded, match="more than 10 characters"):
        tree_of([file("a" * 11)], limits=Limits(names=10))
    # Short names through a link make long paths.
    ops: list[Operation] = [directory("d" * 9), symlink("l", "d" * 9), *(file(f"l/{i}") for i in range(9))]
    with pytest.raises(LimitExceeded, match="its paths have more than 100 characters"):
        tree_of(ops, limits=Limits(names=100))


def test_a_limit_on_steps_ends_crafted_links() -> None:
    ops: list[Operation] = [directory("d"), symlink("l0", "d")]
    ops += [symlink(f"l{i}", f"l{i - 1}/../" + "d/../" * 50 + f"l{i - 1}") for i in range(1, 30)]
    ops += [file(f"l5/{i}/x") for i in range(100)]
    with pytest.raises(LimitExceeded, match="steps"):
        tree_of(ops, limits=Limits(resolution_steps=1000))


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("a" * 256, Limits()),
        ("é" * 128, Limits()),
        ("a/" * 2100 + "a", Limits()),
        ("a/" * 500 + "a", Limits()),
        ("a/b/c", Limits(components=2)),
        ("abcd", Limits(component=3)),
        ("a/b/c", Limits(path=4)),
    ],
)
def test_a_name_that_no_kernel_takes_is_left_out(name: str, limits: Limits) -> None:
    tree = tree_of([file(name), file("ok")], limits=limits)
    assert paths(tree) == ["/ok"]
    assert codes(tree) == ["limit-exceeded"]
    assert not tree.complete
    assert len(tree.problems[0].path) < 80


def test_a_path_made_long_through_links_is_left_out() -> None:
    deep = "/".join("d" * 200 for _ in range(15))
    whole = tree_of([directory(deep), symlink("l", deep), file("l/" + "/".join("y" * 200 for _ in range(5)))])
    assert codes(whole) == []
    cut = tree_of([directory(deep), symlink("l", deep), file("l/" + "/".join("y" * 200 for _ in range(6)))])
    assert codes(cut) == ["limit-exceeded"]
    assert max(map(len, cut.files)) <= 4096


def test_a_file_too_large_to_read_is_listed_with_a_problem() -> None:
    tree = tree_of([file("huge", size=1 << 60)])
    assert tree.files[ImagePath("/huge")].size == 1 << 60
    assert codes(tree) == ["limit-exceeded"]
    with pytest.raises(LimitExceeded):
        tree.digest(ImagePath("/huge"))
    with pytest.raises(LimitExceeded):
        tree.content(ImagePath("/huge"))


def test_content_by_offset_whole_and_in_part() -> None:
    layer = MemoryLayer([file("f", size=5, offset=2), file("empty")], data=b"..hello..")
    tree = tree_of(layer)
    path = ImagePath("/f")
    assert tree.content(path) == b"hello"
    assert tree.read_at(path, 1, 3) == b"ell"
    assert tree.read_at(path, 3, 100) == b"lo"
    assert tree.read_at(path, 9, 1) == b""
    assert tree.digest(path) == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert tree.content(ImagePath("/empty")) == b""
    assert tree.digest(ImagePath("/empty")).startswith("e3b0c442")
    with pytest.raises(LimitExceeded):
        tree.content(path, limit=4)


def test_sparse_extents_are_filled_with_zeros() -> None:
    extents = (Extent(position=2, offset=0, length=3), Extent(position=8, offset=3, length=2))
    tree = tree_of(MemoryLayer([file("s", size=12, extents=extents)], data=b"abcde"))
    path = ImagePath("/s")
    whole = b"\0\0abc\0\0\0de\0\0"
    assert tree.content(path) == whole
    for start in range(13):
        for length in range(14):
            assert tree.read_at(path, start, length) == whole[start : start + length]


def test_content_of_what_is_no_regular_file_or_gone_is_an_error() -> None:
    tree = tree_of([directory("d"), symlink("l", "d"), file("cut", size=9)])
    for path in ("/d", "/l", "/none"):
        with pytest.raises(ImageError) as caught:
            tree.content(ImagePath(path))
        assert caught.value.code == "not-a-file"
    with pytest.raises(ImageError, match=r"app\.tar: layer 0: /cut: the bytes are gone"):
        tree.content(ImagePath("/cut"))
    with pytest.raises(ValueError, match="negative"):
        tree.read_at(ImagePath("/cut"), -1, 1)


def test_children_below_and_links() -> None:
    tree = tree_of([file("a-b"), file("a/b/c"), file("a/d"), file("a.x"), hardlink("z", "a/d")])
    assert tree.children(ImagePath("/")) == ("a", "a-b", "a.x", "z")
    assert tree.children(ImagePath("/a")) == ("b", "d")
    assert tree.children(ImagePath("/a/d")) == ()
    assert tree.children(ImagePath("/none")) == ()
    assert list(tree.below(ImagePath("/a"))) == ["/a/b", "/a/b/c", "/a/d"]
    assert len(list(tree.below(ImagePath("/")))) == len(tree.files) - 1
    assert tree.links(ImagePath("/z")) == ("/a/d", "/z")
    assert tree.links(ImagePath("/a")) == ("/a",)


def test_files_are_sorted_and_read_only() -> None:
    tree = tree_of([file("b"), file("a/x"), file("a-x")])
    assert list(tree.files) == sorted(tree.files)
    with pytest.raises(TypeError):
        tree.files[ImagePath("/b")] = tree.files[ImagePath("/a")]  # type: ignore[index]


def test_inodes_are_shared_by_hard_links_only() -> None:
    tree = tree_of([directory("d"), file("d/a"), file("b"), hardlink("c", "b")])
    inodes = {path: found.inode for path, found in tree.files.items()}
    assert inodes[ImagePath("/b")] == inodes[ImagePath("/c")]
    assert len({inode for inode in inodes.values() if inode}) == 3


def test_a_tree_of_a_plain_mapping() -> None:
    leaf = File(type=FileType.FILE, mode=0o644, uid=0, gid=0)
    root = File(type=FileType.DIRECTORY, mode=0o755, uid=0, gid=0)
    tree = Tree({ImagePath("/b"): leaf, ImagePath("/"): root, ImagePath("/a"): leaf})
    assert list(tree.files) == ["/", "/a", "/b"]
    assert tree.links(ImagePath("/a")) == ("/a",)
    assert tree.content(ImagePath("/a")) == b""


def test_whiteouts_do_not_depend_on_their_order() -> None:
    base: list[Operation] = [file("d/a/x"), file("d/b"), symlink("l", "d"), file("k")]
    marks: list[Operation] = [Whiteout(name="l"), Whiteout(name="l/b"), Opaque(name="d/a"), Whiteout(name="k")]
    expected = ["/d", "/d/a"]
    assert paths(tree_of(base, marks)) == paths(tree_of(base, marks[::-1])) == expected
