"""The listing of an image as tab-separated text: one line for every path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xraydiff.errors import LimitExceeded
from xraydiff.facts import File, FileType
from xraydiff.paths import ROOT, ImagePath, escaped

if TYPE_CHECKING:
    from xraydiff.tree import FileTree

HEADER = "path\ttype\tmode\tsize\tsha256_or_target"
_NONE = "-"


def listing(tree: FileTree, *, digests: bool = True) -> Iterator[str]:
    """Lines without their newline: the header, then path, type, mode, size, and digest or link text.

    The root is left out. Names are escaped as everywhere (`paths.escaped`). `-` stands for what does not apply: mode
    and size of a symlink, size of what is no regular file, the digest where `digests` is false or a file is larger than
    `Limits.file` (which is a problem of the tree). A device has `major:minor` in the last column.
    """
    yield HEADER
    for path, file in tree.files.items():
        if path != ROOT:
            yield "\t".join((escaped(path), file.type.value, *_columns(tree, path, file, digests=digests)))


def _columns(tree: FileTree, path: ImagePath, file: File, *, digests: bool) -> tuple[str, str, str]:
    if file.type is FileType.SYMLINK:
        return _NONE, _NONE, escaped(file.target)
    mode = f"0o{file.mode:o}"
    if file.type is FileType.FILE:
        return mode, str(file.size), _digest(tree, path) if digests else _NONE
    return mode, _NONE, "{}:{}".format(*file.device) if file.device else _NONE


def _digest(tree: FileTree, path: ImagePath) -> str:
    try:
        return tree.digest(path)
    except LimitExceeded:
        return _NONE
