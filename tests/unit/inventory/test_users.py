"""passwd(5), group(5) and shells(5), whole and broken."""

from __future__ import annotations

import pytest

from xraydiff.facts import Group, Problem, Scope, User
from xraydiff.inventory.users import read_shells, read_users
from xraydiff.limits import Limits
from xraydiff.testing import ImageBuilder


def test_users_and_groups() -> None:
    tree = (
        ImageBuilder()
        .file("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n\n# comment\n+::::::\napp:x:4294967295:10::/app:\n")
        .file("/etc/group", "root:x:0:\nwheel:*:10:app,root,\n")
        .tree()
    )
    users, groups, problems = read_users(tree)
    assert users == (
        User(name="app", uid=4294967295, gid=10, home="/app", shell=""),
        User(name="root", uid=0, gid=0, home="/root", shell="/bin/bash"),  # noqa: S604  a field, and nothing is run
    )
    assert groups == (Group(name="root", gid=0), Group(name="wheel", gid=10, members=("app", "root")))
    assert problems == ()


@pytest.mark.parametrize(
    "line",
    [
        "root:x:0:0:root:/root",
        "root:x:0:0:root:/root:/bin/sh:",
        ":x:0:0::/:/bin/sh",
        "a:x:-1:0::/:/bin/sh",
        "a:x:1_0:0::/:/bin/sh",
        "a:x:\u0663:0::/:/bin/sh",
        "a:x:4294967296:0::/:/bin/sh",
        "a:x:" + "9" * 5000 + ":0::/:/bin/sh",
        "nonsense",
    ],
)
def test_a_bad_line_is_a_problem_and_the_others_count(line: str) -> None:
    tree = ImageBuilder().file("/etc/passwd", f"a:x:1:1::/:\n{line}\nb:x:2:2::/:\n").tree()
    users, _, problems = read_users(tree)
    assert [user.name for user in users] == ["a", "b"]
    (problem,) = problems
    assert (problem.path, problem.code, problem.scope, problem.offset) == (
        "/etc/passwd",
        "user-database-line",
        Scope.ANALYSIS,
        12,
    )
    assert not problem.fatal


def test_links_are_followed_inside_the_image_and_names_may_be_any_bytes() -> None:
    tree = ImageBuilder().symlink("/etc/passwd", "../../../usr/p").file("/usr/p", b"\xff\xfe:x:1:1::/:/bin/sh\n").tree()
    users, _, _ = read_users(tree)
    assert [user.name for user in users] == ["\udcff\udcfe"]


def test_bounds() -> None:
    limits = Limits(passwd=100, text_line=30, users=2, problems=2)
    big = ImageBuilder().file("/etc/passwd", "x" * 101).tree()
    assert [(p.code, p.fatal, p.scope) for p in read_users(big, limits=limits)[2]] == [
        ("limit-exceeded", True, Scope.READING)
    ]
    long = ImageBuilder().file("/etc/passwd", "a:x:1:1::/:\n" + "y" * 31 + "\n").tree()
    users, _, problems = read_users(long, limits=limits)
    assert len(users) == 1
    assert [p.message for p in problems] == ["longer than 30 bytes"]
    many = ImageBuilder().file("/etc/passwd", "".join(f"u{n}:x:{n}:1::/:\n" for n in range(4))).tree()
    assert [p.message for p in read_users(many, limits=limits)[2]] == ["more than 2 entries"]
    bad = ImageBuilder().file("/etc/group", "x\n" * 9).tree()
    assert len(read_users(bad, limits=limits)[2]) == 3


def test_absent_files_and_directories_in_their_place_are_no_problem() -> None:
    assert read_users(ImageBuilder().directory("/etc/passwd").tree()) == ((), (), ())


def test_shells() -> None:
    tree = ImageBuilder().file("/etc/shells", "# /etc/shells\n/bin/sh\n/bin/zsh \r\nrelative\n\n").tree()
    assert read_shells(tree) == (("/bin/sh", "/bin/zsh"), ())
    problems: tuple[Problem, ...] = read_shells(tree, limits=Limits(passwd=5))[1]
    assert [problem.code for problem in problems] == ["limit-exceeded"]
