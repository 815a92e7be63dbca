"""Packages kept in part: whose rest counts, which files of it, and that nothing else becomes less sure by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from xraydiff.facts import Certainty, EdgeKind, FileType, Origin, Package, Severity
from xraydiff.paths import ImagePath
from xraydiff.pipeline import compare
from xraydiff.reach import Reach
from xraydiff.reach.parts import Parts
from xraydiff.reach.presence import Presence
from xraydiff.testing import ImageBuilder, elf

LOADER = "/lib64/ld.so"
PROGRAM = elf(interpreter=LOADER, executable=True)
STATUS = "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\n"


def image(
    packages: Mapping[str, Sequence[str]], *, cmd: Sequence[str], keep: Sequence[str] | None = None, version: str = "1"
) -> ImageBuilder:
    """An image with these packages; of their files only `keep` where that is given."""
    builder = ImageBuilder().config(cmd=list(cmd), env=["PATH=/usr/bin"]).file(LOADER, elf(soname="ld.so"), mode=0o755)
    builder.file("/var/lib/dpkg/status", "".join(STATUS.format(name=n, version=version) for n in sorted(packages)))
    for name, paths in packages.items():
        builder.file(f"/var/lib/dpkg/info/{name}.list", "/.\n" + "".join(f"{path}\n" for path in paths))
        for path in paths:
            if keep is None or path in keep:
                runs = "/bin/" in path or "/libexec/" in path
                builder.file(path, PROGRAM if runs else b"x", mode=0o755 if runs else 0o644)
    return builder


def walked(original: ImageBuilder, slim: ImageBuilder) -> Reach:
    with compare(original.image(), slim.image()) as comparison:
        reach = comparison.reach
    assert reach is not None, comparison.report.problems
    return reach


def rest(reach: Reach) -> dict[str, str]:
    return {path: one.certainty.word for path, one in reach.missing.items() if one.cause_edge.origin is Origin.PART}


def pair(packages: Mapping[str, Sequence[str]], keep: Sequence[str], cmd: Sequence[str]) -> dict[str, str]:
    return rest(walked(image(packages, cmd=cmd), image(packages, cmd=cmd, keep=keep)))


def test_other_programs_and_data_of_the_server_that_an_image_starts() -> None:
    server = [
        "/usr/bin/redis-check-rdb",
        "/usr/bin/redis-cli",
        "/usr/share/redis/rules.lua",
        "/usr/bin/redis-benchmark",
    ]
    found = pair({"redis-tools": server}, ["/usr/bin/redis-check-rdb"], ["redis-check-rdb"])
    assert found == dict.fromkeys(server[1:], "possible")


def test_a_link_to_a_program_of_another_package_counts_for_that_one() -> None:
    def both(*, whole: bool) -> ImageBuilder:
        tools = {"redis-tools": ["/usr/bin/redis-check-rdb", "/usr/bin/redis-cli"]}
        keep = None if whole else ["/usr/bin/redis-check-rdb"]
        return image(tools, cmd=["redis-server"], keep=keep).symlink("/usr/bin/redis-server", "redis-check-rdb")

    assert rest(walked(both(whole=True), both(whole=False))) == {"/usr/bin/redis-cli": "possible"}


def test_programs_of_packages_that_were_built_with_it_and_in_its_own_directory() -> None:
    packages = {
        "postgresql-15": ["/usr/lib/postgresql/15/bin/postgres"],
        "postgresql-client-15": ["/usr/lib/postgresql/15/bin/pg_dump", "/usr/share/postgresql/15/psqlrc.sample"],
        "othertool": ["/usr/lib/postgresql/15/bin/pg_repack", "/usr/bin/unrelated"],
        "postgresql-common": ["/usr/bin/pg_lsclusters", "/usr/share/postgresql-common/x.conf"],
    }
    found = pair(packages, [packages["postgresql-15"][0]], [packages["postgresql-15"][0]])
    assert found == {
        "/usr/lib/postgresql/15/bin/pg_dump": "possible",
        "/usr/lib/postgresql/15/bin/pg_repack": "possible",
        "/usr/bin/pg_lsclusters": "possible",
    }


@pytest.mark.parametrize(
    "path",
    [
        "/usr/share/doc/shop/README", "/usr/share/man/man1/shop.1.gz", "/usr/share/locale/de/LC_MESSAGES/shop.mo",
        "/usr/include/shop.h", "/usr/lib/shop/libshop.a", "/usr/lib/pkgconfig/shop.pc", "/etc/init.d/shop",
        "/lib/systemd/system/shop.service", "/etc/logrotate.d/shop", "/etc/cron.daily/shop", "/usr/lib/shop/test/a",
        "/usr/share/bash-completion/completions/shop", "/usr/share/applications/shop.desktop", "/usr/lib/shop/Makefile",
        "/usr/lib/shop/bitcode/shop.bc", "/usr/share/lintian/overrides/shop", "/usr/share/bug/shop/script",
    ],
)  # fmt: skip
def test_what_no_container_reads_is_left_out(path: str) -> None:
    packages = {"shop": ["/usr/bin/shop", "/usr/lib/shop/data.bin", path]}
    assert pair(packages, ["/usr/bin/shop"], ["shop"]) == {"/usr/lib/shop/data.bin": "possible"}


@pytest.mark.parametrize("helper", ["/usr/bin/sh", "/usr/bin/ls", "/usr/bin/busybox", "/usr/bin/tini"])
def test_a_package_that_only_helps_to_start_brings_nothing(helper: str) -> None:
    packages = {"helpers": [helper, "/usr/bin/helped", "/usr/share/helpers/data"]}
    assert pair(packages, [helper, "/usr/bin/helped"], [helper, "-c", "helped"]) == {}


def test_a_program_that_an_entrypoint_always_starts_counts_and_one_of_its_branches_does_not() -> None:
    packages = {"one": ["/usr/bin/first", "/usr/bin/first-ctl"], "two": ["/usr/bin/second", "/usr/bin/second-ctl"]}
    script = '#!/bin/sh\nif [ "$X" ]; then\n  second\nfi\nexec first\n'

    def entry(builder: ImageBuilder) -> ImageBuilder:
        return builder.file("/entry.sh", script, mode=0o755).file("/bin/sh", PROGRAM, mode=0o755)

    keep = ["/usr/bin/first", "/usr/bin/second"]
    original, slim = image(packages, cmd=["/entry.sh"]), image(packages, cmd=["/entry.sh"], keep=keep)
    assert rest(walked(entry(original), entry(slim))) == {"/usr/bin/first-ctl": "possible"}


def test_the_rest_comes_with_its_libraries_and_no_further() -> None:
    packages = {"shop": ["/usr/bin/shop", "/usr/bin/shopctl"], "lib": ["/usr/lib/libctl.so.1", "/etc/ctl.conf"]}

    def whole() -> ImageBuilder:
        builder = image(packages, cmd=["shop"])
        tool = elf(interpreter=LOADER, executable=True, needed=["libctl.so.1"], data=["/etc/ctl.conf"])
        builder.file("/usr/bin/shopctl", tool, mode=0o755)
        return builder.file("/usr/lib/libctl.so.1", elf(soname="libctl.so.1", data=["/etc/ctl.conf"]))

    found = rest(walked(whole(), image(packages, cmd=["shop"], keep=["/usr/bin/shop"])))
    assert found == {"/usr/bin/shopctl": "possible", "/usr/lib/libctl.so.1": "possible"}


def test_a_reference_lifts_a_file_of_the_rest() -> None:
    packages = {"shop": ["/usr/bin/shop", "/usr/bin/shopctl"]}
    original, slim = image(packages, cmd=["shop"]), image(packages, cmd=["shop"], keep=["/usr/bin/shop"])
    for builder in (original, slim):
        builder.file("/app/run.conf", "control = /usr/bin/shopctl\n")
    reach = walked(original, slim)
    assert rest(reach) == {}
    assert reach.missing[ImagePath("/usr/bin/shopctl")].certainty is Certainty.LIKELY


def test_an_application_s_own_programs_beside_a_kept_one() -> None:
    def own(*names: str) -> ImageBuilder:
        builder = image({}, cmd=["/opt/shop/bin/shop"])
        builder.file("/opt/shop/lib/tool", PROGRAM, mode=0o755) if len(names) > 1 else None
        for name in names:
            builder.file(f"/opt/shop/bin/{name}", PROGRAM, mode=0o644 if name == "data" else 0o755)
        return builder

    reach = walked(own("shop", "shopctl", "data"), own("shop"))
    beside = {path: one for path, one in reach.missing.items() if one.edge.detail == "beside it"}
    assert {path: one.certainty.word for path, one in beside.items()} == {"/opt/shop/bin/shopctl": "possible"}


def site(*names: str) -> ImageBuilder:
    folder = "/usr/lib/python3/dist-packages"
    builder = image({}, cmd=["/srv/run"]).file("/srv/run", PROGRAM, mode=0o755)
    record = "".join(f"shop/{name},,\n" for name in ("__init__.py", "a.py", "b.py", "tests/test_a.py", "data.json"))
    builder.file(f"{folder}/shop-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: shop\nVersion: 1\n")
    builder.file(f"{folder}/shop-1.dist-info/RECORD", record + "other/__init__.py,,\nshop-1.dist-info/RECORD,,\n")
    for name in names:
        builder.file(f"{folder}/{name}", "import os\n")
    return builder


def test_modules_of_a_python_package_whose_own_code_ran() -> None:
    names = (
        "shop/__init__.py",
        "shop/a.py",
        "shop/b.py",
        "shop/tests/test_a.py",
        "shop/data.json",
        "other/__init__.py",
    )
    folder = "/usr/lib/python3/dist-packages"
    found = rest(walked(site(*names), site("shop/__init__.py", "shop/a.py")))
    assert found == dict.fromkeys(
        (f"{folder}/shop/b.py", f"{folder}/shop/data.json", f"{folder}/other/__init__.py"), "possible"
    )


def test_a_package_of_which_only_a_side_module_was_kept_did_not_run() -> None:
    names = ("shop/__init__.py", "shop/a.py", "shop/b.py", "other/__init__.py")
    assert rest(walked(site(*names), site("other/__init__.py"))) == {}


@pytest.mark.parametrize(
    ("ecosystem", "top", "main", "inner"),
    [
        ("node", "/app/node_modules/left", "index.js", "lib/pad.js"),
        ("ruby", "/usr/lib/ruby/gems/3.1.0/gems/rack-3", "lib/rack.rb", "lib/rack/mime.rb"),
        ("php", "/srv/vendor/monolog/monolog", "src/Logger.php", "src/Handler/File.php"),
    ],
)
def test_other_languages_have_hearts_too(ecosystem: str, top: str, main: str, inner: str) -> None:
    paths = [ImagePath(f"{top}/{name}") for name in (main, inner, "README.md")]
    package = Package(ecosystem=ecosystem, name="p", files=frozenset(paths))
    trees = []
    for names in ((main, inner, "README.md"), (main,)):
        builder = ImageBuilder()
        for name in names:
            builder.file(f"{top}/{name}", "x")
        trees.append(builder.tree())
    (edge,) = Parts(trees[0], Presence(*trees), [package]).edges([])
    assert (edge.source.path, edge.target.path, edge.kind) == (f"{top}/{main}", f"{top}/{inner}", EdgeKind.CONTAINS)


def test_a_node_package_whose_modules_lie_mostly_beside_its_main_one() -> None:
    top = "/app/node_modules/iconv-lite"
    names = ("encodings/index.js", "encodings/sbcs-codec.js", "encodings/utf16.js", "lib/index.js", "package.json")
    package = Package(
        ecosystem="node", name="iconv-lite", files=frozenset(ImagePath(f"{top}/{name}") for name in names)
    )
    original, slim = ImageBuilder(), ImageBuilder().file(f"{top}/lib/index.js", "x").file(f"{top}/package.json", "{}")
    for name in names:
        original.file(f"{top}/{name}", "x")
    trees = original.tree(), slim.tree()
    edges = list(Parts(trees[0], Presence(*trees), [package]).edges([]))
    assert {edge.source.path for edge in edges} == {f"{top}/lib/index.js"}
    assert [edge.target.path for edge in edges] == [f"{top}/{name}" for name in names[:3]]


def test_a_package_brings_all_that_is_gone_of_it() -> None:
    paths = [f"/usr/lib/p/{number}.bin" for number in range(50)]
    package = Package(ecosystem="dpkg", name="p", files=frozenset(map(ImagePath, ["/usr/bin/p", *paths])))
    original = ImageBuilder().file("/usr/bin/p", PROGRAM, mode=0o755)
    for path in paths:
        original.file(path, "x")
    slim = ImageBuilder().file("/usr/bin/p", PROGRAM, mode=0o755).tree()
    tree = original.tree()
    edges = list(Parts(tree, Presence(tree, slim), [package]).edges([ImagePath("/usr/bin/p")]))
    assert [edge.target.path for edge in edges] == sorted(paths)


def test_pkg002_says_what_is_gone_once_for_a_package() -> None:
    packages = {"redis-tools": ["/usr/bin/redis", "/usr/bin/redis-cli", "/usr/share/redis/rules.lua"]}
    original, slim = image(packages, cmd=["redis"]), image(packages, cmd=["redis"], keep=["/usr/bin/redis"])
    with compare(original.image(), slim.image()) as comparison:
        (finding,) = [one for one in comparison.report.findings if one.rule == "PKG002"]
        assert all(one.rule != "SCR001" for one in comparison.report.findings)
        kinds = {item.path: item.kind for item in comparison.report.suggestions}
    assert (finding.severity, finding.certainty, finding.when) == (Severity.LOW, Certainty.POSSIBLE, None)
    assert finding.message == (
        "redis-tools was kept in part: redis-cli, 1 other run-time files gone, and nothing is known to ask for them"
    )
    assert finding.restore == ("/usr/bin/redis-cli", "/usr/share/redis/rules.lua")
    assert kinds["/usr/bin/redis-cli"] is FileType.FILE


# --- scripts of packages that the run came through ------------------------------------------------------------------


def scripted(script: str, *, whole: bool, owned: bool = True) -> ImageBuilder:
    names = ["/usr/sbin/startctl", "/usr/bin/sh", "/usr/bin/mkdir", "/usr/bin/server"]
    packages = {"server": [*(names[:1] if owned else []), *names[1:], "/var/lib/server/state"]}
    keep = None if whole else [names[0], names[1], names[3]]
    builder = image(packages, cmd=["/usr/sbin/startctl"], keep=keep)
    builder.file("/usr/sbin/startctl", script, mode=0o755)
    return builder


@pytest.mark.parametrize(
    ("script", "owned", "word"),
    [
        ('#!/usr/bin/sh\n[ "$X" ] && mkdir x\nserver\n', True, "possible"),
        ('#!/usr/bin/sh\n[ "$X" ] && mkdir x\nserver\n', False, "likely"),
        ('#!/usr/bin/sh\nSTATE=/var/lib/server/state\n[ "$X" ] && mkdir x\nserver $STATE\n', True, "likely"),
    ],
    ids=["tests come out as before", "the application's own script", "slimming took what it names"],
)  # fmt: skip
def test_branches_of_a_package_s_script_that_the_run_came_through(script: str, word: str, *, owned: bool) -> None:
    original, slim = scripted(script, whole=True, owned=owned), scripted(script, whole=False, owned=owned)
    reach = walked(original, slim)
    assert reach.missing[ImagePath("/usr/bin/mkdir")].certainty.word == word
