"""What no output of the command may hold, told without the table that the outputs are made by."""

from __future__ import annotations

import re
import unicodedata

COMMAND = re.compile(r"##\w*\[|section_(?:start|end):|travis_(?:fold|time):|^\s*::", re.MULTILINE)
"""What Azure Pipelines, GitHub, TeamCity, GitLab and Travis obey in what a job prints."""
UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))
IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)


def fault(text: str, *, beside: str = "") -> str:
    """The first thing in an output that steers a terminal or CI, or that nobody sees; empty where there is none.

    `beside` are control characters that the format itself is made of, as the tab of TSV; LF ends a line.
    """
    command = COMMAND.search(text)
    if command:
        return f"the command {command[0]!a}"
    for char in sorted(set(text) - {"\n", " ", *beside}):
        if _hides(char):
            return f"raw {char!a}"
    return ""


def _hides(char: str) -> bool:
    category = unicodedata.category(char)
    nobody_may_assign = ord(char) & 0xFFFE == 0xFFFE or "\ufdd0" <= char <= "\ufdef"
    return category in UNSEEN or category == "Zs" or nobody_may_assign or IGNORABLE.fullmatch(char) is not None
