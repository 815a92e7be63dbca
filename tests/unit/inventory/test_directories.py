"""Headers, homes and temporary directories."""

from __future__ import annotations

from xraydiff.facts import ImageConfig, User
from xraydiff.inventory.directories import find_headers, find_homes, find_temporary
from xraydiff.testing import ImageBuilder


def a_user(home: str) -> User:
    return User(name="u", uid=1, gid=1, home=home, shell="")


def test_outermost_header_directories() -> None:
    tree = (
        ImageBuilder()
        .file("/usr/include/stdio.h")
        .file("/usr/include/sys/types.h")
        .file("/usr/include-more/x.hpp")
        .file("/usr/local/include/deep/only.h")
        .directory("/opt/not.h")
        .file("/opt/readme.html")
        .tree()
    )
    assert find_headers(tree) == ("/usr/include", "/usr/include-more", "/usr/local/include/deep")


def test_headers_in_the_root() -> None:
    assert find_headers(ImageBuilder().file("/a.h").file("/b/c.h").tree()) == ("/",)


def test_homes_that_exist_and_are_homes() -> None:
    tree = ImageBuilder().directory("/root").directory("/bin").directory("/data/app").symlink("/home/l", "/root").tree()
    users = [a_user(home) for home in ("/root/", "/bin", "/", "/gone", "/data//app", "/home/l", "relative")]
    assert find_homes(tree, users) == ("/data/app", "/home/l", "/root")


def test_temporary_directories() -> None:
    tree = ImageBuilder().directory("/tmp").symlink("/var/run", "/run").directory("/run").directory("/scratch").tree()
    config = ImageConfig(env=("TMPDIR=/scratch/", "TEMP=relative", "TMP=/gone"))
    assert find_temporary(tree, config) == ("/run", "/scratch", "/tmp", "/var/run")
