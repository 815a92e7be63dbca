"""What a program will ask for at run time, read from the functions that it imports and the strings that it holds.

An imported function says that a question may be asked, a string says which: the default-path calls of OpenSSL ask for
its certificate authorities, `iconv_open` with the name of a character set asks for one gconv module. A symbol alone
never stands for a set of files that it does not name.
"""

from __future__ import annotations

from collections.abc import Iterable

from xraydiff.conventions import ELF_MAGIC
from xraydiff.elf.format import ElfError
from xraydiff.errors import LimitExceeded
from xraydiff.facts import Edge, NodeKind
from xraydiff.paths import escaped
from xraydiff.references import Context, Depth, Gap, Subject
from xraydiff.references.readers.elf_capabilities import (
    charsets,
    commands,
    constants,
    golang,
    libraries,
    names,
    places,
    tls,
)
from xraydiff.references.readers.elf_capabilities.program import Program, read_program

_QUESTIONS = (
    libraries.edges,
    tls.edges,
    charsets.edges,
    names.edges,
    places.edges,
    commands.edges,
    golang.edges,
    constants.edges,
)


class ElfCapabilitiesReader:
    """Runs on the application's own ELF files and on restored ones; a kept package file survived its own questions."""

    name = "elf capabilities"
    language = ""
    depth = Depth.FULL

    def accepts(self, subject: Subject) -> bool:
        """Every ELF file."""
        return subject.node.kind is NodeKind.FILE and subject.data.startswith(ELF_MAGIC)

    def read(self, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """The edges of every question that the file can ask, then what of the files that answer it was too large."""
        try:
            program = read_program(subject, context)
            yield from answers(program)
        except ElfError as error:
            yield Gap(node=subject.node, reason=error.reason, detail=error.message)
        except LimitExceeded as error:
            yield Gap(node=subject.node, reason="too-large", detail=error.message)
        else:
            for path in program.unread:
                yield Gap(node=subject.node, reason="too-large", detail=f"{escaped(path)} is too large to be read")


def answers(program: Program) -> Iterable[Edge]:
    """The edges of one program, question by question, each target once."""
    seen: set[tuple[str, str]] = set()
    for question in _QUESTIONS:
        for edge in question(program):
            key = (edge.target.path, edge.target.text)
            if key not in seen:
                seen.add(key)
                yield edge
