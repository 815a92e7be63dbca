"""The protocol of readers: what a file refers to, read on demand by the walk. A reader says what it saw, nothing else.

Readers know neither owners nor each other. They look names up in the tree of the *original*; a name that resolves to
nothing there gives no edge, since slimming did not take it. What a reader meets but cannot follow is a `Gap`.

Every reader of ours works in two steps, as `ParsedReader` has them: the bytes become plain data, the data becomes
references.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Generic, Protocol, Self, TypeVar, runtime_checkable

from xraydiff.budget import Budget
from xraydiff.commands.start import environment, search_path, working_directory
from xraydiff.facts import ConfigField, Edge, File, Firing, ImageConfig, Node, When
from xraydiff.knowledge import OURS, Knowledge
from xraydiff.limits import DEFAULT, Limits
from xraydiff.paths import ImagePath
from xraydiff.tree import FileTree

__all__ = [
    "NOTED",
    "UNKNOWN_PART",
    "Command",
    "Context",
    "Depth",
    "Gap",
    "Launcher",
    "ParsedReader",
    "Reader",
    "Subject",
    "Unparsed",
]

T = TypeVar("T")
P = TypeVar("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that a reader met and could not follow: a computed name, a syntax that it does not know."""

    node: Node
    reason: str
    """A stable word: one of `NOTED`, or why something was not read (`too-large`, `too-deep`, `malformed`)."""
    detail: str = ""


