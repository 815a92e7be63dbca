"""The start command of an image, its environment and its search for programs."""

from __future__ import annotations

import pytest

from tests.elf_files import make_tree
from xraydiff.commands.start import (
    environment,
    find_executable,
    health_command,
    search_path,
    start_command,
    user_name,
    working_directory,
)
from xraydiff.facts import Healthcheck, ImageConfig
from xraydiff.paths import ROOT, ImagePath


def test_entrypoint_and_cmd_are_joined() -> None:
    assert start_command(ImageConfig(entrypoint=("/e", "-x"), cmd=("run",))) == ("/e", "-x", "run")
    assert start_command(ImageConfig(entrypoint=(), cmd=("run",))) == ("run",)
    assert start_command(ImageConfig()) == ()


def test_the_last_value_of_a_name_counts() -> None:
    assert environment(ImageConfig(env=("A=1", "B=x=y", "A=2", "BAD", "=v"))) == {"A": "2", "B": "x=y"}


def test_path_falls_back_to_the_engine_and_counts_from_workdir() -> None:
    assert search_path(ImageConfig())[0] == "/usr/local/sbin"
    config = ImageConfig(env=("PATH=/bin::bin:/bin",), workdir="/srv")
    assert search_path(config) == ("/bin", "/srv", "/srv/bin")


def test_workdir_is_normalised() -> None:
    assert working_directory(ImageConfig(workdir="srv/./app/")) == "/srv/app"
    assert working_directory(ImageConfig()) == ROOT


@pytest.mark.parametrize(
    ("test", "shell", "words"),
    [
        (("CMD", "curl", "-f"), None, ("curl", "-f")),
        (("CMD-SHELL", "curl || exit 1"), None, ("/bin/sh", "-c", "curl || exit 1")),
        (("CMD-SHELL", "true"), ("/bin/bash", "-ec"), ("/bin/bash", "-ec", "true")),
        (("NONE",), None, ()),
        ((), None, ()),
    ],
)
def test_the_health_check(test: tuple[str, ...], shell: tuple[str, ...] | None, words: tuple[str, ...]) -> None:
    assert health_command(ImageConfig(healthcheck=Healthcheck(test=test), shell=shell)) == words
    assert health_command(ImageConfig()) == ()


def test_user_and_group() -> None:
    assert user_name(ImageConfig(user="app:web")) == ("app", "web")
    assert user_name(ImageConfig(user="1000")) == ("1000", "")


def test_a_program_is_the_first_that_may_be_executed() -> None:
    files: dict[str, bytes | str | None] = {
        "/a/x": b"data",
        "/b/x": None,
        "/c/x": "/real/x",
        "/real/x": b"#!",
        "/d/x": b"#!",
        "/srv/run": b"#!",
    }
    tree = make_tree(files, modes={"/a/x": 0o644})
    path = [ImagePath(f"/{one}") for one in "abcd"]
    assert find_executable("x", tree, path) == "/c/x"
    assert find_executable("./run", tree, path, ImagePath("/srv")) == "/srv/run"
    assert find_executable("/d/x", tree, ()) == "/d/x"
    for absent in ("y", "", ".", "..", "/a/x", "/b/x", "run"):
        assert find_executable(absent, tree, path, ImagePath("/srv")) is None
