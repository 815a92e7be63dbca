"""If this is kept, these go with it: companions that no reference names, by rows of data, each with its reason.

A program opens its message catalogues, modules and helpers by paths compiled into it, long after it started. The rows
of companions.toml say which; whoever knows more programs adds rows of the same form (docs/companions.md).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Formatter
from typing import Final

from xraydiff.commands.start import find_executable, health_command, start_command
from xraydiff.errors import LimitExceeded, UsageError
from xraydiff.facts import Certainty, Edge, EdgeKind, FileType, Firing, Node, NodeKind
from xraydiff.limits import DEFAULT, Limits
from xraydiff.paths import ImagePath, basename, components, decoded, encoded, escaped, image_path
from xraydiff.references import Context, Depth, Gap, Subject
from xraydiff.tree import glob

__all__ = ["Companion", "CompanionsReader", "load_companions", "our_companions", "read_companions"]

_WORDS: Final = {Certainty.POSSIBLE.word: Certainty.POSSIBLE, Certainty.LIKELY.word: Certainty.LIKELY}
_KEYS: Final = frozenset(
    {"when", "mentions", "given", "then", "except", "firing", "certainty", "reason", "source", "serves"}
)
_FIRINGS: Final = frozenset({Firing.KEPT_WITH.value, Firing.DEFERRED.value, Firing.GUARDED.value})
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.+@:~-]{1,255}\Z")
"""What may be put into a pattern for a placeholder: no slash and nothing that a pattern gives a meaning."""
_PART: Final = re.compile(r"\*\*|[*?#]|\{([a-z_]{1,30})\}|[^*?#{}]+")
_MEANS: Final = {"*": ".*", "?": ".", "#": "[0-9]{1,20}"}
_ANY_DEPTH: Final = "**"


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """One row: where a file matches one of `when`, what matches `then` goes with it."""

    when: tuple[tuple[str | re.Pattern[str], ...], ...]
    """Patterns by component, a plain one as text."""
    absolute: tuple[bool, ...]
    """Of each pattern, whether it stands for the whole path."""
    then: tuple[str, ...]
    """Absolute patterns (`*`, `?`, `**` as in `tree.glob`) with placeholders: `dir`, those of `when` and `mentions`."""
    given: tuple[str, ...] = ()
    """Absolute patterns, of which the original must have one; empty for no such condition."""
    besides: tuple[re.Pattern[str], ...] = ()
    """Names of files that `then` does not mean (`except` in the text)."""
    mentions: re.Pattern[bytes] | None = None
    """What the file must hold; its named groups are placeholders."""
    firing: Firing = Firing.KEPT_WITH
    certainty: Certainty = Certainty.POSSIBLE
    """The most that an edge of this row may count for."""
    reason: str
    source: str
    """Where the program's own documentation or source says so."""
    serves: tuple[str, ...]
    """Packages that the row is for, two at least: a row for one image is no rule."""

    def match(self, path: str) -> Mapping[str, str] | None:
        """The placeholders of the first pattern that a path matches; None where none does."""
        parts = components(path)
        for pattern, absolute in zip(self.when, self.absolute, strict=True):
            if len(parts) < len(pattern) or (absolute and len(parts) != len(pattern)):
                continue
            found: dict[str, str] = {"dir": path.rpartition("/")[0]}
            if all(_fits(*pair, found) for pair in zip(parts[-len(pattern) :], pattern, strict=True)):
                return found
        return None


def _fits(part: str, wanted: str | re.Pattern[str], found: dict[str, str]) -> bool:
    """Whether a component matches; its placeholders are added."""
    if isinstance(wanted, str):
        return part == wanted
    matched = wanted.fullmatch(part)
    if matched is not None:
        found.update(matched.groupdict())
    return matched is not None


def our_companions() -> tuple[Companion, ...]:
    """The rows that come with this package, in the order of its file."""
    return load_companions(files("xraydiff.knowledge").joinpath("companions.toml").read_text("utf-8"))


