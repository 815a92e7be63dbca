r"""Names inside an image: absolute, normalised, of any bytes; nothing here touches the host.

A name is a `str` whose undecodable bytes are lone surrogates (PEP 383, `surrogateescape`), so that every byte string
has exactly one name. For people and for JSON a name is escaped by `escaped`: backslash doubled, control and invalid
bytes as `\xNN`; two names never become one, and `unescaped` gives the name back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NewType

ImagePath = NewType("ImagePath", str)
"""`/` or `/a/b`: absolute, no empty, `.` or `..` component, no trailing slash."""

ROOT = ImagePath("/")
WHITEOUT_PREFIX = ".wh."
OPAQUE = ".wh..wh..opq"
AUFS_PREFIX = ".wh..wh."

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\\\\\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_ESCAPE = re.compile(rb"\\(\\|x[0-9a-f]{2})")


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


def escaped(name: str) -> str:
    r"""A name for people, TSV and JSON: backslash doubled, control, invalid and direction-changing bytes as `\xNN`."""

    def one(match: re.Match[str]) -> str:
        char = match.group()
        if char == "\\":
            return "\\\\"
        # A label may hold a lone surrogate that stands for no byte; JSON allows it, a file name cannot.
        how = "surrogateescape" if "\udc80" <= char <= "\udcff" else "surrogatepass"
        return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", how))

    return _UNSAFE.sub(one, name)


def unescaped(text: str) -> str:
    """The name that `escaped` was given. Raises `ValueError` for a text that `escaped` cannot have made."""
    raw = _ESCAPE.sub(lambda m: b"\\" if m[1] == b"\\" else bytes([int(m[1][1:], 16)]), text.encode())
    name = decoded(raw)
    if escaped(name) != text:
        msg = f"not an escaped name: {text!a}"
        raise ValueError(msg)
    return name
