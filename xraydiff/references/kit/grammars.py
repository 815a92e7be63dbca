"""How scripts become syntax trees: parsers that are kept, and bounds on what parsing costs.

The grammars of tree-sitter are made for what people type. Text made to hurt them costs up to 1 KB of memory a byte, for
some kinds of error the square of their number in time (8 KB of `}+}+` take eight seconds), and for each level of
brackets a frame of the C stack. So the parser's work is counted here, in its own operations, for one script and for
all of an image, and it works in a thread whose stack is large enough for the deepest text within bounds. Seconds are
the last resort: only text whose cost no count foresees gets there.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from time import thread_time
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from xraydiff.facts import Edge
from xraydiff.limits import Limits
from xraydiff.references import Command, Context, Gap, ParsedReader, Subject

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax
    from tree_sitter import Parser, Tree

__all__ = [
    "Allowance",
    "GrammarReader",
    "Refused",
    "Worked",
    "comments",
    "first_error",
    "parse",
    "parser_allowance",
    "text_of",
    "unclosed",
]

T = TypeVar("T")

_STACK_BYTES: Final = 128 << 20
"""Bytes of stack for the parser: 512 KiB of `{a:{a:{a:` take 14 MiB. Only what is used is ever backed by memory."""
_ANY_STACK_BYTES: Final = 8 << 10
"""Bytes of a script that fit the stack of any thread, however deep they nest."""
_CHUNK_BYTES: Final = 256
"""Bytes that the parser gets at a time. It asks again whenever it goes back, so that tells how much it reads."""
_MAX_REREADS: Final = 16
"""Times that a script may be read: what people write is read twice, or six times where it is short. A comment or
regular expression without an end has the rest of the text read for each of its beginnings."""
_MAX_REREADS_OF: Final = {"perl": 1_000}
"""... of languages whose parser asks for the column at each word, and so goes back to the start of the line:
what people write of Perl is read 90 to 300 times."""
_CHUNKS_PER_CALLBACK: Final = 16
"""Pieces of a text that cost as much as one report of work, each 2.4 us: a parser that only looks ahead and goes back
reports next to nothing, and yet reads its script a thousand times."""
_TOTAL_SECONDS: Final = 600
"""CPU time in which all reports of an image's scripts are spent, whatever a report takes: a script that takes longer
than a second pays by the second, so that ten minutes are the end even for work that no count foresees."""
_MIN_CALLBACKS: Final = 1_000
"""Reports of work that any script may cause."""
_BYTES_PER_CALLBACK: Final = 8
"""A script may cause one report of work for so many of its bytes: what people write causes one for 50 to 200."""
_COMMENTS: Final = {"javascript": (b"//", b"/*"), "perl": (b"#",)}
"""How comments begin in languages whose parser goes over all of them again at each one, where the text is broken:
64,000 of `*//` behind `import` take four minutes."""
_CAPSULE: Final = b"tree_sitter.Language"
"""The name inside a capsule, which keeps no copy of it."""
_lock = threading.Lock()
_CLOSING: Final = {b"(": b")", b"[": b"]", b"{": b"}", b"<": b">"}
_BRACKETS: Final = {
    opening: re.compile(rb"\\.|[" + re.escape(opening) + re.escape(closing) + rb"]", re.DOTALL)
    for opening, closing in _CLOSING.items()
}
_MAX_SIBLINGS: Final = 100_000
"""Children of a node that are looked through for the first error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why a script is not parsed; the words are those of a reader's gap."""

    reason: str
    detail: str


@cache
def _parser(language: str) -> Parser:
    """The one parser of a grammar; importing it costs milliseconds that a comparison without scripts need not pay."""
    from tree_sitter import Language, Parser

    match language:
        case "javascript":
            import tree_sitter_javascript

            return Parser(Language(tree_sitter_javascript.language()))
        case "php":
            import tree_sitter_php

            return Parser(Language(tree_sitter_php.language_php()))
        case "ruby":
            import tree_sitter_ruby

            return Parser(Language(tree_sitter_ruby.language()))
        case "perl":
            import tree_sitter_perl

            return Parser(Language(_capsule(tree_sitter_perl.language())))
        case _:
            raise ValueError(f"no grammar for {language}")


def _capsule(grammar: object) -> object:
    """A grammar as tree-sitter wants it: some packages give its address as a number, which is on its way out there."""
    if not isinstance(grammar, int):
        return grammar
    import ctypes

    make = ctypes.pythonapi.PyCapsule_New
    make.restype, make.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
    capsule: object = make(grammar, _CAPSULE, None)
    return capsule


def unclosed(data: bytes, quotes: Iterable[re.Match[bytes]]) -> int:
    """How many of the quotes in brackets (`%w[`, `qw(`), whose opening bracket is group 1, nothing closes.

    A parser reads from each of them to the end of the text.
    """
    starts: dict[bytes, set[int]] = {}
    for match in quotes:
        starts.setdefault(match[1], set()).add(match.start(1))
    count = 0
    for opening, places in starts.items():
        open_at: list[int] = []
        for match in _BRACKETS[opening].finditer(data):
            if match[0] == opening:
                open_at.append(match.start())
            elif match[0] == _CLOSING[opening] and open_at:
                open_at.pop()
        count += sum(1 for place in open_at if place in places)
    return count


@dataclass(slots=True)
class Allowance:
    """What all scripts of an image may still cost the parsers, in the unit of `Limits.syntax_total`."""

    left: int

    @property
    def used_up(self) -> bool:
        """Whether nothing is left; one report of work is nothing, since every limit is at least 1."""
        return self.left <= 1


def parser_allowance(context: Context) -> Allowance:
    """The allowance of one walk."""
    return Allowance(context.limits.syntax_total)


