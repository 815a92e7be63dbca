"""What PHP programs ask for: included files, classes by Composer's maps, extensions by php.ini, views, programs."""

from __future__ import annotations

from collections.abc import Iterable

from xraydiff.commands.start import start_command
from xraydiff.conventions import ELF_MAGIC
from xraydiff.facts import Edge, NodeKind
from xraydiff.paths import basename
from xraydiff.references import Context, Depth, Gap, Subject
from xraydiff.references.readers.php.names import PROGRAM, SETTINGS, SHEBANG, SUFFIXES

__all__ = ["PhpReader"]


class PhpReader:
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

    def read(self, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """Edges by line, then gaps."""
        from xraydiff.references.readers.php.reading import read

        return read(subject, context)
