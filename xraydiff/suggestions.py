"""What to put back: the smallest closed sets of paths, each with its certainty; choosing among them needs no image."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from xraydiff.errors import UsageError
from xraydiff.escaping import escaped, is_visible
from xraydiff.facts import Certainty, EdgeKind, FileType, Finding, Suggestion, WalkDepth
from xraydiff.paths import ImagePath, ancestors, image_path
from xraydiff.reach import Missing, Reach
from xraydiff.tree import FileTree

_HEADER: Final = 512
"""Bytes of a tar header, which a path without content takes as well."""
_WORTH: Final = {
    EdgeKind.EXECUTES: 0,
    EdgeKind.SOURCES: 0,
    EdgeKind.COMPANION: 1,
    EdgeKind.LOADS: 1,
    EdgeKind.IMPORTS: 1,
}
"""What possible needs turned out to be (ADR 14): of programs that something runs one group in four was needed, of
what goes with a program one in six, and of 130 groups that a text merely names none, so those fill nothing."""
_UNITS: Final = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_BUDGET: Final = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*(%|[kmg]b|[kmg]ib|b|)", re.IGNORECASE | re.ASCII)
_SHALLOW: Final = (
    "the comparison followed what is only possible no further than the loader does: "
    "what its scripts would need is not listed; compare with depth possible (--depth possible) for that"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """A chosen set of paths, sorted, closed over links and load-time dependencies."""

    items: tuple[Suggestion, ...]
    certainty: Certainty
    """The least certainty that was requested."""
    left_out: tuple[Suggestion, ...] = ()
    """As certain, but over the budget."""
    lacking: str = ""
    """What was requested and cannot be here, in one line; empty where everything is."""

    @property
    def bytes(self) -> int:
        """Bytes that the set gives back."""
        return sum(item.bytes for item in self.items)

    def paths(self) -> tuple[str, ...]:
        """One escaped path a line: files, links, empty directories; a directory with content only if all is wanted."""
        return tuple(escaped(item.path) for item in _listed(self.items))

    def flags(self) -> tuple[str, ...]:
        """The set as `--include-path` flags, shell-quoted; `notes` says what no flag can name."""
        return tuple(f"--include-path {_quoted(item.path)}" for item in _listed(self.items) if _can_be_named(item.path))

    def notes(self) -> tuple[str, ...]:
        """A line for each path that `flags` leaves out, with the directory to include in its place.

        The minifier splits its argument at the last `:` and reads files of paths line by line, so such a path can only
        come back with a directory above it. So can one with characters that nobody sees: neither a POSIX shell nor
        `xargs`, to which the flags are given, has an escape for them, and raw they would steer the terminal that shows
        the flags.
        """
        return tuple(_note(item.path) for item in _listed(self.items) if not _can_be_named(item.path))


def propose(reach: Reach, original: FileTree, findings: Iterable[Finding]) -> tuple[Suggestion, ...]:
    """Every missing path of the walk as a suggestion, with the findings that it mends; sorted by path."""
    mends: dict[str, set[str]] = {}
    for finding in findings:
        for path in finding.restore:
            mends.setdefault(path, set()).add(finding.fingerprint)
    seen: set[int] = set()
    proposed = []
    for path, missing in sorted(reach.missing.items()):
        inode = original.files[path].inode if path in original.files else 0
        proposed.append(_suggestion(missing, original, mends, counted=inode in seen))
        seen.add(inode)
    return tuple(proposed)


def choose(
    suggestions: Iterable[Suggestion],
    certainty: Certainty,
    budget: int | None = None,
    *,
    findings: Iterable[Finding] = (),
    depth: WalkDepth = WalkDepth.POSSIBLE,
) -> Suggestions:
    """The suggestions of at least that certainty; with a budget in bytes, whole findings as far as they fit.

    `depth` is that of the walk that found them: if it went less far than is requested, the choice says so.

    The most certain findings come first and, among equals, the smallest, so that a budget is spent where it mends most.
    What is left of it is filled with what the `findings` hold to be less certain, each path with all that it needs.
    """
    proposed = tuple(suggestions)
    wanted = [item for item in proposed if item.certainty >= certainty]
    lacking = _SHALLOW if certainty < Certainty.LIKELY and depth < WalkDepth.POSSIBLE else ""
    if budget is None:
        return Suggestions(items=tuple(wanted), certainty=certainty, lacking=lacking)
    groups: dict[tuple[str, ...], list[Suggestion]] = {}
    for item in wanted:
        groups.setdefault(item.findings[:1], []).append(item)
    kept: set[str] = set()
    left = budget
    for group in sorted(groups.values(), key=_rank):
        cost = sum(item.bytes for item in group)
        if cost <= left:
            left -= cost
            kept.update(item.path for item in group)
    left_out = tuple(item for item in wanted if item.path not in kept)
    if not left_out:
        kept.update(_filling(proposed, findings, kept, left))
    return Suggestions(
        items=tuple(item for item in proposed if item.path in kept),
        certainty=certainty,
        left_out=left_out,
        lacking=lacking,
    )


def _filling(proposed: Iterable[Suggestion], findings: Iterable[Finding], kept: set[str], left: int) -> Iterator[str]:
    """The most useful for its bytes: by the kind of need, then the smallest with all its dependencies."""
    items = {item.path: item for item in proposed if item.path not in kept}
    units: list[tuple[int, int, tuple[str, ...]]] = []
    for finding in findings:
        needs = {closure.path: closure.needs for closure in finding.closures}
        follows = {path for needed in needs.values() for path in needed}
        worth = _WORTH.get(finding.evidence[-1].kind) if finding.evidence else None
        for path in finding.restore if worth is not None else ():
            if path in items and path not in follows:
                unit = (path, *(one for one in needs.get(path, ()) if one in items))
                units.append((worth or 0, sum(items[one].bytes + _HEADER for one in unit), unit))
    taken: set[str] = set()
    for _, _, unit in sorted(units):
        new = [one for one in unit if one not in taken]
        cost = sum(items[one].bytes + _HEADER for one in new)
        if new and cost <= left:
            left -= cost
            taken.update(new)
            yield from new


def read_budget(text: str, removed: int) -> int:
    """Bytes of `20000`, `5MB`, `512KiB` or `5%`, of the bytes that slimming `removed`. Raises `UsageError`."""
    match = _BUDGET.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{escaped(text)!r} is no budget: give bytes, `5MB`, `512KiB` or `5%` of what was removed")
    number, unit = Decimal(match[1]), match[2].lower()
    if unit == "%":
        return int(removed * number / 100)
    return int(number * _UNITS[unit])


def _note(path: str) -> str:
    above = next(directory for directory in ancestors(image_path(path)) if _can_be_named(directory))
    return f"{escaped(path)}: the minifier cannot name this path; include its directory {_quoted(above)}"


def _can_be_named(path: str) -> bool:
    return ":" not in path and is_visible(path)


def _quoted(path: str) -> str:
    """The path as one word for a shell and for `xargs`; `##`, which CI obeys, is parted by the ends of two quotes."""
    return re.sub("#(?=#)", "#''", shlex.quote(path))


def _listed(items: tuple[Suggestion, ...]) -> Iterator[Suggestion]:
    """Directories with content stand for all of it, so one that is not wanted whole is no line of the list."""
    whole = {item.path for item in items if item.kind is FileType.DIRECTORY and item.whole}
    for item in items:
        if item.kind is FileType.DIRECTORY and not item.whole:
            continue
        if whole.isdisjoint(ancestors(ImagePath(item.path))):
            yield item


def _suggestion(missing: Missing, original: FileTree, mends: Mapping[str, set[str]], *, counted: bool) -> Suggestion:
    file = original.files.get(missing.path) or original.resolve(missing.path).file
    mode, uid, gid = (file.mode, file.uid, file.gid) if file else (0, 0, 0)
    is_file = missing.type is FileType.FILE
    return Suggestion(
        path=missing.path,
        kind=missing.type,
        bytes=file.size if file is not None and is_file and not counted else 0,
        certainty=missing.certainty,
        mode=mode,
        uid=uid,
        gid=gid,
        target=file.target if file is not None and missing.type is FileType.SYMLINK else "",
        whole=missing.type is FileType.DIRECTORY and not original.children(missing.path),
        findings=tuple(sorted(mends.get(missing.path, ()))),
    )


def _rank(group: list[Suggestion]) -> tuple[int, int, str]:
    return -max(item.certainty for item in group), sum(item.bytes for item in group), group[0].path