NOTED: Final = frozenset({"computed-name", "unresolved-command", "elf-inconsistent", "not-loadable"})
"""Reasons of gaps that leave nothing unread: names that a program computes, words that the original does not hold
either, oddities that lose nothing, files that the kernel, the loader or the interpreter refuses too. Every other
reason, a plug-in's own included, says that something stands there which nobody read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program that the source starts, for the readers that know this program's arguments (`Launcher`).

    It is no node of the graph: what its arguments refer to, the source refers to, so that chains keep their length.
    """

    source: Node
    program: str
    """The name by which the program is known, without a version: `python` of `/usr/bin/python3.11`.

    Of a program of a script that only a run knows it is empty: some are told by their arguments, as `"$X" -jar a.jar`.
    """
    words: tuple[str, ...]
    """The argument vector, the program as written first; a part of a word that nobody knows is `UNKNOWN_PART`."""
    cwd: ImagePath
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables that the command line itself sets."""
    firing: Firing = Firing.LOAD
    stops: bool | None = None
    """As of an edge: whether the source ends where the program fails."""
    when: When | None = None
    detail: str = ""
    """How a person finds it again: the detail of its edges."""
    line: int = 0
    field: ConfigField | None = None
    """Of a command of an image config."""


UNKNOWN_PART: Final = "\0"
"""Stands in a word of a `Command` for what only a run knows; no argument can hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a reader may look at besides the file itself; the same for the whole walk."""

    original: FileTree
    config: ImageConfig
    """Of the original."""
    env: Mapping[str, str]
    """Environment of the start command."""
    path: tuple[ImagePath, ...]
    """Directories of PATH, in order."""
    cwd: ImagePath
    """WORKDIR."""
    limits: Limits = field(default_factory=Limits)
    budget: Budget = field(default_factory=Budget, compare=False, repr=False)
    """What the whole comparison may cost; a reader that works long on little text spends of it."""
    slim: FileTree | None = None
    """The slimmed tree, for a test of files that decides at start which branch runs; None where there is none."""
    knowledge: Knowledge = field(default=OURS, compare=False, repr=False)
    """What is known of software: rows of ours, and of the user's file."""
    watch: Callable[[FileTree, str, str], None] | None = field(default=None, compare=False, repr=False)
    """Called with the tree, the path and the reader's name before a file is read, and without a name afterwards."""
    _made: dict[Hashable, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    @classmethod
    def of(
        cls,
        original: FileTree,
        config: ImageConfig,
        *,
        slim: FileTree | None = None,
        limits: Limits = DEFAULT,
        budget: Budget | None = None,
        knowledge: Knowledge = OURS,
        watch: Callable[[FileTree, str, str], None] | None = None,
    ) -> Self:
        """The context in which a config's start command runs."""
        return cls(
            original=original,
            config=config,
            env=environment(config),
            path=search_path(config),
            cwd=working_directory(config),
            limits=limits,
            budget=budget or Budget(),
            slim=slim,
            knowledge=knowledge,
            watch=watch,
        )

    def once(self, make: Callable[[Context], T]) -> T:
        """What `make` derives from this context, derived once: the loader's cache, the interpreters, `sys.path`.

        A table that fills while files are read is made by a function that returns an empty one.
        """
        if make not in self._made:
            self._made[make] = make(self)
        made: T = self._made[make]
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The node that is read: a file's real path and bytes, or an inline script."""

    node: Node
    path: ImagePath
    """Real path of the file; of an inline script the path of the file that holds it."""
    file: File | None
    """None for an inline script and a config."""
    tree: FileTree
    """The tree that gives the content: slim's for a kept file, the original's for a restored one."""
    data: bytes
    """The content, read once for all readers; empty for a directory or config."""
    config: ImageConfig | None = None
    """Of a config node."""


class Depth(StrEnum):
    """What the walk wants of a file; by the certainty table of DESIGN.md section 1."""

    LOADER = "loader"
    """A file that may be missed, and no more: what the kernel and the loader follow from it."""
    HEADERS = "headers"
    """A kept package file: ELF headers, `#!` and literals only."""
    FULL = "full"
    """Application files, scripts reached by exec, restored files."""


class Reader(Protocol):
    """A reader of one language or format."""

    name: str
    language: str
    """Of the inline scripts that it reads, or empty."""
    depth: Depth
    """The least depth at which it runs: most need `Depth.FULL`; `Depth.HEADERS` also reads kept package files."""

    def accepts(self, subject: Subject) -> bool:
        """Whether this reader reads that file; decided by name, mode and first bytes, cheap."""

    def read(self, subject: Subject, context: Context) -> Iterable[Edge | Gap | Command]:
        """Its references, in the order of the file. Never raises for bad content: that is a `Gap`."""


@runtime_checkable
class Launcher(Protocol):
    """A reader that also knows what the arguments of some programs refer to, whoever starts these programs."""

    name: str
    claims: frozenset[str]
    """Names of programs, without versions: `gunicorn`, `java`; an empty one for programs that only a run knows."""

    def launched(self, command: Command, context: Context) -> Iterable[Edge | Gap]:
        """The references of a command of one of these programs, each from the source of the command."""


@dataclass(frozen=True, slots=True)
class Unparsed:
    """What is parsed of a file whose name alone says what it refers to, and of a config, which has no bytes."""


class ParsedReader(ABC, Generic[P]):
    """A `Reader` in two steps: bytes to plain frozen data, and that data to references with the image at hand.

    The data `P` is a frozen dataclass of `str`, `bytes`, `int`, `bool`, None, enums, tuples, frozensets, mappings with
    `str` keys, and such dataclasses, nested less than 64 deep; `references.kit.stored` writes it as JSON. So it may be
    cached by the digest of the bytes, or made by another process.
    """

    name: str
    language: str = ""
    depth: Depth = Depth.FULL

    @abstractmethod
    def accepts(self, subject: Subject) -> bool:
        """Whether this reader reads that file; decided by name, mode and first bytes, cheap."""

    def form(self, subject: Subject) -> str:
        """What decides beside the bytes how they are parsed (`erb`, `inline`), by name and node; mostly nothing."""
        del subject
        return ""

    @abstractmethod
    def parse(self, data: bytes, form: str, limits: Limits) -> P:
        """The parsed bytes; a pure function. What was too large or malformed is recorded in the data."""

    @abstractmethod
    def resolve(self, parsed: P, subject: Subject, context: Context) -> Iterable[Edge | Gap | Command]:
        """The references of a file that says this, in the order of the file."""

    def read(self, subject: Subject, context: Context) -> Iterable[Edge | Gap | Command]:
        """Parse and resolve."""
        return self.resolve(self.parse(subject.data, self.form(subject), context.limits), subject, context)
