"""The outline of a program that is too large or too broken for its parser: only the statements that are references.

A bundle of 5 MB refers to twenty files. Its outline holds those twenty calls, each in its line, as a program of that
language, so that the reader understands them as it does any others. A statement is found by the words that ask
(`require`, `system`, `open`), cut out up to the bracket or sign that ends it, and taken where it parses by itself. More
is taken than a parser would take: a call in a text or comment is one too. All of it takes time in proportion to the
program.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from xraydiff.limits import Limits
from xraydiff.references.kit.grammars import Allowance, Refused, first_error, parse

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax
    from tree_sitter import Tree

__all__ = [
    "BLANK",
    "Form",
    "Lexed",
    "Outline",
    "Sound",
    "broken_lines",
    "end_of",
    "parsed",
    "sound",
    "uncommented",
    "within",
]

Sound = Callable[[bytes], bool | None]
"""Tells whether a text parses; None where the parser takes no more."""
_MAX_STATEMENT_BYTES: Final = 4_096
"""Bytes that a statement takes at most: people write about eighty. Of a longer one its first text is taken."""
_CONTEXT_BYTES: Final = 300
"""Bytes of a line before the word that asks, which say what its value is given to."""
_MAX_RESCANS: Final = 8
"""Times the program that may be looked through for the ends of statements: they do not overlap where it is sound."""
_TOKENS: Final = re.compile(
    rb"\"(?>[^\"\\]|\\.)*+\"?|'(?>[^'\\]|\\.)*+'?|`(?>[^`\\]|\\.)*+`?|[()\[\]{}]|\n|;", re.DOTALL
)
_LITERAL: Final = re.compile(
    rb"[ \t\n]{0,9}\(?[ \t\n]{0,9}(\"(?>[^\"\\\n$#]|\\.){1,500}+\"|'(?>[^'\\\n]|\\.){1,500}+')"
)
_GIVEN: Final = rb"(?:\"[^\"\\\n]{1,300}\"|'[^'\\\n]{1,300}'|(?:qw|%w)[(\[{][\w\s./:+@-]{1,2000}+[)\]}])"
"""Texts and lists of words that a name is given."""
_HERE: Final = re.compile(rb"<<[~-]?[\"'`]?([A-Za-z_]\w{0,80})")
_COMMENT: Final = re.compile(rb"^[ \t]*#(?![{$@!])[^\n]*", re.MULTILINE)
_GOES_ON: Final = frozenset(b",(\\&|+.=")
"""Signs at the end of a line after which a statement goes on, where lines end statements."""


BLANK: Final = bytes(10 if code == 10 else 32 for code in range(256))
"""For `bytes.translate`: every byte but the ends of lines becomes a blank."""


@dataclass(frozen=True, slots=True)
class Lexed:
    """A script as a lexer leaves it: two texts of one length, with the lines of the script."""

    code: bytes
    """The script without comments."""
    masked: bytes
    """The same with everything blanked that is no code: the inside of texts, patterns, what is only printed."""
    tops: tuple[int, ...]
    """Offsets at which brackets open and close whose outside is the top of the script, in turn."""
    sure: bool
    """Whether every text and comment has its end."""

    def is_top(self, at: int) -> bool:
        """Whether an offset is outside of all brackets, where code runs as the program starts."""
        return bisect_right(self.tops, at) % 2 == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How statements look in one language."""

    asks: re.Pattern[bytes]
    """The words that begin a reference; empty before a sign that does."""
    aside: tuple[bytes, bytes]
    """What a statement stands between that does not run as the program starts."""
    opening: bytes = b""
    """What a program begins with."""
    lines_end: bool = False
    """Whether a line's end is a statement's."""
    here_documents: bool = False
    names: re.Pattern[bytes] | None = None
    """Names whose values may be references."""
    whole_lines: bool = True
    """Whether a statement is taken from the start of its line, where that parses."""


