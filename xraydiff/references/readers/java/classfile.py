"""Class files (JVMS 4): the constant pool, what it refers to, and the code of methods for those who look at calls."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from xraydiff.paths import decoded

__all__ = ["MAGIC", "ClassError", "ClassFile", "read_class"]

MAGIC = b"\xca\xfe\xba\xbe"
_UTF8, _CLASS, _STRING, _NAME_AND_TYPE, _INVOKE_DYNAMIC = 1, 7, 8, 12, 18
_MEMBERS = (10, 11)
"""Methodref and InterfaceMethodref."""
_SIZES = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}
"""Bytes behind the tag of each kind of constant (JVMS 4.4); long and double take two numbers of the pool."""
_WIDE = (5, 6)
_U2, _U2U2, _U4 = struct.Struct(">H"), struct.Struct(">2H"), struct.Struct(">L")


class ClassError(Exception):
    """Bytes that are no class file. It never leaves this folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFile:
    """What one class refers to. Names are internal ones: `java/lang/String`."""

    major: int
    """Version of the format: 52 is Java 8, 61 is Java 17."""
    name: str
    supers: tuple[str, ...]
    """Superclass and interfaces: they are loaded with the class."""
    classes: tuple[str, ...]
    """Every other class that it names, an array as its element."""
    strings: tuple[str, ...]
    """String constants, recipes of concatenations among them."""
    texts: tuple[str, ...]
    """Other text of the pool that looks like a path or a URL: values of annotations."""
    methods: frozenset[tuple[str, str]]
    """Class and name of every method that it calls."""
    data: bytes
    pool: _Pool
    members: int
    """Offset of the tables of fields and methods."""

    def code(self) -> Iterator[bytes]:
        """The instructions of each method. Raises `ClassError`."""
        at, _ = _members(self.data, self.members, self.pool, code=False)
        _, bodies = _members(self.data, at, self.pool, code=True)
        yield from bodies

    def bootstraps(self) -> tuple[tuple[int, ...], ...]:
        """Static arguments of each bootstrap method, as numbers of the pool (JVMS 4.7.23). Raises `ClassError`."""
        at, _ = _members(self.data, self.members, self.pool, code=False)
        at, _ = _members(self.data, at, self.pool, code=False)
        for name, start, end in _attributes(self.data, at, self.pool):
            if name == b"BootstrapMethods":
                return _bootstraps(self.data[start:end])
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pool:
    """The constant pool as tags and offsets; texts are decoded when they are needed."""

    data: bytes
    tags: bytearray
    places: list[int]
    known: dict[int, str]
    """Texts by number: 65,000 constants may point at one text of 64 KB."""

    def utf8(self, number: int) -> bytes:
        if not 0 < number < len(self.tags) or self.tags[number] != _UTF8:
            raise ClassError(f"constant {number} is no text")
        at = self.places[number]
        return self.data[at + 2 : at + 2 + _U2.unpack_from(self.data, at)[0]]

    def text(self, number: int) -> str:
        """Modified UTF-8 (JVMS 4.4.7); pairs of surrogates stay bytes that no name of ours holds."""
        text = self.known.get(number)
        if text is None:
            text = self.known[number] = decoded(self.utf8(number).replace(b"\xc0\x80", b"\0"))
        return text

    def named(self, number: int, tag: int) -> str:
        """The text that a constant of this kind points at."""
        if not 0 < number < len(self.tags) or self.tags[number] != tag:
            raise ClassError(f"constant {number} is not what its use says")
        return self.text(_U2.unpack_from(self.data, self.places[number])[0])

    def class_name(self, number: int) -> str:
        return self.named(number, _CLASS)

    def string(self, number: int) -> str | None:
        """The text of a String constant; None for any other."""
        if 0 < number < len(self.tags) and self.tags[number] == _STRING:
            return self.named(number, _STRING)
        return None

    def method(self, number: int) -> tuple[str, str, str]:
        """Class, name and descriptor of a method."""
        if not 0 < number < len(self.tags) or self.tags[number] not in _MEMBERS:
            raise ClassError(f"constant {number} is no method")
        owner, name_and_type = _U2U2.unpack_from(self.data, self.places[number])
        return (self.class_name(owner), *self._name_and_type(name_and_type))

    def dynamic(self, number: int) -> tuple[int, str, str]:
        """Bootstrap method, name and descriptor of an invokedynamic call site."""
        if not 0 < number < len(self.tags) or self.tags[number] != _INVOKE_DYNAMIC:
            raise ClassError(f"constant {number} is no call site")
        bootstrap, name_and_type = _U2U2.unpack_from(self.data, self.places[number])
        return (bootstrap, *self._name_and_type(name_and_type))

    def _name_and_type(self, number: int) -> tuple[str, str]:
        if not 0 < number < len(self.tags) or self.tags[number] != _NAME_AND_TYPE:
            raise ClassError(f"constant {number} is no name and type")
        name, descriptor = _U2U2.unpack_from(self.data, self.places[number])
        return self.text(name), self.text(descriptor)


