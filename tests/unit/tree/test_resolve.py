from __future__ import annotations

import pytest

from xraydiff.errors import LimitExceeded
from xraydiff.facts import File, FileType
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, ancestors
from xraydiff.tree.resolve import Resolver, resolve

DIRECTORY = File(type=FileType.DIRECTORY, mode=0o755, uid=0, gid=0)
LEAF = File(type=FileType.FILE, mode=0o644, uid=0, gid=0)


def mapping(*leaves: str, **links: str) -> dict[ImagePath, File]:
    """Regular files by path (directories end in a slash), symlinks as name=target with `_` for `/`."""
    files = {ImagePath("/"): DIRECTORY}
    for leaf in leaves:
        path = ImagePath(leaf.rstrip("/"))
        files[path] = DIRECTORY if leaf.endswith("/") else LEAF
    for name, target in links.items():
        path = ImagePath("/" + name.replace("_", "/"))
        files[path] = File(type=FileType.SYMLINK, mode=0o777, uid=0, gid=0, target=target)
    for path in list(files):
        for above in ancestors(path):
            files.setdefault(above, DIRECTORY)
    return files


FILES = mapping(
    "/usr/bin/sh",
    "/etc/passwd",
    "/empty/",
    bin="usr/bin",
    abs="/etc",
    up="../../../etc/passwd",
    usr_lib="../bin/./",
    dangling="usr/none/x",
    loop="loop",
    a="b",
    b="a",
    dirslash="etc/passwd/",
    nothing="",
    usr_bin_cc="gcc",
    usr_bin_gcc="/bin/sh",
)


@pytest.mark.parametrize(
    ("path", "real", "hops"),
    [
        ("/", "/", ()),
        ("//", "/", ()),
        ("/etc/passwd", "/etc/passwd", ()),
        ("etc//./passwd", "/etc/passwd", ()),
        ("/bin/sh", "/usr/bin/sh", ("/bin",)),
        ("/bin", "/usr/bin", ("/bin",)),
        ("/abs/passwd", "/etc/passwd", ("/abs",)),
        ("/up", "/etc/passwd", ("/up",)),
        ("/../../etc/passwd", "/etc/passwd", ()),
        ("/usr/lib/sh", "/usr/bin/sh", ("/usr/lib", "/bin")),
        ("/usr/lib/..", "/usr", ("/usr/lib", "/bin")),
        ("/bin/../bin/sh", "/usr/bin/sh", ("/bin",)),
        ("/usr/bin/cc", "/usr/bin/sh", ("/usr/bin/cc", "/usr/bin/gcc", "/bin")),
        ("/bin/cc", "/usr/bin/sh", ("/bin", "/usr/bin/cc", "/usr/bin/gcc", "/bin")),
        ("/empty/", "/empty", ()),
        ("/empty/.", "/empty", ()),
    ],
)
def test_resolves_as_a_kernel_does(path: str, real: str, hops: tuple[str, ...]) -> None:
    resolver = Resolver(FILES)
    for _ in range(2):
        found = resolver.resolve(path)
        assert (found.path, found.hops, found.error) == (real, hops, "")
        assert found.file is FILES[ImagePath(real)]


@pytest.mark.parametrize(
    ("path", "error", "missing"),
    [
        ("", "empty", None),
        ("/none", "absent", "/none"),
        ("/none/../etc", "absent", "/none"),
        ("/dangling", "absent", "/usr/none"),
        ("/abs/none/x", "absent", "/etc/none"),
        ("/loop", "loop", None),
        ("/a/x", "loop", None),
        ("/etc/passwd/x", "not-a-directory", "/etc/passwd/x"),
        ("/etc/passwd/", "not-a-directory", "/etc/passwd"),
        ("/etc/passwd/..", "not-a-directory", "/etc/passwd"),
        ("/dirslash", "not-a-directory", "/etc/passwd"),
        ("/nothing", "absent", "/nothing"),
        ("/" + "x/" * 3000, "absent", "/" + "/".join("x" * 3000)),
        ("/etc/\0", "absent", "/etc/\0"),
    ],
)
def test_says_why_a_path_does_not_resolve(path: str, error: str, missing: str | None) -> None:
    resolver = Resolver(FILES)
    for _ in range(2):
        found = resolver.resolve(path)
        assert (found.path, found.file, found.error, found.missing) == (None, None, error, missing)


def test_the_last_component_can_be_left_alone() -> None:
    assert resolve(FILES, "/bin", follow=False).path == "/bin"
    assert resolve(FILES, "/loop", follow=False).path == "/loop"
    assert resolve(FILES, "/bin/cc", follow=False).path == "/usr/bin/cc"
    # A trailing slash asks for the directory behind the link (path_resolution(7)).
    assert resolve(FILES, "/bin/", follow=False).path == "/usr/bin"


def chain(length: int) -> dict[ImagePath, File]:
    return mapping("/target", **{f"l{i}": f"l{i + 1}" if i + 1 < length else "target" for i in range(length)})


def test_forty_hops_resolve_and_one_more_does_not() -> None:
    assert len(resolve(chain(40), "/l0").hops) == 40
    assert resolve(chain(41), "/l0").error == "loop"
    assert resolve(chain(7), "/l0", limits=Limits(symlink_hops=6)).error == "loop"


def test_what_is_remembered_does_not_change_the_count_of_hops() -> None:
    resolver = Resolver(chain(60))
    forwards = [resolver.resolve(f"/l{i}").error for i in range(60)]
    resolver = Resolver(chain(60))
    backwards = [resolver.resolve(f"/l{i}").error for i in reversed(range(60))]
    assert forwards == backwards[::-1] == ["loop"] * 20 + [""] * 40


def test_long_link_texts_cannot_take_for_ever() -> None:
    links = {f"l{i}": "d/../" * 500 + (f"l{i + 1}" if i % 50 else "none") for i in range(100)}
    resolver = Resolver(mapping("/d/", **links), limits=Limits(resolution_steps=20_000))

    def all_of_them() -> None:
        for i in range(100):
            resolver.resolve(f"/l{i}")

    with pytest.raises(LimitExceeded, match="steps"):
        all_of_them()
