"""What an argument vector starts: commands within commands, scripts and modules, by the options of each program.

This looks at words only, in no tree. A word may be anything that has a text: a field of a config, or a word of a shell
script of which a part is not known; what it gives are the same words again, or parts of them.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Generic, Protocol, Self, TypeVar

from xraydiff.facts import ConfigField
from xraydiff.knowledge.commands import Interpreter, Operand, Wrapper

__all__ = ["Argument", "Interpreted", "Unwrapped", "Word", "behind_options", "interpret", "split_line", "unwrap"]

_CLUSTER: Final = 32
"""Letters of one word that are looked at as options; no program has so many."""


class Word(Protocol):
    """A word of a command."""

    @property
    def first(self) -> str:
        """The word, or of several possible texts the first one: options are recognised by it."""

    def part(self, text: str) -> Self:
        """A word that stands within this one: the value of `--user=app`."""


W = TypeVar("W", bound=Word)


@dataclass(frozen=True, slots=True)
class Argument:
    """A word that is a text, or one of several."""

    text: str
    """The first one."""
    detail: str = ""
    """How a person finds it again."""
    others: tuple[str, ...] = ()
    field: ConfigField | None = None
    """Of a word of an image config."""

    def part(self, text: str) -> Argument:
        """A word that stands within this one."""
        return replace(self, text=text, others=())

    @property
    def first(self) -> str:
        """The text, by which options are recognised."""
        return self.text

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text that the word may be."""
        return (self.text, *self.others)

    @property
    def sure(self) -> bool:
        """Whether there is one text only."""
        return not self.others


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwrapped(Generic[W]):
    """What the arguments of a wrapper start."""

    commands: tuple[tuple[W, ...], ...] = ()
    """More than one of find(1)."""
    lines: tuple[W, ...] = ()
    """For `sh -c`."""
    users: tuple[W, ...] = ()
    """Names or numbers of users and groups."""
    names: tuple[W, ...] = ()
    """Other operands and values, which may name files."""
    directory: W | None = None
    """Where the command is started."""
    assignments: tuple[W, ...] = ()
    """`NAME=value` for the command's environment."""
    applet: bool = False
    """Whether the command is a part of the wrapper's own file."""
    sometimes: bool = False
    """Whether it depends on more than this command line that anything is started."""
    logs_in: bool = False
    """Whether a login shell is started: `shell`, or else the one of `account`, or else root's."""
    shell: W | None = None
    account: W | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreted(Generic[W]):
    """What an interpreter is to run."""

    inline: tuple[W, ...] = ()
    """Scripts that stand in the command itself."""
    scripts: tuple[W, ...] = ()
    module: W | None = None
    name: W | None = None
    """An operand that only the language knows: a class."""
    options: tuple[tuple[str, W | None], ...] = ()
    """Every option with its value, in order."""
    names: tuple[W, ...] = ()
    """frozenset[str] and their values, which may name files."""
    zero: W | None = None
    """What an inline script of a shell is called (`$0`)."""
    rest: tuple[W, ...] = ()
    """The script's own arguments."""
    from_input: bool = False
    """Whether the script comes from standard input."""


