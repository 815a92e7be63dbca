"""Which removed application files a place stands for."""

from __future__ import annotations

import pytest

from xraydiff.facts import Node, Owner, OwnerKind
from xraydiff.paths import ImagePath
from xraydiff.reach.directories import DirectoryFiles, never_counts
from xraydiff.reach.presence import Presence
from xraydiff.testing import ImageBuilder

SOURCE = Node(path="/etc/app.conf")


class Nobody:
    """Owners of an image in which only these paths belong to a package."""

    def __init__(self, *packaged: str) -> None:
        self._packaged = packaged

    def owner(self, path: ImagePath) -> Owner:
        kind = OwnerKind.OS_PACKAGE if path in self._packaged else OwnerKind.APPLICATION
        return Owner(kind=kind, package="pkg" if kind is OwnerKind.OS_PACKAGE else "")


def places(original: ImageBuilder, slim: ImageBuilder, *, user: int = 0, packaged: str = "") -> DirectoryFiles:
    before = original.tree()
    return DirectoryFiles(before, Nobody(packaged), Presence(before, slim.tree()), user=user)


def content(directories: DirectoryFiles, directory: str) -> list[str]:
    return [edge.target.path for edge in directories.content(SOURCE, ImagePath(directory), detail="x")]


def site() -> ImageBuilder:
    builder = ImageBuilder().file("/srv/www/index.html").file("/srv/www/a/b.css").symlink("/srv/www/link", "index.html")
    return builder.directory("/srv/www/empty").file("/srv/www/README.md").file("/srv/www/docs/x.txt")


def test_files_links_and_empty_directories_below() -> None:
    kept = ImageBuilder().file("/srv/www/index.html")
    assert content(places(site(), kept), "/srv/www") == ["/srv/www/a/b.css", "/srv/www/empty", "/srv/www/link"]


def test_the_name_of_the_directory_itself_does_not_count_against_its_content() -> None:
    assert content(places(site(), ImageBuilder().directory("/x")), "/srv/www/docs") == ["/srv/www/docs/x.txt"]


@pytest.mark.parametrize("directory", ["/", "/etc", "/usr", "/usr/lib", "/srv", "/var/lib", "/tmp", "/proc"])
def test_a_system_root_stands_for_nothing(directory: str) -> None:
    builder = ImageBuilder().file(f"{directory.rstrip('/')}/own.txt")
    assert content(places(builder, ImageBuilder().directory("/x")), directory) == []


def test_files_of_packages_stay_away() -> None:
    directories = places(site(), ImageBuilder().directory("/x"), packaged="/srv/www/a/b.css")
    assert "/srv/www/a/b.css" not in content(directories, "/srv/www")


def test_a_data_directory_of_the_images_user_counts_whole() -> None:
    builder = ImageBuilder().directory("/data", uid=7, gid=7).file("/data/pg.log").file("/data/x.pid")
    assert content(places(builder, ImageBuilder().directory("/x")), "/data") == []
    assert content(places(builder, ImageBuilder().directory("/x"), user=7), "/data") == ["/data/pg.log", "/data/x.pid"]


def test_siblings_share_the_suffix_and_the_directory() -> None:
    builder = ImageBuilder()
    for name in ("/app/a.php", "/app/b.php", "/app/c.txt", "/app/sub/d.php", "/app/noext"):
        builder.file(name)
    directories = places(builder, ImageBuilder().file("/app/a.php"))
    found = [edge.target.path for edge in directories.siblings(Node(path="/app/a.php"), ImagePath("/app/a.php"))]
    assert found == ["/app/b.php"]
    assert list(directories.siblings(Node(path="/app/noext"), ImagePath("/app/noext"))) == []


def test_a_file_that_the_run_added_stands_for_nothing_beside_it() -> None:
    builder = ImageBuilder().file("/app/run", "x", mode=0o755).file("/app/a.json")
    directories = places(builder, ImageBuilder().file("/app/b.json", "x", mode=0o755))
    source, added = Node(path="/app/b.json"), ImagePath("/app/b.json")
    assert list(directories.siblings(source, added)) == []
    assert list(directories.programs(source, added)) == []


def test_programs_of_the_application_in_path() -> None:
    builder = ImageBuilder().file("/usr/local/bin/ctl", mode=0o755).file("/usr/local/bin/notes", mode=0o644)
    builder.file("/usr/local/bin/pkg", mode=0o755)
    directories = places(builder, ImageBuilder().directory("/x"), packaged="/usr/local/bin/pkg")
    found = [
        edge.target.path for edge in directories.commands(SOURCE, [ImagePath("/usr/local/bin"), ImagePath("/nowhere")])
    ]
    assert found == ["/usr/local/bin/ctl"]


