"""Classes of removed paths: one clear example of each, and which one wins where two would fit."""

from __future__ import annotations

import pytest

from xraydiff.facts import File, FileType, OwnerKind
from xraydiff.inventory.classes import RemovedClass, classify
from xraydiff.paths import ImagePath


def a_file(mode: int = 0o644, kind: FileType = FileType.FILE, xattrs: tuple[tuple[str, bytes], ...] = ()) -> File:
    return File(type=kind, mode=mode, uid=0, gid=0, xattrs=xattrs)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/usr/lib/x86_64-linux-gnu/libssl.so.3", RemovedClass.LIBRARY),
        ("/usr/lib/x86_64-linux-gnu/libz.a", RemovedClass.LIBRARY),
        ("/usr/lib/python3/dist-packages/flask/app.py", RemovedClass.LIBRARY),
        ("/usr/share/java/ant.jar", RemovedClass.LIBRARY),
        ("/usr/include/stdio.h", RemovedClass.HEADER),
        ("/opt/x/include/deep/x.hpp", RemovedClass.HEADER),
        ("/etc/ssl/certs/ca-certificates.crt", RemovedClass.CERTIFICATE),
        ("/usr/share/ca-certificates/mozilla/X.crt", RemovedClass.CERTIFICATE),
        ("/usr/share/locale/de/LC_MESSAGES/bash.mo", RemovedClass.LOCALE),
        ("/usr/lib/locale/C.utf8/LC_CTYPE", RemovedClass.LOCALE),
        ("/usr/share/doc/bash/copyright", RemovedClass.DOCUMENTATION),
        ("/usr/share/man/man1/ls.1.gz", RemovedClass.DOCUMENTATION),
        ("/var/lib/dpkg/info/bash.list", RemovedClass.PACKAGE_DATABASE),
        ("/lib/apk/db/installed", RemovedClass.PACKAGE_DATABASE),
        ("/var/cache/apt/pkgcache.bin", RemovedClass.CACHE),
        ("/usr/lib/python3/__pycache__/x.cpython-311.pyc", RemovedClass.CACHE),
        ("/etc/ld.so.cache", RemovedClass.CACHE),
        ("/usr/share/zoneinfo/Europe/Rome", RemovedClass.DATA),
        ("/var/lib/postgresql/15/main/PG_VERSION", RemovedClass.DATA),
        ("/root/.bashrc", RemovedClass.HOME),
        ("/tmp/x", RemovedClass.HOME),
        ("/etc/fstab", RemovedClass.OTHER),
    ],
)
def test_the_class_of_a_plain_file(path: str, expected: RemovedClass) -> None:
    assert classify(ImagePath(path), a_file(), OwnerKind.OS_PACKAGE) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/usr/bin/bash", RemovedClass.SHELL),
        ("/usr/bin/apt-get", RemovedClass.PACKAGE_MANAGER),
        ("/usr/bin/gcc", RemovedClass.COMPILER),
        ("/usr/bin/x86_64-linux-gnu-gcc-12", RemovedClass.COMPILER),
        ("/usr/bin/gdb", RemovedClass.DEBUGGER),
        ("/usr/bin/curl", RemovedClass.NETWORK_TOOL),
        ("/usr/bin/sort", RemovedClass.TOOL),
    ],
)
def test_the_class_of_a_program_and_of_a_link_to_one(path: str, expected: RemovedClass) -> None:
    assert classify(ImagePath(path), a_file(0o755)) is expected
    assert classify(ImagePath(path), a_file(0o777, FileType.SYMLINK)) is expected


def test_what_nobody_may_run_is_no_tool() -> None:
    assert classify(ImagePath("/usr/bin/bash"), a_file(0o644)) is RemovedClass.OTHER
    assert classify(ImagePath("/usr/bin/gcc"), a_file(0o755, FileType.DIRECTORY)) is RemovedClass.OTHER


def test_setuid_and_capabilities_make_a_privileged_tool() -> None:
    assert classify(ImagePath("/usr/bin/chage"), a_file(0o2755)) is RemovedClass.PRIVILEGED_TOOL
    assert classify(ImagePath("/usr/lib/x/y"), a_file(0o4755)) is RemovedClass.PRIVILEGED_TOOL
    capable = a_file(0o755, xattrs=(("security.capability", b"\1"),))
    assert classify(ImagePath("/usr/bin/some-daemon"), capable) is RemovedClass.PRIVILEGED_TOOL


def test_the_applications_own_comes_before_what_the_name_says() -> None:
    own = OwnerKind.APPLICATION
    assert classify(ImagePath("/app/lib/libvisa.so"), a_file(), own) is RemovedClass.APPLICATION
    assert classify(ImagePath("/home/app/server.py"), a_file(), own) is RemovedClass.APPLICATION
    assert classify(ImagePath("/usr/local/bin/sh"), a_file(0o755), own) is RemovedClass.APPLICATION
    assert classify(ImagePath("/app/ca.pem"), a_file(), own) is RemovedClass.CERTIFICATE
    assert classify(ImagePath("/app/__pycache__/x.cpython-311.pyc"), a_file(), own) is RemovedClass.CACHE


def test_a_directory_is_of_the_class_of_its_place() -> None:
    directory = a_file(0o755, FileType.DIRECTORY)
    assert classify(ImagePath("/usr/include"), directory) is RemovedClass.HEADER
    assert classify(ImagePath("/var/cache"), directory) is RemovedClass.CACHE
    assert classify(ImagePath("/usr/lib/x"), directory) is RemovedClass.LIBRARY
