"""Package databases that were made to hide, to stall or to crash, and real odd ones with known truths."""

from __future__ import annotations

import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.patience import SLOW
from xraydiff.facts import ImageConfig, Package, Problem
from xraydiff.inventory.packages import read_packages
from xraydiff.limits import Limits
from xraydiff.owners import find_owners
from xraydiff.paths import ImagePath
from xraydiff.testing import ImageBuilder
from xraydiff.tree import Tree

Entries = Mapping[str, bytes]
LINK = b"-> "


def tree_of(entries: Entries) -> Tree:
    """A tree of one layer; content that starts with an arrow is a link's target."""
    image = ImageBuilder().layer()
    for name, content in entries.items():
        if content.startswith(LINK):
            image.symlink(name, content.removeprefix(LINK).decode())
        else:
            image.file(name, content)
    return image.tree()


def read(entries: Entries, limits: Limits | None = None) -> tuple[list[Package], tuple[Problem, ...]]:
    packages, _, problems = read_packages(tree_of(entries), limits=limits or Limits())
    return list(packages), problems


def dpkg(status: bytes) -> Entries:
    return {"var/lib/dpkg/status": status}


def codes(problems: tuple[Problem, ...]) -> set[str]:
    return {problem.code for problem in problems}


def stanza(name: str) -> bytes:
    return f"Package: {name}\nStatus: install ok installed\nMaintainer: m\nArchitecture: all\nVersion: 1\n\n".encode()


@pytest.fixture(scope="session")
def status_d(corpus: Path) -> dict[str, bytes]:
    bundle = corpus / "anchore+syft/syft/pkg/cataloger/debian/testdata/var/lib/dpkg/status.d.bundle.tar"
    found: dict[str, bytes] = {}
    with tarfile.open(bundle) as archive:
        for member in archive:
            stream = archive.extractfile(member)
            if stream is not None:
                found[member.name.rpartition("/")[2]] = stream.read()
    return found


def test_dpkg_texlive(corpus: Path) -> None:
    packages, problems = read(dpkg((corpus / "quay+claircore/dpkg/testdata/texlive.status").read_bytes()))
    assert len(packages) == 357
    assert {package.status for package in packages} == {"installed"}
    assert problems == ()


def test_dpkg_vcpkg(corpus: Path) -> None:
    tree = tree_of(dpkg((corpus / "quay+claircore/dpkg/testdata/vcpkg.status").read_bytes()))
    packages, databases, problems = read_packages(tree)
    assert (packages, databases) == ((), ())
    assert codes(problems) == {"not-a-dpkg-database"}


@pytest.mark.parametrize(
    ("name", "expected", "bad"),
    [
        ("deinstall", ["linux-image-6.14.0-1012-aws"], 0),
        ("single", ["apt"], 0),
        ("installed-size-4KB", ["apt"], 0),
        ("multiple", ["tzdata", "util-linux"], 2),
        ("corrupt", [], 2),
        ("empty", [], 1),
        (
            "doc-examples",
            ["made-up-package-1", "made-up-package-2", "made-up-package-3", "made-up-package-4", "mutt"],
            11,
        ),
    ],
)
def test_dpkg_bundle(status_d: dict[str, bytes], name: str, expected: list[str], bad: int) -> None:
    packages, problems = read({f"var/lib/dpkg/status.d/{name}": status_d[name]})
    assert [package.name for package in packages] == expected
    assert codes(problems) <= {"bad-dpkg-entry"}
    assert len(problems) == bad


def test_dpkg_coreutils_relationships(status_d: dict[str, bytes]) -> None:
    packages, problems = read({"var/lib/dpkg/status.d/x": status_d["coreutils-relationships"]})
    assert len(packages) == 9
    assert problems == ()
    depends = {package.name: package.depends for package in packages}
    assert {name for name in depends["coreutils"] if name in depends} == {
        "libacl1",
        "libattr1",
        "libc6",
        "libgmp10",
        "libselinux1",
    }


def test_dpkg_not_installed_and_half_installed() -> None:
    states = {"a": "purge ok not-installed", "b": "install reinstreq half-installed", "c": "install ok unpacked"}
    text = "".join(f"Package: {name}\nStatus: {state}\nVersion: 1\n\n" for name, state in states.items())
    packages, _ = read(dpkg(text.encode()))
    assert [(package.name, package.status) for package in packages] == [("b", "half-installed"), ("c", "unpacked")]


def test_dpkg_statusd_distroless() -> None:
    text = b"Package: tzdata\nVersion: 1\nArchitecture: all\nMaintainer: m\n"
    packages, problems = read(
        {"var/lib/dpkg/status.d/tzdata": text, "var/lib/dpkg/status.d/tzdata.md5sums": b"0" * 32 + b"  usr/share/x\n"}
    )
    assert [package.name for package in packages] == ["tzdata"]
    assert problems == ()


