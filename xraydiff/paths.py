r"""Names inside an image: absolute, normalised, of any bytes; nothing here touches the host.

A name is a `str` whose undecodable bytes are lone surrogates (PEP 383, `surrogateescape`), so that every byte string
has exactly one name. For people and for JSON a name is escaped (`escaping`): two names never become one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NewType

from xraydiff.escaping import escaped as escaped  # noqa: PLC0414  whoever has a name shows it
from xraydiff.escaping import unescaped as unescaped  # noqa: PLC0414

ImagePath = NewType("ImagePath", str)
"""`/` or `/a/b`: absolute, no empty, `.` or `..` component, no trailing slash."""

ROOT = ImagePath("/")
WHITEOUT_PREFIX = ".wh."
OPAQUE = ".wh..wh..opq"
AUFS_PREFIX = ".wh..wh."


def decoded(raw: bytes) -> str:
    """The name that stands for these bytes."""
    return raw.decode("utf-8", "surrogateescape")


def encoded(name: str) -> bytes:
    """The bytes of a name."""
    return name.encode("utf-8", "surrogateescape")


def components(raw: str) -> list[str]:
    """The components of a path, `.` and empty ones dropped, `..` clamped at the root as a kernel does."""
    parts: list[str] = []
    for part in raw.split("/"):
        if part == "..":
            if parts:
                parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return parts


def image_path(raw: str) -> ImagePath:
    """The normalised absolute form of a path as some file spells it; a relative one counts from the root."""
    return ImagePath("/" + "/".join(components(raw)))


def join(directory: str, name: str) -> ImagePath:
    """`name` as seen from `directory`; an absolute name stands by itself. Lexical: `..` does not follow links."""
    return image_path(name if name.startswith("/") else f"{directory}/{name}")


def parent(path: ImagePath) -> ImagePath:
    """The directory that holds a path; the root holds itself."""
    return ImagePath(path.rpartition("/")[0] or "/")


def basename(path: str) -> str:
    """The last component; empty for the root."""
    return path.rpartition("/")[2]


def ancestors(path: ImagePath) -> Iterator[ImagePath]:
    """The directories above a path, nearest first, the root last."""
    while path != ROOT:
        path = parent(path)
        yield path


def is_below(path: str, directory: str) -> bool:
    """Whether a path lies strictly below a directory, by components and not by letters."""
    return path.startswith("/" if directory == "/" else directory + "/") and path != directory


def whiteout_target(name: str) -> str | None:
    """The name that a whiteout entry removes, or None (OCI image-spec, layer.md, "Whiteouts").

    `.wh..wh..opq` is no whiteout but the opaque marker; only the exact name is, so `.wh..wh..opqX` removes `.wh..opqX`.
    """
    if name == OPAQUE or not name.startswith(WHITEOUT_PREFIX):
        return None
    return name[len(WHITEOUT_PREFIX) :]
