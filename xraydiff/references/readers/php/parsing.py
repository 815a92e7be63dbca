"""What the files say that this reader takes, by their bytes alone: scripts and templates, php.ini, programs of PHP."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from xraydiff.limits import Limits
from xraydiff.references.kit.outline import Lexed, Outline, Sound
from xraydiff.references.kit.recorder import Lost
from xraydiff.references.kit.scripts import ScriptParser
from xraydiff.references.readers.php.gathering import gather
from xraydiff.references.readers.php.lexer import lex
from xraydiff.references.readers.php.names import TAGS
from xraydiff.references.readers.php.outline import outline
from xraydiff.references.readers.php.script import Form, Parsed, PhpScript, View
from xraydiff.references.readers.php.settings import folders_of, settings_of

if TYPE_CHECKING:
    from tree_sitter import Tree

__all__ = ["parse_file"]

_BLADE = re.compile(rb"@(?:extends|include|includeIf|each|component)\(\s{0,9}'([A-Za-z0-9_.:-]{1,200})'")


def parse_file(data: bytes, form: str, limits: Limits) -> Parsed:
    """What the bytes say in one of the forms of this reader."""
    match form:
        case Form.CONFIG:
            return Parsed()
        case Form.PROGRAM:
            return Parsed(folders=folders_of(data))
        case Form.SETTINGS:
            text = data[: limits.script_scan]
            return Parsed(settings=tuple(settings_of(text)), lost=() if len(data) == len(text) else (_large(data),))
        case Form.INLINE if not data.lstrip().startswith(TAGS):
            # `php -r` takes code without a tag, on its first line so that lines still count.
            data = b"<?php " + data
    if form != Form.BLADE and not any(tag in data for tag in TAGS):
        return Parsed()
    views = tuple(_views(data[: limits.script_scan])) if form == Form.BLADE else ()
    if len(data) > limits.script_scan:
        return Parsed(views=views, lost=(_large(data),))
    parser = _Parser(data, limits, is_map=form == Form.MAP)
    parser.run()
    return Parsed(scripts=tuple(parser.scripts), views=views, lost=tuple(parser.lost), work=parser.work)


def _large(data: bytes) -> Lost:
    return Lost("too-large", f"{len(data)} bytes")


def _views(data: bytes) -> Iterator[View]:
    """The templates that one of Blade is made with: `@extends('layouts.app')`."""
    line, before = 1, 0
    for match in _BLADE.finditer(data):
        line += data.count(b"\n", before, match.start())
        before = match.start()
        yield View(match[1].decode("ascii"), line)


class _Parser(ScriptParser[PhpScript]):
    language = "php"

    def __init__(self, data: bytes, limits: Limits, *, is_map: bool) -> None:
        super().__init__(data, limits)
        self._is_map = is_map

    def _gathered(self, tree: Tree, data: bytes) -> tuple[PhpScript, bool, bool]:
        return gather(tree, data, self._limits, is_map=self._is_map)

    def _lexed(self, data: bytes) -> Lexed:
        return lex(data)

    def _lexed_outline(self, lexed: Lexed, parses: Sound, wanted: Callable[[int], bool]) -> Outline:
        return outline(lexed, self._limits, parses, wanted)
