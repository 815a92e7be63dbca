"""References of PHP programs: included files, classes by Composer's maps, extensions by php.ini, views, programs."""

from __future__ import annotations

from collections.abc import Iterable

from xraydiff.commands.start import start_command
from xraydiff.conventions import ELF_MAGIC
from xraydiff.facts import Edge, NodeKind
from xraydiff.limits import Limits
from xraydiff.paths import basename
from xraydiff.references import Command, Context, Depth, Gap, Subject
from xraydiff.references.kit.grammars import GrammarReader
from xraydiff.references.readers.php.names import PROGRAM, SETTINGS, SHEBANG, SUFFIXES, is_map
from xraydiff.references.readers.php.script import Form, Parsed

__all__ = ["PhpReader"]


class PhpReader(GrammarReader[Parsed]):
    """Reads PHP scripts and templates, php.ini and its like, and the programs and configs that start PHP."""

    name = "php"
    language = "php"
    depth = Depth.FULL

    def accepts(self, subject: Subject) -> bool:
        """By kind, name and first bytes."""
        node, data = subject.node, subject.data
        if node.kind is NodeKind.CONFIG:
            return subject.config is not None and any(
                PROGRAM.search(f"/{basename(word)}") for word in start_command(subject.config)
            )
        if node.kind is NodeKind.SCRIPT or node.language:
            return node.language == self.language
        if node.kind is not NodeKind.FILE:
            return False
        if data.startswith(ELF_MAGIC):
            return PROGRAM.search(subject.path) is not None
        if subject.path.endswith(".ini"):
            return SETTINGS.search(subject.path) is not None
        return subject.path.endswith(SUFFIXES) or data.startswith(b"<?php") or SHEBANG.match(data, 0, 256) is not None

    def form(self, subject: Subject) -> str:
        """What the file is: the bytes are taken for that."""
        path = subject.path
        if subject.config is not None:
            return Form.CONFIG
        if subject.data.startswith(ELF_MAGIC):
            return Form.PROGRAM
        if path.endswith(".ini") and subject.node.kind is NodeKind.FILE:
            return Form.SETTINGS
        if subject.node.kind is NodeKind.SCRIPT:
            return Form.INLINE
        if path.endswith(".blade.php"):
            return Form.BLADE
        if is_map(path):
            return Form.MAP
        return Form.SCRIPT

    def parse(self, data: bytes, form: str, limits: Limits) -> Parsed:
        """What the file says."""
        from xraydiff.references.readers.php.parsing import parse_file

        return parse_file(data, form, limits)

    def resolve(self, parsed: Parsed, subject: Subject, context: Context) -> Iterable[Edge | Gap | Command]:
        """Edges by line, then gaps, then programs with their arguments."""
        from xraydiff.references.readers.php.resolving import resolve

        return resolve(parsed, self.form(subject), subject, context)
