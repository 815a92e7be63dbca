"""What the files say that this reader takes, by their bytes alone: scripts and templates, php.ini, programs of PHP."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from xraydiff.limits import Limits
from xraydiff.references.kit.grammars import Allowance, Refused, parse
from xraydiff.references.kit.outline import Lexed, broken_lines, parsed, sound, within
from xraydiff.references.kit.recorder import Lost
from xraydiff.references.readers.php.gathering import gather
from xraydiff.references.readers.php.lexer import lex
from xraydiff.references.readers.php.names import TAGS
from xraydiff.references.readers.php.outline import outline
from xraydiff.references.readers.php.script import Form, Parsed, Script, View
from xraydiff.references.readers.php.settings import folders_of, settings_of

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
    return _Parser(data, limits, views, is_map=form == Form.MAP).parse()


def _large(data: bytes) -> Lost:
    return Lost("too-large", f"{len(data)} bytes")


def _views(data: bytes) -> Iterator[View]:
    """The templates that one of Blade is made with: `@extends('layouts.app')`."""
    line, before = 1, 0
    for match in _BLADE.finditer(data):
        line += data.count(b"\n", before, match.start())
        before = match.start()
        yield View(match[1].decode("ascii"), line)


class _Parser:
    """One script, read by the grammar where that takes it, and for the rest by its outline."""

    def __init__(self, data: bytes, limits: Limits, views: tuple[View, ...], *, is_map: bool) -> None:
        self._data = data
        self._limits = limits
        self._views = views
        self._is_map = is_map
        self._allowance = Allowance(limits.syntax_total)
        self._scripts: list[Script] = []
        self._lost: list[Lost] = []

    def parse(self) -> Parsed:
        """What it says; comments count for nothing."""
        self._whole()
        return Parsed(
            scripts=tuple(self._scripts),
            views=self._views,
            lost=tuple(self._lost),
            work=self._limits.syntax_total - self._allowance.left,
        )

    def _whole(self) -> None:
        limits, data, lexed = self._limits, self._data, None
        if len(data) > limits.syntax:
            lexed = lex(data)
            data = lexed.code
        tree = parse(data, "php", limits=limits, allowance=self._allowance)
        if isinstance(tree, Refused):
            self._outlined(lexed or lex(data), (), tree.detail)
            return
        script, too_deep, too_much = gather(tree, data, limits, is_map=self._is_map)
        self._keep(script, too_much=too_much)
        if too_deep or tree.root_node.has_error:
            self._outlined(lexed or lex(data), () if too_deep else (broken_lines(tree.root_node),))

    def _keep(self, script: Script, *, too_much: bool) -> None:
        self._scripts.append(script)
        if too_much:
            self._lost.append(Lost("too-large", "more expressions than the limit for one script"))

    def _outlined(self, lexed: Lexed, broken: Sequence[tuple[int, int]], refused: str = "") -> None:
        """What the grammar did not show: of the whole script, or of the lines that are `broken`."""
        limits = self._limits
        found = outline(lexed, limits, sound("php", limits, self._allowance), within(lexed.code, broken))
        read = parsed(found, "php", self._allowance)
        if read is not None:
            script, too_deep, too_much = gather(read[1], read[0], limits, is_map=self._is_map)
            self._keep(script, too_much=too_much)
            if too_deep:
                self._lost.append(Lost("too-deep", "one statement"))
        if found.lost:
            self._lost.append(Lost("too-large", refused or found.lost))
        elif not lexed.sure:
            self._lost.append(Lost("malformed", "a text or comment that does not end"))
