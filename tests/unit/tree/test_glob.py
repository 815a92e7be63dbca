from __future__ import annotations

import time
from fnmatch import fnmatchcase

import pytest

from tests.patience import SLOW
from xraydiff.facts import File, FileType
from xraydiff.paths import ImagePath, ancestors
from xraydiff.tree import Tree, glob, matches
from xraydiff.tree.glob import quoted, unquoted

DIRECTORY = File(type=FileType.DIRECTORY, mode=0o755, uid=0, gid=0)
LEAF = File(type=FileType.FILE, mode=0o644, uid=0, gid=0)


def tree_of(*leaves: str, links: dict[str, str] | None = None) -> Tree:
    files = {ImagePath("/"): DIRECTORY}
    files.update({ImagePath(leaf): LEAF for leaf in leaves})
    for name, target in (links or {}).items():
        files[ImagePath(name)] = File(type=FileType.SYMLINK, mode=0o777, uid=0, gid=0, target=target)
    for path in list(files):
        for above in ancestors(path):
            files.setdefault(above, DIRECTORY)
    return Tree(files)


def looked_through(tree: Tree, pattern: str) -> int:
    spent = [0]

    def spend(steps: int) -> None:
        spent[0] += steps

    glob(tree, pattern, spend=spend)
    return spent[0]


TREE = tree_of(
    "/etc/conf.d/a.conf",
    "/etc/conf.d/b.conf",
    "/etc/conf.d/.hidden.conf",
    "/etc/conf.d/readme",
    "/usr/bin/sh",
    "/usr/bin/[",
    "/opt/app/x/y/z.py",
    "/opt/app/z.py",
    links={"/bin": "usr/bin", "/opt/app/up": "..", "/etc/gone": "nowhere"},
)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("/", ["/"]),
        ("/etc/conf.d/*.conf", ["/etc/conf.d/a.conf", "/etc/conf.d/b.conf"]),
        ("/etc/conf.d/.*", ["/etc/conf.d/.hidden.conf"]),
        ("/etc/conf.d/[!a].conf", ["/etc/conf.d/b.conf"]),
        ("/etc/conf.d/?.conf", ["/etc/conf.d/a.conf", "/etc/conf.d/b.conf"]),
        ("/bin/s?", ["/bin/sh"]),
        ("/*/sh", ["/bin/sh"]),
        ("/usr/bin/[[]", ["/usr/bin/["]),
        ("/etc/g*", ["/etc/gone"]),
        ("/etc/gone/*", []),
        ("/opt/**/z.py", ["/opt/app/x/y/z.py", "/opt/app/z.py"]),
        ("/opt/app/x/**", ["/opt/app/x/y", "/opt/app/x/y/z.py"]),
        ("/usr/bin/sh/*", []),
        ("usr/../usr/bin/sh", ["/usr/bin/sh"]),
        ("/none/*", []),
    ],
)
def test_finds_what_a_shell_finds(pattern: str, found: list[str]) -> None:
    assert list(glob(TREE, pattern)) == found


def test_links_that_lead_back_up_do_not_multiply() -> None:
    tree = tree_of("/f", links={f"/l{i}": "/" for i in range(300)})
    started = time.process_time()
    assert glob(tree, "/*/*/*/*/f") == ("/l0/l0/l0/l0/f",)
    assert time.process_time() - started < 2 * SLOW


def test_a_pattern_of_stars_is_not_expensive() -> None:
    tree = tree_of(*(f"/{'a' * 200}{i}" for i in range(200)))
    started = time.process_time()
    assert glob(tree, "/" + "*a" * 100 + "b") == ()
    assert not matches("/" + "a/" * 200 + "b", "/" + "**/a/" * 100 + "c")
    assert time.process_time() - started < 2 * SLOW


@pytest.mark.parametrize(
    ("path", "pattern", "fits"),
    [
        ("/tmp/x", "/tmp/*", True),
        ("/tmp/x/y", "/tmp/*", False),
        ("/tmp/x/y", "/tmp/**", True),
        ("/tmp", "/tmp/**", False),
        ("/tmp/.x", "/tmp/*", True),
        ("/a/b/c/d", "/a/**/d", True),
        ("/a/d", "/a/**/d", True),
        ("/a/b", "/a/**/d", False),
        ("/tmpfile", "/tmp*", True),
        ("/tmp-evil/x", "/tmp/**", False),
        ("/a\nb", "/a?b", True),
        ("/", "/", True),
        ("/x", "/", False),
        ("/", "/**", False),
        ("/etc/x", "/tmp/../etc/x", True),
        ("/caf\udce9", "/caf?", True),
    ],
)
def test_matches_whole_paths(path: str, pattern: str, fits: object) -> None:
    assert matches(path, pattern) is fits


@pytest.mark.parametrize(
    ("path", "pattern"),
    [("/a/b.js", "/a/b.js"), ("/a/[id].js", "/a/[[]id].js"), ("/a*/?", "/a[*]/[?]"), ("/a/**", "/a/[*][*]")],
)
def test_a_quoted_path_is_a_pattern_for_nothing_else(path: str, pattern: str) -> None:
    assert quoted(path) == pattern
    assert unquoted(pattern) == path
    assert matches(path, pattern)
    assert unquoted("/a/*") is None
    assert unquoted("/a/[*") is None


@pytest.mark.parametrize(
    ("pattern", "least", "most"),
    [
        ("/d/*q*", 200, 1_100),
        ("/d/[0-9]*q", 1_000, 1_300),
        ("/d/n7*", 100, 200),
        ("/d/*7", 300, 600),
        ("/**/q", 200, 600),
    ],
)
def test_a_pattern_costs_by_the_names_that_it_looks_through(pattern: str, least: int, most: int) -> None:
    tree = tree_of(*(f"/d/n{number}" for number in range(1_000)))
    assert least <= looked_through(tree, pattern) <= most
    four = tree_of(*(f"/d/n{number}" for number in range(4_000)))
    assert looked_through(four, pattern) <= 5 * looked_through(tree, pattern)


def test_what_spending_raises_ends_the_search() -> None:
    class EnoughError(Exception):
        pass

    def spend(_: int) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        glob(tree_of("/d/a"), "/d/*", spend=spend)


@pytest.mark.parametrize(
    "part", ["a*", "a?c", "*b*", "[a-c]*", "a[bx]c", "*", "?", "??", "a", "[", "a[", "*[", ".*", "ab*c*"]
)
def test_names_are_those_of_fnmatch(part: str) -> None:
    names = ["a", "ab", "abc", "axc", "b", "cab", "[", "a[", "x[", ".a", "a.b", "abxc", "é", "ab\nc"]
    expected = sorted(f"/d/{name}" for name in names if fnmatchcase(name, part) and (part[0] == "." or name[0] != "."))
    assert list(glob(tree_of(*(f"/d/{name}" for name in names)), f"/d/{part}")) == expected
