"""What an awk program asks for: commands of `system` and pipes, files that `getline` reads, what gawk includes.

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
from xraydiff.paths import join
from xraydiff.references import Context, Depth, Gap, Subject
from xraydiff.references.kit.lookup import Exhausted, Lookups
from xraydiff.references.kit.recorder import Sightings

__all__ = ["AwkReader"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    kind: str
    text: str
    line: int


class AwkReader:
    """Reads awk programs: those of a `#!` line, and what commands of other languages give on."""

    name = _LANGUAGE
    language = _LANGUAGE
    depth = Depth.FULL

    def accepts(self, subject: Subject) -> bool:
        """Whether awk runs this."""
        if subject.node.kind is NodeKind.SCRIPT or subject.node.language:
            return subject.node.language == _LANGUAGE
        return subject.node.kind is NodeKind.FILE and _INTERPRETER.match(subject.data, 0, SCRIPT_LINE) is not None

    def read(self, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """Edges in the order of the text, then gaps."""
        seen = Sightings(subject.node, self.name, context.limits)
        if len(subject.data) > context.limits.script:
            seen.gap("too-large", f"{len(subject.data)} bytes")
        else:
            try:
                _Program(subject, context, seen).read()
            except Exhausted:
                seen.gap("too-large", "more commands and names than are looked at")
        return seen.all()


class _Program:
    """One program, statement by statement."""

    def __init__(self, subject: Subject, context: Context, seen: Sightings) -> None:
        self._seen = seen
        self._lookups = Lookups(context)
        self._cwd = context.cwd
        self._text = subject.data.decode("utf-8", "surrogateescape")

    def read(self) -> None:
        statement: list[_Token] = []
        for token in _tokens(self._text):
            if token.kind == "end":
                self._statement(statement)
                statement = []
            else:
                statement.append(token)
        self._statement(statement)

    def _statement(self, tokens: list[_Token]) -> None:
        for at, token in enumerate(tokens):
            self._seen.line = token.line
            following = tokens[at + 1] if at + 1 < len(tokens) else None
            if token.text == "system" and following is not None and following.text == "(":
                self._command(_inside(tokens, at + 2))
            elif token.kind == "pipe" and following is not None:
                # `"command" | getline` runs what stands before, `print | "command"` what stands behind.
                reads = following.text == "getline"
                self._command(_operand(tokens, at) if reads else tokens[at + 1 :])
            elif token.text == "getline" and "<" in [one.text for one in tokens[at + 1 : at + 3]]:
                self._file(tokens[at + 1 : at + 4])
            elif token.text in ("@include", "@load") and following is not None and following.kind == "string":
                self._included(_value(following.text))

    def _command(self, tokens: list[_Token]) -> None:
        self._lookups.spend(len(tokens))
        parts = [_value(token.text) if token.kind == "string" else _COMPUTED for token in tokens]
        if any(token.kind == "string" for token in tokens):
            text = "".join(parts).replace(_COMPUTED * 2, _COMPUTED)
            self._seen.inline("shell", text, Firing.GUARDED, text.strip().partition("\n")[0])
        elif tokens:
            self._seen.gap("computed-name", "a command")

    def _file(self, tokens: list[_Token]) -> None:
        behind = next(at for at, token in enumerate(tokens) if token.text == "<")
        name = tokens[behind + 1] if behind + 1 < len(tokens) else None
        if name is None or name.kind != "string":
            return
        found = self._lookups.named(_value(name.text), self._cwd)
        if found is not None:
            self._seen.named(*found, _value(name.text))

    def _included(self, name: str) -> None:
        for text in (join(self._cwd, name), join(_LIBRARY, name), join(_LIBRARY, f"{name}.awk")):
            found = self._lookups.named(text, "/")
            if found is not None and found[1] is FileType.FILE:
                self._seen.file(found[0], EdgeKind.SOURCES, Firing.LOAD, name, language=_LANGUAGE)
                return


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
