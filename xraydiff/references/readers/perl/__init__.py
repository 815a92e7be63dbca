"""References of Perl programs: modules, their compiled parts, data beside it, commands, each with when it is followed.

A program is walked statement by statement; `use` and `require` stand for the file that this image's own perl would find
over the @INC that is compiled into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from xraydiff.conventions import ELF_MAGIC, SCRIPT_LINE
from xraydiff.facts import Edge, FileType, NodeKind
from xraydiff.limits import Limits
from xraydiff.references import Command, Context, Depth, Gap, Subject
from xraydiff.references.kit.grammars import GrammarReader
from xraydiff.references.kit.recorder import Lost
from xraydiff.references.kit.steps import Program

__all__ = ["PerlReader"]

_LANGUAGE = "perl"
_INTERPRETER = re.compile(rb"#![^\n]*?(?:/|[ \t])perl[0-9.]*(?=[\s]|\Z)")
_SUFFIXES = (".pm", ".pl", ".psgi", ".cgi", ".al", ".ph")


class PerlReader(GrammarReader[Program]):
    """Reads Perl programs and modules, recognised by `#!`, by their names, or by what loads them."""

    name = "perl"
    language = _LANGUAGE
    depth = Depth.FULL

    def accepts(self, subject: Subject) -> bool:
        """Whether perl reads this file."""
        node, file = subject.node, subject.file
        if subject.data.startswith(ELF_MAGIC):
            return False
        if node.kind is NodeKind.SCRIPT or node.language:
            return node.language == _LANGUAGE
        if node.kind is not NodeKind.FILE or (file is not None and file.type is not FileType.FILE):
            return False
        interpreter = _INTERPRETER.match(subject.data[:SCRIPT_LINE])
        if subject.data.startswith(b"#!"):
            return interpreter is not None
        return subject.path.endswith(_SUFFIXES)

    def parse(self, data: bytes, form: str, limits: Limits) -> Program:
        """What the program does, in the order of its text."""
        del form
        if len(data) > limits.script_scan:
            return Program(lost=(Lost("too-large", f"{len(data)} bytes"),))
        from xraydiff.references.readers.perl.script import PerlScript

        return PerlScript(data, limits).program()

    def resolve(self, parsed: Program, subject: Subject, context: Context) -> Iterable[Edge | Gap | Command]:
        """Edges in the order of the file, then gaps."""
        from xraydiff.references.readers.perl.resolve import resolve

        return resolve(parsed, subject, context)
