"""JavaScript without its comments, and with its texts blanked: what a scanner needs to know where code is.

A lexer, no parser: it tells texts, templates, regular expressions and comments from code, takes each byte once, and is
right about `/` wherever the sign before it says what it is (ECMA-262, section 12.9.5). It never refuses a text.
"""

from __future__ import annotations

import re
from typing import Final

from xraydiff.references.kit.outline import BLANK, Lexed

__all__ = ["lex"]

_TOKEN: Final = re.compile(
    rb"\"(?>[^\"\\\n]|\\.)*+\"?|'(?>[^'\\\n]|\\.)*+'?|//[^\n]*+|/\*(?>[^*]|\*(?!/))*+(?:\*/)?|/|`|[(){}\[\]]", re.DOTALL
)
_REGEX: Final = re.compile(rb"/(?>[^/\\\[\n]|\\[^\n]|\[(?>[^\]\\\n]|\\[^\n])*+\])++/")
_TEMPLATE: Final = re.compile(rb"(?>[^`\\$]|\\.|\$(?!\{))*+(?:`|\$\{)?", re.DOTALL)
_BEFORE: Final = 24
"""Bytes before a `/` that tell what it is: the longest keyword has ten, and blanks may follow it."""
_MAX_RESCANS: Final = 4
"""Times the script that may be looked through in vain for ends of regular expressions."""
_VALUE_ENDS: Final = re.compile(rb"[\w$)\]\"'`}][ \t\r\n]*\Z")
_KEYWORD: Final = re.compile(
    rb"(?<![\w$.])(?:return|typeof|case|in|of|do|else|void|delete|throw|new|instanceof|yield|await)[ \t\r\n]*\Z"
)
_CONDITION: Final = re.compile(rb"(?<![\w$.])(?:if|while|for|with)[ \t\r\n]*\Z")


def lex(data: bytes) -> Lexed:
    """Go through a script once."""
    return _Lexer(data).run()


class _Lexer:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._code: list[bytes] = []
        self._masked: list[bytes] = []
        self._length = 0
        self._open: list[bytes] = []
        """Brackets that are open: `$` for that of a template, `c` for the parenthesis of a condition."""
        self._tops: list[int] = []
        self._sure = True
        self._left = _MAX_RESCANS * len(data) + _MAX_RESCANS
        """Bytes that may still be looked through for regular expressions that turn out to be none."""
        self._after_condition = -_BEFORE
        """Where the parenthesis of a condition was closed last."""

    def run(self) -> Lexed:
        data, at = self._data, 0
        if data.startswith(b"#!"):
            at = max(0, data.find(b"\n"))
        while (match := _TOKEN.search(data, at)) is not None:
            self._keep(data[at : match.start()])
            at = self._token(match, at)
        self._keep(data[at:])
        return Lexed(b"".join(self._code), b"".join(self._masked), tuple(self._tops), self._sure)

    def _keep(self, text: bytes, masked: bytes | None = None) -> None:
        if text:
            self._code.append(text)
            self._masked.append(text if masked is None else masked)
            self._length += len(text)

    def _token(self, match: re.Match[bytes], before: int) -> int:
        """Take one token; where the next may begin."""
        text, start, end = match[0], match.start(), match.end()
        first = text[:1]
        if first in b"\"'":
            closed = len(text) > 1 and text[-1:] == first
            self._sure = self._sure and closed
            self._hide(text, 1)
        elif first == b"`":
            return self._template(start + 1, b"`")
        elif first != b"/":
            return self._bracket(text, start, before)
        elif len(text) > 1:
            closed = text[1:2] == b"/" or (text.endswith(b"*/") and len(text) > 3)
            self._sure = self._sure and closed
            self._keep(b" " + b"\n" * text.count(b"\n"))
        else:
            regex = self._regex(start)
            if regex is None:
                self._keep(text)
                return end
            self._hide(regex[0], 1)
            return regex.end()
        return end

    def _hide(self, text: bytes, edge: int) -> None:
        inside = text[edge : len(text) - edge]
        hidden = inside.translate(BLANK) if b"\n" in inside else b" " * len(inside)
        self._keep(text, text[:edge] + hidden + text[len(text) - edge :] if len(text) >= 2 * edge else text)

    def _regex(self, start: int) -> re.Match[bytes] | None:
        if self._left < 0 or not self._may_be_regex(start):
            return None
        found = _REGEX.match(self._data, start)
        if found is None:
            # It was looked for up to the end of the line, and so may each of the signs that follow in it.
            end = self._data.find(b"\n", start)
            self._left -= (len(self._data) if end < 0 else end) - start
            self._sure = self._sure and self._left >= 0
        return found

    def _may_be_regex(self, start: int) -> bool:
        if start - _BEFORE < self._after_condition and not self._data[self._after_condition + 1 : start].strip():
            return True
        head = self._data[max(0, start - _BEFORE) : start]
        if not head.strip() and start > _BEFORE:
            head = self._data[max(0, start - 1_000) : start]
        if _VALUE_ENDS.search(head) is None:
            return True
        return head.rstrip().endswith(b"}") or _KEYWORD.search(head) is not None

    def _template(self, at: int, opening: bytes) -> int:
        """The text of a template up to its end or to what is put into it."""
        match = _TEMPLATE.match(self._data, at)
        if match is None:
            return at
        text = match[0]
        if text.endswith(b"${"):
            self._open.append(b"$")
            edge = 2
        else:
            # An escaped backtick is within the text, so one at the end ends it.
            ended = text.endswith(b"`") and match.end() > at
            self._sure = self._sure and ended
            edge = 1 if ended else 0
        inside = text[: len(text) - edge]
        self._keep(opening + text, opening + inside.translate(BLANK) + text[len(text) - edge :])
        return match.end()

    def _bracket(self, text: bytes, start: int, before: int) -> int:
        if text in b"({[":
            if not self._open:
                self._tops.append(self._length)
            head = self._data[max(before, start - _BEFORE) : start]
            self._open.append(b"c" if text == b"(" and _CONDITION.search(head) else text)
            self._keep(text)
            return start + 1
        opened = self._open.pop() if self._open else b""
        if opened == b"$" and text == b"}":
            return self._template(start + 1, b"}")
        if opened == b"c":
            self._after_condition = start
        self._keep(text)
        if opened and not self._open:
            self._tops.append(self._length)
        return start + 1
