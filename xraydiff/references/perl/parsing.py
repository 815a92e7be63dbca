"""What of a Perl program may be given to its parser: some texts cost that the square of their length in time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from xraydiff.limits import Limits

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["code_of", "first_error", "refusal"]

_CLOSING: Final = {b"(": b")", b"[": b"]", b"{": b"}", b"<": b">"}
_QUOTE: Final = re.compile(rb"(?<![\w$@%&])(?:q[qwrx]?|m|s|tr|y)[ \t\n]*([(\[{<])")
_SECOND: Final = re.compile(rb"[)\]}>][ \t\n]*([(\[{<])")
"""Where the second half of `s{...}{...}` begins; in other code such brackets have their partners."""
_HASHED: Final = re.compile(rb"(?<![\w$@%&])(?:q[qwrx]?|m|s|tr|y)#")
_BRACKETS: Final = {
    opening: re.compile(rb"\\.|[" + re.escape(opening) + re.escape(closing) + rb"]", re.DOTALL)
    for opening, closing in _CLOSING.items()
}
_END: Final = re.compile(rb"^__(?:END|DATA)__[ \t\r]*$", re.MULTILINE)
_POD: Final = re.compile(rb"^=(?:(cut\b)|[a-zA-Z])[^\n]*$", re.MULTILINE)
_SIBLINGS: Final = 100_000
"""Children of a node that are looked through for the first error."""


def code_of(data: bytes) -> bytes:
    """The program without its documentation (perlpod) and what follows `__END__`, its lines where they were."""
    end = _END.search(data)
    data = data[: end.start()] if end else data
    parts: list[bytes] = []
    at, inside = 0, False
    for match in _POD.finditer(data):
        if not inside and match[1] is None:
            parts.append(data[at : match.start()])
            at, inside = match.start(), True
        elif inside and match[1] is not None:
            parts.append(b"\n" * data.count(b"\n", at, match.end()))
            at, inside = match.end(), False
    parts.append(b"" if inside else data[at:])
    return b"".join(parts)


def refusal(data: bytes, limits: Limits) -> str:
    """Why a program cannot be given to the parser, or an empty string where it can."""
    if len(data) > limits.syntax:
        return f"{len(data)} bytes"
    if sum(len(line) ** 2 for line in data.split(b"\n")) > limits.syntax_line_squares:
        return f"lines too long for its {len(data)} bytes"
    endless = _endless(data)
    return f"{endless} quotes that do not end" if endless * len(data) > limits.syntax_rescans else ""


def _endless(data: bytes) -> int:
    """Quotes in brackets (`qw(`) whose bracket nothing closes; each in `#` counts, for its end is hard to tell."""
    starts: dict[bytes, set[int]] = {}
    for pattern in (_QUOTE, _SECOND):
        for match in pattern.finditer(data):
            starts.setdefault(match[1], set()).add(match.start(1))
    count = sum(1 for _ in _HASHED.finditer(data)) // 2
    for opening, places in starts.items():
        open_at: list[int] = []
        for match in _BRACKETS[opening].finditer(data):
            if match[0] == opening:
                open_at.append(match.start())
            elif match[0] == _CLOSING[opening] and open_at:
                open_at.pop()
        count += sum(1 for place in open_at if place in places)
    return count


def first_error(root: Syntax) -> int:
    """The line of the first thing that does not parse."""
    node = root
    for _ in range(64):
        if node.child_count > _SIBLINGS:
            break
        broken = next((child for child in node.children if child.type == "ERROR" or child.is_missing), None)
        if broken is not None:
            return broken.start_point[0] + 1
        inner = next((child for child in node.children if child.has_error), None)
        if inner is None:
            break
        node = inner
    return node.start_point[0] + 1
