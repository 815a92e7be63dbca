"""What one pass over a module's text found, as plain data: expressions, what they may refer to, when each part runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "BINARY",
    "PERHAPS",
    "REACHED",
    "Branch",
    "Execution",
    "ExecutionContext",
    "Function",
    "Parsed",
    "PythonScript",
    "PythonUse",
]

BINARY = frozenset({"+", "/", "%"})
"""Kinds of expressions that stand for one of these operators and have two operands."""

REACHED = -1
"""In place of the branch before the first: the test of that one is always made."""
PERHAPS = -2
"""... and of one behind a loop or a `try`: nobody knows whether the test is made."""


class Execution(StrEnum):
    """How an execution context differs from the one around it."""

    MODULE = "module"
    """It has none around it."""
    SOMETIMES = "sometimes"
    """Only some runs reach it."""
    NEVER = "never"
    """Annotations are not evaluated."""
    BRANCH = "branch"
    """It runs where branch `number` is taken."""
    TEST = "test"
    """It is the test of an `elif` behind branch `number`."""
    TRY = "try"
    """The body of the `try` with that number."""
    HANDLER = "handler"
    """A handler of import errors of that `try`."""
    CLASS = "class"
    """The body of the class `name`."""
    FUNCTION = "function"
    """The body of the function with that number."""


@dataclass(frozen=True, slots=True)
class ExecutionContext:
    """What decides when a piece of code runs: the context around it, and what is added to that."""

    around: int
    """Index of a context that stands before this one; -1 for the module's."""
    execution: Execution
    number: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    """One branch of an `if` statement or of a conditional expression."""

    before: int
    """Index of the branch that was tested before, `REACHED` or `PERHAPS`."""
    test: str | None
    """The text of its condition, empty where that is too long to be known; None for `else`."""


@dataclass(frozen=True, slots=True)
class PythonUse:
    """A construct that may refer to something, and when it runs."""

    kind: str
    """import, call, string, path, keyword."""
    node: int
    """Index of its expression."""
    context: int
    module: str = ""
    """Of `from X import`: X with its dots."""
    names: tuple[tuple[str, str], ...] = ()
    """Of an import: names and what they are bound to, empty for the same."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the module, or a lambda, which has no name."""

    name: str
    context: int
    """The one that holds its definition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonScript:
    """A parsed module. Its expressions are columns, since most are names; index 0 stands for none.

    The operands of an expression have a fixed order: an attribute's are the object and the name, a call's the function
    and the list of arguments, a subscript's the object and the index, a pair's and a keyword argument's the key and the
    value, a conditional expression's the value, the condition and the other value.
    """

    text: bytes
    """What was parsed; offsets count in it."""
    kinds: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    parts: tuple[tuple[int, ...], ...]
    """Operands, elements or arguments of each expression."""
    uses: tuple[PythonUse, ...]
    """In the order of the text."""
    contexts: tuple[ExecutionContext, ...]
    branches: tuple[Branch, ...]
    functions: tuple[Function, ...]
    """Each behind the one that holds it."""
    tries: int
    """How many `try` statements there are."""
    assignments: tuple[tuple[int, int], ...]
    """Targets and values."""
    loops: tuple[tuple[int, int], ...]
    """Targets, and what they run over."""
    calls: tuple[tuple[str, int], ...]
    """Names of what is called and of decorators, and the contexts of the calls."""
    too_deep: bool
    too_long: int
    """Offset at which there were too many words, or -1."""
    broken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a file says in itself: a module, an extension module, or a text of commands."""

    script: PythonScript | None = None
    behind: PythonScript | None = None
    """The outline of what lies behind more words than are parsed."""
    plain: tuple[tuple[bool, str], ...] = ()
    """Of a module of which something was not read: its import statements, and whether each is indented."""
    names: tuple[str, ...] = ()
    """Words of an extension module that may be names of modules."""
    commands: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Command lines that start Python, and their words."""
    too_large: str = ""
    """What was not read, empty for nothing."""
