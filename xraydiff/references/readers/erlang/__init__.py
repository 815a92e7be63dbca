"""What Erlang and Elixir programs refer to: applications, modules that are loaded at their first call, helpers.

The code server of a system that is not embedded loads a module when a function of it is first called, so that a run
which did not come to a module lost it. Who calls whom stands in each compiled module.
"""

from __future__ import annotations

from collections.abc import Iterable

from xraydiff.facts import Edge, NodeKind
from xraydiff.limits import Limits
from xraydiff.paths import basename
from xraydiff.references import Command, Context, Depth, Gap, ParsedReader, Subject
from xraydiff.references.readers.erlang.names import ESCRIPT, PROGRAMS, is_beam
from xraydiff.references.readers.erlang.parsing import Parsed, parse
from xraydiff.references.readers.erlang.reading import launched, resolve

__all__ = ["ErlangReader"]

_LANGUAGE = "erlang"


class ErlangReader(ParsedReader[Parsed]):
    """Reads compiled modules, application resource and boot files, escripts, and commands of the emulator."""

    name = "erlang"
    language = _LANGUAGE
    depth = Depth.FULL
    claims = PROGRAMS

    def accepts(self, subject: Subject) -> bool:
        """Whether there is something of Erlang's in it."""
        node, data = subject.node, subject.data
        if node.kind is not NodeKind.FILE or node.language == "shell":
            return False
        if is_beam(data, subject.path) or subject.path.endswith((".app", ".rel")):
            return True
        if data.startswith(b"\x83"):
            return subject.path.endswith(".boot")
        return ESCRIPT.match(data) is not None

    def form(self, subject: Subject) -> str:
        """The suffix of its name, where Erlang has it."""
        suffix = basename(subject.path).rpartition(".")[2]
        known = subject.node.kind is NodeKind.FILE and suffix in ("beam", "app", "rel")
        return f".{suffix}" if known else ""

    def parse(self, data: bytes, form: str, limits: Limits) -> Parsed:
        """What a compiled module, a resource file or a script names."""
        return parse(data, form, limits)

    def resolve(self, parsed: Parsed, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """Edges in the order in which they were seen, then gaps."""
        return resolve(parsed, subject, context)

    def launched(self, command: Command, context: Context) -> Iterable[Edge | Gap]:
        """What the arguments of the emulator name."""
        return launched(command, context)
