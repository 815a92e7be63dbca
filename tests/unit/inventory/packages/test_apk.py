"""apk: files under their folders, links, names that packages provide, changed configuration."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from xraydiff.inventory.packages import read_packages
from xraydiff.tree import Tree

Make = Callable[..., Tree]

MUSL = "C:Q1x=\nP:musl\nV:1.2\nA:x86_64\np:so:libc.musl-x86_64.so.1=1\nF:lib\nR:ld-musl.so.1\na:0:0:755\nZ:Q1y=\n\n"


def test_files_stand_below_the_folder_before_them(make_tree: Make) -> None:
    depends = "D:so:libc.musl-x86_64.so.1 !old scripts>=1\n"
    busybox = f"P:busybox\nV:1.30-r1\n{depends}F:bin\nR:sh\nF:\nR:top\nF:var/empty\n\n"
    tree = make_tree(
        {
            "lib/apk/db/installed": MUSL + busybox,
            "lib/ld-musl.so.1": "m",
            "usr/bin/sh": "-> busybox",
            "bin": "-> usr/bin",
            "top": "t",
            "var/empty": None,
        }
    )
    packages, databases, problems = read_packages(tree)
    found = {package.name: package for package in packages}
    assert databases == ("/lib/apk/db/installed",)
    assert problems == ()
    assert found["musl"].files == {"/lib/ld-musl.so.1"}
    assert found["musl"].architecture == "x86_64"
    assert found["busybox"].files == {"/usr/bin/sh", "/top"}
    assert found["busybox"].directories == {"/var/empty"}
    assert found["busybox"].depends == ("musl", "scripts")


def test_changed_configuration_is_known_by_its_checksum(make_tree: Make) -> None:
    checksum = base64.b64encode(hashlib.sha1(b"as shipped", usedforsecurity=False).digest()).decode()
    entry = f"P:x\nV:1\nF:etc/x\nR:a.conf\nZ:Q1{checksum}\nR:b.conf\nZ:Q1{checksum}\nR:c.conf\nZ:Q1!!\n"
    tree = make_tree(
        {
            "usr/lib/apk/db/installed": entry,
            "etc/x/a.conf": "as shipped",
            "etc/x/b.conf": "as wanted",
            "etc/x/c.conf": "no checksum",
        }
    )
    (package,), _, _ = read_packages(tree)
    assert package.changed == {"/etc/x/b.conf"}


def test_bad_lines_are_problems_and_the_others_are_read(make_tree: Make) -> None:
    text = "this is a corrupt db\n\nP:a\nP:b\nV:1\nx\n\nV:1\n\nP:novers\n\nP:ok\nV:1\n"
    packages, _, problems = read_packages(make_tree({"lib/apk/db/installed": text}))
    assert [package.name for package in packages] == ["a", "novers", "ok"]
    assert {problem.code for problem in problems} == {"bad-apk-entry"}
    assert len(problems) == 5
