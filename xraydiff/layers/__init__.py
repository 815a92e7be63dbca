"""What a layer says: one layer's tar stream becomes Put, Whiteout and Opaque operations, in the order of the stream.

OCI image-spec, layer.md. The reader is strict: a header that Docker's own reader would refuse is an error here, never a
shorter listing. Nothing is extracted; content stays where it is and is read by offset.
"""

from __future__ import annotations

from dataclasses import dataclass

from xraydiff.facts import Extent, FileType

__all__ = ["Note", "Opaque", "Operation", "Put", "Whiteout"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """An entry that a layer adds or replaces."""

    name: str
    """As stored, decoded with surrogateescape: not yet normalised, `./`, `..` and a leading `/` possible."""
    type: FileType
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    target: str = ""
    """Of a symlink: its text. Of a hard link: the name of the other entry, as stored."""
    hardlink: bool = False
    device: tuple[int, int] | None = None
    xattrs: tuple[tuple[str, bytes], ...] = ()
    offset: int = 0
    """Of the content, in the uncompressed layer."""
    extents: tuple[Extent, ...] | None = None
    header: int = 0
    """Offset of the entry's first header, for messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whiteout:
    """`.wh.NAME`: removes NAME of lower layers. `name` is the path of what is removed, as stored (directory + NAME)."""

    name: str
    header: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Opaque:
    """`.wh..wh..opq`: hides everything that lower layers put into the directory `name`."""

    name: str
    header: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something odd that did not stop the reading; `fatal` means that the layer was not read whole."""

    code: str
    message: str
    path: str = ""
    offset: int = -1
    fatal: bool = True


Operation = Put | Whiteout | Opaque | Note
