"""What layers may say to mislead a reader: the rows of section D3, by name, as real tar streams."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.patience import SLOW
from xraydiff.errors import ImageError
from xraydiff.facts import FileType, ImageConfig
from xraydiff.image import Image
from xraydiff.layers import Operation
from xraydiff.layers.reader import read_layer
from xraydiff.paths import ImagePath
from xraydiff.tree import Tree, squash

Entry = tarfile.TarInfo | tuple[tarfile.TarInfo, bytes]


@dataclass
class Content:
    data: bytes
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = len(self.data)

    def read_at(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]


@dataclass
class TarLayer:
    content: Content
    index: int = 0
    digest: str = ""
    diff_id: str = ""
    media_type: str = ""

    def operations(self) -> Iterator[Operation]:
        return read_layer(self.content)


def file(name: str, data: bytes = b"", mode: int = 0o644) -> Entry:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    return info, data


def entry(name: str, kind: bytes, target: str = "", mode: int = 0o755) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, mode
    return info


def directory(name: str) -> tarfile.TarInfo:
    return entry(name, tarfile.DIRTYPE)


def symlink(name: str, target: str) -> tarfile.TarInfo:
    return entry(name, tarfile.SYMTYPE, target)


def hardlink(name: str, target: str) -> tarfile.TarInfo:
    return entry(name, tarfile.LNKTYPE, target)


def tree_of(*layers: list[Entry]) -> Tree:
    return squash(image_of(*layers))


def image_of(*layers: list[Entry]) -> Image:
    made = []
    for entries in layers:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive:
            for item in entries:
                info, data = item if isinstance(item, tuple) else (item, b"")
                archive.addfile(info, io.BytesIO(data))
        made.append(TarLayer(Content(stream.getvalue())))
    return Image(reference="hostile.tar", digest="", config=ImageConfig(), layers=tuple(made))


def paths(tree: Tree) -> list[str]:
    return [path for path in tree.files if path != "/"]


def leaves(tree: Tree) -> list[str]:
    return [path for path, found in tree.files.items() if found.type is not FileType.DIRECTORY]


def codes(tree: Tree) -> set[str]:
    return {problem.code for problem in tree.problems}


def read(tree: Tree, path: str) -> bytes:
    return tree.content(ImagePath(path))


def kind(tree: Tree, path: str) -> FileType:
    return tree.files[ImagePath(path)].type


def test_wh_basic() -> None:
    tree = tree_of([file("./foo.txt")], [file("./bar.txt")], [file("./.wh.foo.txt")])
    assert paths(tree) == ["/bar.txt"]
    assert not tree.problems


def test_wh_dir_recreate() -> None:
    tree = tree_of([file("a/foo"), file("b/bar")], [file(".wh.a")], [directory("a"), file("a/baz")])
    assert leaves(tree) == ["/a/baz", "/b/bar"]


def test_wh_then_dir_again_is_new_and_empty() -> None:
    tree = tree_of([file("a/x")], [file(".wh.a")], [directory("a/")])
    assert paths(tree) == ["/a"]


@pytest.mark.parametrize("first", [True, False])
def test_wh_opaque_first_wh_opaque_last(first: object) -> None:
    mark, new = file("a/.wh..wh..opq"), [directory("a/b"), directory("a/b/c"), file("a/b/c/foo")]
    upper = [directory("a"), *([mark, *new] if first else [*new, mark])]
    tree = tree_of([directory("a"), file("a/b/c/bar"), file("a/x")], upper)
    assert paths(tree) == ["/a", "/a/b", "/a/b/c", "/a/b/c/foo"]


def test_wh_opaque_prefix_trap() -> None:
    tree = tree_of([file("etc/passwd")], [file("etc/.wh..wh..opqX")])
    assert leaves(tree) == ["/etc/passwd"]


@pytest.mark.parametrize("where", ["", "etc/"])
@pytest.mark.parametrize("mark", [".wh.", ".wh..", ".wh..."])
def test_wh_bare_wh_dot_wh_dotdot(where: str, mark: str) -> None:
    tree = tree_of([file("etc/passwd"), file("x")], [file(where + mark)])
    assert leaves(tree) == ["/etc/passwd", "/x"]
    assert codes(tree) == {"invalid-whiteout"}
    assert not tree.complete


@pytest.mark.parametrize("order", [1, -1])
def test_wh_own_layer(order: int) -> None:
    tree = tree_of([file("a", b"old")], [file("a", b"new"), file(".wh.a")][::order])
    assert read(tree, "/a") == b"new"
    assert codes(tree) == {"whiteout-of-own-entry"}
    assert tree.complete


def test_wh_in_base_layer() -> None:
    tree = tree_of([file("a"), file(".wh.x"), file(".wh..wh..opq"), file("d/.wh..wh..opq"), file("d/y")])
    assert paths(tree) == ["/a", "/d", "/d/y"]


def test_wh_absent_target() -> None:
    tree = tree_of([file("a")], [file(".wh.nothing"), file("no/such/.wh.dir"), file("none/.wh..wh..opq")])
    assert paths(tree) == ["/a"]
    assert not tree.problems


def test_wh_through_symlink_dir() -> None:
    base: list[Entry] = [file("etc/whitedout"), file("etc/kept"), symlink("localetc", "/etc")]
    tree = tree_of(base, [file("localetc/.wh.whitedout")])
    assert leaves(tree) == ["/etc/kept", "/localetc"]


def test_wh_symlink_itself() -> None:
    tree = tree_of([file("etc/passwd"), symlink("localetc", "/etc")], [file(".wh.localetc")])
    assert leaves(tree) == ["/etc/passwd"]


def test_opq_over_lower_symlink() -> None:
    tree = tree_of(
        [file("target/keep.txt"), symlink("link", "/target")],
        [file("link/.wh..wh..opq"), file("link/new.txt")],
    )
    assert leaves(tree) == ["/link/new.txt", "/target/keep.txt"]
    assert kind(tree, "/link") is FileType.DIRECTORY


def test_opq_inside_a_directory_that_was_a_lower_symlink() -> None:
    tree = tree_of(
        [file("target/sub/keep.txt"), symlink("link", "/target")],
        [file("link/sub/.wh..wh..opq"), file("link/.wh..wh..opq"), file("link/sub/new.txt")],
    )
    assert leaves(tree) == ["/link/sub/new.txt", "/target/sub/keep.txt"]


def test_wh_as_directory() -> None:
    tree = tree_of([file("etc/passwd")], [file(".wh.etc/somefile")])
    assert leaves(tree) == ["/.wh.etc/somefile", "/etc/passwd"]
    assert codes(tree) == {"invalid-whiteout"}
    assert not tree.complete
    tree = tree_of([file("etc/passwd")], [directory(".wh.etc/")])
    assert leaves(tree) == ["/etc/passwd"]
    assert codes(tree) == {"invalid-whiteout"}


def test_wh_hardlink_entry_wh_nonempty() -> None:
    tree = tree_of([file("a"), file("b"), file("c")], [file("x"), hardlink(".wh.a", "x"), file(".wh.b", b"full")])
    assert paths(tree) == ["/c", "/x"]
    assert tree.complete
    assert tree.problems


def test_aufs_plnk() -> None:
    tree = tree_of(
        [
            directory(".wh..wh.plnk"),
            file(".wh..wh.plnk/1.2", b"content"),
            file(".wh..wh.aufs"),
            hardlink("bin/link", ".wh..wh.plnk/1.2"),
        ]
    )
    assert paths(tree) == ["/bin", "/bin/link"]
    assert read(tree, "/bin/link") == b"content"
    assert not tree.problems


def device(name: str, major: int, minor: int, kind: bytes = tarfile.CHRTYPE) -> tarfile.TarInfo:
    info = entry(name, kind)
    info.devmajor, info.devminor = major, minor
    return info


KINDS: dict[str, list[Entry]] = {
    "file": [file("x", b"lower")],
    "dir": [directory("x"), file("x/child")],
    "symlink": [symlink("x", "elsewhere")],
    "fifo": [entry("x", tarfile.FIFOTYPE)],
    "char": [device("x", 1, 3)],
}


@pytest.mark.parametrize("upper", KINDS)
@pytest.mark.parametrize("lower", KINDS)
def test_replace_matrix(lower: str, upper: str) -> None:
    tree = tree_of([file("elsewhere"), *KINDS[lower]], [directory("x")] if upper == "dir" else list(KINDS[upper]))
    assert kind(tree, "/x") is FileType(upper)
    assert leaves(tree)[0] == "/elsewhere"
    assert ("/x/child" in tree.files) == (lower == upper == "dir")
    assert not tree.problems


def test_usrmerge_add_and_delete() -> None:
    base: list[Entry] = [directory("usr/bin"), symlink("bin", "usr/bin")]
    assert leaves(tree_of(base, [file("bin/x")])) == ["/bin", "/usr/bin/x"]
    assert leaves(tree_of(base, [file("bin/x")], [file("bin/.wh.x")])) == ["/bin"]


def test_symlink_loop_symlink_chain_41_symlink_self() -> None:
    chain: list[Entry] = [symlink(f"l{i}", f"l{i + 1}") for i in range(41)]
    tree = tree_of([symlink("a", "b"), symlink("b", "a"), symlink("self", "self"), *chain, file("l41")])
    assert len(paths(tree)) == 45
    for path in ("/a", "/self", "/l0"):
        assert tree.resolve(path).error == "loop"
    assert tree.resolve("/l1").path == tree.resolve("/l34").path == "/l41"
    assert len(tree.resolve("/l34").hops) == 7


def test_symlink_loop_as_parent() -> None:
    tree = tree_of([symlink("a", "b"), symlink("b", "a"), file("a/x"), file("y")])
    assert leaves(tree) == ["/a", "/b", "/y"]
    assert codes(tree) == {"symlink-loop"}
    assert not tree.complete


def test_symlink_escape() -> None:
    tree = tree_of([symlink("dir1/one", "../../secret.txt"), symlink("dir1/two", "/../secret.txt")])
    assert [tree.files[ImagePath(path)].target for path in leaves(tree)] == ["../../secret.txt", "/../secret.txt"]
    for path in leaves(tree):
        found = tree.resolve(path)
        assert (found.error, found.missing) == ("absent", "/secret.txt")


def test_symlink_exponential() -> None:
    links: list[Entry] = [symlink("l0", "d"), *(symlink(f"l{i}", f"l{i - 1}/../l{i - 1}") for i in range(1, 41))]
    started = time.process_time()
    tree = tree_of([directory("d"), *links, file("l40/x"), file("l3/y")], [file("l40/.wh.y"), hardlink("h", "l40/z")])
    assert tree.resolve("/l40").error == "loop"
    assert read(tree, "/d/y") == b""
    assert codes(tree) == {"symlink-loop", "dangling-hardlink"}
    assert time.process_time() - started < 0.5 * SLOW


@pytest.mark.parametrize("name", ["./", ".", "/", "/."])
def test_root_as_symlink(name: str) -> None:
    image = image_of([file("etc/passwd")], [symlink(name, "/etc")])
    with pytest.raises(ImageError) as caught:
        squash(image)
    assert caught.value.code == "bad-root-entry"
    assert caught.value.layer == 1


def test_hardlink_lower() -> None:
    tree = tree_of([file("a", b"data", 0o4755)], [hardlink("b", "a")])
    assert read(tree, "/b") == b"data"
    assert tree.files[ImagePath("/a")] == tree.files[ImagePath("/b")]
    assert tree.links(ImagePath("/a")) == ("/a", "/b")


def test_hardlink_forward() -> None:
    tree = tree_of([hardlink("f", "g"), hardlink("g", "d/h"), file("d/h", b"data"), hardlink("e", "f")])
    assert {read(tree, path) for path in ("/e", "/f", "/g", "/d/h")} == {b"data"}
    assert len(tree.links(ImagePath("/e"))) == 4
    assert tree.complete


@pytest.mark.parametrize(
    "entries",
    [
        [hardlink("l", "absent")],
        [hardlink("l", "no/such/path")],
        [directory("d"), hardlink("l", "d")],
        [hardlink("l", "m"), hardlink("m", "l")],
        [hardlink("l", "l")],
        [hardlink("l", "/")],
    ],
    ids=["absent", "absent-deep", "to-dir", "cycle", "self", "to-root"],
)
def test_hardlink_dangling(entries: list[Entry]) -> None:
    tree = tree_of([*entries, file("ok")])
    assert leaves(tree) == ["/ok"]
    assert codes(tree) == {"dangling-hardlink"}
    assert not tree.complete


def test_hardlink_to_itself_over_a_lower_file() -> None:
    tree = tree_of([file("l", b"lower")], [hardlink("l", "l")])
    assert read(tree, "/l") == b"lower"
    assert codes(tree) == {"dangling-hardlink"}


def test_hardlink_over_its_own_target() -> None:
    tree = tree_of([file("d/x", b"data"), hardlink("d", "d/x")])
    assert "dangling-hardlink" in codes(tree)
    assert not tree.complete


def test_hardlink_chain_of_10000_backwards() -> None:
    links: list[Entry] = [hardlink(f"l{i}", f"l{i + 1}") for i in range(10_000)]
    started = time.process_time()
    tree = tree_of([*links, file("l10000", b"x")])
    assert len(tree.links(ImagePath("/l0"))) == 10_001
    assert time.process_time() - started < 5 * SLOW


def test_hardlink_to_symlink() -> None:
    tree = tree_of([symlink("s", "x"), hardlink("l", "s")])
    assert kind(tree, "/l") is FileType.SYMLINK
    assert tree.files[ImagePath("/l")].target == "x"


def test_hardlink_deleted_later_and_replaced_later() -> None:
    base: list[Entry] = [file("a", b"old"), hardlink("b", "a")]
    assert read(tree_of(base, [file(".wh.a")]), "/b") == b"old"
    assert read(tree_of(base, [file("a", b"new")]), "/b") == b"old"
    both = tree_of([file("a", b"old")], [file(".wh.a"), hardlink("b", "a")])
    assert codes(both) == {"dangling-hardlink"}


def test_hardlink_missing_parents() -> None:
    tree = tree_of([file("a", b"x"), hardlink("new/deep/b", "a")])
    assert read(tree, "/new/deep/b") == b"x"
    assert tree.files[ImagePath("/new/deep")].mode == 0o755


def test_path_absolute_path_dotdot_path_backslash_path_drive() -> None:
    tree = tree_of([file("/etc/x"), file("..\\x"), file("C:x"), file("/../.hidden")])
    assert leaves(tree) == ["/..\\x", "/.hidden", "/C:x", "/etc/x"]
    assert codes(tree) == {"path-escape"}
    assert not tree.complete
    tree = tree_of([file("../../x"), directory(".."), symlink("a/../..", "etc")])
    assert leaves(tree) == ["/x"]
    assert codes(tree) == {"path-escape"}


def test_hardlink_path_escape() -> None:
    tree = tree_of([file("passwd", b"inside"), hardlink("l", "../../passwd")])
    assert read(tree, "/l") == b"inside"
    assert codes(tree) == {"path-escape"}


def test_case_conflict() -> None:
    assert paths(tree_of([file("A/x"), file("a/x")])) == ["/A", "/A/x", "/a", "/a/x"]


def test_unicode_nfc_nfd() -> None:
    assert paths(tree_of([file("\u00e9"), file("e\u0301")])) == ["/e\u0301", "/\u00e9"]


def test_names_of_any_bytes_stay_distinct() -> None:
    assert paths(tree_of([file("caf\udce9"), file("caf\udce8"), file("caf\ufffd")])) == [
        "/caf\udce8",
        "/caf\udce9",
        "/caf\ufffd",
    ]


def test_devices() -> None:
    char, block = device("dev/null0", 0, 0), device("dev/sda", 8, 0, tarfile.BLKTYPE)
    tree = tree_of([char, block, entry("fifo", tarfile.FIFOTYPE)])
    assert [(kind(tree, path), tree.files[ImagePath(path)].device) for path in leaves(tree)] == [
        (FileType.CHARACTER, (0, 0)),
        (FileType.BLOCK, (8, 0)),
        (FileType.FIFO, None),
    ]
    # 0:0 is how overlay file systems store whiteouts; in a layer it is a device like any other.
    assert codes(tree) == {"overlay-style-whiteout"}
    assert tree.complete


def test_overlay_opaque_attribute() -> None:
    marked = directory("d")
    marked.pax_headers = {"SCHILY.xattr.trusted.overlay.opaque": "y"}
    tree = tree_of([file("d/lower")], [marked])
    assert leaves(tree) == ["/d/lower"]
    assert codes(tree) == {"overlay-style-whiteout"}


def test_setuid_caps() -> None:
    item = tarfile.TarInfo("ping")
    item.mode = 0o4755
    item.pax_headers = {"SCHILY.xattr.security.capability": "\x01x"}
    found = tree_of([item]).files[ImagePath("/ping")]
    assert found.mode == 0o4755
    assert found.xattrs == (("security.capability", b"\x01x"),)


def test_opaque_100k_dirs() -> None:
    deep = "/".join("d" * 20)
    lower: list[Entry] = [file(f"{deep}/x{i}/f") for i in range(20_000)]
    upper: list[Entry] = [file(f"{deep}/x{i}/.wh..wh..opq") for i in range(20_000)]
    image = image_of(lower, upper)
    started = time.process_time()
    tree = squash(image)
    # A fifth of the row's size within a fifth of its ten seconds, so that a quadratic cost would show.
    assert time.process_time() - started < 4 * SLOW
    assert not leaves(tree)


def test_no_parent_entries() -> None:
    assert paths(tree_of([file("a/b/c")])) == ["/a", "/a/b", "/a/b/c"]
    tree = tree_of([file("a/b/c"), file("a/b", b"now a file")])
    assert paths(tree) == ["/a", "/a/b"]
    assert codes(tree) == {"entry-replaces-directory"}
    tree = tree_of([file("a", b"a file")], [file("a/b")])
    assert leaves(tree) == ["/a/b"]
    assert codes(tree) == {"parent-not-a-directory"}
    assert not tree.complete


def test_duplicate_entries() -> None:
    tree = tree_of([file("a", b"1"), file("a", b"22"), directory("d"), directory("./d/")])
    assert read(tree, "/a") == b"22"
    assert [problem.code for problem in tree.problems] == ["duplicate-entry", "duplicate-entry"]
    assert tree.complete
    assert (tree.problems[0].path, tree.problems[0].layer, tree.problems[0].offset) == ("/a", 0, 1024)


def test_problems_say_where() -> None:
    tree = tree_of([file("ok")], [file("../x")])
    (problem,) = tree.problems
    assert (problem.layer, problem.path, problem.offset) == (1, "/../x", 0)


def test_no_recursion_on_depth() -> None:
    deep = "/".join("d" for _ in range(499))
    tree = tree_of([file(deep)], [file("d/.wh..wh..opq"), file(deep)])
    assert len(paths(tree)) == 499
    assert len(list(tree.below(ImagePath("/")))) == 499
