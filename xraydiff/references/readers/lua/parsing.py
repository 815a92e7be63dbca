"""What a Lua program calls, token by token and without a tree (Lua 5.4 Reference Manual, 3.1 and 9)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from xraydiff.facts import Firing
from xraydiff.limits import Limits
from xraydiff.paths import decoded
from xraydiff.references.kit.evaluation import HOLE, concatenated
from xraydiff.references.kit.recorder import Lost

__all__ = ["FOLLOWED", "Call", "Program", "parse"]

FOLLOWED: Final = frozenset(
    ["require", "dofile", "loadfile", "io.open", "io.lines", "io.input", "io.popen", "os.execute", "package.loadlib"]
)
"""Functions that refer to something whatever their argument is."""
_PATHS: Final = frozenset({"package.path", "package.cpath"})
_HOSTS: Final = frozenset({"ngx", "redis", "box", "vim", "kong"})
"""Globals by which a program shows that another program runs it: OpenResty, Redis, Tarantool, Neovim, Kong."""
_TOKEN: Final = re.compile(
    r"""(?P<blank>\s+)|(?P<string>"(?>[^"\\\n]|\\z\s*+|\\.)*+"|'(?>[^'\\\n]|\\z\s*+|\\.)*+')"""
    r"""|(?P<long>(?:--)?\[(?P<level>=*)\[)|(?P<comment>--[^\n]*)|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"""
    r"""|(?P<number>[0-9][\w.]*)|(?P<sign>\.\.\.?|[=~<>]=|.)""",
    re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(?:z\s*|x([0-9a-fA-F]{2})|([0-9]{1,3})|(.))", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_LOOPS: Final = frozenset({"for", "while"})
