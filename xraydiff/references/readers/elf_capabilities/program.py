"""The facts of one ELF file that every question looks at: imported functions, strings, and the libraries it loads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from xraydiff.elf.constants import UNTERMINATED, constants
from xraydiff.elf.format import Elf, ElfError
from xraydiff.elf.loader import Loader
from xraydiff.elf.symbols import Symbols, read_symbols
from xraydiff.facts import Edge, EdgeKind, FileType, Firing, Node, NodeKind
from xraydiff.knowledge import Search
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, basename, decoded, image_path
from xraydiff.references import Context, Subject
from xraydiff.references.kit.recorder import Lost

_STRING = re.compile(rb"[\x20-\x7e]{2,4096}")
_GO = "\xff Go buildinf:"
_MARKS = (
    *("crypto/x509.(*CertPool)", "crypto/x509.loadSystemRoots", "time.LoadLocation", "os/user.lookupUser"),
    "os/exec.Command",
)
"""Names of Go's functions, which stand in a program that links them."""
_ENDING = re.compile(rb"[A-Za-z0-9_.+-]{2,100}\x00")
_JOINT = re.compile(r"[.+-]")
_BY_NAME = frozenset(("OSSL_PROVIDER_load", "OSSL_PROVIDER_try_load", "OSSL_PROVIDER_load_ex", "ENGINE_by_id"))
"""Functions of OpenSSL that are given the name of a module, which may be the end of another string."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What every question looks at of one ELF file: imported functions and strings."""

    elf: Elf | None = None
    """None where the headers or the symbols are not understood."""
    imports: frozenset[str] = frozenset()
    strings: frozenset[str] = frozenset()
    """Printable strings of the read-only data that a NUL or a length ends."""
    constants: frozenset[str] = frozenset()
    """Of a program of Go or Rust those that its code uses by address and length; none of any other."""
    endings: frozenset[str] = frozenset()
    """Words at the end of any string, of a file that loads modules by name."""
    marks: frozenset[str] = frozenset()
    """Functions of Go that are linked, and the compiler's own mark."""
    lost: Lost | None = None
    """Why something was not read."""


def read_capabilities(data: bytes, elf: Elf, limits: Limits) -> Capabilities:
    """What the bytes of a file with these headers say. Raises `ElfError` where the symbols are not understood."""
    symbols = read_symbols(data, elf, limits=limits)
    strings = frozenset(islice(_strings_of(data, elf), limits.elf_strings))
    read = Capabilities(elf=elf, imports=symbols.imports, strings=strings, endings=_endings(data, symbols, limits))
    if len(strings) == limits.elf_strings:
        read = replace(read, lost=Lost("too-large", f"more than {limits.elf_strings} strings"))
    if UNTERMINATED.search(data) is None:
        return read
    read = replace(read, marks=frozenset(one for one in (_GO, *_MARKS) if one.encode("latin-1") in data))
    try:
        used = frozenset(map(decoded, constants(data, elf, limits=limits)))
    except ElfError as error:
        return replace(read, lost=Lost(error.reason, error.message))
    return replace(read, strings=strings | used, constants=used)


def _strings_of(data: bytes, elf: Elf) -> Iterator[str]:
    """Strings that a NUL ends, each once."""
    seen: set[bytes] = set()
    for start, size in elf.read_only or ((0, len(data)),):
        for match in _STRING.finditer(data, start, min(start + size, len(data) - 1)):
            if data[match.end()] == 0 and match[0] not in seen:
                seen.add(match[0])
                yield decoded(match[0])


def _endings(data: bytes, symbols: Symbols, limits: Limits) -> frozenset[str]:
    """Linkers store `legacy` as the tail of `GET /legacy`, so that words behind a joint count too."""
    if _BY_NAME.isdisjoint(symbols.imports):
        return frozenset()
    words = (decoded(match[0][:-1]) for match in islice(_ENDING.finditer(data), limits.elf_strings))
    return frozenset(end for word in words for end in (word, *(word[at.end() :] for at in _JOINT.finditer(word))))


@dataclass(frozen=True, slots=True, kw_only=True)
class ElfProgram:
    """One ELF file and what surrounds it."""

    subject: Subject
    context: Context
    parsed: Capabilities
    elf: Elf
    loader: Loader
    unread: set[ImagePath] = field(default_factory=set)
    """Files that hold answers and are larger than is read of such a file."""
    _closure: list[ImagePath] = field(default_factory=list)

    @property
    def strings(self) -> frozenset[str]:
        """Printable strings of the read-only data that a NUL or a length ends."""
        return self.parsed.strings

    @property
    def constants(self) -> frozenset[str]:
        """Of a program of Go or Rust the strings that its code uses by address and length; none of any other."""
        return self.parsed.constants

    @property
    def is_go(self) -> bool:
        """Whether Go's compiler made it."""
        return _GO in self.parsed.marks

    def search(self, name: str) -> Search:
        """What is known of a search, by its name."""
        return self.context.knowledge.named(Search)[name]

    def searching_function(self, name: str) -> str:
        """The first function of a search that is imported; empty where none is."""
        return next((one for one in self.search(name).functions if one in self.parsed.imports), "")

    def links(self, *functions: str) -> bool:
        """Whether all of these functions of Go's standard library are linked."""
        return all(function in self.parsed.marks for function in functions)

    def imports(self, *functions: str) -> bool:
        """Whether one of these functions is imported."""
        return any(function in self.parsed.imports for function in functions)

    def names(self, word: str) -> bool:
        """Whether a string is this word, or ends with it: linkers store `legacy` as the tail of `GET /legacy`."""
        return word in self.strings or word in self.parsed.endings

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
