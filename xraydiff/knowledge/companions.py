"""Rows of companions.toml: files that go with a program though nothing names them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import ClassVar, Final, Self

from xraydiff.facts import Certainty, Firing
from xraydiff.knowledge.rows import Row, WrongRowError, allowed, shown
from xraydiff.paths import basename, components

__all__ = ["Companion", "NamePattern", "PathPattern"]

_ANY_DEPTH: Final = "**"
_MEANS: Final = {"*": ".*", "?": ".", "#": "[0-9]{1,20}"}
_PART: Final = re.compile(r"\*\*|[*?#]|\{([a-z_]{1,30})\}|[^*?#{}]+")
_PLACEHOLDER: Final = re.compile(r"\{([a-z_]{1,30})\}")
_WILD: Final = 2
"""Stars and placeholders of one component: a name has 255 characters at most, so that two cost little."""


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A file's name, `**/` and the end of a path, or an absolute path; a component may hold `*`, `?`, `#`, `{name}`."""

    text: str
    parts: tuple[str | re.Pattern[str], ...]
    """By component; one without a placeholder is text."""
    absolute: bool
    """Whether it stands for the whole path."""

    @classmethod
    def of(cls, text: str) -> Self:
        """The pattern of a row's text. Raises `ValueError`."""
        parts = components(text.removeprefix(f"{_ANY_DEPTH}/"))
        if not parts or _ANY_DEPTH in parts or ("/" in text and not text.startswith(("/", f"{_ANY_DEPTH}/"))):
            raise ValueError("is no file's name, no absolute path, and does not begin with **/")
        return cls(text, tuple(_component(part) for part in parts), text.startswith("/"))

    def match(self, parts: list[str]) -> dict[str, str] | None:
        """The placeholders of a path, by its components; None where it does not match."""
        count = len(self.parts)
        if len(parts) < count or (self.absolute and len(parts) != count):
            return None
        found: dict[str, str] = {}
        fits = all(_fits(*pair, found) for pair in zip(parts[-count:], self.parts, strict=True))
        return found if fits else None

    @property
    def places(self) -> frozenset[str]:
        """The names of its placeholders."""
        return frozenset(_PLACEHOLDER.findall(self.text))


@dataclass(frozen=True, slots=True)
class NamePattern:
    """The name of a file, with `*`, `?` and `#`."""

    expression: re.Pattern[str]

    @classmethod
    def of(cls, text: str) -> Self:
        """The pattern of a row's text. Raises `ValueError`."""
        if "/" in text or _PLACEHOLDER.search(text):
            raise ValueError("is no name of a file")
        found = _component(text)
        return cls(re.compile(re.escape(found)) if isinstance(found, str) else found)

    def match(self, path: str) -> bool:
        """Whether it is the name of this file."""
        return self.expression.fullmatch(basename(path)) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion(Row):
    """One row: where a file matches one of `when`, what matches `then` goes with it."""

    TABLE: ClassVar[str] = "companion"
    FILE: ClassVar[str] = "companions.toml"
    SERVES: ClassVar[int] = 2

    when: tuple[PathPattern, ...]
    mentions: re.Pattern[bytes] | None = None
    """What the file must hold; its named groups are placeholders."""
    then: tuple[str, ...]
    """Absolute patterns (`*`, `?`, `**` as in `tree.glob`) with placeholders: `dir`, those of `when` and `mentions`."""
    given: tuple[str, ...] = ()
    """Absolute patterns, of which the original must have one; empty for no such condition."""
    except_: tuple[NamePattern, ...] = ()
    """Names of files that `then` does not mean."""
    firing: Firing = field(
        default=Firing.KEPT_WITH, metadata=allowed(Firing.KEPT_WITH, Firing.DEFERRED, Firing.GUARDED)
    )
    certainty: Certainty = field(default=Certainty.POSSIBLE, metadata=allowed(Certainty.POSSIBLE, Certainty.LIKELY))
    """The most that an edge of this row may count for."""

    def match(self, path: str) -> Mapping[str, str] | None:
        """The placeholders of the first pattern that a path matches; None where none does."""
        parts = components(path)
        for pattern in self.when:
            found = pattern.match(parts)
            if found is not None:
                return {"dir": path.rpartition("/")[0], **found}
        return None

    def check(self) -> None:
        """Every placeholder of a pattern must be filled whichever pattern of `when` matched."""
        known = frozenset({"dir"}).union(frozenset.intersection(*(pattern.places for pattern in self.when)))
        groups = self.mentions.groupindex if self.mentions is not None else {}
        _check_patterns("then", self.then, known.union(groups))
        _check_patterns("given", self.given, known)


def _check_patterns(key: str, patterns: Iterable[str], known: frozenset[str]) -> None:
    for pattern in patterns:
        if not pattern.startswith(("/", "{dir}")):
            raise WrongRowError(key, f"{shown(pattern)} is no absolute pattern")
        try:
            parts = list(Formatter().parse(pattern))
        except ValueError as error:
            raise WrongRowError(key, f"{shown(pattern)}: {error}") from error
        if any(spec or conversion for _, _, spec, conversion in parts):
            raise WrongRowError(key, f"{shown(pattern)}: a placeholder is a name in braces and nothing else")
        names = {name for _, name, _, _ in parts if name is not None}
        if not names <= known:
            raise WrongRowError(key, f"nothing fills {{{shown(min(names - known))}}} in {shown(pattern)}")


def _fits(part: str, wanted: str | re.Pattern[str], found: dict[str, str]) -> bool:
    """Whether a component matches; its placeholders are added."""
    if isinstance(wanted, str):
        return part == wanted
    matched = wanted.fullmatch(part)
    if matched is not None:
        found.update(matched.groupdict())
    return matched is not None


def _component(text: str) -> str | re.Pattern[str]:
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
        raise ValueError("is no pattern, or has too many stars")
    try:
        return re.compile("".join(pieces), re.DOTALL)
    except re.error as error:  # a placeholder that stands twice
        raise ValueError(str(error)) from error
