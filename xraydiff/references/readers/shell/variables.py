"""What a script's variables may hold: candidates for every name, and how branches of a script join them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

UNKNOWN = "\ud800"
"""Stands in a text for a part that nobody knows before the script runs. No byte decodes to this surrogate."""
REST = "\ud801"
"""Stands for all the words of a `"$@"` that the caller gives."""
STAR, QUESTION, BRACKET = "\ud802", "\ud803", "\ud804"
"""`*`, `?` and `[` that are not quoted, so that they match paths."""
SEPARATOR = "\0"
"""Between the words of a list; no word of a shell holds a NUL."""

ARGUMENTS = "@"
DIRECTORY = "PWD"
STDIN = "\0stdin"
"""Lines that a `read` may get."""
ENDED = "\0ended"
"""Set where the script has ended: by `exec` or `exit`."""
ERREXIT = "\0errexit"
"""`-` after `set -e`, `+` after `set +e`."""

_PLAIN = str.maketrans({STAR: "*", QUESTION: "?", BRACKET: "["})
_ACTIVE = str.maketrans({"*": STAR, "?": QUESTION, "[": BRACKET})
_PATTERN = str.maketrans({"*": "[*]", "?": "[?]", "[": "[[]", STAR: "*", QUESTION: "?", BRACKET: "[", UNKNOWN: "*"})
_MARKS = frozenset((STAR, QUESTION, BRACKET))


@dataclass(frozen=True, slots=True)
class Value:
    """The texts that something may be; `sure` where each of them really occurs."""

    texts: tuple[str, ...]
    sure: bool = True


NOTHING_KNOWN = Value((UNKNOWN,), sure=False)
UNSET = Value(("", UNKNOWN), sure=False)


def plain(text: str) -> str:
    """A text with its pattern characters taken literally."""
    return text.translate(_PLAIN)


def active(text: str) -> str:
    """A text whose pattern characters match, as where a shell meets them without quotes."""
    return text.translate(_ACTIVE)


def is_pattern(text: str) -> bool:
    """Whether unquoted pattern characters stand in a text."""
    return not _MARKS.isdisjoint(text)


def pattern(text: str) -> str:
    """The text as a pattern of `tree.glob`, where an unknown part matches anything within a component."""
    return text.translate(_PATTERN)


def union(values: Iterable[Value], most: int) -> Value:
    """Everything that may be; unsure, for it depends on which branch ran."""
    texts = tuple(dict.fromkeys(text for value in values for text in value.texts))
    if len(texts) > 1:
        texts = tuple(text for text in texts if text != UNKNOWN)
    return Value(texts if 0 < len(texts) <= most else (UNKNOWN,), sure=False)


@dataclass(slots=True)
class Variables:
    """Variables in force; `enter` and `leave` bracket a branch, `join` says what holds after it."""

    environment: Mapping[str, str]
    most: int
    """Candidates kept for one name."""
    _held: dict[str, Value] = field(default_factory=dict)
    _before: list[dict[str, Value | None]] = field(default_factory=list)
    """For each branch that is open: what the names that it changed were before."""

    def get(self, name: str) -> Value | None:
        """What a name holds, or None where nothing has set it."""
        value = self._held.get(name)
        if value is None and (text := self.environment.get(name)) is not None:
            return Value((text,))
        return value

    def set(self, name: str, value: Value | None) -> None:
        """Assign, or unset with None."""
        if self._before:
            self._before[-1].setdefault(name, self._held.get(name))
        if value is None:
            self._held.pop(name, None)
        else:
            self._held[name] = value

    def enter(self) -> None:
        """Begin a branch."""
        self._before.append({})

    def leave(self) -> dict[str, Value | None]:
        """End a branch: what it set, which no longer holds."""
        changed: dict[str, Value | None] = {}
        for name, before in self._before.pop().items():
            changed[name] = self._held.get(name)
            if before is None:
                self._held.pop(name, None)
            else:
                self._held[name] = before
        return changed

    def join(self, branches: Iterable[dict[str, Value | None]], *, exhaustive: bool) -> None:
        """Let what some branch set hold, beside what held before unless one of them surely ran (`exhaustive`)."""
        ran = list(branches)
        alive = [branch for branch in ran if branch.get(ENDED) is None]
        if exhaustive and ran and not alive:
            self.set(ENDED, Value(()))
        names = dict.fromkeys(name for branch in alive for name in branch if name != ENDED)
        for name in names:
            found = [branch[name] for branch in alive if name in branch]
            if not exhaustive or len(found) < len(alive):
                found.append(self.get(name))
            held = [value for value in found if value is not None]
            self.set(name, union(held, self.most) if held else None)
