from __future__ import annotations

import pytest

from xraydiff.errors import UsageError
from xraydiff.facts import Platform
from xraydiff.image.platforms import matches, parse_platform


def test_parse() -> None:
    assert parse_platform("linux/arm/v7") == Platform(os="linux", architecture="arm", variant="v7")
    assert parse_platform("Linux/AMD64") == Platform(os="linux", architecture="amd64")


@pytest.mark.parametrize(
    "text", ["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux/am d64", "linux/\n", "a/../b"]
)
def test_parse_refuses(text: str) -> None:
    with pytest.raises(UsageError, match="not a platform"):
        parse_platform(text)


@pytest.mark.parametrize(
    ("wanted", "offered", "same"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/x86_64", "linux/amd64", True),
        ("linux/aarch64", "linux/arm64/v8", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm", "linux/arm/v6", True),
        ("linux/arm/v7", "linux/arm/v6", False),
        ("linux/arm/v7", "linux/arm", True),
        ("linux/arm64", "linux/amd64", False),
        ("windows/amd64", "linux/amd64", False),
    ],
)
def test_matches(wanted: str, offered: str, same: bool) -> None:
    assert matches(parse_platform(wanted), parse_platform(offered)) is same
