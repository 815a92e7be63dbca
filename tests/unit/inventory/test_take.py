"""The whole inventory in one call, and plug-ins that behave and misbehave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from xraydiff.errors import ImageClosedError, PluginError
from xraydiff.facts import ImageConfig, Inventory, Problem, Scope
from xraydiff.inventory.take import take
from xraydiff.testing import ImageBuilder
from xraydiff.tree import FileTree

CONFIG = ImageConfig(env=("PATH=/bin",))


class Plugin:
    def __init__(self, name: str, said: Iterable[object]) -> None:
        self.name = name
        self._said = said

    def take(self, tree: FileTree, config: ImageConfig) -> Iterable[str | Problem]:
        del tree, config
        return self._said  # type: ignore[return-value]  # misbehaving on purpose


def an_image() -> ImageBuilder:
    return (
        ImageBuilder()
        .file("/etc/passwd", "app:x:1:1::/home/app:/bin/sh\nbroken\n")
        .file("/etc/group", "app:x:1:\n")
        .file("/etc/shells", "/opt/odd\n")
        .file("/opt/odd", mode=0o755)
        .directory("/home/app")
        .directory("/tmp", mode=0o1777)
        .file("/bin/dash", mode=0o4755)
        .symlink("/bin/sh", "dash")
        .file("/usr/include/a.h")
        .file("/lib/apk/db/installed", "P:a\nV:1\n\n")
    )


def test_everything_is_there_and_sorted() -> None:
    inventory, problems = take(an_image().tree(), CONFIG)
    assert [user.name for user in inventory.users] == ["app"]
    assert [group.name for group in inventory.groups] == ["app"]
    assert [tool.path for tool in inventory.tools] == ["/bin/dash", "/bin/sh", "/opt/odd"]
    assert inventory.headers == ("/usr/include",)
    assert inventory.homes == ("/home/app",)
    assert inventory.temporary == ("/tmp",)
    assert [runtime.language for runtime in inventory.runtimes] == ["shell"]
    assert {privilege.kind for privilege in inventory.privileges} == {"setuid", "sticky", "world-writable"}
    assert inventory.package_databases == ("/lib/apk/db/installed",)
    assert [package.name for package in inventory.packages] == ["a"]
    assert [problem.code for problem in problems] == ["user-database-line"]


def test_an_empty_image_holds_nothing() -> None:
    assert take(ImageBuilder().tree(), ImageConfig()) == (Inventory(), ())


def test_lines_of_plug_ins_are_sorted_and_their_problems_go_with_ours() -> None:
    problem = Problem(code="odd", message="m", scope=Scope.ANALYSIS, fatal=False)
    inventory, problems = take(
        ImageBuilder().tree(), CONFIG, inventories=(Plugin("b", ("2", "1", problem)), Plugin("a", ()))
    )
    assert list(inventory.extra.items()) == [("a", ()), ("b", ("1", "2"))]
    assert problems == (problem,)


def raising(error: Exception) -> Iterator[str]:
    yield "1"
    raise error


@pytest.mark.parametrize(
    ("said", "words"),
    [((3,), "gives a int"), (raising(KeyError("k")), "KeyError"), ((None,), "NoneType")],
)
def test_a_plug_in_that_misbehaves_is_named(said: Iterable[object], words: str) -> None:
    with pytest.raises(PluginError, match=f"'culprit'.*{words}"):
        take(ImageBuilder().tree(), CONFIG, inventories=(Plugin("culprit", said),))


def test_errors_of_the_image_are_not_the_plug_in_s() -> None:
    with pytest.raises(ImageClosedError):
        take(ImageBuilder().tree(), CONFIG, inventories=(Plugin("p", raising(ImageClosedError("closed"))),))
