"""rpm: all three forms of its database, names of files, needs, changed configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import rpm_files as rpm
from xraydiff.facts import ImageConfig
from xraydiff.inventory.packages import read_packages
from xraydiff.inventory.packages.rpm import header
from xraydiff.limits import Limits
from xraydiff.owners import find_owners
from xraydiff.paths import ImagePath
from xraydiff.tree import Tree

Make = Callable[..., Tree]

BASH = rpm.package(
    "bash",
    {"/bin/bash": 0o100755, "/usr/share/bash": 0o040755, "/etc/bashrc": 0o100644, "/usr/share/gone": 0o100644},
    EPOCH=[1],
    PROVIDENAME=["bash", "config(bash)"],
    REQUIRENAME=["libc.so.6()(64bit)", "config(bash)", "rpmlib(PayloadIsZstd)", "filesystem", "libc.so.6()(64bit)"],
)
GLIBC = rpm.package("glibc", {"/usr/lib64/libc.so.6": 0o100755}, PROVIDENAME=["libc.so.6()(64bit)"])
SCRIPT = rpm.package("script", REQUIRENAME=["/bin/bash"])
FILES = {"bin": "-> usr/bin", "usr/bin/bash": "b", "usr/share/bash/x": "", "etc/bashrc": "c", "usr/lib64/libc.so.6": ""}

FORMS = {
    "var/lib/rpm/rpmdb.sqlite": rpm.sqlite([BASH, GLIBC, SCRIPT]),
    "usr/lib/sysimage/rpm/Packages.db": rpm.ndb([BASH, GLIBC, SCRIPT]),
    "usr/share/rpm/Packages": rpm.bdb([BASH, GLIBC, SCRIPT]),
}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_every_form_says_the_same(make_tree: Make, form: str) -> None:
    packages, databases, problems = read_packages(make_tree({**FILES, form: FORMS[form]}))
    found = {package.name: package for package in packages}
    assert problems == ()
    assert databases == (f"/{form}",)
    assert list(found) == ["bash", "glibc", "script"]
    assert found["bash"].version == "1:1-2"
    assert found["bash"].architecture == "x86_64"
    assert found["bash"].files == {"/usr/bin/bash", "/etc/bashrc"}
    assert found["bash"].directories == {"/usr/share/bash"}
    assert found["bash"].depends == ("glibc", "filesystem")
    assert found["script"].depends == ("bash",)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("page", [512, 4096, 65536])
def test_both_byte_orders_and_values_in_line(make_tree: Make, order: str, page: int, inline: bool) -> None:
    blobs = [rpm.package("a"), rpm.package("b", None if inline else {f"/usr/f{i}": 0o100644 for i in range(900)})]
    content = rpm.bdb(blobs, order=order, page=page, inline=inline)
    packages, _, problems = read_packages(make_tree({"var/lib/rpm/Packages": content}))
    assert ([package.name for package in packages], problems) == (["a", "b"], ())


def test_a_header_with_its_magic_is_read_too() -> None:
    magic = b"\x8e\xad\xe8\x01\0\0\0\0"
    assert header.parse(magic + BASH, Limits()) == header.parse(BASH, Limits())


def test_names_of_old_headers_are_whole_paths(make_tree: Make) -> None:
    old = rpm.package("old", OLDFILENAMES=["/bin/bash", "/nowhere/x", "relative"])
    (package,), _, _ = read_packages(make_tree({**FILES, "var/lib/rpm/rpmdb.sqlite": rpm.sqlite([old])}))
    assert package.files == {"/usr/bin/bash"}


def test_a_link_in_the_place_of_a_directory_is_not_the_packages_file(make_tree: Make) -> None:
    one = rpm.package("filesystem", {"/bin": 0o040555, "/usr/bin": 0o040555, "/usr/share/bash/x": 0o040755})
    (package,), _, _ = read_packages(make_tree({**FILES, "var/lib/rpm/rpmdb.sqlite": rpm.sqlite([one])}))
    assert package.directories == {"/usr/bin"}
    assert package.files == frozenset()


@pytest.mark.parametrize(("algorithm", "number"), [("md5", None), ("sha256", 8)])
def test_changed_configuration_is_known_by_its_digest(make_tree: Make, algorithm: str, number: int | None) -> None:
    digest = hashlib.new(algorithm, b"as shipped").hexdigest()
    files = {"/etc/a": 0o100644, "/etc/b": 0o100644, "/etc/c": 0o100644, "/etc/d": 0o100644}
    more: dict[str, rpm.Value] = {"FILEDIGESTALGO": number} if number else {}
    one = rpm.package("x", files, FILEFLAGS=[1, 17, 0, 65], FILEDIGESTS=[digest] * 4, **more)
    contents = {"etc/a": "as shipped", "etc/b": "as wanted", "etc/c": "no config", "etc/d": "made by scripts"}
    tree = make_tree({**contents, "var/lib/rpm/Packages.db": rpm.ndb([one])})
    (package,), _, _ = read_packages(tree)
    assert package.changed == {"/etc/b"}
    owners = find_owners(tree, (package,), ImageConfig())
    kinds = [owners.owner(ImagePath(f"/etc/{name}")).kind.value for name in "abcd"]
    assert kinds == ["os-package", "application", "os-package", "os-package"]


def test_two_versions_of_one_package_are_two(make_tree: Make) -> None:
    kernels = [rpm.package("kernel", VERSION=version) for version in ("5", "6")]
    packages, _, _ = read_packages(make_tree({"var/lib/rpm/rpmdb.sqlite": rpm.sqlite(kernels)}))
    assert [package.version for package in packages] == ["5-2", "6-2"]


def test_the_newest_form_of_a_folder_counts_and_the_other_is_named(make_tree: Make) -> None:
    tree = make_tree(
        {"var/lib/rpm/rpmdb.sqlite": rpm.sqlite([BASH]), "var/lib/rpm/Packages": rpm.bdb([rpm.package("stale")])}
    )
    packages, databases, problems = read_packages(tree)
    assert [package.name for package in packages] == ["bash"]
    assert databases == ("/var/lib/rpm/Packages", "/var/lib/rpm/rpmdb.sqlite")
    assert [(problem.path, problem.code) for problem in problems] == [("/var/lib/rpm/Packages", "rpmdb-ignored")]


def test_a_folder_that_two_names_reach_is_read_once(make_tree: Make) -> None:
    tree = make_tree(
        {"usr/lib/sysimage/rpm/Packages.db": rpm.ndb([BASH]), "var/lib/rpm": "-> ../../usr/lib/sysimage/rpm"}
    )
    packages, databases, problems = read_packages(tree)
    assert ([package.name for package in packages], problems) == (["bash"], ())
    assert databases == ("/usr/lib/sysimage/rpm/Packages.db",)


def test_rows_of_the_write_ahead_log_count(make_tree: Make, tmp_path: Path) -> None:
    database, log = rpm.sqlite_with_log(tmp_path, [BASH], [GLIBC, SCRIPT])
    entries = {"var/lib/rpm/rpmdb.sqlite": database, "var/lib/rpm/rpmdb.sqlite-wal": log}
    packages, _, problems = read_packages(make_tree(entries))
    assert ([package.name for package in packages], problems) == (["bash", "glibc", "script"], ())


def test_owners_go_by_lists_that_were_read_and_by_places_where_they_were_not(make_tree: Make) -> None:
    entries = {**FILES, "usr/bin/mine": "m"}
    read = make_tree({**entries, "var/lib/rpm/rpmdb.sqlite": rpm.sqlite([BASH])})
    unread = make_tree({**entries, "var/lib/rpm/rpmdb.sqlite": "nonsense"})
    kinds = []
    for tree in (read, unread):
        packages, _, _ = read_packages(tree)
        owners = find_owners(tree, packages, ImageConfig())
        kinds.append([owners.owner(ImagePath(path)).kind.value for path in ("/usr/bin/bash", "/usr/bin/mine")])
    assert kinds == [["os-package", "application"], ["os-package", "os-package"]]


def test_slices_of_ubuntu_are_named_and_not_read(make_tree: Make) -> None:
    _, databases, problems = read_packages(make_tree({"var/lib/chisel/manifest.wall": "x"}))
    assert databases == ("/var/lib/chisel",)
    assert [problem.code for problem in problems] == ["package-database-unreadable"]
