from __future__ import annotations

import time

import pytest

from tests.patience import SLOW
from xraydiff.image.names import is_name, normal_name, same_name, with_tag


@pytest.mark.parametrize(
    "name",
    [
        "app",
        "app:1",
        "library/app:1.0_x-Y",
        "my__app-x---y.z/a_b",
        "registry.example/owner/app:tag",
        "localhost:5000/app",
        "[::1]:5000/app",
        "HOST.example/app",
        "app@sha256:" + "a" * 64,
        "app:1@sha256:" + "a" * 64,
        "c6a46754d9f2",
        "sha256:" + "0" * 64,
    ],
)
def test_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "--", "-app", "../x", "a/../b", "app?x=1", "app\n", "app\x00", "App", "app:", "a//b", "/app", "app/", "a b",
     "app#x", "app%2e", "a___b", "a@b", "app:" + "t" * 129, "a" * 600, "é"],
)  # fmt: skip
def test_no_names(name: str) -> None:
    assert not is_name(name)


def test_hostile_names_take_linear_time() -> None:
    started = time.process_time()
    for part in ("a_", "a-", "a.", "a/", "-", "a:"):
        assert not is_name(part * 250 + "!")
    assert time.process_time() - started < 1 * SLOW


def test_with_tag() -> None:
    assert with_tag("app") == "app:latest"
    assert with_tag("localhost:5000/app") == "localhost:5000/app:latest"
    assert with_tag("app:1") == "app:1"
    assert with_tag("app@sha256:00") == "app@sha256:00"


@pytest.mark.parametrize("name", ["app", "library/app", "docker.io/app:latest", "docker.io/library/app"])
def test_one_name_has_one_spelling(name: str) -> None:
    assert normal_name(name) == "docker.io/library/app:latest"


def test_different_names() -> None:
    assert not same_name("app:1", "app:2")
    assert not same_name("registry.example/app:1", "app:1")
    assert not same_name("localhost/app", "app")
    assert same_name("owner/app:1", "docker.io/owner/app:1")
