"""What env(1) of GNU coreutils starts: its options, settings and `-S`, as getopt_long and env.c read them.

Of a `#!` line env gets at most two words, the rest of the line and the path of the script. Only with `-S`, which splits
the first of them, can it start anything but the script itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["Started", "split", "started"]

_BLANK: Final = " \t\n\v\f\r"
_ESCAPES: Final = {"f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_LONG: Final = {
    "argv0": "a",
    "block-signal": "",
    "chdir": "C",
    "debug": "v",
    "default-signal": "",
    "help": "h",
    "ignore-environment": "i",
    "ignore-signal": "",
    "list-signal-handling": "",
    "null": "0",
    "split-string": "S",
    "unset": "u",
    "version": "h",
}
"""Long options and the letters that they stand for; those of signals have none and take their value after `=` alone."""
_VALUED: Final = "aCSu"
_PLAIN: Final = "iv0"
_NO_PATH: Final = "/bin:/usr/bin"
"""Where execvp(3) looks without PATH (_CS_PATH of glibc)."""
_MAX_ARGUMENT_LENGTH: Final = 128 << 10
"""MAX_ARG_STRLEN of Linux."""
_SCRIPT: Final = "\0"
"""Stands for the path of the script, the last argument; no argument holds a NUL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The command word, and what env changed for the search of it."""

    word: str
    path: str | None = None
    """PATH where env sets it or takes it away, None where it stays."""
    directory: str = ""
    """Of `--chdir`."""


def started(argument: str, env: Mapping[str, str]) -> Started | None:
    """What `#!env ARGUMENT` starts; None where it is nothing, or the script itself once more.

    Raises `ValueError` for what env refuses.
    """
    words = deque([argument, _SCRIPT] if argument else [_SCRIPT])
    path: str | None = None
    directory = ""
    null = False
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.popleft()
        if word == "--":
            break
        for letter, value in _options(word, words):
            if letter == "h":
                return None
            if letter == "S":
                words.extendleft(reversed(split(value, env)))
            elif letter == "i" or (letter == "u" and value == "PATH"):
                path = _NO_PATH
            elif letter == "C":
                directory = value
            if letter == "u" and (not value or "=" in value):
                raise ValueError(f"no name to unset: {value}")
            null = null or letter == "0"
    if words and words[0] == "-":
        words.popleft()
        path = _NO_PATH
    while words and "=" in words[0]:
        name, _, value = words.popleft().partition("=")
        path = value if name == "PATH" else path
    if not words or words[0] == _SCRIPT:
        return None
    if null:
        raise ValueError("-0 goes with no command")
    return Started(word=words[0], path=path, directory=directory)


def _options(word: str, words: deque[str]) -> list[tuple[str, str]]:
    """Letters and values of one word of options; a value may be the next word. Raises `ValueError`."""
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        exact = [one for one in _LONG if one == name] or [one for one in _LONG if one.startswith(name)]
        if len(exact) != 1:
            raise ValueError(f"unknown option {word}")
        letter = _LONG[exact[0]]
        if letter in _VALUED and letter and not equals:
            value = _next(word, words)
        elif equals and letter and letter not in _VALUED:
            raise ValueError(f"{word} takes no value")
        return [(letter, value)]
    found: list[tuple[str, str]] = []
    for at, letter in enumerate(word[1:], 2):
        if letter in _VALUED:
            return [*found, (letter, word[at:] or _next(word, words))]
        if letter not in _PLAIN:
            raise ValueError(f"unknown option {letter}")
        found.append((letter, ""))
    return found


def _next(word: str, words: deque[str]) -> str:
    if not words:
        raise ValueError(f"{word} lacks a value")
    return words.popleft()


def split(text: str, env: Mapping[str, str]) -> list[str]:
    """The words of a `-S` string: quotes, escapes, `${NAME}`, comments (build_argv of env.c). Raises `ValueError`."""
    words: list[str] = []
    quote = ""
    apart = True
    at = 0
    while at < len(text):
        sign = text[at]
        at += 1
        if sign in "'\"" and quote in ("", sign):
            quote = "" if quote else sign
            piece = ""
        elif sign in _BLANK and not quote:
            apart = True
            continue
        elif sign == "#" and apart and not quote:
            break
        elif sign == "\\" and (quote != "'" or text[at : at + 1] in ("\\", "'")):
            escape = text[at : at + 1]
            at += 1
            if escape == "_" and quote != '"':
                apart = True
                continue
            if escape == "c" and quote != '"':
                break
            piece = _escaped(escape)
        elif sign == "$" and quote != "'":
            name, at = _variable(text, at)
            if name not in env:
                # Empty for env, unless whoever starts the script sets it.
                raise ValueError(f"{name} is not in the image's environment")
            piece = env[name]
        else:
            piece = sign
        if apart:
            words.append("")
            apart = False
        words[-1] += piece
        if len(words[-1]) > _MAX_ARGUMENT_LENGTH:
            raise ValueError("a word longer than the kernel passes on")
    if quote:
        raise ValueError("no terminating quote")
    return words


def _escaped(sign: str) -> str:
    if sign in _ESCAPES:
        return _ESCAPES[sign]
    if sign and sign in "\"#$'\\":
        return sign
    if sign == "_":
        return " "
    raise ValueError(f"invalid escape \\{sign}")


def _variable(text: str, at: int) -> tuple[str, int]:
    end = text.find("}", at)
    name = text[at + 1 : end]
    if text[at : at + 1] != "{" or end < 0 or not (name.isascii() and name.isidentifier()):
        raise ValueError("only ${NAME} is expanded")
    return name, end + 1
