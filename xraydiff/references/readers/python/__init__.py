"""What Python programs refer to: modules as that image's interpreter finds them, data, programs, codecs, zones, trust.

A module is parsed whole. What names are bound to is looked up in the module itself, so that
`import_module(f"{__name__}.{kind}")` and `open(BASE / "data" / "x.json")` are understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from xraydiff.commands.start import environment, health_command, start_command
from xraydiff.conventions import ELF_MAGIC, SCRIPT_LINE
from xraydiff.facts import Edge, ImageConfig, NodeKind
from xraydiff.limits import Limits
from xraydiff.references import Command, Context, Depth, Gap, ParsedReader, Subject
from xraydiff.references.readers.python.names import CLAIMS, COMMANDS, MODULE_VARIABLES, PROGRAMS, form, is_extension
from xraydiff.references.readers.python.script import Parsed

__all__ = ["PythonReader"]

_LINE = re.compile(rb"#![^\n]*\b(?:python|pypy)[\d.]*")


class PythonReader(ParsedReader[Parsed]):
    """Reads Python modules and scripts, extension modules, and commands that start Python programs."""

    name = "python"
    language = "python"
    claims = CLAIMS
    depth = Depth.FULL

    def accepts(self, subject: Subject) -> bool:
        """By kind, name and first bytes; of lists of commands those that name Python or one of its servers."""
        node, data = subject.node, subject.data
        if node.kind is NodeKind.CONFIG:
            return subject.config is not None and _starts(subject.config)
        if node.kind is NodeKind.SCRIPT:
            return node.language == self.language
        if node.kind is not NodeKind.FILE:
            return False
        if data.startswith(ELF_MAGIC):
            return is_extension(subject)
        if node.language == self.language or subject.path.endswith((".py", ".pyw", ".wsgi")):
            return True
        if data.startswith(b"#!"):
            return _LINE.match(data, 0, SCRIPT_LINE) is not None
        return form(subject) == COMMANDS and _has_program(data)

    def form(self, subject: Subject) -> str:
        """Whether a text is a module or a list of commands, as far as its name and language tell."""
        return form(subject)

    def parse(self, data: bytes, form: str, limits: Limits) -> Parsed:
        """What a module, an extension module or a list of commands says in itself."""
        from xraydiff.references.readers.python.parsing import parse

        return parse(data, form, limits)

    def resolve(self, parsed: Parsed, subject: Subject, context: Context) -> Iterable[Edge | Gap | Command]:
        """Edges by line, then gaps, then programs with their arguments."""
        from xraydiff.references.readers.python.subjects import resolve

        return resolve(parsed, subject, context)

    def launched(self, command: Command, context: Context) -> Iterable[Edge | Gap]:
        """The modules that a command of a script names."""
        from xraydiff.references.readers.python.subjects import launched

        return launched(command, context)


def _starts(config: ImageConfig) -> bool:
    """Whether a config names Python, one of its servers, or a module in a variable."""
    words = (*start_command(config), *health_command(config))
    named = any(_has_program(word.encode("utf-8", "surrogateescape")) for word in words)
    return named or not MODULE_VARIABLES.isdisjoint(environment(config))


def _has_program(data: bytes) -> bool:
    return any(name in data for name in PROGRAMS)