def split_line(text: str) -> list[str]:
    """The words of a line without expansions, as `env -S` splits it; at blanks where its quotes do not match."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


# --- options ----------------------------------------------------------------------------------------------------------


def _is_option(text: str) -> bool:
    return text[:1] in ("-", "+") and len(text) > 1


def _read_option(
    words: Sequence[W], at: int, valued: frozenset[str], *, attached: frozenset[str] = frozenset(), whole: bool = False
) -> tuple[list[tuple[str, W | None]], int]:
    """The options of one word with their values, and how many words they take (POSIX utility syntax, guideline 9)."""
    word, following = words[at], words[at + 1] if at + 1 < len(words) else None
    text = word.first
    if text in valued:
        return [(text, following)], 1 if following is None else 2
    name, equals, value = text.partition("=")
    if equals and (text.startswith("--") or name in valued):
        return [(name, word.part(value))], 1
    if whole or text.startswith("--"):
        return [(text, None)], 1
    found: list[tuple[str, W | None]] = []
    for index, letter in enumerate(text[1:_CLUSTER], 1):
        name, rest = text[0] + letter, text[index + 1 :]
        if name in attached:
            return [*found, (name, word.part(rest) if rest else None)], 1
        if name in valued:
            if rest:
                return [*found, (name, word.part(rest))], 1
            return [*found, (name, following)], 1 if following is None else 2
        found.append((name, None))
    return found, 1


def _read_apart(words: Sequence[W], at: int, valued: frozenset[str]) -> tuple[list[tuple[str, W | None]], int]:
    """The options of one word whose values are the words that follow: `-euxo pipefail`."""
    text = words[at].first
    names = [text] if text.startswith("--") else [text[0] + letter for letter in text[1:_CLUSTER]]
    found: list[tuple[str, W | None]] = []
    taken = 1
    for name in names:
        takes = name in valued and at + taken < len(words)
        found.append((name, words[at + taken] if takes else None))
        taken += takes
    return found, taken


def behind_options(words: Sequence[W], valued: frozenset[str] = frozenset()) -> list[W]:
    """The operands behind the options of a program that has no row: a builtin of a shell."""
    at = 0
    while at < len(words) and _is_option(words[at].first):
        if words[at].first == "--":
            return list(words[at + 1 :])
        at += _read_option(words, at, valued)[1]
    return list(words[at:])


# --- wrappers ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Reading(Generic[W]):
    """The arguments of one wrapper on their way to `Unwrapped`."""

    row: Wrapper
    words: list[W]
    at: int = 0
    values: list[tuple[str, W]] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    operands: list[W] = field(default_factory=list)
    assignments: list[W] = field(default_factory=list)

    def read(self) -> None:
        """frozenset[str] and operands up to the command; of a permuting program to the end."""
        row, permutes = self.row, bool(self.row.program or self.row.login)
        ended = False
        while self.at < len(self.words):
            text = self.words[self.at].first
            if text == "--" and not ended:
                ended, self.at = True, self.at + 1
            elif text == "-" and not permutes:
                self.at += 1
            elif _is_option(text) and (not ended or text in row.lines):
                self._option()
            elif permutes or len(self.operands) < row.operands:
                self.operands.append(self.words[self.at])
                self.at += 1
            elif row.assignments and _is_assignment(text):
                self.assignments.append(self.words[self.at])
                self.at += 1
            else:
                break
        if self.at < len(self.words) and self.words[self.at].first == "--":
            # `flock FILE -- command`: the operands stood between the options and their end.
            self.at += 1

    def _option(self) -> None:
        options, taken = _read_option(self.words, self.at, self.row.valued, whole=self.row.whole)
        self.at += taken
        for name, value in options:
            self.flags.add(name)
            if value is None:
                continue
            if name in self.row.split:
                self.words[: self.at] = [value.part(one) for one in split_line(value.first)]
                self.at = 0
            else:
                self.values.append((name, value))

    def of(self, options: frozenset[str]) -> tuple[W, ...]:
        """The values of some options."""
        return tuple(value for name, value in self.values if name in options)


def _is_assignment(text: str) -> bool:
    name, equals, _ = text.partition("=")
    return bool(equals) and name.isidentifier()


def unwrap(row: Wrapper, words: Sequence[W]) -> Unwrapped[W]:
    """What a wrapper starts, from its arguments."""
    if row.behind:
        return Unwrapped(commands=tuple(_behind(row, words)), names=tuple(words), sometimes=True)
    if row.applets:
        return Unwrapped(commands=(tuple(words),) if words else (), applet=True)
    reading = _Reading(row, list(words))
    reading.read()
    if row.login:
        return _logged_in(row, reading)
    operands = tuple(reading.operands)
    users = reading.of(row.users) + (operands[:1] if row.user else ())
    command = tuple(_until(row.ends, reading.words[reading.at :]))
    names = reading.of(row.values | row.directories) + (() if row.user or row.program else operands)
    if row.program:
        names += (programs := reading.of(row.program))
        first = next((value for name in _in_order(row.program) for value in reading.of(frozenset({name}))), None)
        command = (first, *operands) if first is not None and programs else ()
    if row.root and (not operands or operands[0].first != "/"):
        command = ()
    lines = reading.of(row.lines)
    nothing = bool(lines) or (not reading.flags.isdisjoint(row.nothing) and reading.flags.isdisjoint(row.anyway))
    return Unwrapped(
        commands=(command,) if command and not nothing else (),
        lines=lines,
        users=users,
        names=names,
        directory=next(iter(reading.of(row.directories)), None),
        assignments=tuple(reading.assignments),
    )


def _in_order(options: frozenset[str]) -> list[str]:
    """start-stop-daemon(8) starts what `--startas` names, and only checks the process of `--exec`: by the alphabet."""
    return sorted(options, key=lambda name: (name.lstrip("-")[0] not in "as", name))


def _until(ends: frozenset[str], words: Sequence[W]) -> Iterator[W]:
    for word in words:
        if word.first in ends:
            return
        yield word


def _behind(row: Wrapper, words: Sequence[W]) -> Iterator[tuple[W, ...]]:
    """`find ... -exec grep x {} ; -exec rm {} +`."""
    at = 0
    while at < len(words):
        at += 1
        if words[at - 1].first in row.behind:
            command = tuple(_until(row.ends, words[at:]))
            at += len(command)
            if command:
                yield command


def _logged_in(row: Wrapper, reading: _Reading[W]) -> Unwrapped[W]:
    """su(1): `su [-] [USER [ARGUMENTS]]`; runuser(1) with -u: `runuser -u USER COMMAND`."""
    operands = tuple(reading.operands)
    users = reading.of(row.users)
    if not reading.flags.isdisjoint({"-u", "--user"} & row.users):
        return Unwrapped(commands=(operands,) if operands else (), users=users)
    if operands and operands[0].first == "-":
        operands = operands[1:]
    return Unwrapped(
        logs_in=True,
        shell=next(iter(reading.of(row.login)), None),
        account=operands[0] if operands else None,
        users=(*users, *operands[:1]),
        lines=reading.of(row.lines),
        names=reading.of(row.values),
    )


# --- interpreters -----------------------------------------------------------------------------------------------------


def interpret(row: Interpreter, words: Sequence[W]) -> Interpreted[W]:
    """What an interpreter runs, from its arguments."""
    options, names, at = _options_of(row, words)
    given = {name for name, _ in options}
    inline = tuple(value for name, value in options if name in row.inline and value is not None)
    scripts = tuple(value for name, value in options if name in row.script and value is not None)
    module = next((value for name, value in options if name in row.module), None)
    if module is not None:
        return Interpreted(module=module, options=options, names=names, rest=tuple(words[at:]))
    rest = tuple(words[at:])
    zero = name = None
    flagged = not given.isdisjoint(row.flags)
    if flagged:
        inline, zero, rest = rest[:1], rest[1] if len(rest) > 1 else None, rest[2:]
    elif not given.isdisjoint(row.input):
        return Interpreted(options=options, names=names, rest=rest, from_input=True)
    elif rest and not scripts and (not inline or row.continues):
        if row.operand is Operand.NAME:
            name = rest[0]
        elif row.operand is Operand.INLINE:
            inline, rest = rest[:1], rest[1:]
        elif rest[0].first == "-":
            rest = rest[1:]
        else:
            scripts, rest = rest[:1], rest[1:]
    return Interpreted(
        inline=inline,
        scripts=scripts,
        name=name,
        options=options,
        names=names,
        zero=zero,
        rest=rest,
        from_input=not (flagged or inline or scripts or name),
    )


def _options_of(row: Interpreter, words: Sequence[W]) -> tuple[tuple[tuple[str, W | None], ...], tuple[W, ...], int]:
    """frozenset[str] with their values, those that may name files, and where the operands begin."""
    options: list[tuple[str, W | None]] = []
    names: list[W] = []
    own_options = row.inline | row.script | row.module
    at = 0
    while at < len(words):
        text = words[at].first
        if text == "--":
            return tuple(options), tuple(names), at + 1
        if text in row.commands and not options and at + 1 < len(words):
            at += 1
            continue
        if not _is_option(text) or (text[0] == "+" and not row.apart):
            break
        if row.apart:
            found, taken = _read_apart(words, at, row.valued)
        else:
            found, taken = _read_option(words, at, row.valued, attached=row.attached, whole=row.whole)
        values = [value for name, value in found if value is not None and name not in own_options]
        if values:
            names += values
        elif all(name not in own_options for name, _ in found):
            names.append(words[at])
        options += found
        at += taken
        if any(name in row.last for name, _ in found):
            break
    return tuple(options), tuple(names), at
