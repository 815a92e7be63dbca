"""Strings that code and tables give by address and length, as the compilers of Go and Rust lay them out.

Such strings stand one behind the other without a terminator, so the bytes alone do not say where one ends. The places
that use them do: an instruction that loads the address beside one that loads the length (Go's internal ABI, Rust's
`&str` in two registers), or two words of a table, address and length, which a relocation may fill at load time
(R_X86_64_RELATIVE, R_AARCH64_RELATIVE: System V ABI supplements). Other machines give nothing here.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from xraydiff.conventions import ELF_MAGIC
from xraydiff.elf.format import ET_EXEC, Elf
from xraydiff.elf.memory import PT_LOAD, Segment
from xraydiff.elf.source import ElfError
from xraydiff.limits import Limits

__all__ = ["UNTERMINATED", "constants", "decodes"]

UNTERMINATED: Final = re.compile(rb"\xff Go buildinf:|Go build ID: \"|/rustc/[0-9a-f]{40}/|RUST_BACKTRACE")
"""Marks of the compilers that do so, or of a library that was made by one."""

_EM_X86_64, _EM_AARCH64 = 62, 183
_RELATIVE: Final = {_EM_X86_64: 8, _EM_AARCH64: 1027}
_CLASS_64, _LITTLE = 2, 1
_HEADER = 20
_PF_X = 1
_MIN_LENGTH, _MAX_LENGTH = 2, 4096
"""Bytes of a string that is looked at: no path is longer (PATH_MAX), and a single character names nothing."""
_WORD = 8
_CANDIDATES = 16
"""Lengths of one string that are tried: a text that many places use is loaded beside its length in each."""

_RELATIVE_ADDRESS: Final = re.compile(rb"[\x48\x4c]\x8d[\x05\x0d\x15\x1d\x25\x2d\x35\x3d](.{4})", re.DOTALL)
"""`lea r64, [rip + disp32]`: REX.W, with REX.R for the upper registers."""
_ABSOLUTE_ADDRESS: Final = re.compile(rb"(?:[\xb8-\xbf]|\x48\xc7[\xc0-\xc7])(.{3}[\0-\x7f])", re.DOTALL)
"""`mov r32, imm32` and `mov r64, imm32`, in programs that are loaded at the addresses that they were linked for."""
_IMMEDIATE: Final = re.compile(
    rb"(?:[\xb8-\xbf]|\x48\xc7(?:[\x40-\x43\x45-\x47].|\x44\x24.|[\x80-\x83\x85-\x87]....|\x84\x24....))(..\0\0)",
    re.DOTALL,
)
"""`mov r32, imm32`, and `mov qword [register + displacement], imm32`, of constants below 64 KiB."""
_BEHIND, _BEFORE = 48, 16
"""Bytes around the address in which the length is loaded: a few instructions behind it, or the one before."""

_ADRP_MASK, _ADRP = 0x9F000000, 0x90000000
_ADD_MASK, _ADD = 0xFFC00000, 0x91000000
_MOVZ_MASK, _MOVZ = 0x7FE00000, 0x52800000
_ORR_MASK, _ORR = 0x7F8003E0, 0x320003E0
_BEHIND_WORDS, _BEFORE_WORDS = 10, 3

_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")


def decodes(head: bytes) -> bool:
    """Whether the instructions of a file's machine are known here, by the first 20 bytes of its ELF header."""
    machine = int.from_bytes(head[18:20], "little")
    return head[:6] == ELF_MAGIC + bytes((_CLASS_64, _LITTLE)) and machine in _RELATIVE


def constants(data: bytes, elf: Elf, *, limits: Limits) -> Iterator[bytes]:
    """Every such string of a program, each once, in the order of addresses; texts without control characters only.

    Raises `ElfError` with `code` `limit-exceeded` for a program that uses more addresses than the bound.
    """
    if not decodes(data[:_HEADER]):
        return
    image = _Image(data, tuple(one for one in elf.segments if one.type == PT_LOAD and one.filesz))
    lengths: dict[int, list[int]] = {}
    for load in image.loads:
        for address, found in _places(image, load, elf):
            known = lengths.setdefault(address, [])
            if len(known) < _CANDIDATES:
                known.extend(one for one in found if one not in known)
            if len(lengths) > limits.elf_addresses:
                raise ElfError(f"its code uses more than {limits.elf_addresses} addresses", code="limit-exceeded")
    starts = sorted(lengths)
    seen: set[bytes] = set()
    for address, following in pairwise((*starts, starts[-1] + _MAX_LENGTH) if starts else ()):
        for length in _lengths(lengths[address], following - address):
            text = image.text(address, length)
            if text and text not in seen:
                seen.add(text)
                yield text


def _lengths(candidates: Sequence[int], room: int) -> tuple[int, ...]:
    """What the length of a string may be, of those that are loaded near its address.

    Strings stand one behind the other, so one that ends where the next begins has its length; where none is loaded
    nearby, the next beginning tells it.
    """
    if room in candidates:
        return (room,)
    return tuple(dict.fromkeys(one for one in candidates if one < room)) or (room,)


def _places(image: _Image, load: Segment, elf: Elf) -> Iterator[tuple[int, Sequence[int]]]:
    """Addresses that a segment uses, each with what may be the length of a string there."""
    code = load.flags & _PF_X
    if not code or all(one.flags & _PF_X for one in image.loads):
        yield from _tables(image, load, _RELATIVE[elf.machine])
    if not code:
        return
    if elf.machine == _EM_AARCH64:
        yield from _loaded_arm(image.data, load)
    else:
        yield from _loaded_x86(image, load, _RELATIVE_ADDRESS)
        if elf.type == ET_EXEC:
            yield from _loaded_x86(image, load, _ABSOLUTE_ADDRESS)


