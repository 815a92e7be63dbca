"""What a script of JavaScript says, as plain data: imports, calls, texts and what its names are bound to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from xraydiff.facts import Firing
from xraydiff.references.kit.plain import PlainTable
from xraydiff.references.kit.recorder import Lost

__all__ = ["Form", "Import", "NodeScript", "NodeUse", "Parsed"]


class Form(StrEnum):
    """What the bytes of a file are taken for."""

    SCRIPT = ""
    TYPED = "typescript"
    """A script whose types are errors to the grammar of JavaScript."""
    MANIFEST = "package.json"
    CONFIG = "config"
    """Of an image: it has no bytes."""


@dataclass(frozen=True, slots=True)
class Import:
    """An `import` or `export ... from` with its specifier."""

    specifier: str
    firing: Firing
    line: int


@dataclass(frozen=True, slots=True)
class NodeUse:
    """An expression that may refer to something, and when it is evaluated."""

    expression: int
    """A row of the script's table."""
    firing: Firing
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeScript:
    """What one pass found, in the order of the text."""

    table: PlainTable
    imports: tuple[Import, ...] = ()
    calls: tuple[NodeUse, ...] = ()
    """Calls and `new` of functions that refer to something by their arguments."""
    options: tuple[NodeUse, ...] = ()
    """Values of keys that name folders."""
    texts: tuple[NodeUse, ...] = ()
    """String literals that may be relative paths, and the outermost of concatenations and templates."""
    values: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Of names that expressions use: what is assigned. Scopes are not distinguished, so a name may have several."""
    elements: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Of a loop's or callback's variable: the arrays that it goes through."""
    loaders: tuple[tuple[str, int], ...] = ()
    """Names of functions that `createRequire` makes, and what each is made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a file that this reader takes says."""

    scripts: tuple[NodeScript, ...] = ()
    """The script as its grammar shows it, then as its outline does."""
    specifiers: tuple[tuple[str, bool], ...] = ()
    """Plain imports of what could not be parsed; whether each is one of an ES module."""
    dependencies: tuple[str, ...] = ()
    """Of a package.json."""
    lost: tuple[Lost, ...] = ()
    work: int = 0
    """What the parser did, in the unit of `Limits.syntax_total`."""
