"""What the files say that this reader takes, by their bytes alone: scripts and bundles, package.json."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from xraydiff.limits import Limits
from xraydiff.paths import decoded
from xraydiff.references.kit.grammars import Allowance, Refused, parse
from xraydiff.references.kit.outline import Lexed, broken_lines, parsed, sound, within
from xraydiff.references.kit.recorder import Lost
from xraydiff.references.readers.node.gathering import gather
from xraydiff.references.readers.node.lexer import lex
from xraydiff.references.readers.node.manifest import dependencies_of
from xraydiff.references.readers.node.outline import outline
from xraydiff.references.readers.node.script import Form, Parsed, Script

__all__ = ["parse_file"]

_TELLING = (b"require", b"import", b"export ", b"__dirname", b"render(", b"process", b"createRequire", b"Worker(")
"""A script without any of these refers to nothing that a parser would show."""
_SPECIFIERS = 10_000
"""Different plain imports of one bundle; the largest have some hundreds."""
_PLAIN = re.compile(
    rb"""(?<![\w$.])(?:require\s{0,9}\(\s{0,9}|import\s{0,9}\(\s{0,9}|import\s{0,9}|from\s{0,9})"""
    rb"""(?:"([^"\\\n]{1,255})"|'([^'\\\n]{1,255})'|`([^`$\\\n]{1,255})`)"""
)


def parse_file(data: bytes, form: str, limits: Limits) -> Parsed:
    """What the bytes say in one of the forms of this reader."""
    match form:
        case Form.CONFIG:
            return Parsed()
        case Form.MANIFEST:
            return _manifest(data, limits)
    if not any(word in data for word in _TELLING):
        return Parsed()
    if len(data) > limits.script_scan:
        return Parsed(lost=(Lost("too-large", f"{len(data)} bytes"),))
    return _Parser(data, limits, typed=form == Form.TYPED).parse()


def _manifest(data: bytes, limits: Limits) -> Parsed:
    if len(data) > limits.package_record:
        return Parsed(lost=(Lost("too-large", f"{len(data)} bytes"),))
    return Parsed(dependencies=dependencies_of(data))


class _Parser:
    """One script, read by the grammar where that takes it, and for the rest by its outline."""

    def __init__(self, data: bytes, limits: Limits, *, typed: bool) -> None:
        self._data = data
        self._limits = limits
        self._typed = typed
        self._allowance = Allowance(limits.syntax_total)
        self._scripts: list[Script] = []
        self._lost: list[Lost] = []
        self._specifiers: tuple[tuple[str, bool], ...] = ()

    def parse(self) -> Parsed:
        """What it says; comments count for nothing."""
        self._whole()
        return Parsed(
            scripts=tuple(self._scripts),
            specifiers=self._specifiers,
            lost=tuple(self._lost),
            work=self._limits.syntax_total - self._allowance.left,
        )

    def _whole(self) -> None:
        limits, data, lexed = self._limits, self._data, None
        if len(data) > limits.syntax or data.count(b"//") + data.count(b"/*") > limits.syntax_comments:
            lexed = lex(data)
            data = lexed.code
        tree = parse(data, "javascript", limits=limits, allowance=self._allowance)
        if isinstance(tree, Refused):
            self._outlined(lexed or lex(data), (), refused=tree.detail)
            return
        script, too_deep, too_much = gather(tree, data, limits)
        self._keep(script, too_much=too_much)
        if too_deep or tree.root_node.has_error:
            self._outlined(lexed or lex(data), () if too_deep else (broken_lines(tree.root_node),))

    def _keep(self, script: Script, *, too_much: bool) -> None:
        self._scripts.append(script)
        if too_much:
            self._lost.append(Lost("too-large", "more expressions than the limit for one script"))

    def _outlined(self, lexed: Lexed, broken: Sequence[tuple[int, int]], *, refused: str = "") -> None:
        """What the grammar did not show: of the whole script, or of the lines that are `broken`."""
        limits = self._limits
        found = outline(lexed, limits, sound("javascript", limits, self._allowance), within(lexed.code, broken))
        read = parsed(found, "javascript", self._allowance)
        if read is not None:
            script, too_deep, too_much = gather(read[1], read[0], limits)
            self._keep(script, too_much=too_much)
            if too_deep:
                self._lost.append(Lost("too-deep", "one statement"))
        if found.lost:
            self._lost.append(Lost("too-large", refused or found.lost))
            self._plain()
        elif not lexed.sure and not self._typed:
            self._lost.append(Lost("malformed", "a text or comment that does not end"))

    def _plain(self) -> None:
        """The plain imports of a bundle that is too large to parse."""
        known: dict[tuple[str, bool], None] = {}
        for specifier in _plain_specifiers(self._data):
            if len(known) >= _SPECIFIERS and specifier not in known:
                self._lost.append(Lost("too-many-references"))
                break
            known.setdefault(specifier)
        self._specifiers = tuple(known)


def _plain_specifiers(data: bytes) -> Iterator[tuple[str, bool]]:
    for match in _PLAIN.finditer(data):
        yield decoded(match[1] or match[2] or match[3]), not match[0].startswith(b"require")