@pytest.mark.parametrize(
    "bad",
    [
        b"Package: bad\nStatus: install ok installed\nVersion: 1\nno colon here\n\n",
        b"Package: bad\nPackage: worse\nStatus: install ok installed\nVersion: 1\n\n",
        b"Package: bad\nStatus: install ok installed\nVersion: 1\nDescription: " + b"x" * 10_000_000 + b"\n\n",
        b"Package: b\0ad\nStatus: install ok installed\nVersion: 1\n\n",
        b"\0" * 4_096 + b"\n\n",
        b"Package: ../../etc/passwd\nStatus: install ok installed\nVersion: 1\n\n",
        b"Package: bad\nStatus: installed\nVersion: 1\n\n",
        b"Package: bad\nStatus: install ok installed\n\n",
        b"\xff\xfe\xfd: x\n\n",
    ],
    ids=["corrupt", "dup_key", "10mb_line", "nul", "nul_block", "name_with_slash", "status", "no_version", "not_utf8"],
)
def test_dpkg_bad_entry_leaves_the_others(bad: bytes) -> None:
    packages, problems = read(dpkg(stanza("first") + bad + stanza("last")))
    assert {"first", "last"} <= {package.name for package in packages}
    assert codes(problems) == {"bad-dpkg-entry"}
    assert all(problem.offset == len(stanza("first")) for problem in problems)


def test_dpkg_long_line_within_the_limit_is_read() -> None:
    long = b"Package: x\nStatus: install ok installed\nVersion: 1\nDepends: " + b"y, " * 300_000 + b"z\n\n"
    packages, problems = read(dpkg(long))
    assert packages[0].depends == ("y", "z")
    assert problems == ()


@pytest.mark.parametrize(
    ("path", "count", "bad"),
    [
        ("google+osv-scalibr/extractor/filesystem/os/apk/testdata/installed", 15, False),
        ("anchore+syft/syft/pkg/cataloger/alpine/testdata/multiple-2/lib/apk/db/installed", 14, False),
        ("anchore+syft/syft/pkg/cataloger/alpine/testdata/corrupt/lib/apk/db/installed", 1, True),
    ],
    ids=["apk_installed", "apk_multiple2", "apk_corrupt"],
)
def test_apk_counts(corpus: Path, path: str, count: int, bad: bool) -> None:
    packages, problems = read({"lib/apk/db/installed": (corpus / path).read_bytes()})
    assert len(packages) == count
    assert codes(problems) == ({"bad-apk-entry"} if bad else set())


def test_apk_of_a_real_image(corpus: Path) -> None:
    with tarfile.open(corpus / "aquasecurity+trivy/pkg/fanal/test/testdata/alpine-310.tar.gz") as image:
        layer = image.extractfile(next(name for name in image.getnames() if name.endswith("layer.tar")))
        with tarfile.open(fileobj=layer) as files:
            stream = files.extractfile("lib/apk/db/installed")
            assert stream is not None
            packages, problems = read({"lib/apk/db/installed": stream.read()})
    versions = {package.name: package.version for package in packages}
    assert len(packages) == 14
    assert (versions["alpine-baselayout"], versions["zlib"]) == ("3.1.2-r0", "1.2.11-r1")
    assert problems == ()


@pytest.mark.parametrize("line", [b"P", b":", b"", b"\0", b"P:", b"R:", b"Z:Q1", b"F", b"\xff\xff"])
def test_apk_short_line(line: bytes) -> None:
    packages, _ = read({"lib/apk/db/installed": line + b"\n\nP:ok\nV:1\n" + line + b"\n"})
    assert [package.name for package in packages] == ["ok"]


def test_pkg_db_symlinked_out() -> None:
    packages, problems = read({"var/lib/dpkg/status": b"-> /../../etc/passwd", "lib/apk/db/installed": b"-> installed"})
    assert (packages, problems) == ([], ())


def test_pkg_list_names_leave_the_image_nowhere() -> None:
    names = b"/../../../etc/passwd\n/usr/../../x\nrelative/y\n//\n/..\n\n/a\0b\n"
    packages, _ = read({**dpkg(stanza("x")), "var/lib/dpkg/info/x.list": names, "etc/passwd": b"", "x": b""})
    assert packages[0].files <= {"/etc/passwd", "/x"}


def test_pkg_db_deleted_in_slim() -> None:
    original = read_packages(tree_of(dpkg(stanza("x"))))
    slim = read_packages(tree_of({"usr/bin/x": b""}))
    assert original[1] == ("/var/lib/dpkg/status",)
    assert slim == ((), (), ())


