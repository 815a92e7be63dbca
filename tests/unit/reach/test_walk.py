"""The walk, end to end over small images: who needs what is gone, how sure, and by which chain."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from xraydiff.facts import Certainty, Outlook, Severity, When
from xraydiff.paths import ImagePath
from xraydiff.pipeline import compare
from xraydiff.reach import Missing, Reach
from xraydiff.testing import ImageBuilder, elf

STATUS = "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n"
LOADER = "/lib64/ld.so"


def walked(original: ImageBuilder, slim: ImageBuilder) -> Reach:
    with compare(original.image(), slim.image()) as comparison:
        reach = comparison.reach
    assert reach is not None, comparison.report.problems
    return reach


def packaged(builder: ImageBuilder, **packages: str) -> ImageBuilder:
    builder.file("/var/lib/dpkg/status", "".join(STATUS.format(name=name) for name in sorted(packages)))
    for name, paths in packages.items():
        builder.file(f"/var/lib/dpkg/info/{name}.list", "/.\n" + "".join(f"{path}\n" for path in paths.split()))
    return builder


def program(*needs: str, **kw: object) -> bytes:
    return elf(needed=list(needs), interpreter=LOADER, executable=True, **kw)  # type: ignore[arg-type]  # test shorthand


def sure(reach: Reach) -> dict[str, str]:
    return {path: missing.certainty.word for path, missing in reach.missing.items()}


def steps(missing: Missing) -> list[tuple[str, str]]:
    return [(step.source, step.target) for step in missing.chain]


def base() -> ImageBuilder:
    return ImageBuilder().file(LOADER, elf(soname="ld.so"), mode=0o755).config(cmd=["/app/run"])


def test_a_library_of_an_application_program_and_what_it_needs_in_turn() -> None:
    original = base().file("/app/run", program("libone.so"), mode=0o755)
    original.file("/usr/lib/libone.so", elf(soname="libone.so", needed=["libtwo.so"]))
    original.file("/usr/lib/libtwo.so", elf(soname="libtwo.so"))
    slim = base().file("/app/run", program("libone.so"), mode=0o755)
    reach = walked(original, slim)
    assert sure(reach) == {"/usr/lib/libone.so": "proven", "/usr/lib/libtwo.so": "proven"}
    two = reach.missing["/usr/lib/libtwo.so"]  # type: ignore[index]  # a literal path
    assert two.cause == "/usr/lib/libone.so"
    assert steps(two)[-2:] == [("/app/run", "/usr/lib/libone.so"), ("/usr/lib/libone.so", "/usr/lib/libtwo.so")]


def test_a_broken_load_chain_breaks_the_start() -> None:
    original = (
        base().file("/app/run", program("libone.so"), mode=0o755).file("/usr/lib/libone.so", elf(soname="libone.so"))
    )
    with compare(original.image(), base().file("/app/run", program("libone.so"), mode=0o755).image()) as comparison:
        assert comparison.report.summary.outlook is Outlook.BROKEN
        assert comparison.reach is not None
        assert comparison.reach.broken_start[-1].target == "/usr/lib/libone.so"


def test_a_literal_of_a_kept_package_file_is_possible_and_of_an_application_file_likely() -> None:
    def image(*, whole: bool) -> ImageBuilder:
        builder = base().file("/app/run", program(data=["/etc/own.dat"]), mode=0o755)
        builder.file("/usr/lib/libpkg.so", elf(soname="libpkg.so", data=["/etc/theirs.dat"]))
        packaged(builder, pkg="/usr/lib/libpkg.so /etc/own.dat /etc/theirs.dat")
        return builder.file("/etc/own.dat", "1").file("/etc/theirs.dat", "2") if whole else builder

    assert sure(walked(image(whole=True), image(whole=False))) == {
        "/etc/own.dat": "likely",
        "/etc/theirs.dat": "possible",
    }


def test_a_script_reached_from_the_config_is_read_in_full_and_its_branches_are_likely() -> None:
    script = '#!/bin/sh\nfirst\nif [ -n "$X" ]; then\n  second\nfi\n'

    def image(*names: str) -> ImageBuilder:
        builder = (
            ImageBuilder().config(entrypoint=["/entry.sh"], env=["PATH=/bin"]).file("/entry.sh", script, mode=0o755)
        )
        for name in names:
            builder.file(f"/bin/{name}", program(), mode=0o755)
        return builder.file(LOADER, elf(soname="ld.so"), mode=0o755)

    assert sure(walked(image("sh", "first", "second"), image("sh"))) == {
        "/bin/first": "proven",
        "/bin/second": "likely",
    }


def test_a_kept_file_that_a_script_sources_is_read_as_one_though_nothing_in_it_says_so() -> None:
    def image(*names: str) -> ImageBuilder:
        builder = ImageBuilder().config(entrypoint=["/entry.sh"], env=["PATH=/bin"])
        builder.file("/entry.sh", "#!/bin/sh\n. /etc/settings\n[ -z $X ] || . /etc/more\n", mode=0o755)
        builder.file("/etc/settings", "HERE=$(first)\n").file("/etc/more", "second\n").file("/etc/prose", "third\n")
        for name in names:
            builder.file(f"/bin/{name}", program(), mode=0o755)
        return builder.file(LOADER, elf(soname="ld.so"), mode=0o755)

    reach = walked(image("sh", "first", "second", "third"), image("sh"))
    assert {path: word for path, word in sure(reach).items() if word != "possible"} == {
        "/bin/first": "proven",
        "/bin/second": "likely",
    }
    assert steps(reach.missing[ImagePath("/bin/first")])[-1] == ("/etc/settings", "/bin/first")


def test_what_breaks_the_start_is_one_cause_whatever_its_link_is_called() -> None:
    for link in ("/app/a", "/app/z"):
        image = ImageBuilder().config(cmd=[link]).file("/app/keep", program(), mode=0o755)
        image.file(LOADER, elf(soname="ld.so"), mode=0o755)
        original = ImageBuilder().config(cmd=[link]).symlink(link, "m").file("/app/m", program("libone.so"), mode=0o755)
        original.file("/app/keep", program(), mode=0o755).file(LOADER, elf(soname="ld.so"), mode=0o755)
        original.file("/usr/lib/libone.so", elf(soname="libone.so"))
        with compare(original.image(), image.image()) as comparison:
            (broken,) = [one for one in comparison.report.findings if one.severity is Severity.CRITICAL]
        assert broken.restore == tuple(sorted((link, "/app/m", "/usr/lib/libone.so")))


def test_the_health_check_is_a_root_although_slimming_lost_it() -> None:
    original = base().file("/app/run", program(), mode=0o755).file("/app/check", program(), mode=0o755)
    original.config(healthcheck=["CMD", "/app/check"])
    reach = walked(original, base().file("/app/run", program(), mode=0o755))
    assert sure(reach) == {"/app/check": "proven"}
    assert reach.missing["/app/check"].chain[0].detail == "HEALTHCHECK"  # type: ignore[index]
    assert reach.missing["/app/check"].when is When.OPERATE  # type: ignore[index]


NAMES = [f"/usr/share/pkg{index % 4}/file{index}" for index in range(30)]
LISTS: Mapping[str, str] = {
    f"pkg{number}": " ".join(name for name in NAMES if name.startswith(f"/usr/share/pkg{number}/"))
    for number in range(4)
}


def naming(path: str, text: str, *, whole: bool, gone: str = "") -> ImageBuilder:
    """An application whose file names thirty files of four packages, all of them gone, or only one."""
    builder = packaged(base().file("/app/run", program(), mode=0o755).file(path, text), **LISTS)
    for name in NAMES:
        if whole or (gone and name != gone):
            builder.file(name, name)
    return builder


BILLS = {
    "/app/sbom.json": '{"spdxVersion": "SPDX-2.3", "files": [%s]}',
    "/app/bom.json": '{"bomFormat": "CycloneDX", "components": [%s]}',
    "/app/bom.xml": '<bom xmlns="http://cyclonedx.org/schema/bom/1.5"><c>%s</c></bom>',
    "/app/image.spdx": "SPDXVersion: SPDX-2.3\nFileName: %s\n",
}


@pytest.mark.parametrize("path", BILLS)
def test_what_a_bill_of_materials_lists_is_possible(path: str) -> None:
    text = BILLS[path] % ", ".join(f'"{name}"' for name in NAMES)
    found = sure(walked(naming(path, text, whole=True), naming(path, text, whole=False)))
    assert found == dict.fromkeys(NAMES, "possible")


def test_what_a_list_of_checksums_lists_is_possible_until_it_holds_anything_else() -> None:
    text = "".join(f"{'0a' * 32}  {name}\n" for name in NAMES)
    for more, word in (("", "possible"), ("module /usr/share/pkg0/file0\n", "likely")):
        path = "/app/SUMS"
        found = sure(walked(naming(path, text + more, whole=True), naming(path, text + more, whole=False)))
        assert found == dict.fromkeys(NAMES, word)


@pytest.mark.parametrize("path", ["/etc/app.conf", "/app/settings", "/app/data.json", "/app/tool"])
@pytest.mark.parametrize("joint", ["\n", " ", ":", ","])
def test_no_name_makes_another_less_certain(path: str, joint: str) -> None:
    gone = NAMES[7]
    for names in ([gone], [*NAMES[:7], *NAMES[8:], gone], [gone, *NAMES[:7], *NAMES[8:]]):
        text = joint.join(names) + "\n"
        text = "\x7fELF\0" + text.replace(joint, "\0") if path == "/app/tool" else text
        found = sure(walked(naming(path, text, whole=True), naming(path, text, whole=False, gone=gone)))
        assert found == {gone: "likely"}, names


def test_removed_application_files_in_a_directory_that_a_config_names() -> None:
    def image(*, whole: bool) -> ImageBuilder:
        builder = base().file("/app/run", program(data=["/etc/web.conf"]), mode=0o755)
        builder.file("/etc/web.conf", "root /srv/www;\n").file("/srv/www/index.html", "1")
        if whole:
            builder.file("/srv/www/error.html", "2").file("/srv/www/README.md", "3").file(
                "/srv/www/__pycache__/x.pyc", "4"
            )
        return builder

    assert sure(walked(image(whole=True), image(whole=False))) == {"/srv/www/error.html": "likely"}


def test_a_named_directory_does_not_bring_a_packages_files() -> None:
    def image(*, whole: bool) -> ImageBuilder:
        builder = base().file("/app/run", program(data=["/usr/share/big"]), mode=0o755).file("/usr/share/big/a", "1")
        packaged(builder, big="/usr/share/big/a /usr/share/big/b")
        return builder.file("/usr/share/big/b", "2") if whole else builder

    assert sure(walked(image(whole=True), image(whole=False))) == {}


def test_a_work_directory_of_another_owner_is_missed_and_one_of_root_is_made_anew() -> None:
    def image(uid: int, *, whole: bool) -> ImageBuilder:
        builder = base().config(workdir="/data", user="7").file("/app/run", program(), mode=0o755)
        return builder.directory("/data", uid=uid, gid=uid) if whole else builder

    assert sure(walked(image(7, whole=True), image(7, whole=False))) == {"/data": "proven"}
    assert sure(walked(image(0, whole=True), image(0, whole=False))) == {}


def test_active_files_are_those_that_load_edges_reach() -> None:
    def image() -> ImageBuilder:
        builder = (
            base().file("/app/run", program("liba.so"), mode=0o755).file("/usr/lib/liba.so", elf(soname="liba.so"))
        )
        return builder.file("/app/idle", program(), mode=0o755)

    reach = walked(image().file("/gone", "1"), image())
    assert {"/app/run", "/usr/lib/liba.so", LOADER} <= reach.active
    assert "/app/idle" not in reach.active


def test_a_chain_is_as_certain_as_its_weakest_edge() -> None:
    def image(*, whole: bool) -> ImageBuilder:
        builder = base().file("/app/run", program(imports=["dlopen"], data=["/app/plug.so"]), mode=0o755)
        if whole:
            builder.file("/app/plug.so", elf(soname="plug.so", needed=["libp.so"])).file(
                "/usr/lib/libp.so", elf(soname="libp.so")
            )
        return builder

    reach = walked(image(whole=True), image(whole=False))
    assert sure(reach) == {"/app/plug.so": "likely", "/usr/lib/libp.so": "likely"}
    assert min(step.certainty for step in reach.missing["/usr/lib/libp.so"].chain) is Certainty.LIKELY  # type: ignore[index]


def test_the_walk_reads_only_what_it_reaches() -> None:
    def image(*, whole: bool) -> ImageBuilder:
        builder = base().file("/app/run", program(), mode=0o755)
        for index in range(50 if whole else 0):
            builder.file(f"/usr/share/unasked/{index}.sh", "#!/bin/sh\ntrue\n", mode=0o755)
        return builder

    assert walked(image(whole=True), image(whole=False)).files_read <= 3


def test_a_directory_that_a_kept_and_a_removed_file_name_is_asked_for_by_both() -> None:
    def image(*, whole: bool) -> ImageBuilder:
        builder = base().file("/app/run", program(), mode=0o755).file("/srv/site/kept.html", "x")
        builder.file("/app/z.conf", "load /app/gone.conf\n").file("/app/zz.conf", "/srv/site\n")
        if whole:
            builder.file("/app/gone.conf", "root /srv/site;\n").file("/srv/site/gone.css", "x")
        return builder

    reach = walked(image(whole=True), image(whole=False))
    askers = {step.edge.source.path for step in reach.followed if step.edge.target.path == "/srv/site/gone.css"}
    assert {"/app/zz.conf", "/app/gone.conf"} >= askers >= {"/app/zz.conf"}