class Worked(Protocol):
    """A parsed file that says what it cost."""

    @property
    def work(self) -> int:
        """In the unit of `Limits.syntax_total`."""


G = TypeVar("G", bound=Worked)


class GrammarReader(ParsedReader[G]):
    """A reader of scripts whose parsing counts towards what all scripts of an image may cost.

    Parsing stays a pure function: of its limits, which say that nothing is left once that is used up.
    """

    def read(self, subject: Subject, context: Context) -> Iterable[Edge | Gap | Command]:
        """Parse and resolve."""
        allowance = context.once(parser_allowance)
        limits = replace(context.limits, syntax_total=1) if allowance.used_up else context.limits
        parsed = self.parse(subject.data, self.form(subject), limits)
        allowance.left = max(0, allowance.left - parsed.work)
        return self.resolve(parsed, subject, context)


def comments(data: bytes, language: str) -> int:
    """How many comments a script may have, where they cost its parser dearly; none for other languages."""
    return sum(data.count(sign) for sign in _COMMENTS.get(language, ()))


def parse(data: bytes, language: str, *, limits: Limits, allowance: Allowance) -> Tree | Refused:
    """The syntax tree of a script in one of the languages of `_parser`, with error nodes where it is broken."""
    if len(data) > limits.syntax:
        return Refused(reason="too-large", detail=f"{len(data)} bytes")
    if comments(data, language) > limits.syntax_comments:
        return Refused(reason="too-large", detail="more comments than the limit of its parser")
    if allowance.used_up:
        return Refused(reason="too-large", detail="the scripts before it took all work of the parsers")
    most = min(
        allowance.left,
        limits.syntax_work // (2 if language == "php" else 1),
        _MIN_CALLBACKS + len(data) // _BYTES_PER_CALLBACK,
    )
    work = _Work(data, most, _MAX_REREADS_OF.get(language, _MAX_REREADS), limits.syntax_seconds)
    tree = _parsed(work, _parser(language), small=len(data) <= _ANY_STACK_BYTES)
    allowance.left = max(0, allowance.left - work.cost(limits.syntax_total // _TOTAL_SECONDS))
    return tree or Refused(reason="too-large", detail="more work for the parser than its limit")


def _parsed(work: _Work, parser: Parser, *, small: bool) -> Tree | None:
    with _lock:
        # One parser serves one text at a time, and the stack's size is a setting of the whole process.
        return work.parse(parser) if small else _in_a_deep_stack(lambda: work.parse(parser))


class _Work:
    """One text for a parser, and how much of its work may be spent on it.

    The tree keeps the method that gives it the text, so it must not be kept here: nothing breaks that circle. The
    parser gets the same pieces again where it goes back, since each that it gets stays in memory for good (tree-sitter
    0.25, 0.26), and there is no other way to give the text while work is counted.
    """

    def __init__(self, data: bytes, most: int, again: int, seconds: int) -> None:
        self._reports = 0
        self._handed = 0
        self._data = data
        self._pieces: dict[int, bytes] = {}
        self._left = most
        self._chunks = _MIN_CALLBACKS + again * (len(data) // _CHUNK_BYTES)
        self._seconds = seconds
        self._took = 0.0

    def cost(self, by_second: int) -> int:
        """What the text took, in reports of work: those that came, the pieces asked for, and whole seconds."""
        return max(self._reports + self._handed // _CHUNKS_PER_CALLBACK, int(self._took) * by_second)

    def parse(self, parser: Parser) -> Tree | None:
        """The tree, or None where that takes too much."""
        begun = thread_time()
        self._end = begun + self._seconds
        try:
            tree = parser.parse(self._chunk, progress_callback=self._count)
        except ValueError:
            # Otherwise the next text would go on where this one stopped.
            parser.reset()
            return None
        finally:
            self._took = thread_time() - begun
        return tree if self._left >= 0 else None

    def _chunk(self, offset: int, _point: object) -> bytes:
        self._chunks -= 1
        self._handed += 1
        if self._chunks < 0 or thread_time() > self._end:
            self._left = -1
            return b""
        piece = self._pieces.get(offset)
        if piece is None:
            piece = self._pieces[offset] = self._data[offset : offset - offset % _CHUNK_BYTES + _CHUNK_BYTES]
        return piece

    def _count(self, _offset: int, _has_error: bool) -> bool:  # noqa: FBT001  how tree-sitter calls it
        """Called after a hundred operations each; true stops the parser."""
        self._reports += 1
        if thread_time() > self._end:
            self._left = -1
        self._left -= 1
        return self._left < 0


def _in_a_deep_stack(call: Callable[[], T]) -> T:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="xraydiff-parser") as threads:
        before = threading.stack_size(_STACK_BYTES)
        try:
            future = threads.submit(call)
        finally:
            threading.stack_size(before)
        return future.result()


def first_error(root: Syntax) -> int:
    """The line of the first thing that does not parse."""
    node = root
    for _ in range(64):
        if node.child_count > _MAX_SIBLINGS:
            break
        broken = next((child for child in node.children if child.type == "ERROR" or child.is_missing), None)
        if broken is not None:
            return broken.start_point[0] + 1
        inner = next((child for child in node.children if child.has_error), None)
        if inner is None:
            break
        node = inner
    return node.start_point[0] + 1


def text_of(node: Syntax, data: bytes, *, most: int | None = None) -> str:
    """The text of a node, or its first `most` bytes; bytes that are no UTF-8 become lone surrogates, as in names.

    A node that may hold others of its kind needs `most`: their texts together are the square of the script.
    """
    end = node.end_byte if most is None else min(node.end_byte, node.start_byte + most)
    return data[node.start_byte : end].decode("utf-8", "surrogateescape")
