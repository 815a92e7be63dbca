"""A parsed program as the steps that its statements take in turn, and the walk over them with the image at hand.

Values follow the program: a name has the value that the steps before gave it, so steps are resolved in their order.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from xraydiff.commands.argv import Argument
from xraydiff.facts import Edge, FileType, Firing, NodeKind
from xraydiff.paths import parent
from xraydiff.references import Command, Context, Gap, Subject
from xraydiff.references.kit.expressions import UNKNOWN, Expression, Expressions, Value
from xraydiff.references.kit.lookup import Exhausted
from xraydiff.references.kit.programs import Programs
from xraydiff.references.kit.recorder import Lost, Recorder, weakened

__all__ = ["Program", "Resolution", "Step", "location"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that a program does: a call, an assignment, a string that says something."""

    kind: str
    """A word of the language's own."""
    firing: Firing
    line: int
    name: str = ""
    arguments: tuple[int, ...] = ()
    """Indexes of expressions."""
    keywords: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What parsing a program gives."""

    steps: tuple[Step, ...] = ()
    expressions: tuple[Expression, ...] = ()
    lost: tuple[Lost, ...] = ()
    nodes: int = 0
    """Nodes of its syntax that were looked at."""
    work: int = 0
    """What it took the parser, of `Limits.syntax_total`."""


class Resolution(ABC):
    """Goes through the steps of one program; a language says what each kind of them refers to."""

    needs_shell: re.Pattern[str]
    """What in a command line makes the language hand it to a shell."""

    def __init__(self, program: Program, values: Expressions, subject: Subject, reader: str) -> None:
        """`reader` is the name of the reader, for the edges."""
        self._program = program
        self._values = values
        self._lookup = values.lookup
        self._cwd = values.lookup.context.cwd
        self._seen = Recorder(subject.node, reader, values.lookup.context.limits)
        self._started = Programs(subject.node, self._seen, self._lookup)
        self._handlers = self._handled()

    @abstractmethod
    def _handled(self) -> Mapping[str, Callable[[Step, Firing], object]]:
        """What is done with each kind of step; it gets the step, and when that runs."""

    def _firing(self, step: Step) -> Firing | None:
        """When a step runs, as far as values decide that; None where it never does."""
        return step.firing

    def run(self) -> Iterator[Edge | Gap | Command]:
        """Edges in the order of the file, then gaps, then commands."""
        try:
            self._lookup.context.budget.spend(self._program.nodes)
            for step in self._program.steps:
                self._seen.line = step.line
                firing = self._firing(step)
                if firing is not None:
                    self._handlers[step.kind](step, firing)
        except Exhausted:
            self._seen.gap("too-large", "more steps than the limit for one program")
        self._seen.lost(self._program.lost)
        yield from self._seen.all()
        yield from self._seen.commands()

    # --- what texts name ----------------------------------------------------------------------------------------------

    def _names(self, step: Step, _firing: Firing) -> None:
        """Files and directories that a program reads."""
        self._named_by(step.arguments)

    def _named_by(self, arguments: Sequence[int]) -> None:
        for text in self._values.texts(arguments):
            self._named(text)

    def _paths(self, step: Step, _firing: Firing) -> None:
        """Absolute paths that a program puts together: that says that they are paths."""
        for argument in step.arguments:
            self._path(self._values.of(argument))

    def _path(self, value: Value) -> None:
        for text in value.texts if value.known else ():
            if text.startswith("/"):
                self._named(text)

    def _named(self, text: str) -> None:
        """A path; of one that is made up as the program runs, the directory."""
        folder = text.partition(UNKNOWN)[0].rpartition("/")[0]
        if UNKNOWN not in text:
            found = self._lookup.named(text, self._cwd)
            if found is not None and found[0].count("/") >= 1 + (found[1] is FileType.DIRECTORY):
                self._seen.named(*found, text)
        elif "/" in folder:
            found = self._lookup.named(folder, self._cwd)
            if found is not None and found[1] is FileType.DIRECTORY and found[0].count("/") >= 2:
                self._seen.named(*found, text.replace(UNKNOWN, "..."))

    # --- what is started ----------------------------------------------------------------------------------------------

    def _command_lines(self, step: Step, firing: Firing) -> None:
        """Texts that are run as backticks run them."""
        for text in self._values.texts(step.arguments):
            self._command_line(text, firing)

    def _command_line(self, text: str, firing: Firing) -> None:
        """A line for a shell, or for a program alone where no sign in it needs a shell."""
        if UNKNOWN in text or self.needs_shell.search(text) or not text.strip():
            self._started.shell(text, firing, text.replace(UNKNOWN, "..."))
        else:
            self._started.start(tuple(Argument(word, word) for word in text.split()), firing)

    def _arguments(self, values: Sequence[Value], firing: Firing) -> None:
        """A program and its arguments; each word may be one of several texts, or each of them in turn."""
        first, *rest = values
        others = tuple(Argument(value.texts[0], _shown(value.texts[0]), value.texts[1:]) for value in rest)
        for text in first.texts:
            head = Argument(text, _shown(text))
            self._started.start((head, *others), firing if first.certain else weakened(firing))


def _shown(text: str) -> str:
    return text.replace(UNKNOWN, "...")


def location(subject: Subject, context: Context) -> tuple[str, str]:
    """The path of a program as it sees itself, and the directory in which it lies."""
    if subject.node.kind is NodeKind.SCRIPT:
        return "-e", str(context.cwd)
    return str(subject.path), str(parent(subject.path))
