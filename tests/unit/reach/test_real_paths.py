"""A path that slim holds through a directory where the original has a link is what it was in the original."""

from __future__ import annotations

from xraydiff.facts import OwnerKind
from xraydiff.paths import ImagePath
from xraydiff.pipeline import compare, suggest
from xraydiff.testing import ImageBuilder, elf

LOADER = elf(soname="ld.so.1", data=["/etc/ld.so.cache", "/usr/share/tables"], executable=True)
STATUS = "Package: libc\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n"
LIST = "/usr/lib/ld.so.1\n/usr/share/tables\n"


def image(*, slim: bool) -> ImageBuilder:
    builder = ImageBuilder().config(entrypoint=["/app/main"])
    builder.file("/app/main", elf(interpreter="/lib/ld.so.1", executable=True), mode=0o755)
    builder.file("/var/lib/dpkg/status", STATUS).file("/var/lib/dpkg/info/libc.list", LIST)
    if slim:
        return builder.file("/lib/ld.so.1", LOADER, mode=0o755)
    builder.symlink("/lib", "usr/lib").file("/usr/lib/ld.so.1", LOADER, mode=0o755)
    return builder.file("/etc/ld.so.cache", "x").file("/usr/share/tables", "x")


def test_a_loader_behind_a_link_is_its_package_s_as_before() -> None:
    with compare(image(slim=False).image(), image(slim=True).image()) as comparison:
        assert comparison.reach is not None
        standings = {one.standing for one in comparison.reach.followed if one.edge.source.path.endswith("ld.so.1")}
        assert standings == {"active package file"}
        assert suggest(comparison.report).items == ()


def test_what_slim_moved_nowhere_keeps_its_owner() -> None:
    with compare(image(slim=False).image(), image(slim=True).image()) as comparison:
        assert comparison.reach is not None
        assert comparison.reach.missing[ImagePath("/usr/share/tables")].owner.kind is OwnerKind.OS_PACKAGE
