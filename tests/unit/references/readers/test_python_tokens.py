"""The token pattern of Python, held against a scanner that takes bytes one by one, and against the host itself."""

from __future__ import annotations

import io
import itertools
import random
import re
import sysconfig
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from xraydiff.references.readers.python import syntax

KINDS = ("rest", "string", "name", "newline", "number", "operator", "comment")
Token = tuple[str, int, int]


def tokens(data: bytes) -> Iterator[Token]:
    """Kind, start and end of each token that the reader sees."""
    at = 0
    while at < len(data):
        found = syntax._TOKEN.match(data, at)
        assert found is not None
        assert found.end() > at
        kind = found.lastindex or 0
        yield KINDS[kind % 7], found.start(kind), found.end()
        at = found.end()


# --- byte by byte -----------------------------------------------------------------------------------------------------

PREFIX, DIGITS = b"rRbBuUfFtT", b"0123456789"
LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") | frozenset(range(0x80, 0x100))
WORD = LETTERS | frozenset(DIGITS)
ASCII_WORD = frozenset(one for one in WORD if one < 0x80)
SIGNS: tuple[bytes, ...] = (b"**=", b"//=", b">>=", b"<<=", b"...", b"**", b"//", b">>", b"<<", b"->", b":=")
SIGNS += tuple(bytes((one, ord("="))) for one in b"!<>=+-*/%&|^@") + tuple(
    bytes((one,)) for one in b"()[]{},:=.;@+*-/%<>&|^~"
)


def by_hand(data: bytes) -> Iterator[Token]:
    at = 0
    while at < len(data):
        start = after_blanks(data, at)
        kind, at = next_token(data, start)
        yield kind, start, at


def after_blanks(data: bytes, at: int) -> int:
    while True:
        if data[at : at + 1] in (b" ", b"\t", b"\f"):
            at += 1
        elif data.startswith((b"\\\n", b"\\\r\n"), at):
            at = data.index(b"\n", at) + 1
        else:
            return at


def next_token(data: bytes, at: int) -> tuple[str, int]:
    for kind, scan in (("string", string), ("name", name), ("newline", newline), ("number", number)):
        if (end := scan(data, at)) > at:
            return kind, end
    for sign in SIGNS:
        if data.startswith(sign, at):
            return "operator", at + len(sign)
    if data.startswith(b"#", at):
        return "comment", to_line_end(data, at)
    return "rest", min(at + 1, len(data))


def to_line_end(data: bytes, at: int) -> int:
    end = data.find(b"\n", at)
    return len(data) if end < 0 else end


def string(data: bytes, start: int) -> int:
    at = start
    while at - start < 2 and at < len(data) and data[at] in PREFIX:
        at += 1
    sign = data[at : at + 1]
    if sign not in (b'"', b"'"):
        return start
    quote = sign * 3 if data.startswith(sign * 3, at) else sign
    at += len(quote)
    while at < len(data):
        if data.startswith(quote, at):
            return at + len(quote)
        if data[at] == ord("\\"):
            if at + 1 == len(data):
                return at
            at += 2
        elif data[at] == ord("\n") and quote == sign:
            return at
        else:
            at += 1
    return at


def name(data: bytes, at: int) -> int:
    if at >= len(data) or data[at] not in LETTERS:
        return at
    while at < len(data) and data[at] in WORD:
        at += 1
    return max(at, name(data, at + 1)) if data[at : at + 1] == b"." and name(data, at + 1) > at + 1 else at


def newline(data: bytes, at: int) -> int:
    if data.startswith((b"\n", b"\r\n"), at):
        at = data.index(b"\n", at) + 1
        while (end := empty_line(data, at)) > at:
            at = end
        return at
    return at + data.startswith(b"\r", at)


def empty_line(data: bytes, start: int) -> int:
    """Behind a line that holds blanks and a comment at most; where it holds more, where it starts."""
    at = start
    while data[at : at + 1] in (b" ", b"\t", b"\f"):
        at += 1
    if data.startswith(b"#", at):
        at = to_line_end(data, at)
    return at + 1 if data.startswith(b"\n", at) else start


