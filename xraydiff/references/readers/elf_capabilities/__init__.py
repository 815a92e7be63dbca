"""The run-time dependencies of a program, read from the functions that it imports and the strings that it holds.

An imported function says that a question may be asked, a string says which: the default-path calls of OpenSSL ask for
its certificate authorities, `iconv_open` with the name of a character set asks for one gconv module. A symbol alone
never stands for a set of files that it does not name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from xraydiff.conventions import ELF_MAGIC
from xraydiff.elf.format import Elf, ElfError, read_elf
from xraydiff.errors import LimitExceeded
from xraydiff.facts import Edge, NodeKind
from xraydiff.limits import Limits
from xraydiff.paths import escaped
from xraydiff.references import Context, Depth, Gap, ParsedReader, Subject
from xraydiff.references.kit.elf_files import elf_files
from xraydiff.references.kit.recorder import Lost
from xraydiff.references.readers.elf_capabilities import (
    charsets,
    commands,
    constants,
    golang,
    libraries,
    localization,
    names,
    tls,
)
from xraydiff.references.readers.elf_capabilities.program import Capabilities, ElfProgram, read_capabilities

_DEPENDENCIES = (
    libraries.edges,
    tls.edges,
    charsets.edges,
    names.edges,
    localization.edges,
    commands.edges,
    golang.edges,
    constants.edges,
)


class ElfCapabilitiesReader(ParsedReader[Capabilities]):
    """Runs on the application's own ELF files and on restored ones; a kept package file survived its own questions."""

    name = "elf capabilities"
    depth = Depth.FULL

    def accepts(self, subject: Subject) -> bool:
        """Every ELF file."""
        return subject.node.kind is NodeKind.FILE and subject.data.startswith(ELF_MAGIC)

    def parse(self, data: bytes, form: str, limits: Limits) -> Capabilities:
        """Imported functions and strings."""
        del form
        return _capabilities(data, lambda: read_elf(data, limits=limits), limits)

    def read(self, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """The same, with the headers that are read once for all readers."""
        parsed = _capabilities(subject.data, lambda: context.once(elf_files).read(subject), context.limits)
        return self.resolve(parsed, subject, context)

    def resolve(self, parsed: Capabilities, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """The run-time dependencies of the file, then what was not read of it or of the files that it searches."""
        node, elf = subject.node, parsed.elf
        if elf is not None:
            loader = context.once(elf_files).loader
            program = ElfProgram(subject=subject, context=context, parsed=parsed, elf=elf, loader=loader)
            try:
                yield from run_time_edges(program)
            except ElfError as error:
                yield Gap(node=node, reason=error.reason, detail=error.message)
            except LimitExceeded as error:
                yield Gap(node=node, reason="too-large", detail=error.message)
            for path in sorted(program.unread):
                yield Gap(node=node, reason="too-large", detail=f"{escaped(path)} is too large to be read")
        if parsed.lost is not None:
            yield Gap(node=node, reason=parsed.lost.reason, detail=parsed.lost.detail)


def _capabilities(data: bytes, headers: Callable[[], Elf], limits: Limits) -> Capabilities:
    """What was read, or why it was not."""
    try:
        return read_capabilities(data, headers(), limits)
    except ElfError as error:
        return Capabilities(lost=Lost(error.reason, error.message))
    except LimitExceeded as error:
        return Capabilities(lost=Lost("too-large", error.message))


def run_time_edges(program: ElfProgram) -> Iterable[Edge]:
    """The edges of one program, each target once."""
    seen: set[tuple[str, str]] = set()
    for edges_of in _DEPENDENCIES:
        for edge in edges_of(program):
            key = (edge.target.path, edge.target.text)
            if key not in seen:
                seen.add(key)
                yield edge
