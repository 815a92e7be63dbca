"""The facts of one ELF file that every question looks at: imported functions, strings, and the libraries it loads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from xraydiff.elf.constants import UNTERMINATED, constants
from xraydiff.elf.format import Elf, read_elf
from xraydiff.elf.loader import Loader
from xraydiff.elf.symbols import Symbols, read_symbols
from xraydiff.facts import Edge, EdgeKind, FileType, Firing, Node, NodeKind
from xraydiff.paths import ImagePath, basename, decoded, encoded, image_path
from xraydiff.references import Context, Subject

_STRING = re.compile(rb"[\x20-\x7e]{2,4096}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One ELF file and what surrounds it."""

    subject: Subject
    context: Context
    symbols: Symbols
    elf: Elf
    loader: Loader
    unread: set[ImagePath] = field(default_factory=set)
    """Files that hold answers and are larger than is read of such a file."""
    _closure: list[ImagePath] = field(default_factory=list)
    _strings: list[frozenset[str]] = field(default_factory=list)
    _constants: list[frozenset[str]] = field(default_factory=list)

    @property
    def strings(self) -> frozenset[str]:
        """Printable strings of the read-only data that a NUL or a length ends; looked for when they are needed."""
        if not self._strings:
            self._strings.append(frozenset(_strings_of(self.subject.data, self.elf)) | self.constants)
        return self._strings[0]

    @property
    def constants(self) -> frozenset[str]:
        """Of a program of Go or Rust the strings that its code uses by address and length; none of any other."""
        if not self._constants:
            data = self.subject.data
            found = constants(data, self.elf, limits=self.context.limits) if UNTERMINATED.search(data) else ()
            self._constants.append(frozenset(map(decoded, found)))
        return self._constants[0]

    def imports(self, *functions: str) -> bool:
        """Whether one of these functions is imported."""
        return any(function in self.symbols.imports for function in functions)

    def names(self, word: str) -> bool:
        """Whether a string is this word, or ends with it: linkers store `legacy` as the tail of `GET /legacy`."""
        pattern = re.compile(rb"(?<![A-Za-z0-9_])" + re.escape(encoded(word)) + rb"\x00")
        return word in self.strings or pattern.search(self.subject.data) is not None

    def library(self, stem: str) -> ImagePath | None:
        """The real path of a loaded library whose file name starts so (`libcrypto.so`)."""
        if not self._closure:
            closure = self.loader.closure(self.subject.path, elf=self.elf)
            self._closure.extend(one.path for one in closure.objects)
        return next((path for path in self._closure if basename(path).startswith(stem)), None)

    def exists(self, path: str) -> ImagePath | None:
        """The path, normalised, where the original has something there."""
        wanted = image_path(path)
        return wanted if self.context.original.resolve(wanted).file is not None else None

    def content(self, path: str, limit: int) -> bytes:
        """A file of the original, empty where there is none; one above the limit is noted as unread."""
        found = self.context.original.resolve(path)
        if found.path is None or found.file is None or found.file.type is not FileType.FILE:
            return b""
        if found.file.size > limit:
            self.unread.add(found.path)
            return b""
        return self.context.original.content(found.path)

    def edge(self, path: str, kind: EdgeKind, detail: str) -> Edge:
        """A deferred edge to an existing path."""
        found = self.context.original.resolve(path).file
        directory = found is not None and found.type is FileType.DIRECTORY
        target = Node(kind=NodeKind.DIRECTORY if directory else NodeKind.FILE, path=path)
        return Edge(
            source=self.subject.node,
            target=target,
            kind=kind,
            firing=Firing.DEFERRED,
            detail=detail,
            by="elf capabilities",
        )

    def script(self, text: str, detail: str) -> Edge:
        """A deferred edge to a command string."""
        holder = self.subject.path
        target = Node(kind=NodeKind.SCRIPT, path=holder, language="shell", text=text)
        kind, firing = EdgeKind.CONTAINS, Firing.DEFERRED
        return Edge(
            source=self.subject.node, target=target, kind=kind, firing=firing, detail=detail, by="elf capabilities"
        )


def read_program(subject: Subject, context: Context) -> Program:
    """The facts of an ELF file. Raises `ElfError`."""
    elf = read_elf(subject.data, limits=context.limits, sections=False)
    return Program(
        subject=subject,
        context=context,
        symbols=read_symbols(subject.data, elf, limits=context.limits),
        elf=elf,
        loader=context.once(loader_of),
    )


def _strings_of(data: bytes, elf: Elf) -> Iterator[str]:
    for start, size in elf.read_only or ((0, len(data)),):
        for match in _STRING.finditer(data, start, min(start + size, len(data) - 1)):
            if data[match.end()] == 0:
                yield decoded(match[0])


def loader_of(context: Context) -> Loader:
    """One loader for the whole walk, since it remembers what it read."""
    return Loader(context.original, env=context.env, cwd=context.cwd, limits=context.limits)