def number(data: bytes, start: int) -> int:
    at = start + data.startswith(b".", start)
    if at >= len(data) or data[at] not in DIGITS:
        return start
    at += 1
    while at < len(data):
        if data[at : at + 1] in (b"e", b"E") and data[at + 1 : at + 2] in (b"+", b"-"):
            at += 2
        elif data[at] in ASCII_WORD or data[at] == ord("."):
            at += 1
        else:
            break
    return at


@pytest.mark.parametrize("alphabet", [b'a \n#"\\', b"a.1e+", b"'\\\n ", b'r"a\\', b"\r\n\t# a", b"=<>!*/-:."])
def test_every_short_text(alphabet: bytes) -> None:
    for length in range(1, 7 if len(alphabet) < 7 else 5):
        for text in itertools.product(alphabet, repeat=length):
            data = bytes(text)
            assert list(tokens(data)) == list(by_hand(data)), data


PIECES = (
    *(
        b"\n",
        b"\r\n",
        b" ",
        b"    ",
        b"\t",
        b"\\\n",
        b"\\",
        b"# a",
        b"#",
        b"a",
        b"a.b",
        b"if",
        b"1e+5",
        b".5",
        b"\xc3\xa9",
    ),
    *(
        b'"',
        b'""',
        b'"""',
        b"'",
        b"'''",
        b"rb",
        b'f"{a}"',
        b'\\"',
        b"{",
        b"}",
        b"(",
        b")",
        b"import",
        b"from",
        b"...",
        b"\0",
    ),
)


def test_long_texts() -> None:
    chance = random.Random(11)  # noqa: S311  repeatable, not secret
    for _ in range(3_000):
        data = b"".join(chance.choice(PIECES) for _ in range(chance.randint(1, 60)))
        assert list(tokens(data)) == list(by_hand(data)), data


# --- the host ---------------------------------------------------------------------------------------------------------


def library() -> list[Path]:
    folder = Path(sysconfig.get_path("stdlib"))
    return sorted(path for path in folder.rglob("*.py") if not {"test", "tests", "site-packages"} & set(path.parts))


def of_the_host(data: bytes) -> list[Token]:
    """Names, strings, numbers and comments as `tokenize` has them, at their offsets."""
    wanted = {"NAME", "STRING", "NUMBER", "COMMENT"}
    lines = data.splitlines(keepends=True)
    starts = [0, *itertools.accumulate(map(len, lines))]
    out = []
    for token in tokenize.tokenize(io.BytesIO(data).readline):
        kind = tokenize.tok_name[token.type]
        if kind in wanted:
            ends = [starts[row - 1] + len(lines[row - 1].decode()[:column].encode()) for row, column in token[2:4]]
            out.append((kind.lower(), ends[0], ends[1]))
    return out


def taken_apart(data: bytes) -> Iterator[Token]:
    """Our tokens, with the parts of dotted names and the comments of empty lines on their own, as the host has them."""
    for kind, start, end in tokens(data):
        if kind == "name":
            for part in re.finditer(rb"[^.]+", data[start:end]):
                yield kind, start + part.start(), start + part.end()
        elif kind == "newline":
            for comment in re.finditer(rb"#[^\n]*", data[start:end]):
                yield "comment", start + comment.start(), start + comment.end()
        else:
            yield kind, start, end


def test_all_of_the_hosts_library() -> None:
    """Files with formatted strings aside, which hosts from 3.12 on take apart, and those whose lines end otherwise."""
    compared = 0
    for path in library():
        data = path.read_bytes()
        if re.search(rb"\b[rR]?[fFtT][rR]?[\"']|[\r\f\v\x1c-\x1e]|coding[:=]|\A\xef\xbb\xbf", data):
            continue
        try:
            expected = of_the_host(data)
        except (tokenize.TokenError, SyntaxError):
            continue
        ours = set(taken_apart(data))
        assert [one for one in expected if one not in ours] == [], path
        compared += len(expected)
    assert compared > 100_000