def test_a_directory_brings_all_that_it_holds() -> None:
    builder = ImageBuilder()
    for number in range(12_000):
        builder.file(f"/srv/www/{number:05}.html")
    assert len(content(places(builder, ImageBuilder().directory("/x")), "/srv/www")) == 12_000


def test_of_files_that_are_alike_the_first_that_asks_has_all_that_is_gone() -> None:
    kept, before = ImageBuilder(), ImageBuilder()
    for name in ("a", "b", "c"):
        for suffix in ("php", "json"):
            kept.file(f"/app/{name}.{suffix}")
            before.file(f"/app/{name}.{suffix}").file(f"/app/gone-{name}.{suffix}")
    directories = places(before, kept)

    def beside(path: str) -> list[str]:
        return [edge.target.path for edge in directories.siblings(Node(path=path), ImagePath(path))]

    assert beside("/app/b.php") == ["/app/gone-a.php", "/app/gone-b.php", "/app/gone-c.php"]
    assert beside("/app/a.php") == beside("/app/c.php") == []
    assert len(beside("/app/c.json")) == 3


@pytest.mark.parametrize(
    "path",
    [
        "/x/__pycache__/a.pyc",
        "/x/tests/test_a.py",
        "/x/README",
        "/x/a.d.ts",
        "/x/a.js.map",
        "/x/LICENSE.txt",
        "/x/a.pid",
    ],
)
def test_what_never_counts(path: str) -> None:
    assert never_counts(path)


@pytest.mark.parametrize("path", ["/x/index.html", "/x/contest.py", "/x/reader.py", "/x/data.json", "/x/latest/a.txt"])
def test_what_may_count(path: str) -> None:
    assert not never_counts(path)


def state(original: ImageBuilder, *packaged: str, active: tuple[str, ...] = ()) -> list[str]:
    directories = places(original, ImageBuilder().directory("/x"), packaged=" ".join(packaged))
    return sorted(edge.target.path for edge in directories.state(SOURCE, map(ImagePath, active)))


def test_empty_directories_of_the_application_are_state() -> None:
    builder = ImageBuilder().directory("/var/spool/jobs").directory("/srv").directory("/run/x").file("/opt/app/data/x")
    builder.directory("/home/app")
    assert state(builder.directory("/opt/app/in/new")) == ["/opt/app/in/new", "/run/x", "/var/spool/jobs"]


@pytest.mark.parametrize(
    ("owner", "mode", "active", "found"),
    [
        ((33, 33), 0o755, ("/usr/sbin/daemon",), True),
        ((0, 101), 0o755, ("/usr/sbin/daemon",), True),
        ((0, 0), 0o1733, ("/usr/sbin/daemon",), True),
        ((0, 0), 0o755, ("/usr/sbin/daemon",), False),
        ((33, 33), 0o755, (), False),
        ((33, 33), 0o755, ("/app/run",), False),
    ],
)
def test_empty_directories_of_a_package_count_where_it_runs_and_they_are_made_for_somebody(
    owner: tuple[int, int], mode: int, active: tuple[str, ...], found: bool
) -> None:
    path = "/var/cache/daemon"
    builder = ImageBuilder().directory(path, uid=owner[0], gid=owner[1], mode=mode).file("/usr/sbin/daemon", "x")
    builder.file("/app/run", "x")
    tree = builder.tree()
    presence = Presence(tree, ImageBuilder().directory("/x").tree())
    directories = DirectoryFiles(tree, Nobody(path, "/usr/sbin/daemon"), presence)
    edges = list(directories.state(SOURCE, map(ImagePath, active)))
    assert [edge.target.path for edge in edges if edge.target.path == path] == [path] * found


@pytest.mark.parametrize(("content", "weak"), [("#!/bin/sh\n", False), ("\x7fELF", True)])
def test_a_script_of_the_image_in_path_was_written_to_be_run(content: str, weak: bool) -> None:
    builder = ImageBuilder().file("/usr/local/bin/backup", content, mode=0o755)
    asked = places(builder, ImageBuilder().directory("/x"))
    (edge,) = asked.commands(SOURCE, [ImagePath("/usr/local/bin")])
    assert (edge.target.path, edge.weak) == ("/usr/local/bin/backup", weak)