def _length(candidates: Sequence[int], room: int) -> int:
    """The length of a string, of those that are loaded near its address, nearest first.

    Strings stand one behind the other, so one that ends where the next begins is the length; and where none is loaded
    nearby, the next beginning tells it.
    """
    if room in candidates or not candidates:
        return room
    return next((one for one in candidates if one < room), candidates[0])


@dataclass(frozen=True, slots=True)
class _Image:
    """The loaded segments of one file."""

    data: bytes
    loads: tuple[Segment, ...]

    @property
    def low(self) -> int:
        """The lowest address."""
        return min(one.vaddr for one in self.loads)

    @property
    def high(self) -> int:
        """The address behind the highest."""
        return max(one.vaddr + one.filesz for one in self.loads)

    def offset(self, address: int, length: int) -> int | None:
        """Where so many bytes of an address stand in the file."""
        for one in self.loads:
            if one.vaddr <= address and address + length <= one.vaddr + one.filesz:
                return address - one.vaddr + one.offset
        return None

    def text(self, address: int, length: int) -> bytes:
        """The bytes of a string; empty where the file has none there, or where they are no text."""
        start = self.offset(address, length) if _MIN_LENGTH <= length <= _MAX_LENGTH else None
        found = self.data[start : start + length] if start is not None else b""
        return found if len(found) == length and not _CONTROL.search(found) else b""


def _loaded_x86(image: _Image, load: Segment, address: re.Pattern[bytes]) -> Iterator[tuple[int, Sequence[int]]]:
    """Addresses that instructions of one form load, each with the constants that are loaded near it."""
    data, end = image.data, min(load.offset + load.filesz, len(image.data))
    relative, low, high = address is _RELATIVE_ADDRESS, image.low, image.high
    for match in address.finditer(data, load.offset, end):
        at, behind = match.span()
        value = int.from_bytes(match[1], "little", signed=True)
        value += behind - load.offset + load.vaddr if relative else 0
        if low <= value < high:
            near = _immediates(data, behind, min(behind + _BEHIND, end))
            yield value, [*near, *_immediates(data, max(0, at - _BEFORE), at)]


def _immediates(data: bytes, start: int, end: int) -> Iterator[int]:
    """The constants loaded between two offsets, as far as they may be lengths."""
    for match in _IMMEDIATE.finditer(data, start, end):
        value = int.from_bytes(match[1], "little")
        if _MIN_LENGTH <= value <= _MAX_LENGTH:
            yield value


def _loaded_arm(data: bytes, load: Segment) -> Iterator[tuple[int, Sequence[int]]]:
    """Addresses that `adrp` and `add` compute, with the constants that a `mov` near them loads (Arm ARM, C6.2)."""
    words = _words(data, load, _WORD // 2)
    for at, word in enumerate(words):
        if word & _ADRP_MASK != _ADRP:
            continue
        behind = words[at + 1 : at + 1 + _BEHIND_WORDS]
        add = next((one for one in behind if one & _ADD_MASK == _ADD and (one >> 5) & 31 == word & 31), None)
        if add is not None:
            pages = (word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3
            pages -= (pages & 1 << 20) << 1
            page = (load.vaddr + at * 4 >> 12) + pages
            near = (*behind, *words[max(0, at - _BEFORE_WORDS) : at])
            yield (page << 12) + (add >> 10 & 0xFFF), [value for value in map(_moved, near) if value]


def _moved(word: int) -> int:
    """The constant that an instruction loads, as far as it may be a length; else 0."""
    if word & _MOVZ_MASK == _MOVZ:
        value = word >> 5 & 0xFFFF
    elif word & _ORR_MASK == _ORR:
        # A bitmask of 64 bits (DecodeBitMasks): a run of ones, turned to the right.
        ones, turned = (word >> 10 & 63) + 1, word >> 16 & 63
        width = 64 if word >> 22 & 1 else 32
        value = (1 << ones) - 1
        value = (value >> turned | value << (width - turned)) & (1 << width) - 1
    else:
        return 0
    return value if _MIN_LENGTH <= value <= _MAX_LENGTH else 0


def _tables(image: _Image, load: Segment, relative: int) -> Iterator[tuple[int, Sequence[int]]]:
    """Pairs of address and length in data, and those whose address a relocation fills in."""
    words = _words(image.data, load, _WORD)
    low, high = image.low, image.high
    for at in range(len(words) - 2):
        word, following = words[at], words[at + 1]
        if not low <= word < high:
            continue
        if _MIN_LENGTH <= following <= _MAX_LENGTH:
            yield word, [following]
        if following == relative and low <= words[at + 2] < high:
            slot = image.offset(word, 2 * _WORD)
            if slot is not None:
                value = int.from_bytes(image.data[slot + _WORD : slot + 2 * _WORD], "little")
                if _MIN_LENGTH <= value <= _MAX_LENGTH:
                    yield words[at + 2], [value]


def _words(data: bytes, load: Segment, size: int) -> Sequence[int]:
    """The words of a segment, little endian, from its first byte, in the order of the file."""
    count = max(0, min(load.filesz, len(data) - load.offset)) // size
    words = array("I" if size == _WORD // 2 else "Q", data[load.offset : load.offset + count * size])
    if sys.byteorder == "big":
        words.byteswap()
    return words
