r"""Texts of any origin as texts that are safe to print and to paste, the same on every output.

In the form of `escaped` a backslash is doubled, and what nobody sees, what would be drawn onto the text before it, what
is no UTF-8 and what a CI system obeys is written as the bytes of its UTF-8, `\xNN`. Two names never become one, and
`unescaped` gives the name back. The table of characters is frozen in `characters`, so every Python escapes alike.
"""

from __future__ import annotations

import re
from functools import cache

from xraydiff.characters import MARKS, UNASSIGNED, UNSEEN

# Azure Pipelines, GitHub and TeamCity obey `##word[` anywhere, GitHub `::word` where a line begins; GitLab and Travis
# fold a log at `section_start:` and `travis_fold:`, and the colon may be what is printed behind the text.
_STEERING = r"\#(?=\#)|(?<=\#)\#|\A[ ]*:|(?<=section)_(?=(?:start|end)(?::|\Z))|(?<=travis)_(?=(?:fold|time)(?::|\Z))"
# Blanks that Markdown, a mail or an editor would swallow.
_BLANKS = r"\A[ ]|[ ]\Z|(?<=[ ])[ ]"
_ESCAPE = re.compile(rb"\\(\\|x[0-9a-f]{2})")
# Raw is all but what every version of this form has escaped. Of printable ASCII only what steers, and blanks, may be
# spelled as bytes: in a pattern of a policy `\x2a` would else read as a star.
_ESCAPED = re.compile(
    r"(?>[^\\\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
    r"|\\\\|\\x(?:[0189a-f][0-9a-f]|20|23|3a|5f|7f))*+"
)


def escaped(text: str) -> str:
    r"""The form for people, TSV and JSON; one line of valid Unicode without a command for a terminal or a CI system."""
    if _is_plain(text):
        return text
    return _odd().sub(lambda match: "\\\\" if match[0] == "\\" else _spelled(match), text)


def unescaped(text: str) -> str:
    r"""The name that `escaped` was given, by this version or by one with an older table.

    The bytes of any character beyond ASCII may be spelled `\xNN`, so that what one table escapes and another does not
    reads back the same. Raises `ValueError` for a text with a raw control or bidi control character, or a backslash
    that begins no escape of this form.
    """
    if not _ESCAPED.fullmatch(text):
        msg = f"not an escaped name: {text!a}"
        raise ValueError(msg)
    raw = _ESCAPE.sub(lambda m: b"\\" if m[1] == b"\\" else bytes([int(m[1][1:], 16)]), text.encode())
    return raw.decode("utf-8", "surrogateescape")


def one_line(text: str) -> str:
    """A line of ours with escaped parts in it, once more without what nobody sees and without commands for CI.

    Backslashes and blanks stay, so a line that is safe already is given back as it is.
    """
    return text if _is_plain(text) else _unsafe().sub(_spelled, text)


def is_visible(text: str) -> bool:
    """Whether every character shows and stands for itself, so that the raw text can be printed and pasted."""
    return _has_only_bases(text) or not _hidden().search(text)


def _is_plain(text: str) -> bool:
    """Whether there is nothing to escape, as fast as it can be told; most texts are plain."""
    if not _has_only_bases(text) or text.startswith((" ", ":")) or text.endswith(" ") or "\\" in text:
        return False
    return not ("##" in text or "  " in text or "section_" in text or "travis_" in text)


def _has_only_bases(text: str) -> bool:
    # Printable ASCII needs no table, and is the same in every version of Unicode.
    return (text.isascii() and text.isprintable()) or not _no_base().search(text)


def _spelled(match: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02x}" for char in match[0] for byte in _bytes(char))


def _bytes(char: str) -> bytes:
    # A label may hold a lone surrogate that stands for no byte; JSON allows it, a file name cannot.
    return char.encode("utf-8", "surrogateescape" if "\udc80" <= char <= "\udcff" else "surrogatepass")


@cache
def _no_base() -> re.Pattern[str]:
    return re.compile(_one_of(UNSEEN + UNASSIGNED + MARKS))


@cache
def _hidden() -> re.Pattern[str]:
    """What does not show: unseen characters, and marks without a letter or digit before them, drawn onto our text."""
    return re.compile(_hidden_source())


@cache
def _unsafe() -> re.Pattern[str]:
    return re.compile(f"{_hidden_source()}|{_STEERING}")


@cache
def _odd() -> re.Pattern[str]:
    return re.compile(rf"{_hidden_source()}|\\|{_BLANKS}|{_STEERING}")


def _hidden_source() -> str:
    unseen, letter = _one_of(UNSEEN + UNASSIGNED), r"[0-9A-Za-z\x80-\U0010ffff]"
    return f"{unseen}|(?:(?<!{letter})|(?<={unseen})){_one_of(MARKS)}+"


def _one_of(table: str) -> str:
    """A character of a table of `characters`; `re` looks up those of the first plane, and searches among the others."""
    first_plane: list[str] = []
    others: list[str] = []
    for one in table.split():
        first, _, last = one.partition("-")
        (first_plane if len(first) <= 4 else others).append(f"\\U{first:0>8}-\\U{last or first:0>8}")
    return f"(?:[{''.join(first_plane)}]|(?=[\\U00010000-\\U0010ffff])[{''.join(others)}])"
