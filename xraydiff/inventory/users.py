"""Users, groups and login shells of an image: passwd(5), group(5), shells(5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from xraydiff.errors import LimitExceeded
from xraydiff.facts import FileType, Group, Problem, User
from xraydiff.inventory.packages.databases import Problems
from xraydiff.limits import DEFAULT, Limits
from xraydiff.paths import decoded
from xraydiff.tree import FileTree

__all__ = ["read_shells", "read_users"]

_PASSWD, _GROUP, _SHELLS = "/etc/passwd", "/etc/group", "/etc/shells"
_IDS = 1 << 32
"""uid_t and gid_t have 32 bits; the last one, (uid_t) -1, stands for no one."""

T = TypeVar("T")


def read_users(
    tree: FileTree, *, limits: Limits = DEFAULT
) -> tuple[tuple[User, ...], tuple[Group, ...], tuple[Problem, ...]]:
    """Users and groups by name, and problems: of scope analysis for a bad line, of reading for a file over its bound.

    Blank lines, comments and the `+` and `-` lines of NIS are left out, as the C library does with local lookups.
    """
    problems = Problems(limits)
    users = _entries(tree, _PASSWD, _user, problems, limits)
    groups = _entries(tree, _GROUP, _group, problems, limits)
    return tuple(sorted(users)), tuple(sorted(groups)), problems.all()


def read_shells(tree: FileTree, *, limits: Limits = DEFAULT) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """The login shells that /etc/shells names, sorted, whether they exist or not, and problems as of `read_users`."""
    problems = Problems(limits)
    shells = {decoded(line) for _, line in _lines(tree, _SHELLS, problems, limits) if line.startswith(b"/")}
    return tuple(sorted(shells)), problems.all()


def _entries(
    tree: FileTree, path: str, parse: Callable[[list[str]], T | str], problems: Problems, limits: Limits
) -> set[T]:
    """What the lines of one file say; a line that `parse` answers with a text is a problem."""
    found: set[T] = set()
    for offset, line in _lines(tree, path, problems, limits):
        entry = parse(decoded(line).split(":"))
        if isinstance(entry, str):
            problems.add(path, "user-database-line", entry, offset=offset)
        else:
            found.add(entry)
        if len(found) > limits.users:
            problems.unreadable(path, "limit-exceeded", f"more than {limits.users} entries")
            break
    return found


def _lines(tree: FileTree, path: str, problems: Problems, limits: Limits) -> Iterator[tuple[int, bytes]]:
    """Lines with their offsets, stripped; none of a file that is not there."""
    found = tree.resolve(path)
    if found.path is None or found.file is None or found.file.type is not FileType.FILE:
        return
    try:
        content = tree.content(found.path, limit=limits.passwd)
    except LimitExceeded:
        problems.unreadable(path, "limit-exceeded", f"larger than {limits.passwd} bytes")
        return
    start = 0
    while start < len(content):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        if end - start > limits.text_line:
            problems.add(path, "user-database-line", f"longer than {limits.text_line} bytes", offset=start)
        elif (line := content[start:end].strip()) and not line.startswith((b"#", b"+", b"-")):
            yield start, line
        start = end + 1


def _user(fields: list[str]) -> User | str:
    match fields:
        case [name, _, uid, gid, _, home, shell] if name and _is_id(uid) and _is_id(gid):
            return User(name=name, uid=int(uid), gid=int(gid), home=home, shell=shell)
        case [_, _, _, _, _, _, _]:
            return "a line without a name, or with an id that is no number of 32 bits"
        case _:
            return f"a line of {len(fields)} fields, not 7"


def _group(fields: list[str]) -> Group | str:
    match fields:
        case [name, _, gid, members] if name and _is_id(gid):
            return Group(name=name, gid=int(gid), members=tuple(one for one in members.split(",") if one))
        case [_, _, _, _]:
            return "a line without a name, or with an id that is no number of 32 bits"
        case _:
            return f"a line of {len(fields)} fields, not 4"


def _is_id(text: str) -> bool:
    """Decimal digits only: `int` would take signs, spaces, underscores and digits of other scripts."""
    return len(text) <= len(str(_IDS)) and text.isascii() and text.isdigit() and int(text) < _IDS
