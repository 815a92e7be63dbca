"""BEAM files and the external term format (erts, ext_dist): atoms, imports and literals, within bounds.

Only what a module names is kept, flat and in order: its nesting says nothing about what it asks for.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from xraydiff.limits import Limits
from xraydiff.paths import decoded

__all__ = ["Beam", "TermError", "Terms", "read_beam", "read_terms"]

_GZIP = b"\x1f\x8b"
_U4, _I4, _U2 = struct.Struct(">L"), struct.Struct(">l"), struct.Struct(">H")
_VERSION, _COMPRESSED = 131, 80
_FIXED = {97: 1, 98: 4, 70: 8, 99: 31}
"""Numbers: bytes behind the tag."""
_ATOMS = {100: 2, 118: 2, 115: 1, 119: 1}
"""Bytes of the length of each kind of atom."""
_TEXTS = {107: 2, 109: 4}
"""STRING_EXT and BINARY_EXT likewise."""
_SMALL_TUPLE, _LARGE_TUPLE, _NIL, _LIST, _MAP, _EXPORT = 104, 105, 106, 108, 116, 113
_SMALL_BIG, _LARGE_BIG, _BITS = 110, 111, 77


class TermError(Exception):
    """Bytes that are no terms or no BEAM file; `reason` is a gap's word. It never leaves this folder."""

    def __init__(self, reason: str, detail: str) -> None:
        """`reason` is `malformed` or `too-large`."""
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(slots=True)
class Terms:
    """Atoms and texts of terms, in order."""

    atoms: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beam:
    """What one module names."""

    name: str
    atoms: tuple[str, ...]
    imports: tuple[tuple[str, str, int], ...]
    """Module, function and arity of each function of another module that it calls."""
    texts: tuple[str, ...]
    """Strings and binaries among its literals."""


def read_beam(data: bytes, limits: Limits) -> Beam:
    """Read the tables of a module. Raises `TermError`."""
    if data.startswith(_GZIP):
        data = _unpacked(data, limits.beam_bytes, zlib.MAX_WBITS | 16)
    try:
        chunks = dict(_chunks(data))
        atoms = _atoms(chunks.get(b"AtU8") or chunks.get(b"Atom") or b"", limits)
        imports = tuple(_imports(chunks.get(b"ImpT", b""), atoms))
        texts = _literals(chunks.get(b"LitT", b""), limits)
    except (struct.error, IndexError) as error:
        raise TermError("malformed", "a table ends too early") from error
    if not atoms:
        raise TermError("malformed", "no table of atoms")
    return Beam(name=atoms[0], atoms=tuple(atoms), imports=imports, texts=texts)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not data.startswith(b"FOR1") or data[8:12] != b"BEAM":
        raise TermError("malformed", "no BEAM file")
    if _U4.unpack_from(data, 4)[0] + 8 > len(data):
        raise TermError("malformed", "the file ends before its own size")
    at = 12
    while at + 8 <= len(data):
        size = _U4.unpack_from(data, at + 4)[0]
        if at + 8 + size > len(data):
            raise TermError("malformed", "a chunk ends behind the file")
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + (size + 3) // 4 * 4


def _atoms(raw: bytes, limits: Limits) -> list[str]:
    """Length and bytes of each; since OTP 28 a negative count says that lengths are compact terms."""
    if not raw:
        return []
    count, at = _I4.unpack_from(raw, 0)[0], 4
    compact = count < 0
    if abs(count) > limits.erlang_terms:
        raise TermError("too-large", f"{abs(count)} atoms")
    found: list[str] = []
    for _ in range(abs(count)):
        size, at = raw[at], at + 1
        if compact:
            if size & 0b1000:
                size, at = (size & 0b11100000) << 3 | raw[at], at + 1
            else:
                size >>= 4
        if at + size > len(raw):
            raise TermError("malformed", "an atom ends behind its table")
        found.append(decoded(raw[at : at + size]))
        at += size
    return found


