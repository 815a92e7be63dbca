"""Rows of commands.toml: programs that start the command among their arguments, and programs that run scripts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Self

from xraydiff.knowledge.rows import NamedRow, WrongRowError

__all__ = ["Interpreter", "Operand", "Options", "Wrapper"]


class Options(frozenset[str]):
    """Options of a program as they are written, blanks between them in the row."""

    __slots__ = ()

    @classmethod
    def of(cls, text: str) -> Self:
        """The options of a row's text."""
        return cls(text.split())


_NONE = Options()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapper(NamedRow):
    """A program that starts the command in its own arguments; commands.toml explains each key."""

    TABLE: ClassVar[str] = "wrapper"
    FILE: ClassVar[str] = "commands.toml"

    values: Options = _NONE
    users: Options = _NONE
    lines: Options = _NONE
    split: Options = _NONE
    directories: Options = _NONE
    made: Options = _NONE
    program: Options = _NONE
    login: Options = _NONE
    nothing: Options = _NONE
    anyway: Options = _NONE
    behind: Options = _NONE
    ends: Options = _NONE
    operands: int = 0
    user: bool = False
    assignments: bool = False
    root: bool = False
    applets: bool = False
    whole: bool = False

    @property
    def valued(self) -> frozenset[str]:
        """Every option that takes a value."""
        plain = self.values | self.users | self.directories | self.made
        return plain | self.lines | self.split | self.program | self.login

    def check(self) -> None:
        """A user is an operand."""
        if self.user and not self.operands:
            raise WrongRowError("user", "is the first of `operands`, of which there are none")


class Operand(StrEnum):
    """What the first operand of an interpreter is, where no option gives the script."""

    SCRIPT = "script"
    INLINE = "inline"
    NAME = "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter(NamedRow):
    """A program that runs a script; commands.toml explains each key."""

    TABLE: ClassVar[str] = "interpreter"
    FILE: ClassVar[str] = "commands.toml"

    language: str
    inline: Options = _NONE
    flags: Options = _NONE
    input: Options = _NONE
    values: Options = _NONE
    attached: Options = _NONE
    script: Options = _NONE
    module: Options = _NONE
    last: Options = _NONE
    commands: Options = _NONE
    operand: Operand = Operand.SCRIPT
    continues: bool = False
    apart: bool = False
    whole: bool = False

    @property
    def valued(self) -> frozenset[str]:
        """Every option that takes a value, in its own word or the next."""
        return self.inline | self.values | self.script | self.module
