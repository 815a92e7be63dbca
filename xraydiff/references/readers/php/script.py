"""What a file of PHP says, as plain data: includes, classes, calls, texts and what its names are bound to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from xraydiff.facts import Firing
from xraydiff.references.kit.plain import PlainTable
from xraydiff.references.kit.recorder import Lost

__all__ = ["ClassUse", "Form", "Parsed", "PhpScript", "PhpUse", "Setting", "View"]


class Form(StrEnum):
    """What the bytes of a file are taken for."""

    SCRIPT = ""
    INLINE = "inline"
    """Code without a tag."""
    MAP = "map"
    """A table of Composer's autoloader, which names every class and loads none."""
    BLADE = "blade"
    """A template of Laravel."""
    SETTINGS = "ini"
    PROGRAM = "program"
    CONFIG = "config"
    """Of an image: it has no bytes."""


@dataclass(frozen=True, slots=True)
class PhpUse:
    """An expression that may refer to something, and when it is evaluated."""

    expression: int
    """A row of the script's table."""
    firing: Firing
    line: int


@dataclass(frozen=True, slots=True)
class ClassUse:
    """A class that is needed, by its full name."""

    name: str
    firing: Firing
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PhpScript:
    """What one pass found, in the order of the text."""

    table: PlainTable
    includes: tuple[PhpUse, ...] = ()
    """What is included."""
    classes: tuple[ClassUse, ...] = ()
    commands: tuple[PhpUse, ...] = ()
    """Backticks."""
    calls: tuple[PhpUse, ...] = ()
    """Calls and `new` of what refers to something by its arguments."""
    texts: tuple[PhpUse, ...] = ()
    """Strings that may be classes or relative paths, and the outermost of concatenations."""
    values: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Of `$name`, `NAME`, `->name` that expressions use: what is assigned. Scopes are not distinguished."""
    elements: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Of `foreach (x as $name)`: what is gone through."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A line of php.ini that may name files."""

    key: str
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class View:
    """A template that another one includes."""

    name: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a file that this reader takes says."""

    scripts: tuple[PhpScript, ...] = ()
    """The script as its grammar shows it, then as its outline does."""
    views: tuple[View, ...] = ()
    settings: tuple[Setting, ...] = ()
    folders: tuple[str, ...] = ()
    """Texts of a program that may be the folders of its settings."""
    lost: tuple[Lost, ...] = ()
    work: int = 0
    """What the parser did, in the unit of `Limits.syntax_total`."""
