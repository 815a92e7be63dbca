"""Runtimes of every language, as distributions and official images lay them out."""

from __future__ import annotations

import time

import pytest

from tests.patience import SLOW
from xraydiff.inventory.runtimes import read_runtimes
from xraydiff.testing import ImageBuilder

NODE = "#define NODE_MAJOR_VERSION 20\n#define NODE_MINOR_VERSION 11\n#define NODE_PATCH_VERSION 1\n"
LIBC = b"\x7fELF" + bytes(5000) + b"GNU C Library (Debian GLIBC 2.36-9+deb12u4) stable release version 2.36.\n"


def built(*files: tuple[str, str | bytes], links: tuple[tuple[str, str], ...] = ()) -> list[tuple[str, str, str]]:
    image = ImageBuilder()
    for path, content in files:
        image.file(path, content, mode=0o755)
    for path, target in links:
        image.symlink(path, target)
    return [(one.language, one.path, one.version) for one in read_runtimes(image.tree())]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([("/usr/bin/python3.11", "")], ("python", "/usr/bin/python3.11", "3.11")),
        (
            [
                ("/usr/local/bin/python3.12", ""),
                ("/usr/local/lib/python3.12/os.py", ""),
                ("/usr/local/lib/libpython3.12.so.1.0", ""),
                ("/usr/local/include/python3.12/patchlevel.h", '/* */\n#define PY_VERSION              "3.12.4"\n'),
            ],
            ("python", "/usr/local/bin/python3.12", "3.12.4"),
        ),
        (
            [("/opt/py/bin/python3", ""), ("/opt/py/lib/python3.10/os.py", "")],
            ("python", "/opt/py/bin/python3", "3.10"),
        ),
        ([("/usr/lib/python3.9/os.py", "")], ("python", "/usr/lib/python3.9/os.py", "3.9")),
        ([("/usr/lib/libpython3.8.so.1.0", "")], ("python", "/usr/lib/libpython3.8.so.1.0", "3.8")),
        (
            [("/usr/local/bin/node", ""), ("/usr/local/include/node/node_version.h", NODE)],
            ("node", "/usr/local/bin/node", "20.11.1"),
        ),
        (
            [("/usr/local/bin/ruby", ""), ("/usr/local/lib/libruby.so.3.2.2", "")],
            ("ruby", "/usr/local/bin/ruby", "3.2.2"),
        ),
        (
            [("/usr/bin/ruby3.1", ""), ("/usr/lib/x86_64-linux-gnu/libruby-3.1.so.3.1.2", "")],
            ("ruby", "/usr/bin/ruby3.1", "3.1.2"),
        ),
        (
            [
                ("/usr/local/bin/php", ""),
                ("/usr/local/include/php/main/php_version.h", '#define PHP_VERSION "8.2.1"\n'),
            ],
            ("php", "/usr/local/bin/php", "8.2.1"),
        ),
        ([("/usr/bin/php83", "")], ("php", "/usr/bin/php83", "8.3")),
        ([("/usr/sbin/php-fpm8.2", "")], ("php", "/usr/sbin/php-fpm8.2", "8.2")),
        ([("/usr/bin/perl5.36.0", "")], ("perl", "/usr/bin/perl5.36.0", "5.36.0")),
        (
            [("/opt/java/bin/java", ""), ("/opt/java/release", 'OS="Linux"\nJAVA_VERSION="17.0.8"\n')],
            ("java", "/opt/java/bin/java", "17.0.8"),
        ),
        (
            [("/opt/jre/lib/server/libjvm.so", ""), ("/opt/jre/release", 'JAVA_VERSION="21"\n')],
            ("java", "/opt/jre/lib/server/libjvm.so", "21"),
        ),
        (
            [
                ("/usr/local/lib/erlang/erts-13.1/bin/beam.smp", ""),
                ("/usr/local/lib/erlang/releases/25/OTP_VERSION", "25.1.2\n"),
            ],
            ("erlang", "/usr/local/lib/erlang/erts-13.1/bin/beam.smp", "25.1.2"),
        ),
        ([("/app/erts-12.0/bin/beam.smp", "")], ("erlang", "/app/erts-12.0/bin/beam.smp", "erts-12.0")),
        (
            [
                ("/usr/share/dotnet/dotnet", ""),
                ("/usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1/System.dll", ""),
            ],
            ("dotnet", "/usr/share/dotnet/dotnet", "8.0.1"),
        ),
        (
            [("/usr/local/go/bin/go", ""), ("/usr/local/go/VERSION", "go1.22.1\n"), ("/usr/local/go/src/x.go", "")],
            ("go", "/usr/local/go/bin/go", "1.22.1"),
        ),
        (
            [("/lib64/ld-linux-x86-64.so.2", ""), ("/lib64/libc.so.6", LIBC)],
            ("glibc", "/lib64/ld-linux-x86-64.so.2", "2.36"),
        ),
        ([("/lib/ld-2.31.so", "")], ("glibc", "/lib/ld-2.31.so", "2.31")),
        ([("/lib/ld-musl-aarch64.so.1", "")], ("musl", "/lib/ld-musl-aarch64.so.1", "")),
        ([("/bin/dash", "")], ("shell", "/bin/dash", "")),
    ],
)
def test_one_runtime(files: list[tuple[str, str | bytes]], expected: tuple[str, str, str]) -> None:
    assert built(*files) == [expected]


