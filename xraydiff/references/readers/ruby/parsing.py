"""What of a Ruby program may be given to its parser: some texts cost that the square of their length in time."""

from __future__ import annotations

import re
from typing import Final

from xraydiff.limits import Limits
from xraydiff.references.kit.grammars import unclosed
from xraydiff.references.kit.outline import Form

__all__ = ["FORM", "refusal"]

_QUOTE: Final = re.compile(rb"%[wWiIqQrxs]?([(\[{<])")
FORM: Final = Form(
    asks=re.compile(
        rb"(?<![\w.@$:/-])(?:(?:Kernel|Process|Open3|IO|PTY|Bundler|Gem)\.)?(?:require|require_relative|require_dependency"
        rb"|load|autoload|gem|system|exec|spawn|popen[23]?e?|capture[23]e?|pipeline\w*|open|setup|bin_path|activate_bin_path"
        rb"|__dir__|__FILE__)(?=[ \t(\"'),.]|$)"
        rb"|(?<![\w.@$:])(?:::)?(?:File|IO|Dir|YAML|Psych|JSON|CSV|Tilt|FileUtils|Pathname|Zip::File|SQLite3::Database"
        rb"|Marshal|Dotenv)\.\w+(?=[ \t(])"
        rb"|(?<![\w.@$:])(?:\$LOAD_PATH|\$:)|(?=`|%x[(\[{|!])",
        re.MULTILINE,
    ),
    aside=(b"def _; ", b"; end"),
    lines_end=True,
    here_documents=True,
    names=re.compile(rb"(?<![\w.:\"'$@/])@{0,2}[A-Za-z_]\w{1,60}(?![\w(:\"'!?])"),
)
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
