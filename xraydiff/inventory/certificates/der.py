"""The part of DER (ITU-T X.690) that certificates and key stores are made of: tag, length, content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

INTEGER, BIT_STRING, OCTET_STRING, OBJECT_IDENTIFIER = 0x02, 0x03, 0x04, 0x06
SEQUENCE, SET, EXPLICIT_0 = 0x30, 0x31, 0xA0

_LENGTH_BYTES = 4
"""Four bytes of length say 4 GiB, more than any file that is read."""
_OID_BYTES = 64


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its tag, where it starts, and where its content lies."""

    tag: int
    start: int
    content: int
    end: int


def element(data: bytes, start: int, end: int) -> Element:
    """The element at `start`. Raises `ValueError` where there is none that ends by `end`, or for BER's open lengths."""
    if start + 2 > end:
        raise ValueError("it ends too early")
    tag, length, content = data[start], data[start + 1], start + 2
    if tag & 0x1F == 0x1F:
        raise ValueError("a tag of more than one byte")
    if length & 0x80:
        size = length & 0x7F
        if not 1 <= size <= _LENGTH_BYTES or content + size > end:
            raise ValueError("a length that is open, too large or cut off")
        length = int.from_bytes(data[content : content + size], "big")
        content += size
    if content + length > end:
        raise ValueError("an element longer than what holds it")
    return Element(tag, start, content, content + length)


def elements(data: bytes, within: Element) -> Iterator[Element]:
    """The elements that a constructed one holds, in order. Raises as `element` does, when it gets there."""
    start = within.content
    while start < within.end:
        found = element(data, start, within.end)
        yield found
        start = found.end


def expect(data: bytes, start: int, end: int, tag: int) -> Element:
    """The element at `start`. Raises `ValueError` where it has another tag, too."""
    found = element(data, start, end)
    if found.tag != tag:
        raise ValueError(f"a tag 0x{found.tag:02x} where 0x{tag:02x} belongs")
    return found


def only(data: bytes, within: Element, tag: int) -> Element:
    """The one element that a constructed one begins with, of this tag. Raises as `expect` does."""
    return expect(data, within.content, within.end, tag)


def first(data: bytes, within: Element, count: int) -> list[Element]:
    """The first elements that a constructed one holds. Raises `ValueError` where there are fewer."""
    found = list(islice(elements(data, within), count))
    if len(found) < count:
        raise ValueError("a sequence that is too short")
    return found


def value(data: bytes, of: Element) -> bytes:
    """The content of an element."""
    return data[of.content : of.end]


def integer(data: bytes, of: Element) -> int:
    """The value of an INTEGER of at most eight bytes. Raises `ValueError` for another element or a longer one."""
    raw = value(data, of)
    if of.tag != INTEGER or not 1 <= len(raw) <= 8:
        raise ValueError("no integer of 64 bits")
    return int.from_bytes(raw, "big", signed=True)


def oid(data: bytes, of: Element) -> str:
    """The dotted form of an OBJECT IDENTIFIER. Raises `ValueError` for anything else, and for one that is too long."""
    raw = value(data, of)
    if of.tag != OBJECT_IDENTIFIER or not raw or raw[-1] & 0x80 or len(raw) > _OID_BYTES:
        raise ValueError("a malformed object identifier")
    arcs: list[int] = []
    arc = 0
    for byte in raw:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def encoded(tag: int, content: bytes) -> bytes:
    """An element in DER."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content
