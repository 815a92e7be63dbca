"""What an awk program refers to: commands of `system` and pipes, files that `getline` reads, what gawk includes.

The text is read token by token, without a tree: only strings count, and what stands beside them (POSIX awk, "Grammar").
A command of which a part is computed is given on with that part unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from xraydiff.conventions import SCRIPT_LINE
from xraydiff.facts import Edge, EdgeKind, FileType, Firing, NodeKind
from xraydiff.limits import Limits
from xraydiff.paths import join
from xraydiff.references import Context, Gap, ParsedReader, Subject
from xraydiff.references.kit.lookup import Exhausted, Lookup
from xraydiff.references.kit.recorder import Lost, Recorder

__all__ = ["AwkProgram", "AwkReader", "AwkUse"]

_LANGUAGE: Final = "awk"
_INTERPRETER: Final = re.compile(rb"#![^\n]*\b(?:[gmn]?awk|original-awk)\b")
_TOKEN: Final = re.compile(
    r"""(?P<blank>[ \t\r]+|\\\r?\n|\#[^\n]*)|(?P<end>[\n;{}])|(?P<string>"(?:[^"\\\n]|\\.)*"?)|(?P<word>@?\w+)"""
    r"""|(?P<pipe>\|&?(?!\|))|(?P<sign>\|\||&&|[|&<>=!+*%^~-]=?|.)""",
    re.DOTALL,
)
_REGEX: Final = re.compile(r"/(?:[^/\\\n\[]|\\.|\[\]?[^\]\n]*\])*/")
_BEFORE_REGEX: Final = frozenset(
    "( , { } ; ! ~ && || & | \n == = != ? : + - * % ^ < > in return print printf".split(" ")
)
_ESCAPES: Final = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "/": "/"}
_LIBRARY: Final = "/usr/share/awk"
"""Where gawk looks for what `@include` names (gawk(1), AWKPATH)."""
_COMPUTED: Final = "${1}"
"""How an unknown part of a command stands in the shell text that is given on."""


_TOO_MANY: Final = "more commands and names than are looked at"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    kind: str
    text: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AwkUse:
    """A construct that refers to something."""

    kind: str
    """`command`, `file` (that is read) or `program` (that is included)."""
    text: str
    """Empty for a command that is computed whole."""
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AwkProgram:
    """What an awk program refers to, in the order of its text."""

    uses: tuple[AwkUse, ...] = ()
    steps: int = 0
    """Words of commands that were looked at."""
    lost: tuple[Lost, ...] = ()