def read_class(data: bytes) -> ClassFile:
    """Read the constant pool and the names of a class. Raises `ClassError`."""
    if data[:4] != MAGIC or len(data) < 10:
        raise ClassError("no class file")
    try:
        pool, at = _read_pool(data)
        _, this, above, count = struct.unpack_from(">4H", data, at)
        faces = struct.unpack_from(f">{count}H", data, at + 8)
        name = pool.class_name(this)
        supers = tuple(pool.class_name(number) for number in ((above,) if above else ()) + faces)
        return ClassFile(
            major=_U2.unpack_from(data, 6)[0],
            name=name,
            supers=supers,
            classes=tuple(_classes(pool, {name, *supers})),
            strings=tuple(dict.fromkeys(pool.named(n, _STRING) for n in _numbers(pool, _STRING))),
            texts=tuple(_texts(pool)),
            methods=frozenset(pool.method(number)[:2] for tag in _MEMBERS for number in _numbers(pool, tag)),
            data=data,
            pool=pool,
            members=at + 8 + 2 * count,
        )
    except (struct.error, IndexError) as error:
        raise ClassError("it ends too early") from error


def _read_pool(data: bytes) -> tuple[_Pool, int]:
    count = _U2.unpack_from(data, 8)[0]
    tags, places = bytearray(count), [0] * count
    at, number = 10, 1
    while number < count:
        tag = data[at]
        tags[number], places[number] = tag, at + 1
        if tag == _UTF8:
            at += 3 + (data[at + 1] << 8 | data[at + 2])
        elif tag in _SIZES:
            at += 1 + _SIZES[tag]
            number += tag in _WIDE
        else:
            raise ClassError(f"constant {number} has the unknown tag {tag}")
        number += 1
    if at > len(data):
        raise ClassError("it ends too early")
    return _Pool(data=data, tags=tags, places=places, known={}), at


def _numbers(pool: _Pool, tag: int) -> Iterator[int]:
    at = pool.tags.find(tag)
    while at >= 0:
        yield at
        at = pool.tags.find(tag, at + 1)


def _classes(pool: _Pool, known: set[str]) -> Iterator[str]:
    for number in _numbers(pool, _CLASS):
        name = pool.class_name(number)
        if name.startswith("["):
            element = name.lstrip("[")
            name = element[1:-1] if element.startswith("L") else ""
        if name and name not in known:
            known.add(name)
            yield name


def _texts(pool: _Pool) -> Iterator[str]:
    """Text that begins like a path; the pool's strings say the same and are left out."""
    strings = {_U2.unpack_from(pool.data, pool.places[number])[0] for number in _numbers(pool, _STRING)}
    for number in _numbers(pool, _UTF8):
        at = pool.places[number] + 2
        if pool.data.startswith((b"/", b"file:", b"classpath:"), at) and number not in strings:
            yield pool.text(number)


def _members(data: bytes, at: int, pool: _Pool, *, code: bool) -> tuple[int, list[bytes]]:
    """The end of a table of fields or methods, and the instructions of the methods where they are wanted."""
    bodies: list[bytes] = []
    try:
        count = _U2.unpack_from(data, at)[0]
        at += 2
        for _ in range(count):
            attributes = _U2.unpack_from(data, at + 6)[0]
            at += 8
            for _ in range(attributes):
                name, length = struct.unpack_from(">HL", data, at)
                if code and pool.utf8(name) == b"Code":
                    size = min(_U4.unpack_from(data, at + 10)[0], max(0, length - 8))
                    bodies.append(data[at + 14 : at + 14 + size])
                at += 6 + length
    except struct.error as error:
        raise ClassError("its methods end too early") from error
    return at, bodies


def _attributes(data: bytes, at: int, pool: _Pool) -> Iterator[tuple[bytes, int, int]]:
    try:
        count = _U2.unpack_from(data, at)[0]
        at += 2
        for _ in range(count):
            name, length = struct.unpack_from(">HL", data, at)
            yield pool.utf8(name), at + 6, at + 6 + length
            at += 6 + length
    except struct.error as error:
        raise ClassError("its attributes end too early") from error


def _bootstraps(raw: bytes) -> tuple[tuple[int, ...], ...]:
    found: list[tuple[int, ...]] = []
    try:
        count, at = _U2.unpack_from(raw, 0)[0], 2
        for _ in range(count):
            size = _U2.unpack_from(raw, at + 2)[0]
            found.append(struct.unpack_from(f">{size}H", raw, at + 4))
            at += 4 + 2 * size
    except struct.error as error:
        raise ClassError("its bootstrap methods end too early") from error
    return tuple(found)