def test_pkg_rpm_is_never_a_silent_zero() -> None:
    for name in ("var/lib/rpm/Packages", "var/lib/rpm/Packages.db", "usr/lib/sysimage/rpm/rpmdb.sqlite"):
        assert codes(read({name: b"\0" * 100})[1]) == {"bad-rpmdb"}


def test_many_bad_entries_are_counted_and_not_kept() -> None:
    _, problems = read(dpkg(b"nonsense\n\n" * 50_000), Limits(problems=10))
    assert len(problems) == 11
    assert any(problem.message == "99990 more problems of this kind" for problem in problems)


def test_one_list_for_many_packages_is_read_once() -> None:
    status = b"".join(
        f"Package: x\nStatus: install ok installed\nVersion: 1\nArchitecture: a{i}\n\n".encode() for i in range(20_000)
    )
    start = time.process_time()
    packages, _ = read({**dpkg(status), "var/lib/dpkg/info/x.list": b"/a\n" * 100_000, "a": b""})
    assert time.process_time() - start < 5 * SLOW
    assert sum(len(package.files) for package in packages) == 1


def test_one_file_that_many_conffiles_name_is_hashed_once() -> None:
    conffiles = b"".join(b" /etc/x %032x\n" % i for i in range(20_000))
    status = b"Package: x\nStatus: install ok installed\nVersion: 1\nConffiles:\n" + conffiles
    start = time.process_time()
    packages, _ = read({**dpkg(status), "var/lib/dpkg/info/x.list": b"/etc/x\n", "etc/x": b"y" * 1_000_000})
    assert time.process_time() - start < 5 * SLOW
    assert packages[0].changed == {"/etc/x"}


def test_one_module_that_many_distributions_claim_is_listed_once() -> None:
    entries = {f"site-packages/m/{i}.py": b"" for i in range(2_000)} | {"site-packages/m/__init__.py": b""}
    for i in range(2_000):
        entries[f"site-packages/d{i}.dist-info/METADATA"] = b"Name: d\nVersion: 1\n"
        entries[f"site-packages/d{i}.dist-info/top_level.txt"] = b"m\n" * 50
    packages, _ = read(entries)
    assert sum(len(package.files) for package in packages) == 2_001 + 2 * 2_000


@pytest.mark.parametrize("text", [b"[" * 200_000, b"{", b"", b"\xff", b'{"packages": 7}', b"9" * 10_000], ids=range(6))
def test_json_records_of_every_kind_are_survived(text: bytes) -> None:
    entries = {
        "node_modules/a/package.json": text,
        "vendor/composer/installed.json": text,
        "site-packages/x-1.dist-info/METADATA": b"Name: x\nVersion: 1\n",
        "site-packages/x-1.dist-info/direct_url.json": text,
        "site-packages/x-1.dist-info/RECORD": b'"' + text,
    }
    packages, problems = read(entries)
    assert {package.name for package in packages} >= {"a", "x"}
    assert not any(problem.fatal for problem in problems)


def test_many_files_of_nobody_do_not_search_the_maintainer_scripts_each() -> None:
    entries = {**{f"srv/{i % 50}/{i}": b"" for i in range(20_000)}, **dpkg(stanza("x"))}
    entries["var/lib/dpkg/info/x.list"] = b"/.\n/usr\n"
    entries["var/lib/dpkg/info/x.postinst"] = b"/srv/1/x /srv/2/y " * 100_000
    tree = tree_of(entries)
    packages, _, _ = read_packages(tree)
    start = time.process_time()
    owners = find_owners(tree, packages, ImageConfig())
    assert {owners.owner(path).kind.value for path in tree.below(ImagePath("/srv"))} == {"application"}
    assert time.process_time() - start < 5 * SLOW


def test_an_entrypoint_of_a_million_words_is_read_in_part() -> None:
    script = b"#!/bin/sh\n" + b"\n".join(b"exec a%d b%d c:d" % (i, i) for i in range(100_000))
    tree = tree_of({"start": script})
    start = time.process_time()
    find_owners(tree, (), ImageConfig(cmd=("/start",), env=("PATH=" + ":".join(f"/{i}" for i in range(100)),)))
    assert time.process_time() - start < 5 * SLOW


def test_owners_of_a_deep_tree_of_node_modules() -> None:
    entries = {"node_modules/a/" * depth + "package.json": b"{}" for depth in range(1, 240)}
    tree = tree_of(entries)
    packages, _, _ = read_packages(tree)
    owners = find_owners(tree, packages, ImageConfig())
    assert len(packages) == 239
    assert {owners.owner(path).kind.value for path in tree.files if path.endswith(".json")} == {"language-package"}
