"""dpkg: third word of Status, file lists through links, diversions, conffiles, status.d, odd stanzas."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from xraydiff.facts import Package, Problem
from xraydiff.inventory.packages import read_packages
from xraydiff.limits import Limits
from xraydiff.tree import Tree

Make = Callable[..., Tree]


def stanza(name: str, status: str | None = "install ok installed", *, arch: str = "amd64", more: str = "") -> str:
    line = f"Status: {status}\n" if status else ""
    return f"Package: {name}\n{line}Maintainer: M <m@example.org>\nArchitecture: {arch}\nVersion: 1.0-1\n{more}\n"


def read(tree: Tree, limits: Limits | None = None) -> tuple[dict[str, Package], tuple[Problem, ...]]:
    packages, _, problems = read_packages(tree, limits=limits or Limits())
    return {package.name: package for package in packages}, problems


def dpkg(status: str, lists: Mapping[str, str] | None = None) -> dict[str, str]:
    names = {f"var/lib/dpkg/info/{name}": text for name, text in (lists or {}).items()}
    return {"var/lib/dpkg/status": status, **names}


def test_the_third_word_of_status_decides(make_tree: Make) -> None:
    status = "".join(
        stanza(name, f"{want} ok {state}")
        for name, want, state in (
            ("here", "install", "installed"),
            ("gone", "deinstall", "config-files"),
            ("never", "install", "not-installed"),
            ("half", "install", "half-installed"),
            ("held", "hold", "installed"),
        )
    )
    packages, problems = read(make_tree(dpkg(status)))
    assert {name: package.status for name, package in packages.items()} == {
        "here": "installed",
        "half": "half-installed",
        "held": "installed",
    }
    assert problems == ()


def test_file_lists_are_read_through_the_links_of_the_image(make_tree: Make) -> None:
    tree = make_tree(
        {
            "usr/bin/ls": "ls",
            "bin": "-> usr/bin",
            "usr/lib/libx.so.1": "-> libx.so.1.0",
            "usr/lib/libx.so.1.0": "x",
            **dpkg(stanza("coreutils"), {"coreutils.list": "/.\n/bin\n/bin/ls\n/lib/none\n/usr/lib/libx.so.1\n"}),
        }
    )
    packages, _ = read(tree)
    assert packages["coreutils"].files == {"/bin", "/usr/bin/ls", "/usr/lib/libx.so.1"}


def test_directories_stand_apart(make_tree: Make) -> None:
    tree = make_tree({"var/lib/redis": None, **dpkg(stanza("redis"), {"redis.list": "/.\n/var\n/var/lib/redis\n"})})
    package = read(tree)[0]["redis"]
    assert package.files == set()
    assert package.directories == {"/var", "/var/lib/redis"}


def test_a_multi_arch_package_has_a_list_of_its_own(make_tree: Make) -> None:
    status = stanza("libc6") + stanza("libc6", arch="i386")
    lists = {"libc6:amd64.list": "/lib64/a\n", "libc6:i386.list": "/lib/b\n"}
    packages, _, _ = read_packages(make_tree({"lib64/a": "", "lib/b": "", **dpkg(status, lists)}))
    assert {p.architecture: set(p.files) for p in packages} == {"amd64": {"/lib64/a"}, "i386": {"/lib/b"}}


def test_a_diverted_file_belongs_to_the_package_that_brought_it(make_tree: Make) -> None:
    tree = make_tree(
        {
            "usr/bin/sh": "dash",
            "usr/bin/sh.distrib": "bash",
            **dpkg(stanza("bash") + stanza("dash"), {"bash.list": "/usr/bin/sh\n", "dash.list": "/usr/bin/sh\n"}),
            "var/lib/dpkg/diversions": "/usr/bin/sh\n/usr/bin/sh.distrib\ndash\n",
        }
    )
    packages, _ = read(tree)
    assert packages["bash"].files == {"/usr/bin/sh.distrib"}
    assert packages["dash"].files == {"/usr/bin/sh"}


def test_a_changed_conffile_is_told_from_a_shipped_one(make_tree: Make) -> None:
    digest = hashlib.md5(b"shipped", usedforsecurity=False).hexdigest()
    more = f"Conffiles:\n /etc/n/a.conf {digest}\n /etc/n/b.conf {digest}\n /etc/n/c.conf {digest} obsolete\n"
    files = {"etc/n/a.conf": "shipped", "etc/n/b.conf": "mine", "etc/n/c.conf": "mine"}
    lists = {"n.list": "/etc/n/a.conf\n/etc/n/b.conf\n"}
    package = read(make_tree({**files, **dpkg(stanza("n", more=more), lists)}))[0]["n"]
    assert package.changed == {"/etc/n/b.conf"}


def test_names_of_dependencies(make_tree: Make) -> None:
    more = "Pre-Depends: libc6 (>= 2.36)\nDepends: perl:any | awk,\n adduser [linux-any], libc6\n"
    assert read(make_tree(dpkg(stanza("x", more=more))))[0]["x"].depends == ("libc6", "perl", "awk", "adduser")


def test_distroless_status_d_has_checksums_for_lists(make_tree: Make) -> None:
    tree = make_tree(
        {
            "var/lib/dpkg/status.d/base": stanza("base-files", None),
            "var/lib/dpkg/status.d/base.md5sums": f"{'0' * 32}  etc/os-release\n",
            "etc/os-release": "x",
        }
    )
    packages, problems = read(tree)
    assert packages["base-files"].files == {"/etc/os-release"}
    assert packages["base-files"].status == "installed"
    assert set(packages) == {"base-files"}
    assert problems == ()


def test_a_database_below_usr_lib_and_a_link_to_it_count_once(make_tree: Make) -> None:
    tree = make_tree({"usr/lib/dpkg/status": stanza("x"), "var/lib/dpkg": "-> ../../usr/lib/dpkg"})
    packages, databases, _ = read_packages(tree)
    assert [package.name for package in packages] == ["x"]
    assert databases == ("/usr/lib/dpkg/status",)


def test_opkg_writes_modes_into_its_lists(make_tree: Make) -> None:
    tree = make_tree(
        {
            "usr/bin/x": "",
            "usr/lib/opkg/status": "Package: x\nVersion: 1\nStatus: install user installed\nArchitecture: all\n",
            "usr/lib/opkg/info/x.list": "/usr/bin/x\t0100755\n",
        }
    )
    package = read(tree)[0]["x"]
    assert package.ecosystem == "opkg"
    assert package.files == {"/usr/bin/x"}


def test_a_bad_stanza_is_a_problem_and_the_others_are_read(make_tree: Make) -> None:
    bad = "Package: a\nStatus: install ok installed\nnot a field\nVersion: 1\n\n"
    twice = "Package: b\nPackage: c\nStatus: install ok installed\nVersion: 1\n\n"
    nameless = "Status: install ok installed\nVersion: 1\n\n"
    packages, problems = read(make_tree(dpkg(bad + twice + nameless + stanza("ok"))))
    assert set(packages) == {"a", "b", "ok"}
    assert [(problem.code, problem.offset) for problem in problems] == [
        ("bad-dpkg-entry", 0),
        ("bad-dpkg-entry", len(bad)),
        ("bad-dpkg-entry", len(bad + twice)),
    ]
    assert not any(problem.fatal for problem in problems)


def test_a_database_beyond_the_limit_means_that_the_image_was_not_read_whole(make_tree: Make) -> None:
    packages, problems = read(make_tree(dpkg(stanza("x"))), Limits(package_database=10))
    assert packages == {}
    assert [(problem.code, problem.scope.value, problem.fatal) for problem in problems] == [
        ("dpkg-unreadable", "reading", True)
    ]


def test_more_packages_than_the_limit_are_never_silent(make_tree: Make) -> None:
    packages, problems = read(make_tree(dpkg(stanza("a") + stanza("b"))), Limits(packages=1))
    assert set(packages) == {"a"}
    assert [problem.fatal for problem in problems] == [True]


def test_an_empty_status_file_is_a_database_without_packages(make_tree: Make) -> None:
    assert read_packages(make_tree(dpkg(""))) == ((), ("/var/lib/dpkg/status",), ())