@pytest.mark.parametrize(
    "path",
    [
        "/usr/share/python3/x",
        "/usr/bin/python3-config",
        "/usr/lib/node_modules/node/index.js",
        "/srv/go",
        "/app/bin/go",
        "/app/dotnet",
        "/app/python3/os.py",
        "/usr/share/java/java",
        "/home/x/beam.smp",
    ],
)
def test_what_only_has_such_a_name(path: str) -> None:
    assert built((path, "")) == []


def test_a_file_that_nobody_may_execute_is_no_program() -> None:
    assert read_runtimes(ImageBuilder().file("/usr/bin/node", mode=0o644).tree()) == ()


def test_hard_links_are_one_runtime_with_the_longest_version() -> None:
    tree = ImageBuilder().file("/usr/bin/perl", mode=0o755).hardlink("/usr/bin/perl5.36.0", "/usr/bin/perl").tree()
    assert [(one.path, one.version) for one in read_runtimes(tree)] == [("/usr/bin/perl", "5.36.0")]


def test_links_are_no_runtimes_of_their_own_but_musl_may_be_one() -> None:
    assert built(("/usr/lib/libc.so", ""), links=(("/lib/ld-musl-x86_64.so.1", "/usr/lib/libc.so"),)) == [
        ("musl", "/usr/lib/libc.so", "")
    ]
    assert built(("/usr/bin/python3.11", ""), links=(("/opt/venv/bin/python3", "/usr/bin/python3.11"),)) == [
        ("python", "/usr/bin/python3.11", "3.11")
    ]


def test_two_installations_are_two() -> None:
    found = built(
        ("/usr/bin/python3.11", ""), ("/usr/local/bin/python3.12", ""), ("/usr/local/lib/python3.12/os.py", "")
    )
    assert [version for _, _, version in found] == ["3.11", "3.12"]


def test_versions_are_plain_text_whatever_the_file_says() -> None:
    bad = ("/opt/java/release", 'JAVA_VERSION="\x1b[31m17"\n')
    assert built(("/opt/java/bin/java", ""), bad) == [("java", "/opt/java/bin/java", "")]


def test_libc_is_searched_a_few_times_only() -> None:
    files = [(f"/c{n}/ld-linux-x86-64.so.2", "") for n in range(9)]
    libcs = [(f"/c{n}/libc.so.6", LIBC) for n in range(9)]
    found = built(*files, *libcs)
    assert len(found) == 9
    assert sum(version == "2.36" for _, _, version in found) == 4


def test_many_names_of_one_runtime_do_not_cost_their_square() -> None:
    image = ImageBuilder()
    for number in range(3_000):
        image.file(f"/usr/bin/ruby1.{number}", mode=0o755).directory(f"/usr/lib/d{number}")
    tree = image.tree()
    started = time.process_time()
    assert len(read_runtimes(tree)) == 3_000
    assert time.process_time() - started < 2 * SLOW
