"""Names of images: `[HOST/]NAME[:TAG][@DIGEST]`, and when two of them are one (distribution's reference grammar)."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Named", "is_name", "normal_name", "same_name", "split_name", "with_tag"]

_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?|\[[0-9a-fA-F:]{2,45}\])(?::[0-9]{1,5})?"
_PART = r"[a-z0-9]++(?>(?:\.|_|__|-++)[a-z0-9]++)*+"
_NAME = re.compile(
    rf"(?:{_HOST}/)?{_PART}(?>/{_PART})*+(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?"
)
_PARTS = re.compile(
    rf"(?:(?P<host>{_HOST})/)?(?P<repository>{_PART}(?>/{_PART})*+)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?"
)
_ID = re.compile(r"(?:sha256:)?[0-9a-f]{12,64}")
_MAX_LENGTH = 512
"""A name has at most 255 characters, a tag 128, a digest 71."""


def is_name(text: str) -> bool:
    """Whether a text is an image's name or id as engines take it, so that it cannot mean anything else in a request."""
    return len(text) <= _MAX_LENGTH and bool(_NAME.fullmatch(text) or _ID.fullmatch(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The parts of a name; `host` is empty where its first component is none, `tag` and `digest` where not given."""

    host: str
    repository: str
    tag: str
    digest: str


def split_name(text: str) -> Named | None:
    """The parts of `[HOST/]NAME[:TAG][@DIGEST]`, None for a text that is no name.

    The first component is a host where it has a dot or a port or is `localhost`, as for Docker.
    """
    match = _PARTS.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if match is None:
        return None
    host, repository = match["host"] or "", match["repository"]
    if host and not ("." in host or ":" in host or host == "localhost"):
        host, repository = "", f"{host}/{repository}"
    return Named(host=host, repository=repository, tag=match["tag"] or "", digest=match["digest"] or "")


def with_tag(name: str) -> str:
    """A name with the tag `latest` where it has neither tag nor digest."""
    return name if "@" in name or ":" in name.rpartition("/")[2] else f"{name}:latest"


def normal_name(name: str) -> str:
    """The one spelling of a name: `app` is `docker.io/library/app:latest` as it is for Docker."""
    tagged = with_tag(name)
    host, slash, _ = tagged.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        tagged = f"docker.io/{tagged}"
    if tagged.startswith("docker.io/") and tagged.count("/") == 1:
        tagged = tagged.replace("/", "/library/", 1)
    return tagged


def same_name(one: str, other: str) -> bool:
    """Whether two names are the same image, as far as names can tell."""
    return one == other or normal_name(one) == normal_name(other)
