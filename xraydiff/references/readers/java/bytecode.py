"""Which strings a method hands to the calls that start programs: one pass over its instructions (JVMS 6), no branches.

A string that is pushed belongs to the next call that takes it, by way of an array, a list or a local variable. What is
computed is missing from the list, so a command that is put together in a way not foreseen here gives no command.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from xraydiff.references.readers.java.classfile import ClassError, ClassFile

__all__ = ["HOLE", "command_words", "starts_programs"]

HOLE: Final = "\0"
"""Stands for the computed part of a concatenation."""
_RUNTIME, _BUILDER = "java/lang/Runtime", "java/lang/ProcessBuilder"
_MAKES_CONCATENATION: Final = "makeConcatWithConstants"
_ARGUMENT, _CONSTANT = "\1", "\2"
_CODE: Final = 65_535
"""Bytes of a method (JVMS 4.7.3)."""
_STRINGS: Final = 64
"""Strings that wait for a call: nobody writes longer commands, and a table of thousands is none."""

_LDC, _LDC_W, _WIDE, _TABLESWITCH, _LOOKUPSWITCH = 0x12, 0x13, 0xC4, 0xAA, 0xAB
_ALOAD, _ALOAD_0, _ASTORE, _ASTORE_0 = 0x19, 0x2A, 0x3A, 0x4B
_INVOKES, _INVOKEDYNAMIC = range(0xB6, 0xBA), 0xBA
_IFEQ, _IFNE, _NEW, _ANEWARRAY = 0x99, 0x9A, 0xBB, 0xBD
_BEGINS = frozenset({(_NEW, _BUILDER), (_ANEWARRAY, "java/lang/String")})
"""Where the words of a command begin."""
_FORGETS = frozenset({0x57, 0x58, 0xB3, 0xB5, 0xBF, *range(0xAC, 0xB2)})
"""pop, pop2, putstatic, putfield, athrow and every return: the statement is over."""
_LENGTHS = bytes(
    {
        **dict.fromkeys((0x10, 0x12, *range(0x15, 0x1A), *range(0x36, 0x3B), 0xA9, 0xBC), 2),
        **dict.fromkeys((0x11, 0x13, 0x14, 0x84, *range(0x99, 0xA9), *range(0xB2, 0xB9), 0xBB, 0xBD), 3),
        **dict.fromkeys((0xC0, 0xC1, 0xC6, 0xC7), 3),
        0xC5: 4,
        **dict.fromkeys((0xB9, 0xBA, 0xC8, 0xC9), 5),
    }.get(code, 1)
    for code in range(256)
)


def starts_programs(read: ClassFile) -> bool:
    """Whether a class calls what starts programs."""
    return any(owner in (_RUNTIME, _BUILDER) for owner, _ in read.methods)


def command_words(read: ClassFile) -> Iterator[tuple[str, ...]]:
    """The words of each command that a class starts by Runtime.exec or ProcessBuilder. Raises `ClassError`."""
    if not starts_programs(read):
        return
    bootstraps = read.bootstraps()
    for code in read.code():
        if len(code) > _CODE:
            raise ClassError("a method has more than 65,535 bytes")
        yield from _Method(read, bootstraps).run(code)


class _Method:
    """The strings that wait, and those that local variables hold."""

    def __init__(self, read: ClassFile, bootstraps: tuple[tuple[int, ...], ...]) -> None:
        self._pool = read.pool
        self._bootstraps = bootstraps
        self._waiting: list[str] = []
        self._locals: dict[int, list[str]] = {}
        self._receiver = -1
        self._called = False
        """Whether the instruction before this one was a call."""

    def run(self, code: bytes) -> Iterator[tuple[str, ...]]:
        """The words of each command that the method starts, one call after the other."""
        at = 0
        try:
            while at < len(code):
                opcode = code[at]
                if opcode in _INVOKES:
                    words = self._invoked(_number(code, at + 1))
                    if words:
                        yield words
                else:
                    self._other(code, at, opcode)
                self._called = opcode in _INVOKES
                at += _length(code, at, opcode)
        except (struct.error, IndexError) as error:
            raise ClassError("an instruction ends behind its method") from error

    def _other(self, code: bytes, at: int, opcode: int) -> None:
        if opcode == _LDC:
            self._push(self._pool.string(code[at + 1]))
        elif opcode == _LDC_W:
            self._push(self._pool.string(_number(code, at + 1)))
        elif opcode == _INVOKEDYNAMIC:
            self._concatenated(_number(code, at + 1))
        elif opcode == _ALOAD or _ALOAD_0 <= opcode < _ALOAD_0 + 4:
            self._receiver = code[at + 1] if opcode == _ALOAD else opcode - _ALOAD_0
            held = self._locals.get(self._receiver, [])
            self._waiting.extend(held[: _STRINGS - len(self._waiting)])
        elif opcode == _ASTORE or _ASTORE_0 <= opcode < _ASTORE_0 + 4:
            variable = code[at + 1] if opcode == _ASTORE else opcode - _ASTORE_0
            self._locals[variable] = self._waiting
            self._waiting = []
        elif (
            opcode in _FORGETS
            or (opcode in (_IFEQ, _IFNE) and self._called)
            or (opcode in (_NEW, _ANEWARRAY) and (opcode, self._pool.class_name(_number(code, at + 1))) in _BEGINS)
        ):
            self._waiting = []

    def _push(self, text: str | None) -> None:
        if text is not None and len(self._waiting) < _STRINGS:
            self._waiting.append(text)

    def _invoked(self, number: int) -> tuple[str, ...]:
        owner, name, descriptor = self._pool.method(number)
        if (owner == _RUNTIME and name == "exec") or (owner == _BUILDER and name in ("<init>", "command")):
            words, self._waiting = tuple(self._waiting), []
            if owner == _RUNTIME and descriptor.startswith("(Ljava/lang/String;"):
                # Runtime.exec(String) splits at blanks and knows no quotes.
                words = tuple(words[0].split()) if words else ()
            return words
        if name == "add" and self._receiver in self._locals:
            # `command.add("-l")`: what waits is the list's old content and the new word.
            self._locals[self._receiver] = self._waiting
            self._waiting = []
        elif descriptor.endswith(")V") and name != "<init>":
            self._waiting = []
        return ()

    def _concatenated(self, number: int) -> None:
        """`"ls " + folder` is the recipe `ls HOLE` of a call site (StringConcatFactory)."""
        bootstrap, name, _ = self._pool.dynamic(number)
        if name != _MAKES_CONCATENATION or bootstrap >= len(self._bootstraps) or not self._bootstraps[bootstrap]:
            return
        recipe = self._pool.string(self._bootstraps[bootstrap][0])
        if recipe is not None:
            self._push(recipe.replace(_ARGUMENT, HOLE).replace(_CONSTANT, HOLE))


def _length(code: bytes, at: int, opcode: int) -> int:
    if opcode == _WIDE:
        return 6 if code[at + 1] == 0x84 else 4
    if opcode not in (_TABLESWITCH, _LOOKUPSWITCH):
        return _LENGTHS[opcode]
    start = at + 1 + (-(at + 1)) % 4
    low: int
    high: int
    _, low, high = struct.unpack_from(">3l", code, start)
    size = 12 + 4 * (high - low + 1) if opcode == _TABLESWITCH else 8 + 8 * low
    if size < 8:
        raise ClassError("a switch has fewer than no cases")
    return start - at + size


def _number(code: bytes, at: int) -> int:
    return code[at] << 8 | code[at + 1]
