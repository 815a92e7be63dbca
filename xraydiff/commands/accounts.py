"""The accounts of an image that commands name."""

from __future__ import annotations

from xraydiff.errors import ImageError
from xraydiff.facts import FileType
from xraydiff.paths import decoded
from xraydiff.tree import FileTree

__all__ = ["DEFAULT_SHELL", "login_shell"]

DEFAULT_SHELL = "/bin/sh"


def login_shell(tree: FileTree, user: str, *, limit: int) -> str:
    """The login shell of a user (passwd(5)), which su(1) starts; the file is read up to a limit."""
    found = tree.resolve("/etc/passwd")
    if found.path is None or found.file is None or found.file.type is not FileType.FILE or found.file.size > limit:
        return DEFAULT_SHELL
    try:
        text = decoded(tree.content(found.path, limit=limit))
    except ImageError:
        return DEFAULT_SHELL
    for line in text.split("\n"):
        fields = line.split(":")
        if fields[0] == user and len(fields) == 7 and fields[6].startswith("/"):
            return fields[6]
    return DEFAULT_SHELL
