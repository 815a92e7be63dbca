"""Rows of calls.toml: what calls of a language's functions do with their arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from xraydiff.knowledge.rows import Row, WrongRowError

__all__ = ["Call", "Effect", "calls_of"]


class Effect(StrEnum):
    """What a call does; calls.toml explains each."""

    SHELL = "shell"
    ARGV = "argv"
    WORDS = "words"
    VECTOR = "vector"
    FOLDER = "folder"
    ZONE = "zone"
    IMPORTS = "imports"
    RESOLVES = "resolves"
    TRUSTS = "trusts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Row):
    """Functions with one effect; calls.toml explains each field."""

    TABLE: ClassVar[str] = "call"
    FILE: ClassVar[str] = "calls.toml"

    language: str
    names: frozenset[str]
    effect: Effect
    argument: int = 0
    modules: tuple[str, ...] = ()

    def check(self) -> None:
        """Only `imports` loads modules, and it says which."""
        if bool(self.modules) is not (self.effect is Effect.IMPORTS):
            raise WrongRowError("modules", "must be there where the effect is imports, and nowhere else")
        if self.argument < 0:
            raise WrongRowError("argument", "counts from 0")


def calls_of(rows: Iterable[Call], language: str) -> Mapping[Effect, Mapping[str, Call]]:
    """The rows of a language by effect and name; of two with the same name the later one counts."""
    found: dict[Effect, dict[str, Call]] = {effect: {} for effect in Effect}
    for row in rows:
        if row.language == language:
            found[row.effect].update(dict.fromkeys(row.names, row))
    return found
