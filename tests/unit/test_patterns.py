"""Patterns that every supported interpreter matches alike, Debian's 3.11.2 too.

Up to 3.11.4, a possessive quantifier over a group left the position where the last, failed turn had stopped, not
where it had begun (gh-100061, gh-106052): what follows began too late, with no error. An atomic group puts the position
back, so `(?>...)*+` is right where `(?:...)*+` is not. And a group that captures within a possessive one raises
SystemError on all of 3.11, and on the first releases of 3.12 and 3.13 (gh-101955).
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
import random
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import xraydiff

PARSER: Any = importlib.import_module("re._parser")
"""What `re.compile` parses patterns with."""
ONE_CHARACTER = frozenset({"LITERAL", "NOT_LITERAL", "ANY", "IN"})
COMPILERS = frozenset({"compile", "match", "fullmatch", "search", "split", "sub", "subn", "findall", "finditer"})

POSSESSIVE = re.compile(rb"(?<!\\)[*+?}]\+")


def faults(pattern: str | bytes, flags: int = 0) -> list[str]:
    """What an interpreter of the supported ones gets wrong in a pattern."""
    return list(_faults(PARSER.parse(pattern, flags & ~re.UNICODE), possessive=False))


def _faults(tree: Any, *, possessive: bool) -> Iterator[str]:
    for operator, value in tree:
        name = str(operator)
        inside = possessive or name == "POSSESSIVE_REPEAT"
        if name == "POSSESSIVE_REPEAT" and not _kept_whole(value[2]):
            yield "a possessive quantifier over a group that is not atomic"
        if name == "SUBPATTERN" and value[0] is not None and possessive:
            yield "a group that captures within a possessive quantifier"
        for part in _parts(value):
            yield from _faults(part, possessive=inside)


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, PARSER.SubPattern):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _parts(one)


def _kept_whole(body: Any) -> bool:
    """One character, which moves nothing when it fails, or an atomic group, which puts the position back."""
    names = [str(operator) for operator, _ in body]
    return len(names) == 1 and (names[0] in ONE_CHARACTER or names[0] == "ATOMIC_GROUP")


@pytest.mark.parametrize(
    "pattern",
    [
        *("(?:ab?c)*+", "(?:a|b(?!c))++", r"\n(?:[ ]*+\n)*+", "(?:ab)?+", "(?:a(?:bc)*+)?", "(?:(?>a)b)*+"),
        *("(?=(?:ab)*+)", "(?:a{2}){1,2}+", "(a)?(?(1)(?:bc)*+|d)", "((a)|b)*+", "(?>(a))*+", "(?>x(?P<n>a))?+"),
    ],
)
def test_what_is_wrong_somewhere_is_found(pattern: str) -> None:
    assert faults(pattern)
    assert faults(pattern.encode())


@pytest.mark.parametrize(
    "pattern", ["a*+", "[^a]++", r"\s?+", ".{2,3}+", "(?>ab?c)*+", "((?>a|b)*+)", "(?:ab)*", "(?>(a))"]
)
def test_what_is_right_everywhere_passes(pattern: str) -> None:
    assert faults(pattern) == []


# --- the patterns of the package --------------------------------------------------------------------------------------


def modules() -> list[str]:
    names = [found.name for found in pkgutil.walk_packages(xraydiff.__path__, "xraydiff.")]
    return sorted(name for name in names if not name.endswith("__main__"))


def calls(module: ModuleType) -> Iterator[ast.expr]:
    """What stands for the pattern in each call of `re`."""
    source = Path(str(module.__file__)).read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=name), args=[pattern, *_]) if (
                name in COMPILERS
            ):
                yield pattern


def patterns(module: ModuleType) -> Iterator[str | bytes]:
    """Each pattern of a module: the expression's worth; where that is known only later, the possessive pieces of it."""
    for expression in calls(module):
        try:
            worth = eval(compile(ast.Expression(expression), "", "eval"), dict(vars(module)))  # noqa: S307
        except NameError:
            for node in ast.walk(expression):
                text = node.value if isinstance(node, ast.Constant) else None
                if isinstance(text, (str, bytes)) and POSSESSIVE.search(_bytes(text)):
                    yield text
        else:
            yield worth.pattern if isinstance(worth, re.Pattern) else worth


def compiled(module: ModuleType) -> Iterator[re.Pattern[Any]]:
    """Patterns that a module holds, in tables too."""
    waiting: list[object] = list(vars(module).values())
    for value in waiting:
        if isinstance(value, re.Pattern):
            yield value
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, (list, tuple, frozenset)):
            waiting += value


@pytest.mark.parametrize("name", modules())
def test_no_pattern_of_the_package_is_wrong_somewhere(name: str) -> None:
    module = importlib.import_module(name)
    for pattern in compiled(module):
        assert faults(pattern.pattern, pattern.flags) == [], pattern.pattern
    for text in patterns(module):
        assert faults(text, re.VERBOSE if b"(?x" in _bytes(text) else 0) == [], text


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def test_the_search_sees_the_patterns() -> None:
    found = {name: list(patterns(importlib.import_module(name))) for name in modules()}
    assert sum(map(len, found.values())) > 300
    assert any("|" in str(one) and "++" in str(one) for one in found["xraydiff.image.json_memory"])


# --- what the rule promises, on the interpreter that runs this --------------------------------------------------------


def random_body(chance: random.Random, depth: int) -> str:
    """A pattern of literals, repeats, choices and looks ahead."""
    kind = chance.randrange(8) if depth else chance.randrange(5)
    if kind < 3:
        return chance.choice(["a", "b", "c", "[ab]", "[^a]", "."])
    if kind < 5:
        return chance.choice(["a", "b", "."]) + chance.choice(["*", "+", "?", "*+", "++", "{1,2}"])
    inner = "".join(random_body(chance, depth - 1) for _ in range(chance.randint(1, 3)))
    if kind == 5:
        return f"(?:{inner}|{random_body(chance, depth - 1)})"
    return f"(?{'=' if kind == 6 else '!'}{inner})"


def by_hand(body: re.Pattern[str], text: str, at: int) -> int:
    """Where turns of a body end that are taken one after another, each for good."""
    while (found := body.match(text, at)) is not None and found.end() > at:
        at = found.end()
    return at


def test_turns_of_an_atomic_group_end_where_turns_by_hand_end() -> None:
    chance = random.Random(3)  # noqa: S311  repeatable, not secret
    for _ in range(4_000):
        body = "".join(random_body(chance, 2) for _ in range(chance.randint(1, 3)))
        text = "".join(chance.choice("abc") for _ in range(12))
        found = re.compile(f"(?>{body})*+").match(text)
        assert found is not None
        assert found.end() == by_hand(re.compile(body), text, 0), (body, text)