class AwkReader(ParsedReader[AwkProgram]):
    """Reads awk programs: those of a `#!` line, and what commands of other languages give on."""

    name = _LANGUAGE
    language = _LANGUAGE

    def accepts(self, subject: Subject) -> bool:
        """Whether awk runs this."""
        if subject.node.kind is NodeKind.SCRIPT or subject.node.language:
            return subject.node.language == _LANGUAGE
        return subject.node.kind is NodeKind.FILE and _INTERPRETER.match(subject.data, 0, SCRIPT_LINE) is not None

    def parse(self, data: bytes, form: str, limits: Limits) -> AwkProgram:
        """The commands of a program, the files that it reads and the programs that it includes."""
        del form
        if len(data) > limits.script:
            return AwkProgram(lost=(Lost("too-large", f"{len(data)} bytes"),))
        return _Parser(limits).parse(data.decode("utf-8", "surrogateescape"))

    def resolve(self, parsed: AwkProgram, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """Edges in the order of the text, then gaps."""
        seen = Recorder(subject.node, self.name, context.limits)
        lookup = Lookup(context)
        try:
            lookup.spend(parsed.steps)
            for use in parsed.uses:
                seen.line = use.line
                _resolved(use, lookup, seen)
        except Exhausted:
            seen.gap("too-large", _TOO_MANY)
        seen.lost(parsed.lost)
        return seen.all()


def _resolved(use: AwkUse, lookup: Lookup, seen: Recorder) -> None:
    if use.kind == "command":
        if use.text:
            seen.inline("shell", use.text, Firing.GUARDED, use.text.strip().partition("\n")[0])
        else:
            seen.gap("computed-name", "a command")
    elif use.kind == "file":
        found = lookup.named(use.text, lookup.context.cwd)
        if found is not None:
            seen.named(*found, use.text)
    else:
        _included(use.text, lookup, seen)


def _included(name: str, lookup: Lookup, seen: Recorder) -> None:
    for text in (join(lookup.context.cwd, name), join(_LIBRARY, name), join(_LIBRARY, f"{name}.awk")):
        found = lookup.named(text, "/")
        if found is not None and found[1] is FileType.FILE:
            seen.file(found[0], EdgeKind.SOURCES, Firing.LOAD, name, language=_LANGUAGE)
            return


class _Parser:
    """Looks through one program, statement by statement."""

    def __init__(self, limits: Limits) -> None:
        self._most = limits.script_steps
        self._steps = 0
        self._uses: list[AwkUse] = []

    def parse(self, text: str) -> AwkProgram:
        statement: list[_Token] = []
        for token in _tokens(text):
            if token.kind != "end":
                statement.append(token)
                continue
            self._statement(statement)
            statement = []
        self._statement(statement)
        if self._steps > self._most:
            return AwkProgram(uses=tuple(self._uses), steps=self._most, lost=(Lost("too-large", _TOO_MANY),))
        return AwkProgram(uses=tuple(self._uses), steps=self._steps)

    def _statement(self, tokens: list[_Token]) -> None:
        for at, token in enumerate(tokens):
            if self._steps > self._most:
                return
            following = tokens[at + 1] if at + 1 < len(tokens) else None
            if token.text == "system" and following is not None and following.text == "(":
                self._command(_inside(tokens, at + 2), token.line)
            elif token.kind == "pipe" and following is not None:
                # `"command" | getline` runs what stands before, `print | "command"` what stands behind.
                reads = following.text == "getline"
                self._command(_operand(tokens, at) if reads else tokens[at + 1 :], token.line)
            elif token.text == "getline" and "<" in [one.text for one in tokens[at + 1 : at + 3]]:
                self._file(tokens[at + 1 : at + 4], token.line)
            elif token.text in ("@include", "@load") and following is not None and following.kind == "string":
                self._uses.append(AwkUse(kind="program", text=_value(following.text), line=token.line))

    def _command(self, tokens: list[_Token], line: int) -> None:
        self._steps += len(tokens)
        if not tokens or self._steps > self._most:
            return
        parts = [_value(token.text) if token.kind == "string" else _COMPUTED for token in tokens]
        known = any(token.kind == "string" for token in tokens)
        text = "".join(parts).replace(_COMPUTED * 2, _COMPUTED) if known else ""
        if text or not known:
            self._uses.append(AwkUse(kind="command", text=text, line=line))

    def _file(self, tokens: list[_Token], line: int) -> None:
        behind = next(at for at, token in enumerate(tokens) if token.text == "<")
        name = tokens[behind + 1] if behind + 1 < len(tokens) else None
        if name is not None and name.kind == "string":
            self._uses.append(AwkUse(kind="file", text=_value(name.text), line=line))


def _tokens(text: str) -> Iterator[_Token]:
    """The tokens of a program but blanks; a slash begins a pattern where an operand may stand."""
    at, line, before = 0, 1, "\n"
    while at < len(text):
        match = _REGEX.match(text, at) if text[at] == "/" and before in _BEFORE_REGEX else None
        kind = "regex"
        if match is None:
            match = _TOKEN.match(text, at)
            kind = match.lastgroup or "sign" if match is not None else ""
        if match is None:
            return
        if kind != "blank":
            yield _Token(kind=kind, text=match[0], line=line)
            before = match[0]
        line += match[0].count("\n")
        at = match.end()


def _inside(tokens: list[_Token], start: int) -> list[_Token]:
    """The tokens from behind a parenthesis up to the one that closes it."""
    depth = 1
    for at in range(start, len(tokens)):
        depth += (tokens[at].text == "(") - (tokens[at].text == ")")
        if depth == 0:
            return tokens[start:at]
    return tokens[start:]


def _operand(tokens: list[_Token], end: int) -> list[_Token]:
    """The strings and words before a place, which are put together: `"date +" format | getline`."""
    at = end
    while at and (tokens[at - 1].kind in ("string", "word") or tokens[at - 1].text in (")", "(")):
        at -= 1
    return [token for token in tokens[at:end] if token.kind in ("string", "word") and token.text not in ("while", "if")]


def _value(literal: str) -> str:
    """What a string between quotes means, of its escapes those that commands and names have."""
    inner = literal[1:-1] if literal.endswith('"') and len(literal) > 1 else literal[1:]
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), inner, flags=re.DOTALL)
