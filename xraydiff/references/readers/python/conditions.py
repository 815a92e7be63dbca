"""Conditions whose outcome is known before a program runs: the type checker's, the version's, the platform's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["Known", "verdict"]

_TYPE_CHECKING: Final = re.compile(r"(?:\w{1,40}\.)?TYPE_CHECKING\Z|MYPY\Z")
_VERSION: Final = re.compile(
    r"(?:sys\.)?version_info(\[:2\]|\[:1\]|\[0\]|\.major)?(>=|<=|==|!=|>|<)\(?(\d{1,2})(?:,(\d{1,2}))?((?>,\d{1,2})*+),?\)?\Z"
)
_PLATFORM: Final = re.compile(r"""(?:sys\.)?platform(==|!=)["'](\w{1,20})["']\Z""")
_STARTS: Final = re.compile(r"""(?:sys\.)?platform\.startswith\(["'](\w{1,20})["']\)\Z""")
_OS_NAME: Final = re.compile(r"""os\.name(==|!=)["'](\w{1,20})["']\Z""")
_SYSTEM: Final = re.compile(r"""platform\.system\(\)(==|!=)["'](\w{1,20})["']\Z""")
_MAIN: Final = re.compile(r"""__name__==["']__main__["']\Z|["']__main__["']==__name__\Z""")
_PY2: Final = re.compile(r"(?:\w{1,20}\.)?PY2\Z")
_PY3: Final = re.compile(r"(?:\w{1,20}\.)?PY3\Z")
_MAX_LENGTH: Final = 200
_MAX_TERMS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known about the run: the interpreter's version, and whether the file is the main program."""

    version: tuple[int, int] | None
    main: bool | None
    """None where nobody can tell."""


def verdict(text: str, known: Known) -> bool | None:
    """Whether a condition holds on this interpreter on Linux; None where that depends on the run."""
    if not text or len(text) > _MAX_LENGTH:
        return None
    text = " ".join(text.split())
    if " and " in text or " or " in text:
        return _joined(text, known)
    inverted = False
    while True:
        if text.startswith(("not ", "not(")):
            text, inverted = text[3:].strip(), not inverted
        elif text.startswith("(") and text.endswith(")"):
            text = text[1:-1].strip()
        else:
            break
    found = _single(text.replace(" ", ""), known)
    return found if found is None or not inverted else not found


def _joined(text: str, known: Known) -> bool | None:
    """Terms joined by `and` or by `or` alone; parentheses are not looked into."""
    both = " and " in text
    if both == (" or " in text):
        return None
    terms = [verdict(term.strip(), known) for term in text.split(" and " if both else " or ")[:_MAX_TERMS]]
    if both:
        return False if False in terms else None if None in terms else True
    return True if True in terms else None if None in terms else False


def _single(text: str, known: Known) -> bool | None:
    if _TYPE_CHECKING.match(text) or text in ("False", "0", "None") or _PY2.match(text):
        return False
    if text in ("True", "1", "__debug__") or _PY3.match(text):
        return True
    if _MAIN.match(text):
        return known.main
    for pattern, value in ((_PLATFORM, "linux"), (_OS_NAME, "posix"), (_SYSTEM, "Linux")):
        if match := pattern.match(text):
            return (match[2] == value) is (match[1] == "==")
    if match := _STARTS.match(text):
        return "linux".startswith(match[1])
    match = _VERSION.match(text)
    return _compared(match, known.version) if match and known.version else None


def _compared(match: re.Match[str], version: tuple[int, int]) -> bool | None:
    wanted = (int(match[3]), int(match[4])) if match[4] else (int(match[3]),)
    first = match[1] in ("[:1]", "[0]", ".major")
    mine: tuple[int, ...] = version[:1] if first else version
    sign = match[2]
    if match[5] and mine == wanted:
        # Which release of 3.11 an image has is not looked up.
        return None
    if sign in ("==", "!="):
        # `version_info == (3, 11)` never holds, since the tuple has five members; `[:2]` and `[0]` compare alike.
        equal = mine == wanted if match[1] else False
        return equal is (sign == "==")
    if len(wanted) < len(mine) and sign in (">", "<="):
        # (3, 11, ...) > (3,) holds: the longer of two tuples that begin alike is the greater.
        return (mine >= wanted) is (sign == ">")
    if not match[1] and sign in (">", "<="):
        return (mine >= wanted) is (sign == ">")
    return (mine >= wanted) if sign == ">=" else (mine < wanted) if sign == "<" else (mine > wanted) is (sign == ">")