def read_companions(path: str | Path, *, limits: Limits = DEFAULT) -> tuple[Companion, ...]:
    """Rows of a TOML file of the host. Raises `UsageError`: `NAME: line 4: companion[0].then: ...`."""
    name = escaped(Path(path).name)
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(limits.companions + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "cannot be read"
        raise UsageError(f"{name}: {reason}") from error
    if len(data) > limits.companions:
        raise UsageError(f"{name}: larger than {limits.companions} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: not UTF-8 at byte {error.start}") from error
    return load_companions(text, name, limits=limits)


def load_companions(text: str, name: str = "companions.toml", *, limits: Limits = DEFAULT) -> tuple[Companion, ...]:
    """Rows of a TOML text: an array of tables `companion`, with the keys that companions.toml explains.

    A pattern of `when` is a file's name, `**/` and the end of a path, or an absolute path; `{name}` in it matches one
    component or a part of it. Raises `UsageError` that names line and field.
    """
    document = _document(text, name, limits)
    rows = document.get("companion")
    if set(document) != {"companion"} or not isinstance(rows, list) or not rows:
        raise UsageError(f"{name}: the text must hold [[companion]] tables and nothing else")
    if len(rows) > limits.companion_rows:
        raise UsageError(f"{name}: more than {limits.companion_rows} rows")
    lines = _Lines(text, len(rows))
    return tuple(_Row(row, index, name, lines).companion() for index, row in enumerate(rows))


def _document(text: str, name: str, limits: Limits) -> dict[str, object]:
    # A parser of TOML looks at a key of thousands of parts thousands of times; no row needs such a line.
    long = next((n for n, line in enumerate(text.split("\n"), 1) if len(line) > limits.companion_line), 0)
    if long:
        raise UsageError(f"{name}: line {long}: longer than {limits.companion_line} characters")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said, _, place = str(error).rpartition(" (at ")
        line = re.match(r"line ([0-9]+)", place)
        where = f"line {line[1]}: " if line else ""
        raise UsageError(f"{name}: {where}not TOML: {escaped(said or str(error))}") from error
    except RecursionError as error:
        raise UsageError(f"{name}: nested too deep") from error
    except ValueError as error:  # a number of too many digits
        raise UsageError(f"{name}: not TOML: {escaped(str(error))}") from error


class _Lines:
    """Where rows and their keys stand in the text, as far as that can be said without a parser."""

    def __init__(self, text: str, rows: int) -> None:
        self._text = text.split("\n")
        heads = [
            n for n, line in enumerate(self._text, 1) if re.match(r"\s{0,100}\[\[\s{0,100}companion\s{0,100}\]\]", line)
        ]
        self._heads = [*heads, len(self._text) + 1] if len(heads) == rows else []

    def of(self, index: int, key: str = "") -> int:
        """Line of a key of a row, else of the row, 0 where that is not known."""
        if not self._heads:
            return 0
        first, end = self._heads[index], self._heads[index + 1]
        start = re.compile(rf"\s{{0,100}}[\"']?{re.escape(key)}[\"']?\s{{0,100}}=")
        lines = range(first, end - 1) if key else ()
        return next((n + 1 for n in lines if start.match(self._text[n])), first)


class _Row:
    """One table of the text on its way to a `Companion`."""

    def __init__(self, row: object, index: int, name: str, lines: _Lines) -> None:
        self._name, self._index, self._lines = name, index, lines
        if not isinstance(row, dict):
            raise self._error("", "is no table")
        self._row: dict[str, object] = row

    def companion(self) -> Companion:
        unknown = sorted(set(self._row) - _KEYS)
        if unknown:
            known = ", ".join(sorted(_KEYS))
            raise self._error(unknown[0], f"unknown key; known are {known}")
        when, then = self._texts("when"), self._texts("then")
        mentions = self._mentions()
        serves = self._texts("serves")
        if len(set(serves)) < 2:
            raise self._error("serves", "must name two packages or images at least: a row for one image is no rule")
        given = self._texts("given") if "given" in self._row else ()
        self._check_places("then", then, when, mentions)
        self._check_places("given", given, when, None)
        besides = self._texts("except") if "except" in self._row else ()
        return Companion(
            when=tuple(self._pattern(pattern) for pattern in when),
            absolute=tuple(pattern.startswith("/") for pattern in when),
            then=then,
            given=given,
            besides=tuple(self._name_pattern(one) for one in besides),
            mentions=mentions,
            firing=Firing(self._word("firing", _FIRINGS, Firing.KEPT_WITH.value)),
            certainty=_WORDS[self._word("certainty", _WORDS, Certainty.POSSIBLE.word)],
            reason=self._text("reason"),
            source=self._text("source"),
            serves=serves,
        )

    def _error(self, key: str, message: str) -> UsageError:
        line = self._lines.of(self._index, key)
        where = f"line {line}: " if line else ""
        field = f"companion[{self._index}]" + (f".{_shown(key)}" if key else "")
        return UsageError(f"{self._name}: {where}{field}: {message}")

    def _texts(self, key: str) -> tuple[str, ...]:
        value = self._row.get(key)
        texts = [one for one in value if isinstance(one, str) and one] if isinstance(value, list) else []
        if not isinstance(value, list) or not texts or len(texts) != len(value):
            raise self._error(key, "must be a list of texts")
        return tuple(texts)

    def _text(self, key: str) -> str:
        value = self._row.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self._error(key, "must be a text")
        return value

    def _word(self, key: str, known: Iterable[str], default: str) -> str:
        value = self._row.get(key, default)
        if not isinstance(value, str) or value not in known:
            raise self._error(key, f"must be one of {', '.join(sorted(known))}")
        return value

    def _mentions(self) -> re.Pattern[bytes] | None:
        value = self._row.get("mentions")
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            raise self._error("mentions", "must be a text")
        if _repeats_a_repeat(value):
            raise self._error("mentions", "repeats a group that repeats, which can take for ever: write it without")
        try:
            return re.compile(encoded(value), re.MULTILINE)
        except (re.error, OverflowError, RecursionError, UnicodeEncodeError) as error:
            raise self._error("mentions", f"no regular expression: {escaped(str(error))}") from error

    def _check_places(
        self, key: str, patterns: Sequence[str], when: Sequence[str], mentions: re.Pattern[bytes] | None
    ) -> None:
        """Every placeholder of a pattern must be filled whichever pattern of `when` matched."""
        filled = [set(_PLACEHOLDER.findall(pattern)) for pattern in when]
        known = {"dir"} | set.intersection(*filled) | (set(mentions.groupindex) if mentions is not None else set())
        for pattern in patterns:
            if not pattern.startswith(("/", "{dir}")):
                raise self._error(key, f"{_shown(pattern)} is no absolute pattern")
            try:
                parts = list(Formatter().parse(pattern))
            except ValueError as error:
                raise self._error(key, f"{_shown(pattern)}: {error}") from error
            if any(spec or conversion for _, _, spec, conversion in parts):
                raise self._error(key, f"{_shown(pattern)}: a placeholder is a name in braces and nothing else")
            names = {name for _, name, _, _ in parts if name is not None}
            if not names <= known:
                raise self._error(key, f"nothing fills {{{_shown(min(names - known))}}} in {_shown(pattern)}")

    def _pattern(self, text: str) -> tuple[str | re.Pattern[str], ...]:
        parts = components(text.removeprefix(f"{_ANY_DEPTH}/"))
        if not parts or _ANY_DEPTH in parts or ("/" in text and not text.startswith(("/", f"{_ANY_DEPTH}/"))):
            message = f"{_shown(text)} is no file's name, no absolute path, and does not begin with **/"
            raise self._error("when", message)
        return tuple(self._component(part, "when") for part in parts)

    def _name_pattern(self, text: str) -> re.Pattern[str]:
        if "/" in text or _PLACEHOLDER.search(text):
            raise self._error("except", f"{_shown(text)} is no name of a file")
        found = self._component(text, "except")
        return re.compile(re.escape(found)) if isinstance(found, str) else found

    def _component(self, text: str, key: str) -> str | re.Pattern[str]:
        if not any(char in text for char in "*?#{}"):
            return text
        pieces: list[str] = []
        at = 0
        for match in _PART.finditer(text):
            if match.start() != at or match[0] == _ANY_DEPTH:
                break
            at = match.end()
            name = match[1]
            pieces.append(f"(?P<{name}>.+?)" if name else _MEANS.get(match[0]) or re.escape(match[0]))
        if at != len(text) or sum(piece.startswith((".*", "(?P")) for piece in pieces) > _WILD:
            raise self._error(key, f"{_shown(text)} is no pattern, or has too many stars")
        try:
            return re.compile("".join(pieces), re.DOTALL)
        except re.error as error:  # a placeholder that stands twice
            raise self._error(key, f"{_shown(text)}: {error}") from error


_PLACEHOLDER: Final = re.compile(r"\{([a-z_]{1,30})\}")
_WILD: Final = 2
"""Stars and placeholders of one component: a name has 255 characters at most, so that two cost little."""
_SHOWN: Final = 80


def _shown(text: str) -> str:
    """A text of the file as it may stand in an error."""
    return escaped(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def _repeats_a_repeat(pattern: str) -> bool:
    """Whether a repeated group holds a repetition without a bound: `(a+)+` takes twice as long with each letter."""
    open_groups = [False]
    repeats_inside = False
    for token in _TOKEN.finditer(pattern):
        text = token[0]
        if text == "(":
            open_groups.append(False)
        elif text == ")" or text.startswith(")"):
            inside = open_groups.pop() if len(open_groups) > 1 else False
            again = text.endswith(_UNBOUNDED)
            repeats_inside |= inside and again
            open_groups[-1] |= inside or again
        elif text.endswith(_UNBOUNDED) and not text.startswith("\\"):
            open_groups[-1] = True
    return repeats_inside


_TOKEN: Final = re.compile(r"\\.|\[\^?\]?(?:[^\]\\]|\\.)*\]|\)(?:[*+]|\{[0-9]*,\})?|\(|[*+]|\{[0-9]*,\}", re.DOTALL)
_UNBOUNDED: Final = ("*", "+", ",}")


class CompanionsReader:
    """Reads every kept or restored file by its name, few of them by content, and the program that a config starts."""

    name = "companions"
    language = ""
    depth = Depth.HEADERS

    def __init__(self, rows: Sequence[Companion] | None = None) -> None:
        """Rows instead of ours, which are read at the first use."""
        self._given = None if rows is None else tuple(rows)
        self._table: _Table | None = None

    @property
    def rows(self) -> tuple[Companion, ...]:
        """The rows in force."""
        return self._rows().every

    def accepts(self, subject: Subject) -> bool:
        """A config, and a file that a row knows by its name."""
        if subject.node.kind is NodeKind.CONFIG:
            return subject.config is not None
        return subject.node.kind is NodeKind.FILE and any(True for _ in self._rows().of(subject.path))

    def read(self, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """Edges to what goes with a file, or with the program that the image starts, row by row."""
        seen: dict[str, Certainty] = {}
        for path, row, places in self._sightings(subject, context):
            if not _is_given(row, places, context):
                continue
            for target in _targets(row, places, subject.data, context):
                if seen.get(target.path, Certainty.NONE) < row.certainty and target.path not in (subject.path, path):
                    seen[target.path] = row.certainty
                    yield Edge(
                        source=subject.node,
                        target=target,
                        kind=EdgeKind.COMPANION,
                        firing=row.firing,
                        detail=row.reason,
                        by=self.name,
                        certainty=row.certainty,
                    )

    def _sightings(self, subject: Subject, context: Context) -> Iterator[tuple[str, Companion, Mapping[str, str]]]:
        """Paths with the rows that match them. What a config starts asks for what it cannot do without."""
        if subject.config is None:
            for row, places in self._rows().of(subject.path):
                yield subject.path, row, places
            return
        words = (*start_command(subject.config), *health_command(subject.config))
        for word in words[: context.limits.command_words]:
            program = find_executable(word, context.original, context.path, context.cwd)
            real = context.original.resolve(program).path if program is not None else None
            for row, places in self._rows().of(real) if real is not None else ():
                if row.certainty > Certainty.POSSIBLE and row.mentions is None:
                    yield real or "", row, places

    def _rows(self) -> _Table:
        if self._table is None:
            given = self._given
            self._table = _Table(our_companions() if given is None else given)
        return self._table


class _Table:
    """Rows by the file names that they look for: most know the whole name, the others share one search."""

    def __init__(self, rows: Iterable[Companion]) -> None:
        self.every = tuple(rows)
        self._literal: dict[str, list[Companion]] = {}
        self._other: list[tuple[re.Pattern[str], Companion]] = []
        for row in self.every:
            for pattern in row.when:
                last = pattern[-1]
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


def _targets(row: Companion, places: Mapping[str, str], data: bytes, context: Context) -> Iterator[Node]:
    """What the original has of a row's `then`."""
    if row.mentions is None:
        choices: list[Mapping[str, str]] = [places]
    else:
        choices = [{**places, **said} for said in _said(row.mentions, data)]
    for choice in choices:
        if all(_is_plain(name, value) for name, value in choice.items()):
            for pattern in row.then:
                for node in _found(pattern.format_map(choice), context):
                    if not any(name.fullmatch(basename(node.path)) for name in row.besides):
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
