"""What of a Ruby program may be given to its parser: some texts cost that the square of their length in time."""

from __future__ import annotations

import re
from typing import Final

from xraydiff.limits import Limits
from xraydiff.syntax import unclosed

__all__ = ["refusal"]

_QUOTE: Final = re.compile(rb"%[wWiIqQrxs]?([(\[{<])")
_COMMENT: Final = re.compile(rb"^=(begin|end)\b", re.MULTILINE)


def refusal(data: bytes, limits: Limits) -> str:
    """Why a program cannot be given to the parser, or an empty string where it can."""
    if len(data) > limits.syntax:
        return f"{len(data)} bytes"
    endless = unclosed(data, _QUOTE.finditer(data)) + _endless_comments(data)
    return f"{endless} quotes that do not end" if endless * len(data) > limits.syntax_rescans else ""


def _endless_comments(data: bytes) -> int:
    """`=begin` lines that no `=end` follows."""
    count = 0
    for match in _COMMENT.finditer(data):
        count = count + 1 if match[1] == b"begin" else 0
    return count
