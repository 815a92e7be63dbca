"""What the files say that this reader takes, by their bytes alone: scripts and bundles, package.json."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from xraydiff.limits import Limits
from xraydiff.paths import decoded
from xraydiff.references.kit.outline import Lexed, Outline, Sound
from xraydiff.references.kit.recorder import Lost
from xraydiff.references.kit.scripts import ScriptParser
from xraydiff.references.readers.node.gathering import gather
from xraydiff.references.readers.node.lexer import lex
from xraydiff.references.readers.node.manifest import dependencies_of
from xraydiff.references.readers.node.outline import outline
from xraydiff.references.readers.node.script import Form, NodeScript, Parsed

if TYPE_CHECKING:
    from tree_sitter import Tree

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
    parser = _Parser(data, limits, typed=form == Form.TYPED)
    parser.run()
    return Parsed(
        scripts=tuple(parser.scripts),
        specifiers=tuple(parser.specifiers),
        lost=tuple(parser.lost),
        work=parser.work,
    )


def _manifest(data: bytes, limits: Limits) -> Parsed:
    if len(data) > limits.package_record:
        return Parsed(lost=(Lost("too-large", f"{len(data)} bytes"),))
    return Parsed(dependencies=dependencies_of(data))


class _Parser(ScriptParser[NodeScript]):
    language = "javascript"

    def __init__(self, data: bytes, limits: Limits, *, typed: bool) -> None:
        super().__init__(data, limits)
        self.tolerant = typed
        self.specifiers: dict[tuple[str, bool], None] = {}

    def _gathered(self, tree: Tree, data: bytes) -> tuple[NodeScript, bool, bool]:
        return gather(tree, data, self._limits)

    def _lexed(self, data: bytes) -> Lexed:
        return lex(data)

    def _lexed_outline(self, lexed: Lexed, parses: Sound, wanted: Callable[[int], bool]) -> Outline:
        return outline(lexed, self._limits, parses, wanted)

    def _unread(self) -> None:
        """The plain imports of a bundle that is too large to parse."""
        for specifier in _plain_specifiers(self._whole):
            if len(self.specifiers) >= _SPECIFIERS and specifier not in self.specifiers:
                self.lost.append(Lost("too-many-references"))
                return
            self.specifiers.setdefault(specifier)


def _plain_specifiers(data: bytes) -> Iterator[tuple[str, bool]]:
    for match in _PLAIN.finditer(data):
        yield decoded(match[1] or match[2] or match[3]), not match[0].startswith(b"require")
