"""If this is kept, these go with it: companions that no reference names, by rows of data, each with its reason.

A program opens its message catalogues, modules and helpers by paths compiled into it, long after it started. The rows
of knowledge/companions.toml say which; whoever knows more programs adds rows of the same form (docs/companions.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from xraydiff.commands.start import find_executable, health_command, start_command
from xraydiff.errors import LimitExceeded
from xraydiff.facts import Certainty, Edge, EdgeKind, FileType, Node, NodeKind, Origin
from xraydiff.knowledge import OURS, Companion, Knowledge
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, basename, decoded, image_path
from xraydiff.references import Context, Depth, Gap, ParsedReader, Subject
from xraydiff.tree import glob

__all__ = ["CompanionsReader"]

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.+@:~-]{1,255}\Z")
"""What may be put into a pattern for a placeholder: no slash and nothing that a pattern gives a meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentions:
    """What a file says for the rows that know it by its name."""

    by_row: tuple[tuple[Mapping[str, str], ...], ...] = ()
    """For each of these rows its distinct mentions as placeholders and their values; none where it looks for none."""


class CompanionsReader(ParsedReader[Mentions]):
    """Reads every kept or restored file by its name, few of them by content, and the program that a config starts."""

    name = "companions"
    depth = Depth.HEADERS

    def __init__(self, knowledge: Knowledge = OURS) -> None:
        """Rows are read at the first use."""
        self._knowledge = knowledge
        self._table: _Table | None = None

    def accepts(self, subject: Subject) -> bool:
        """A config, and a file that a row knows by its name."""
        if subject.node.kind is NodeKind.CONFIG:
            return subject.config is not None
        return subject.node.kind is NodeKind.FILE and any(True for _ in self._rows().of(subject.path))

    def form(self, subject: Subject) -> str:
        """The path, by which rows know a file."""
        return subject.path if subject.config is None else ""

    def parse(self, data: bytes, form: str, limits: Limits) -> Mentions:
        """What the file says that a row looks for; few rows do."""
        del limits
        rows = self._rows().of(form)
        return Mentions(by_row=tuple(tuple(_said(row.mentions, data)) if row.mentions else () for row, _ in rows))

    def resolve(self, parsed: Mentions, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """Edges to what goes with a file, or with the program that the image starts, row by row."""
        seen: dict[str, bool] = {}
        for path, row, places, mentioned in self._matching(parsed, subject, context):
            if not _is_given(row, places, context):
                continue
            choices = [{**places, **one} for one in mentioned] if row.mentions is not None else [places]
            for target in _targets(row, choices, context):
                weak = row.certainty is Certainty.POSSIBLE
                known = target.path in seen and (weak or not seen[target.path])
                if not known and target.path not in (subject.path, path):
                    seen[target.path] = weak
                    yield Edge(
                        source=subject.node,
                        target=target,
                        kind=EdgeKind.COMPANION,
                        firing=row.firing,
                        detail=row.reason,
                        by=self.name,
                        origin=Origin.COMPANION,
                        weak=weak,
                        group=row.reason.partition(": ")[0],
                    )

    def _matching(
        self, parsed: Mentions, subject: Subject, context: Context
    ) -> Iterator[tuple[str, Companion, Mapping[str, str], tuple[Mapping[str, str], ...]]]:
        """Paths with the rows that match them and what these look for. What a config starts needs its companions."""
        if subject.config is None:
            for (row, places), mentioned in zip(self._rows().of(subject.path), parsed.by_row, strict=True):
                yield subject.path, row, places, mentioned
            return
        words = (*start_command(subject.config), *health_command(subject.config))
        for word in words[: context.limits.command_words]:
            program = find_executable(word, context.original, context.path, context.cwd)
            real = context.original.resolve(program).path if program is not None else None
            for row, places in self._rows().of(real) if real is not None else ():
                if row.certainty > Certainty.POSSIBLE and row.mentions is None:
                    yield real or "", row, places, ()

    def _rows(self) -> _Table:
        if self._table is None:
            self._table = _Table(self._knowledge.rows(Companion))
        return self._table


class _Table:
    """Rows by the file names that they look for: most know the whole name, the others share one search."""

    def __init__(self, rows: Iterable[Companion]) -> None:
        self._literal: dict[str, list[Companion]] = {}
        self._other: list[tuple[re.Pattern[str], Companion]] = []
        for row in rows:
            for pattern in row.when:
                last = pattern.parts[-1]
                if isinstance(last, str):
                    self._literal.setdefault(last, []).append(row)
                else:
                    self._other.append((last, row))
        self._any = re.compile("|".join(_NAMED_GROUP.sub("(?:", last.pattern) for last, _ in self._other) or "(?!)")

    def of(self, path: str) -> Iterator[tuple[Companion, Mapping[str, str]]]:
        """The rows that match a path, each once, with their placeholders."""
        name = basename(path)
        rows = self._literal.get(name, [])
        if self._any.fullmatch(name):
            rows = [*rows, *(row for last, row in self._other if last.fullmatch(name))]
        for row in {id(row): row for row in rows}.values():
            places = row.match(path)
            if places is not None:
                yield row, places


_NAMED_GROUP: Final = re.compile(r"\(\?P<[a-z_]{1,30}>")


def _targets(row: Companion, choices: Sequence[Mapping[str, str]], context: Context) -> Iterator[Node]:
    """What the original has of a row's `then`, by the values that its placeholders may have."""
    for choice in choices:
        if all(_is_plain(name, value) for name, value in choice.items()):
            for pattern in row.then:
                for node in _found(pattern.format_map(choice), context):
                    if not any(name.match(node.path) for name in row.except_):
                        yield node


def _is_given(row: Companion, places: Mapping[str, str], context: Context) -> bool:
    """Whether the original has what the row wants to be there; looked up once for each pattern."""
    if not row.given:
        return True
    if not all(_is_plain(name, value) for name, value in places.items()):
        return False
    known = context.once(_answers)
    for pattern in (given.format_map(places) for given in row.given):
        if pattern not in known:
            known[pattern] = any(True for _ in _found(pattern, context))
        if known[pattern]:
            return True
    return False


def _answers(_: Context) -> dict[str, bool]:
    """Whether something matches, by pattern."""
    return {}


def _is_plain(name: str, value: str) -> bool:
    parts = value.split("/")[1:] if name == "dir" else [value]
    return all(_PLAIN.match(part) for part in parts)


def _said(mentions: re.Pattern[bytes], data: bytes) -> Iterator[Mapping[str, str]]:
    """The distinct matches in a file."""
    seen: set[tuple[bytes, ...]] = set()
    for match in mentions.finditer(data):
        groups = match.groupdict(b"")
        key = tuple(groups.values())
        if key not in seen:
            seen.add(key)
            yield {name: decoded(value) for name, value in groups.items()}


def _found(pattern: str, context: Context) -> Iterator[Node]:
    tree = context.original
    path = image_path(pattern)
    if not any(char in path for char in "*?["):
        found: tuple[ImagePath, ...] = (path,)
    else:
        try:
            found = glob(tree, path, spend=context.budget.spend)
        except LimitExceeded:
            return
    for one in found:
        resolved = tree.resolve(one)
        if resolved.path is None or resolved.file is None:
            continue
        if resolved.file.type is FileType.FILE:
            yield Node(path=one)
        elif resolved.file.type is FileType.DIRECTORY and not tree.children(resolved.path):
            yield Node(kind=NodeKind.DIRECTORY, path=one)
