"""What to put back: the smallest closed sets of paths, each with its certainty; choosing among them needs no image."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from xraydiff.escaping import escaped, is_visible
from xraydiff.facts import Certainty, FileType, Finding, Suggestion
from xraydiff.paths import ImagePath, ancestors, image_path
from xraydiff.reach import Missing, Reach
from xraydiff.tree import FileTree


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """A chosen set of paths, sorted, closed over links and load-time dependencies."""

    items: tuple[Suggestion, ...]
    certainty: Certainty
    """The least certainty that was asked for."""
    left_out: tuple[Suggestion, ...] = ()
    """As certain, but over the budget."""

    @property
    def bytes(self) -> int:
        """Bytes that the set gives back."""
        return sum(item.bytes for item in self.items)

    def paths(self) -> tuple[str, ...]:
        """One escaped path a line: files, links, empty directories; a directory with content only if all is wanted."""
        return tuple(escaped(item.path) for item in _listed(self.items))

    def flags(self) -> tuple[str, ...]:
        """The set as `--include-path` flags, shell-quoted; what no flag can name is told by `notes`."""
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


def choose(suggestions: Iterable[Suggestion], certainty: Certainty, budget: int | None = None) -> Suggestions:
    """The suggestions of at least that certainty; with a budget in bytes, whole findings as far as they fit.

    The most certain findings come first and, among equals, the smallest, so that a budget is spent where it mends most.
    """
    wanted = [item for item in suggestions if item.certainty >= certainty]
    if budget is None:
        return Suggestions(items=tuple(wanted), certainty=certainty)
    groups: dict[tuple[str, ...], list[Suggestion]] = {}
    for item in wanted:
        groups.setdefault(item.findings[:1], []).append(item)
    chosen: list[Suggestion] = []
    spent = 0
    for group in sorted(groups.values(), key=_rank):
        cost = sum(item.bytes for item in group)
        if spent + cost <= budget:
            spent += cost
            chosen.extend(group)
    kept = {item.path for item in chosen}
    return Suggestions(
        items=tuple(item for item in wanted if item.path in kept),
        certainty=certainty,
        left_out=tuple(item for item in wanted if item.path not in kept),
    )


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
