"""PHP without its comments and with its texts blanked: what a scanner needs to know where code is.

A lexer, no parser: it tells texts, here-documents, comments and what stands outside of `<?php` from code, and takes
each byte once (php.net/language.basic-syntax).
"""

from __future__ import annotations

import re
from typing import Final

from xraydiff.references.kit.outline import BLANK, Lexed

__all__ = ["lex"]

_OPEN: Final = re.compile(rb"<\?(?:php(?=\s|\Z)|=)", re.IGNORECASE)
_TOKEN: Final = re.compile(
    rb"\"(?>[^\"\\]|\\.)*+\"?|'(?>[^'\\]|\\.)*+'?|`(?>[^`\\]|\\.)*+`?|/\*(?>[^*]|\*(?!/))*+(?:\*/)?"
    rb"|(?://|#(?!\[))(?>[^\n?]|\?(?!>))*+|<<<[ \t]*(?:\"(\w+)\"|'(\w+)'|(\w+))\r?\n|\?>|[{}]",
    re.DOTALL,
)
_MAX_RESCANS: Final = 16
"""Times the script that may be looked through in vain for ends of here-documents."""


def lex(data: bytes) -> Lexed:
    """Go through a script once."""
    return _Lexer(data).run()


class _Lexer:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._code: list[bytes] = []
        self._masked: list[bytes] = []
        self._length = 0
        self._depth = 0
        self._tops: list[int] = []
        self._sure = True
        self._left = _MAX_RESCANS * len(data) + _MAX_RESCANS
        """Bytes that may still be looked through for ends of here-documents that have none."""

    def run(self) -> Lexed:
        data, at = self._data, 0
        while (opening := _OPEN.search(data, at)) is not None:
            # What stands outside of the tags is printed, and ends a statement.
            self._keep(data[at : opening.start()], hidden=True)
            self._keep(opening[0], hidden=True)
            at = self._inside(opening.end())
        self._keep(data[at:], hidden=True)
        return Lexed(b"".join(self._code), b"".join(self._masked), tuple(self._tops), self._sure)

    def _inside(self, at: int) -> int:
        """Code up to `?>` or the end; where it ends."""
        data = self._data
        while (match := _TOKEN.search(data, at)) is not None:
            self._keep(data[at : match.start()])
            text, at = match[0], match.end()
            if text == b"?>":
                self._code.append(text)
                self._masked.append(b"; ")
                self._length += len(text)
                return at
            at = self._token(match, text, at)
        self._keep(data[at:])
        return len(data)

    def _token(self, match: re.Match[bytes], text: bytes, end: int) -> int:
        first = text[:1]
        if first in b"\"'`":
            closed = len(text) > 1 and text[-1:] == first
            self._sure = self._sure and closed
            # The mark of a command stays, that it is found.
            self._keep(text, hidden=True, edges=1)
        elif first == b"<":
            return self._document(match)
        elif first in b"{}":
            self._brace(first)
        else:
            self._sure = self._sure and (text[:2] != b"/*" or (text.endswith(b"*/") and len(text) > 3))
            self._keep(b" " + b"\n" * text.count(b"\n"))
        return end

    def _document(self, match: re.Match[bytes]) -> int:
        """A here-document up to its closing word, which may be indented (PHP 7.3)."""
        word = match[1] or match[2] or match[3]
        closing = None
        if self._left > 0:
            closing = re.compile(rb"^[ \t]*" + word + rb"\b", re.MULTILINE).search(self._data, match.end())
        if closing is None:
            self._left -= len(self._data) - match.end()
            self._sure = False
            self._keep(match[0])
            return match.end()
        self._keep(self._data[match.start() : closing.end()], hidden=True)
        return closing.end()

    def _brace(self, sign: bytes) -> None:
        if sign == b"{":
            if self._depth == 0:
                self._tops.append(self._length)
            self._depth += 1
        elif self._depth:
            self._depth -= 1
        self._keep(sign)
        if sign == b"}" and self._depth == 0 and len(self._tops) % 2:
            self._tops.append(self._length)

    def _keep(self, text: bytes, *, hidden: bool = False, edges: int = 0) -> None:
        if text:
            self._code.append(text)
            inside = text[edges : len(text) - edges].translate(BLANK) if hidden else b""
            covered = text[:edges] + inside + text[len(text) - edges :] if hidden and len(text) > edges else text
            self._masked.append(covered)
            self._length += len(text)