@dataclass(slots=True)
class Outline:
    """Statements of one program, in the order in which they were added."""

    data: bytes
    form: Form
    limits: Limits
    sound: Sound
    """Whether a statement parses by itself."""
    code: bytes = b""
    """The same with texts and comments blanked, where a lexer knows them."""
    lost: str = ""
    """Why statements are missing, where some are."""
    _pieces: list[tuple[int, bytes]] = field(default_factory=list)
    _known: set[bytes] = field(default_factory=set)
    _newlines: list[int] = field(default_factory=list)
    _looked: int = 0
    _parsed: int = 0

    def __post_init__(self) -> None:
        self._newlines = [match.start() for match in re.finditer(rb"\n", self.data)]

    def add(self, at: int, text: bytes, *, top: bool) -> None:
        """A statement that is known to parse; `top` where it runs as the program starts."""
        self._add(at, self._placed(text, top=top))

    def add_if_sound(self, at: int, text: bytes, *, top: bool) -> bool:
        """The same for one that may not parse; whether it does."""
        self._parsed += len(text)
        if self._parsed > 2 * self.limits.syntax:
            self.lost = self.lost or "more statements than the limit for one script"
            return False
        statement = self._placed(text, top=top)
        ending = b"\n" if self.form.lines_end else b";"
        if statement not in self._known:
            parses = self.sound(self.form.opening + statement + ending)
            if parses is None:
                self.lost = self.lost or "more work for the parser than its limit"
            if not parses:
                return False
        self._add(at, statement)
        return True

    def _placed(self, text: bytes, *, top: bool) -> bytes:
        if top:
            return text
        before, after = self.form.aside
        # A here-document ends with its line.
        return before + text + (b"\n" if after and self.form.here_documents and _HERE.search(text) else b"") + after

    def _add(self, at: int, statement: bytes) -> None:
        if statement not in self._known:
            self._known.add(statement)
            self._pieces.append((at, statement))

    def end(self, at: int) -> int:
        """Where the statement ends whose text goes on at an offset, or -1 where that is too far."""
        if self._looked > _MAX_RESCANS * len(self.data) + (_MAX_STATEMENT_BYTES << 8):
            self.lost = self.lost or "more statements than the limit for one script"
            return -1
        end = end_of(self.data, at, lines_end=self.form.lines_end)
        self._looked += end - at if end >= 0 else _MAX_STATEMENT_BYTES
        here = _HERE.search(self.data, at, end) if self.form.here_documents and end >= 0 else None
        if here is None:
            return end
        closing = re.compile(rb"^[ \t]*" + here[1] + rb"[ \t\r]*$", re.MULTILINE).search(
            self.data, end, at + _MAX_STATEMENT_BYTES
        )
        return closing.end() if closing is not None else -1

    def bind(self) -> None:
        """The texts that the names in what was gathered are given anywhere."""
        if self.form.names is None:
            return
        names = {match[0] for _, text in self._pieces for match in self.form.names.finditer(text)}
        given = re.compile(rb"(" + self.form.names.pattern + rb")[ \t]{0,40}=[ \t]{0,40}" + _GIVEN)
        for match in given.finditer(self.data):
            if match[1] in names:
                self.add_if_sound(match.start(), match[0], top=False)

    def gather(self, is_top: Callable[[bytes, int], bool], wanted: Callable[[int], bool]) -> None:
        """Every statement with a word that asks, in lines that are `wanted`."""
        at = 0
        while not self.lost and (match := self.form.asks.search(self.code or self.data, at)) is not None:
            at = max(match.end(), match.start() + 1)
            if wanted(match.start()):
                at = max(at, self._take(match, is_top))

    def _take(self, match: re.Match[bytes], is_top: Callable[[bytes, int], bool]) -> int:
        """Take one statement; where to go on."""
        word = match.start()
        end = self.end(match.end())
        line = self.data.rfind(b"\n", max(0, word - _CONTEXT_BYTES), word) + 1 or word
        top = is_top(self.data, word)
        if end >= 0:
            starts = (line, word) if self.form.whole_lines and b"#" not in self.data[line:word] else (word,)
            for start in dict.fromkeys(starts):
                if self.add_if_sound(word, self.data[start:end].strip(), top=top):
                    return end
        literal = _LITERAL.match(self.data, match.end())
        if literal is not None:
            self.add_if_sound(word, match[0] + b"(" + literal[1] + b")", top=top)
        return match.end()

    def program(self) -> bytes | None:
        """The outline as a program, its lines where they were where that is possible; None where it is too long."""
        pieces = [(self._line(at), statement) for at, statement in sorted(self._pieces, key=lambda one: one[0])]
        size = sum(len(statement) + 2 for _, statement in pieces) + len(self.form.opening)
        spaced = not pieces or size + pieces[-1][0] <= self.limits.syntax
        if size > self.limits.syntax:
            self.lost = self.lost or "more statements than the limit for one script"
            return None
        parts, here = [self.form.opening], 0
        for line, statement in pieces:
            if spaced and line > here:
                parts.append(b"\n" * (line - here))
                here = line
            parts.append(statement + (b";" if not self.form.lines_end else b"\n"))
            here += statement.count(b"\n") + self.form.lines_end
        return b"".join(parts)

    def _line(self, at: int) -> int:
        """The line of an offset, counted from 0."""
        return bisect_left(self._newlines, at)


