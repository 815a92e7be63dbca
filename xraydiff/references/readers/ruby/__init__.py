"""References of Ruby programs: features, gems, templates, data beside it, commands, each with when it is followed.

A program is walked statement by statement; a `require` stands for the file that this image's own Ruby would load, by
the load path compiled into it and the gems that it would find.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from xraydiff.conventions import ELF_MAGIC, SCRIPT_LINE
from xraydiff.facts import Edge, FileType, NodeKind
from xraydiff.limits import Limits
from xraydiff.paths import basename
from xraydiff.references import Command, Context, Depth, Gap, Subject
from xraydiff.references.kit.grammars import GrammarReader
from xraydiff.references.kit.recorder import Lost
from xraydiff.references.kit.steps import Program
from xraydiff.references.readers.ruby.extension import extension, is_extension

__all__ = ["RubyReader"]

_LANGUAGE = "ruby"
_INTERPRETER = re.compile(rb"#![^\n]*?(?:/|[ \t])ruby[0-9.]*(?=[\s]|\Z)")
_SUFFIXES = (".rb", ".ru", ".rake", ".erb", ".thor", ".jbuilder")
_NAMES = frozenset({"Gemfile", "Rakefile", "Guardfile", "Capfile", "Procfile.rb"})


class RubyReader(GrammarReader[Program]):
    """Reads Ruby programs, recognised by `#!`, by their names, or by what loads them; and the code in ERB templates."""

    name = "ruby"
    language = _LANGUAGE
    depth = Depth.FULL

    def accepts(self, subject: Subject) -> bool:
        """Whether Ruby reads this file."""
        node, file = subject.node, subject.file
        if node.kind is NodeKind.SCRIPT or node.language:
            return node.language == _LANGUAGE and not subject.data.startswith(ELF_MAGIC)
        if node.kind is not NodeKind.FILE or (file is not None and file.type is not FileType.FILE):
            return False
        if subject.data.startswith(ELF_MAGIC):
            return subject.path.endswith(".so") and is_extension(subject.data)
        if subject.path.endswith(_SUFFIXES) or basename(subject.path) in _NAMES:
            return True
        return _INTERPRETER.match(subject.data[:SCRIPT_LINE]) is not None

    def form(self, subject: Subject) -> str:
        """`erb` for a template, whose code stands between marks."""
        return "erb" if subject.path.endswith(".erb") and subject.node.kind is not NodeKind.SCRIPT else ""

    def parse(self, data: bytes, form: str, limits: Limits) -> Program:
        """What the program does, in the order of its text."""
        if data.startswith(ELF_MAGIC):
            return extension(data)
        if len(data) > limits.script_scan:
            return Program(lost=(Lost("too-large", f"{len(data)} bytes"),))
        from xraydiff.references.readers.ruby.script import RubyScript
        from xraydiff.references.readers.ruby.templates import code_of_template

        code = code_of_template(data) if form == "erb" else data
        return RubyScript(code.removeprefix(b"\xef\xbb\xbf"), limits).program()

    def resolve(self, parsed: Program, subject: Subject, context: Context) -> Iterable[Edge | Gap | Command]:
        """Edges in the order of the file, then gaps."""
        from xraydiff.references.readers.ruby.resolve import resolve

        return resolve(parsed, subject, context)