def _imports(raw: bytes, atoms: list[str]) -> Iterator[tuple[str, str, int]]:
    if not raw:
        return
    count = _U4.unpack_from(raw, 0)[0]
    if 4 + 12 * count > len(raw):
        raise TermError("malformed", "the table of imports ends too early")
    for module, function, arity in struct.iter_unpack(">3L", raw[4 : 4 + 12 * count]):
        if not (0 < module <= len(atoms) and 0 < function <= len(atoms)):
            raise TermError("malformed", "an import names no atom")
        yield atoms[module - 1], atoms[function - 1], arity


def _literals(raw: bytes, limits: Limits) -> tuple[str, ...]:
    """A count, then the size of each term and the term; packed before OTP 28, where a size of 0 says that it is not."""
    if not raw:
        return ()
    size = _U4.unpack_from(raw, 0)[0]
    table = raw[4:] if size == 0 else _unpacked(raw[4:], min(size, limits.beam_bytes), zlib.MAX_WBITS)
    terms = Terms()
    count, at = _U4.unpack_from(table, 0)[0], 4
    left = limits.erlang_terms
    for _ in range(count):
        length = _U4.unpack_from(table, at)[0]
        left = _collect(table, at + 4, at + 4 + length, terms, left)
        at += 4 + length
    return tuple(terms.texts)


def read_terms(data: bytes, limits: Limits) -> Terms:
    """One term in the external format, as a boot file holds it. Raises `TermError`."""
    terms = Terms()
    try:
        if len(data) > 6 and data[1] == _COMPRESSED:
            data = bytes((_VERSION,)) + _unpacked(data[6:], limits.beam_bytes, zlib.MAX_WBITS)
        _collect(data, 0, len(data), terms, limits.erlang_terms)
    except (struct.error, IndexError) as error:
        raise TermError("malformed", "a term ends too early") from error
    return terms


def _collect(data: bytes, at: int, end: int, terms: Terms, left: int) -> int:
    """Add what one term names; gives how many terms may still be read. Nested terms are merely counted, not entered."""
    if at >= end or data[at] != _VERSION:
        raise TermError("malformed", "no term")
    at, pending = at + 1, 1
    while pending:
        pending, left = pending - 1, left - 1
        if left < 0:
            raise TermError("too-large", "too many terms")
        tag, at = data[at], at + 1
        if tag in _FIXED:
            at += _FIXED[tag]
        elif tag in _ATOMS or tag in _TEXTS:
            width = _ATOMS.get(tag) or _TEXTS[tag]
            size = int.from_bytes(data[at : at + width], "big")
            at += width + size
            (terms.atoms if tag in _ATOMS else terms.texts).append(decoded(data[at - size : at]))
        else:
            inner, at = _opened(data, at, tag)
            pending += inner
        if at > end:
            raise TermError("malformed", "a term ends too early")
    return left


def _opened(data: bytes, at: int, tag: int) -> tuple[int, int]:
    """How many terms stand in a term of this kind, and where they begin."""
    if tag == _NIL:
        return 0, at
    if tag == _SMALL_TUPLE:
        return data[at], at + 1
    if tag == _EXPORT:
        return 3, at
    if tag == _SMALL_BIG:
        return 0, at + 2 + data[at]
    size = _U4.unpack_from(data, at)[0]
    if tag == _LARGE_TUPLE:
        return size, at + 4
    if tag == _LIST:
        return size + 1, at + 4
    if tag == _MAP:
        return 2 * size, at + 4
    if tag in (_LARGE_BIG, _BITS):
        return 0, at + 5 + size
    raise TermError("malformed", f"a term of the unknown kind {tag}")


def _unpacked(data: bytes, most: int, bits: int) -> bytes:
    inflater = zlib.decompressobj(bits)
    try:
        content = inflater.decompress(data, most)
    except zlib.error as error:
        raise TermError("malformed", str(error)) from error
    if not inflater.eof:
        raise TermError("too-large" if len(content) >= most else "malformed", "a packed table does not end")
    return content
