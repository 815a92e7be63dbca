"""The way from a subject to the parts of this room: settings, programs, scripts and templates of PHP."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from xraydiff.commands.start import find_executable
from xraydiff.conventions import ELF_MAGIC
from xraydiff.errors import LimitExceeded
from xraydiff.facts import ConfigField, Edge, EdgeKind, FileType, Firing, ImageConfig, NodeKind
from xraydiff.paths import ROOT, ImagePath, ancestors, basename, parent
from xraydiff.references import Context, Gap, Subject
from xraydiff.references.kit.grammars import Refused, parse, parser_allowance
from xraydiff.references.kit.outline import Lexed, broken_lines, parsed, sound, within
from xraydiff.references.kit.recorder import Sightings
from xraydiff.references.readers.php.calls import Calls
from xraydiff.references.readers.php.composer import autoload_of, is_map
from xraydiff.references.readers.php.lexer import lex
from xraydiff.references.readers.php.names import PROGRAM, TAGS
from xraydiff.references.readers.php.outline import outline
from xraydiff.references.readers.php.script import Script, gather
from xraydiff.references.readers.php.settings import read_program, read_settings
from xraydiff.references.readers.php.values import Place

__all__ = ["read"]

_MARKS: Final = ("composer.json", "wp-config.php", "artisan", "index.php")
"""Files that say where a project begins, best first."""
_BLADE = re.compile(rb"@(?:extends|include|includeIf|each|component)\(\s{0,9}'([A-Za-z0-9_.:-]{1,200})'")


def read(subject: Subject, context: Context) -> Iterator[Edge | Gap]:
    """Edges by line, then gaps."""
    seen = Sightings(subject.node, "php", context.limits)
    try:
        _read(subject, context, seen)
    except LimitExceeded as error:
        seen.gap("too-large", error.message)
    yield from seen.all()


def _read(subject: Subject, context: Context, seen: Sightings) -> None:
    if subject.config is not None:
        _started(subject.config, context, seen)
    elif subject.data.startswith(ELF_MAGIC):
        read_program(subject.data, subject.path, context, seen, detail=basename(subject.path))
    elif subject.path.endswith(".ini") and subject.node.kind is NodeKind.FILE:
        read_settings(subject.data, context, seen)
    else:
        _script(subject, context, seen)


def _started(config: ImageConfig, context: Context, seen: Sightings) -> None:
    """The settings of a PHP that the start command names."""
    for words, field in ((config.entrypoint or (), ConfigField.ENTRYPOINT), (config.cmd or (), ConfigField.CMD)):
        for word in words[:16]:
            if PROGRAM.search(f"/{basename(word)}") is None:
                continue
            program = find_executable(word, context.original, context.path, context.cwd)
            real = context.original.resolve(program) if program is not None else None
            if real is not None and real.path is not None and real.file is not None:
                data = context.original.content(real.path, limit=context.limits.elf)
                seen.field = field
                read_program(data, real.path, context, seen, detail=field.value)


def _script(subject: Subject, context: Context, seen: Sightings) -> None:
    data = subject.data
    inline = subject.node.kind is NodeKind.SCRIPT
    if inline and not data.lstrip().startswith(TAGS):
        # `php -r` takes code without a tag, on its first line so that lines still count.
        data = b"<?php " + data
    if not any(tag in data for tag in TAGS) and not subject.path.endswith(".blade.php"):
        return
    directory = context.cwd if inline else parent(subject.path)
    place = Place(path=subject.path, directory=directory, cwd=context.cwd, project=_project(directory, context))
    autoload = autoload_of(ImagePath(f"{directory}/x"), context)
    if autoload is not None and subject.path.endswith("/composer/autoload_real.php"):
        for path in autoload.files():
            seen.file(path, EdgeKind.SOURCES, Firing.LOAD, "autoload files")
    if subject.path.endswith(".blade.php"):
        _blade(data, subject, place, context, seen)
    if len(data) > context.limits.script_scan:
        seen.gap("too-large", f"{len(data)} bytes")
        return

    def note(text: bytes, script: Script) -> None:
        calls = Calls(text, script, place, context=context, autoload=autoload, seen=seen)
        calls.read(is_map=is_map(subject.path))

    _Script(data, context, seen, note).read()


class _Script:
    """One script, read by the grammar where that takes it, and for the rest by its outline."""

    def __init__(self, data: bytes, context: Context, seen: Sightings, note: Callable[[bytes, Script], None]) -> None:
        self._data = data
        self._limits = context.limits
        self._allowance = context.once(parser_allowance)
        self._seen = seen
        self._note = note

    def read(self) -> None:
        """Note everything; comments count for nothing."""
        limits, data, lexed = self._limits, self._data, None
        if len(data) > limits.syntax:
            lexed = lex(data)
            data = lexed.code
        tree = parse(data, "php", limits=limits, allowance=self._allowance)
        if isinstance(tree, Refused):
            self._outlined(lexed or lex(data), (), tree.detail)
            return
        script = gather(tree, data, levels=limits.script_depth)
        self._note(data, script)
        if script.too_deep or tree.root_node.has_error:
            self._outlined(lexed or lex(data), () if script.too_deep else (broken_lines(tree.root_node),))

    def _outlined(self, lexed: Lexed, broken: Sequence[tuple[int, int]], refused: str = "") -> None:
        """What the grammar did not show: of the whole script, or of the lines that are `broken`."""
        found = outline(lexed, self._limits, sound("php", self._limits, self._allowance), within(lexed.code, broken))
        read = parsed(found, "php", self._allowance)
        if read is not None:
            script = gather(read[1], read[0], levels=self._limits.script_depth)
            self._note(read[0], script)
            if script.too_deep:
                self._seen.gap("too-deep", "one statement")
        if found.lost:
            self._seen.gap("too-large", refused or found.lost)
        elif not lexed.sure:
            self._seen.gap("malformed", "a text or comment that does not end")


def _project(directory: ImagePath, context: Context) -> ImagePath:
    """The nearest directory at or above with composer.json, else with another sign of a project's top."""
    above = [one for one in (directory, *ancestors(directory)) if one != ROOT][:16]
    for mark in _MARKS:
        for folder in above:
            if context.original.resolve(f"{folder}/{mark}").file is not None:
                return folder
    return directory


def _blade(data: bytes, subject: Subject, place: Place, context: Context, seen: Sightings) -> None:
    """`@extends('layouts.app')` of a Blade template: below `resources/views`."""
    top = subject.path.partition("/views/")[0] + "/views"
    line, before = 1, 0
    for match in _BLADE.finditer(data[: context.limits.script_scan]):
        line += data.count(b"\n", before, match.start())
        before = match.start()
        name = match[1].decode("ascii").rpartition("::")[2].replace(".", "/")
        path = ImagePath(f"{top}/{name}.blade.php")
        if _is_file(context, path) and place.path != path:
            seen.line = line
            seen.file(path, EdgeKind.SOURCES, Firing.LOAD, match[1].decode("ascii"))


def _is_file(context: Context, path: str) -> bool:
    file = context.original.resolve(path).file
    return file is not None and file.type is FileType.FILE