_OPERAND: Final = 64
"""Tokens of one argument that are looked at: people write five, and each nested call looks again at what it holds."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    """Of a string what it means."""
    line: int


_END: Final = _Token("end", "", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a function by its name, or one that assigns a search path."""

    name: str
    text: str
    """Its first argument; unknown parts are `HOLE`."""
    mode: str = ""
    """Its second argument where that is a text."""
    firing: Firing
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What a program calls, in the order of its text."""

    calls: tuple[Call, ...] = ()
    host: str = ""
    """A global that only a program which runs Lua within itself provides."""
    lost: tuple[Lost, ...] = ()


def parse(data: bytes, limits: Limits) -> Program:
    """The calls of a program whose first argument is a text, or which refer to something in any case."""
    if len(data) > limits.script:
        return Program(lost=(Lost("too-large", f"{len(data)} bytes"),))
    text = decoded(data)
    tokens: list[_Token] = []
    lost: tuple[Lost, ...] = ()
    start = text.find("\n") if text.startswith("#") else 0
    for token in _tokens(text, max(0, start)):
        if token.kind == "lost" or len(tokens) >= limits.script_tokens:
            reason = "malformed" if token.kind == "lost" else "too-large"
            lost = (Lost(reason, f"line {token.line}"),)
            break
        tokens.append(token)
    host = next((one.text.partition(".")[0] for one in tokens if one.kind == "name" and _is_host(one.text)), "")
    return Program(calls=tuple(_Calls(tokens).found()), host=host, lost=lost)


def _is_host(name: str) -> bool:
    head, dot, _ = name.partition(".")
    return bool(dot) and head in _HOSTS


def _tokens(text: str, at: int) -> Iterator[_Token]:
    """The tokens but blanks and comments; one of kind `lost` where a text or comment does not end."""
    line = 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return
        kind, end, said = match.lastgroup or "", match.end(), match[0]
        if kind == "long":
            close = f"]{match['level']}]"
            stop = text.find(close, end)
            if stop < 0:
                yield _Token("lost", "", line)
                return
            said, end = text[end:stop].removeprefix("\n"), stop + len(close)
            kind = "comment" if match[0].startswith("--") else "string"
        elif kind == "string":
            said = _ESCAPE.sub(_escaped, said[1:-1])
        elif said in ("'", '"'):
            yield _Token("lost", "", line)
            return
        if kind not in ("blank", "comment"):
            yield _Token(kind, said, line)
        line += text.count("\n", at, end)
        at = end


def _escaped(match: re.Match[str]) -> str:
    code = int(match[1], 16) if match[1] else int(match[2]) if match[2] else -1
    if code >= 0:
        return decoded(bytes([code & 0xFF]))
    return _ESCAPES.get(match[3], match[3]) if match[3] else ""


class _Calls:
    """Looks through the tokens once; keeps which blocks are open, and the names that stand for one text."""

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self._tokens = tokens
        self._names = _constants(tokens)
        self._open: list[str] = []
        self._functions = self._conditions = self._headers = 0

    def found(self) -> Iterator[Call]:
        for at, token in enumerate(self._tokens):
            if token.kind != "name":
                continue
            self._block(token.text)
            before = self._at(at - 1).text if at else ""
            if before not in (".", ":", "function"):
                call = self._call(at, before)
                if call is not None:
                    yield call

    def _at(self, at: int) -> _Token:
        return self._tokens[at] if at < len(self._tokens) else _END

    def _block(self, word: str) -> None:
        if word in ("function", "if", "repeat", *_LOOPS) or (word == "do" and not self._headers):
            self._open.append(word)
            self._functions += word == "function"
            self._conditions += word == "if" or word in _LOOPS
            self._headers += word in _LOOPS
        elif word == "do":
            self._headers -= 1
        elif word in ("end", "until") and self._open:
            closed = self._open.pop()
            self._functions -= closed == "function"
            self._conditions -= closed == "if" or closed in _LOOPS

    def _firing(self, before: str) -> Firing:
        if self._functions:
            return Firing.DEFERRED
        return Firing.GUARDED if self._conditions or before in ("and", "or") else Firing.LOAD

    def _call(self, at: int, before: str) -> Call | None:
        token, following = self._tokens[at], self._at(at + 1)
        name, firing, mode = token.text, self._firing(before), ""
        alias = self._names.get(name)
        if alias is not None and alias.kind == "name":
            name = alias.text
        if following.kind == "string":
            return Call(name=name, text=following.text, firing=firing, line=token.line)
        if name in _PATHS and following.text == "=":
            text, _ = self._concatenation(at + 2)
        elif following.text == "," and before == "(" and self._at(at - 2).text == "pcall" and name in FOLLOWED:
            text, _ = self._argument(at + 2)
            firing = Firing.GUARDED if firing is Firing.LOAD else firing
        elif following.text == "(" and following.kind == "sign":
            text, end = self._argument(at + 2)
            mode = self._at(end + 1).text if self._at(end).text == "," and self._at(end + 1).kind == "string" else ""
        else:
            return None
        if name not in FOLLOWED | _PATHS and not text.strip(HOLE):
            return None
        return Call(name=name, text=text, mode=mode, firing=firing, line=token.line)

    def _argument(self, at: int) -> tuple[str, int]:
        """A text that ends with its argument, and where it ends; what goes on in another way is not known."""
        text, end = self._concatenation(at)
        ends = self._at(end).kind == "sign" and self._at(end).text in (",", ")")
        return (text if ends else HOLE), end

    def _concatenation(self, at: int) -> tuple[str, int]:
        """What operands joined by `..` say, and the place behind them."""
        parts: list[tuple[str, ...]] = []
        most = at + _OPERAND
        while True:
            text, at = self._operand(at, most)
            parts.append((text,))
            if at >= most or self._at(at).text != ".." or self._at(at).kind != "sign":
                return concatenated(parts)[0], at
            at += 1

    def _operand(self, at: int, most: int) -> tuple[str, int]:
        token = self._at(at)
        known = self._names.get(token.text) if token.kind == "name" else token
        text = known.text if known is not None and known.kind == "string" else HOLE
        if token.kind != "sign":
            at += 1
        depth = 0
        while at < most:
            # Whatever is called or indexed is a value of its own: `dir:gsub(...)`, `(a or b)`, `names[1]`.
            sign = self._at(at)
            opens, closes = sign.text in ("(", "[", "{"), sign.text in (")", "]", "}")
            if sign.kind == "end" or (not depth and sign.text not in (":", ".") and not opens):
                break
            depth += (opens - closes) if sign.kind == "sign" else 0
            text = HOLE
            at += 2 if sign.text in (":", ".") and sign.kind == "sign" else 1
        return text, at


def _constants(tokens: Sequence[_Token]) -> dict[str, _Token]:
    """Names that are given one text, or one function that is followed, and nothing else in the whole program."""
    found: dict[str, _Token] = {}
    changed: set[str] = set()
    names_until = ""
    for at, token in enumerate(tokens):
        before = tokens[at - 1].text if at else ""
        if token.text in ("function", "for") and token.kind == "name":
            names_until = ")" if token.text == "function" else "in"
        elif token.text in (names_until, "=", "do"):
            names_until = ""
        if token.kind != "name":
            continue
        assigned = at + 2 < len(tokens) and tokens[at + 1].text == "="
        if names_until or (assigned and (before != "local" or token.text in found)):
            # A key of a table is no assignment, but costs nothing more than a constant that is not known.
            changed.add(token.text)
        elif assigned:
            value, behind = tokens[at + 2], tokens[at + 3].text if at + 3 < len(tokens) else ""
            if (value.kind == "string" or value.text in FOLLOWED) and behind not in ("..", "(", ":", "or", "and"):
                found[token.text] = value
            else:
                changed.add(token.text)
    return {name: value for name, value in found.items() if name not in changed}
