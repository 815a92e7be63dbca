"""The memory that the PT_LOAD segments of a file become, as far as it is the same for the kernel, glibc and musl.

Whole pages are mapped (`elf_map` of fs/binfmt_elf.c, `_dl_map_segments`, `map_library`): what stands in the file before
and behind a segment, within its first and last page, is readable as well, and where segments share a page the later
one is seen. Beyond `p_filesz` a writable segment with a larger `p_memsz` holds zeros. Where the three differ the
content is unsettled, and asking for it is an error, not a guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from xraydiff.elf.source import ElfError, NotLoadableError, Source

__all__ = ["PAGE", "PT_LOAD", "Memory", "Segment"]

PT_LOAD = 1
PF_W = 2
PAGE = 4096
"""The smallest page of any machine that Linux runs on with ELF: larger ones only map more around a segment."""
_LARGEST_PAGE = 1 << 16
"""Of aarch64 and ppc64: what lies farther than this behind the end of the file is mapped nowhere."""
_CHUNK = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A program header (`Elf32_Phdr`, `Elf64_Phdr`)."""

    type: int
    flags: int
    offset: int
    vaddr: int
    filesz: int
    memsz: int
    align: int


class _Kind(Enum):
    FILE = auto()
    ZERO = auto()
    UNSETTLED = auto()


@dataclass(frozen=True, slots=True)
class _Region:
    start: int
    end: int
    kind: _Kind
    offset: int = 0
    """In the file, of `start`."""


class Memory:
    """Addresses of one file, before any of them is moved by a load bias.

    `started` tells that the kernel maps it: of a library musl never maps a second segment over its lowest page.
    """

    __slots__ = ("_file", "_regions", "_top")

    def __init__(self, file: Source, segments: Sequence[Segment], *, bits: int, started: bool = False) -> None:
        self._file = file
        self._top = 1 << bits
        loaded = [one for one in segments if one.type == PT_LOAD]
        self._regions = [region for one in reversed(loaded) for region in _regions(one) if region.start < region.end]
        lowest = min((region.start for region in self._regions), default=0)
        if not started and sum(one.vaddr // PAGE * PAGE == lowest for one in loaded) > 1:
            self._regions = [_unsettled(one) if one.start == lowest else one for one in self._regions]

    def place(self, address: int) -> tuple[int, int] | None:
        """Offset in the file of an address and how many mapped bytes follow there; None where it is not the file's."""
        found = self._at(address)
        if found is None or found[0].kind is not _Kind.FILE:
            return None
        region, room = found
        return region.offset + address - region.start, room

    def piece(self, address: int, most: int, what: str) -> bytes:
        """At least one byte and at most `most` from an address. Raises `ElfError` for what is not mapped."""
        found = self._at(address % self._top)
        if found is None or found[0].kind is _Kind.UNSETTLED:
            raise ElfError(f"{what} lies outside the loaded segments", offset=address % self._top)
        region, room = found
        length = min(most, room)
        if region.kind is _Kind.ZERO:
            return bytes(length)
        return self._of_file(region.offset + address % self._top - region.start, length, what)

    def exactly(self, address: int, length: int, what: str) -> bytes:
        """So many bytes from an address, however many segments they lie in."""
        parts: list[bytes] = []
        while length > 0:
            parts.append(self.piece(address, length, what))
            address += len(parts[-1])
            length -= len(parts[-1])
        return b"".join(parts)

    def string(self, address: int, most: int, what: str) -> bytes:
        """The bytes up to a NUL. Raises `ElfError`, with `code` `limit-exceeded` for more than `most` bytes."""
        parts: list[bytes] = []
        length = 0
        start = address
        while length <= most:
            chunk = self.piece(address, _CHUNK, what)
            head, nul, _ = chunk.partition(b"\0")
            length += len(head)
            parts.append(head)
            if nul and length <= most:
                return b"".join(parts)
            address += len(chunk)
        raise ElfError(f"{what} is longer than {most} bytes", code="limit-exceeded", offset=start)

    def _of_file(self, offset: int, length: int, what: str) -> bytes:
        """Mapped bytes of the file; zeros up to the end of its last page, and a signal behind it."""
        size = self._file.size
        if offset < size:
            return self._file.exactly(offset, min(length, size - offset), what)
        last = -(-size // PAGE) * PAGE
        if offset < last:
            return bytes(min(length, last - offset))
        beyond = offset >= -(-size // _LARGEST_PAGE) * _LARGEST_PAGE
        raise (NotLoadableError if beyond else ElfError)(f"{what} lies outside the file", offset=offset)

    def _at(self, address: int) -> tuple[_Region, int] | None:
        """The region of an address, and the bytes from there up to its end or to what is mapped over it."""
        end = self._top
        for region in self._regions:
            if region.start <= address < region.end:
                return region, min(end, region.end) - address
            if address < region.start < end:
                end = region.start
        return None


def _regions(segment: Segment) -> Iterator[_Region]:
    """What one segment maps, in pieces that do not overlap."""
    vaddr, filesz, memsz = segment.vaddr, segment.filesz, segment.memsz
    start = vaddr // PAGE * PAGE
    settled, unsure = _page_end(vaddr + min(filesz, memsz)), _page_end(vaddr + max(filesz, memsz))
    rest = _Kind.ZERO if segment.flags & PF_W else _Kind.UNSETTLED
    if not filesz:
        # The kernel begins such a segment with the next page, loaders with this one.
        yield _Region(start, _page_end(vaddr), _Kind.UNSETTLED)
        yield _Region(_page_end(vaddr), unsure, rest)
        return
    offset = segment.offset // PAGE * PAGE
    if memsz > filesz:
        yield _Region(start, vaddr + filesz, _Kind.FILE, offset)
        yield _Region(vaddr + filesz, unsure, rest)
        return
    yield _Region(start, settled, _Kind.FILE, offset)
    yield _Region(settled, unsure, _Kind.UNSETTLED)


def _unsettled(region: _Region) -> _Region:
    return _Region(region.start, region.end, _Kind.UNSETTLED)


def _page_end(address: int) -> int:
    return -(-address // PAGE) * PAGE