def end_of(data: bytes, at: int, *, lines_end: bool) -> int:
    """Where a statement ends that goes on at an offset: before a `;` or a bracket not its own; -1 if far off."""
    depth = 0
    window = min(len(data), at + _MAX_STATEMENT_BYTES)
    # The word may stand before its opening bracket or behind it.
    for match in _TOKENS.finditer(data, at, window):
        sign = match[0][:1]
        if sign in b"([{":
            depth += 1
        elif sign in b")]}":
            depth -= 1
            if depth < 0:
                return match.start()
        elif depth == 0 and (sign == b";" or (sign == b"\n" and lines_end and not _goes_on(data, match.start()))):
            return match.start()
    return window if window == len(data) and depth == 0 else -1


def _goes_on(data: bytes, at: int) -> bool:
    before = data[max(0, at - 8) : at].rstrip(b" \t\r")
    return bool(before) and before[-1] in _GOES_ON


def sound(language: str, limits: Limits, allowance: Allowance) -> Sound:
    """Whether a text parses without an error in one of the languages of `xraydiff.references.kit.grammars`."""

    def check(text: bytes) -> bool | None:
        tree = parse(text, language, limits=limits, allowance=allowance)
        return None if isinstance(tree, Refused) else not tree.root_node.has_error

    return check


def broken_lines(root: Syntax, *, most: int = 1_000_000) -> tuple[int, int]:
    """First and last line (from 0) of what a parser may have misread: from its first error to the end of the program.

    Behind an error it may take code for a text without a further word: a quote that it does not know opens one that is
    none. What stands behind `__END__` in a line of its own is data all the same.
    """
    first, last = root.end_point[0], root.end_point[0]
    if root.children and (end := root.children[-1]).type == "uninterpreted" and end.start_point[1] == len("__END__"):
        last = end.start_point[0]
    cursor = root.walk()
    for _ in range(most):
        node = cursor.node
        if node is None or node.type == "ERROR" or node.is_missing:
            return min(first, node.start_point[0] if node is not None else 0), last
        if node.has_error and cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return first, last
    return 0, last


def parsed(found: Outline, language: str, allowance: Allowance) -> tuple[bytes, Tree] | None:
    """The program of an outline and its tree; None where it is too much for the parser, which is recorded as lost."""
    program = found.program()
    tree = parse(program, language, limits=found.limits, allowance=allowance) if program is not None else None
    if program is None or tree is None or isinstance(tree, Refused):
        found.lost = found.lost or "more than its parser takes"
        return None
    if tree.root_node.has_error:
        # Statements that parse one by one and not together.
        found.lost = found.lost or f"line {first_error(tree.root_node)} of its outline"
    return program, tree


def within(data: bytes, lines: Sequence[tuple[int, int]]) -> Callable[[int], bool]:
    """Whether an offset lies in one of these ranges of lines; true for every offset where there are none."""
    if not lines:
        return lambda _: True
    newlines = [match.start() for match in re.finditer(rb"\n", data)]
    ends: list[int] = []
    starts: list[int] = []
    for first, last in sorted(lines):
        if starts and first <= ends[-1]:
            ends[-1] = max(ends[-1], last)
        else:
            starts.append(first)
            ends.append(last)

    def inside(at: int) -> bool:
        line = bisect_left(newlines, at)
        before = bisect_right(starts, line) - 1
        return before >= 0 and line <= ends[before]

    return inside


def uncommented(data: bytes) -> bytes:
    """A program of Ruby, Perl or Python without the lines that are comments, which stay as empty ones.

    Such a line may be one of a text too, of which it is missing then; not one with code in it (`#{...}`).
    """
    return _COMMENT.sub(b"", data)
