"""What of a Ruby program may be given to its parser: some texts cost that the square of their length in time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from xraydiff.limits import Limits

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["first_error", "refusal"]

_CLOSING: Final = {b"(": b")", b"[": b"]", b"{": b"}", b"<": b">"}
_QUOTE: Final = re.compile(rb"%[wWiIqQrxs]?([(\[{<])")
_BRACKETS: Final = {
    opening: re.compile(rb"\\.|[" + re.escape(opening) + re.escape(closing) + rb"]", re.DOTALL)
    for opening, closing in _CLOSING.items()
}
_COMMENT: Final = re.compile(rb"^=(begin|end)\b", re.MULTILINE)
_SIBLINGS: Final = 100_000
"""Children of a node that are looked through for the first error."""


def refusal(data: bytes, limits: Limits) -> str:
    """Why a program cannot be given to the parser, or an empty string where it can."""
    if len(data) > limits.syntax:
        return f"{len(data)} bytes"
    endless = _endless_quotes(data) + _endless_comments(data)
    return f"{endless} quotes that do not end" if endless * len(data) > limits.syntax_rescans else ""


def _endless_quotes(data: bytes) -> int:
    """Quotes in brackets (`%w[`) whose bracket nothing closes."""
    starts: dict[bytes, set[int]] = {}
    for match in _QUOTE.finditer(data):
        starts.setdefault(match[1], set()).add(match.start(1))
    count = 0
    for opening, places in starts.items():
        open_at: list[int] = []
        for match in _BRACKETS[opening].finditer(data):
            if match[0] == opening:
                open_at.append(match.start())
            elif match[0] == _CLOSING[opening] and open_at:
                open_at.pop()
        count += sum(1 for place in open_at if place in places)
    return count


def _endless_comments(data: bytes) -> int:
    """`=begin` lines that no `=end` follows."""
    count = 0
    for match in _COMMENT.finditer(data):
        count = count + 1 if match[1] == b"begin" else 0
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
