"""What was reached and not read, as problems that close the gate: each with its reader, the reason, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xraydiff.facts import Problem, Scope
from xraydiff.reach import Unread

__all__ = ["gap_problems"]

_SAID = {
    "no-reader": "no reader knows {reader}, so what it opens and runs was not looked at",
    "too-large": "the {reader} reader stopped at a bound",
    "too-deep": "the {reader} reader stopped at its bound for nesting",
    "too-many-references": "the {reader} reader stopped at its bound for references",
    "malformed": "the {reader} reader does not understand all of it",
    "not-text": "the {reader} reader does not understand its encoding",
}
_OTHER = "the {reader} reader did not read all of it"

_HINTS = {
    "no-reader": "find out what it opens and runs when used, keep that, then waive it by its path",
    "too-large": "waive it by its path if it is data, or raise the limit from Python",
    "too-deep": "waive it by its path if it is data, or raise the limit from Python",
    "too-many-references": "waive it by its path if it is a list, or raise the limit from Python",
    "malformed": "check it with its own interpreter, then waive it by its path",
    "not-text": "check its encoding, then waive it by its path",
}
_OTHER_HINT = "look at what it asks for, then waive it by its path"


def gap_problems(unread: Iterable[Unread]) -> Iterator[Problem]:
    """One problem for each file, reader and reason; details of the same reason are told together, the first by name."""
    known: dict[tuple[str, str, str, str], list[str]] = {}
    for one in unread:
        key = ("slim" if one.kept else "original", one.path, one.reader, one.reason)
        known.setdefault(key, []).extend([one.detail] if one.detail else [])
    for (image, path, reader, reason), details in known.items():
        yield Problem(
            image=image,
            path=path,
            code=reason,
            message=_SAID.get(reason, _OTHER).format(reader=reader) + _told(sorted(details)),
            scope=Scope.ANALYSIS,
            fatal=False,
            reader=reader,
            hint=_HINTS.get(reason, _OTHER_HINT),
        )


def _told(details: list[str]) -> str:
    if not details:
        return ""
    more = f" and {len(details) - 1} more" if len(details) > 1 else ""
    return f": {details[0]}{more}"
