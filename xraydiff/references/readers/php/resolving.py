"""The references of the files that this reader takes: settings, programs, scripts and templates of PHP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from xraydiff.commands.start import find_executable
from xraydiff.errors import LimitExceeded
from xraydiff.facts import Edge, EdgeKind, FileType, Firing, ImageConfig, NodeKind
from xraydiff.paths import ROOT, ImagePath, ancestors, basename, parent
from xraydiff.references import Command, Context, Gap, Subject
from xraydiff.references.kit.recorder import Recorder
from xraydiff.references.readers.php.calls import PhpCalls
from xraydiff.references.readers.php.composer import autoload_of
from xraydiff.references.readers.php.names import PROGRAM
from xraydiff.references.readers.php.script import Form, Parsed, PhpScript, View
from xraydiff.references.readers.php.settings import folders_of, sight_program, sight_settings
from xraydiff.references.readers.php.values import ScriptLocation

__all__ = ["resolve"]

_MARKS: Final = ("composer.json", "wp-config.php", "artisan", "index.php")
"""Files that say where a project begins, best first."""


def resolve(parsed: Parsed, form: str, subject: Subject, context: Context) -> Iterator[Edge | Gap | Command]:
    """Edges by line, then gaps, then programs with their arguments."""
    seen = Recorder(subject.node, "php", context.limits)
    try:
        if subject.config is not None:
            _started(subject.config, context, seen)
        elif form == Form.PROGRAM:
            sight_program(parsed.folders, subject.path, context, seen, detail=basename(subject.path))
        else:
            sight_settings(parsed.settings, context, seen)
            _views(parsed.views, subject.path, context, seen)
            _scripts(parsed.scripts, subject, context, seen)
        seen.lost(parsed.lost)
    except LimitExceeded as error:
        seen.gap("too-large", error.message)
    yield from seen.all()
    yield from seen.commands()


def _started(config: ImageConfig, context: Context, seen: Recorder) -> None:
    """The settings of a PHP that the start command names."""
    for words, field in ((config.entrypoint or (), "ENTRYPOINT"), (config.cmd or (), "CMD")):
        for word in words[:16]:
            if PROGRAM.search(f"/{basename(word)}") is None:
                continue
            program = find_executable(word, context.original, context.path, context.cwd)
            real = context.original.resolve(program) if program is not None else None
            if real is not None and real.path is not None and real.file is not None:
                data = context.original.content(real.path, limit=context.limits.elf)
                sight_program(folders_of(data), real.path, context, seen, detail=field)


def _scripts(scripts: Iterable[PhpScript], subject: Subject, context: Context, seen: Recorder) -> None:
    directory = context.cwd if subject.node.kind is NodeKind.SCRIPT else parent(subject.path)
    place = ScriptLocation(
        path=subject.path, directory=directory, cwd=context.cwd, project=_project(directory, context)
    )
    autoload = autoload_of(ImagePath(f"{directory}/x"), context)
    if autoload is not None and subject.path.endswith("/composer/autoload_real.php"):
        for path in autoload.files():
            seen.file(path, EdgeKind.SOURCES, Firing.LOAD, "autoload files")
    for script in scripts:
        PhpCalls(script, place, context=context, autoload=autoload, seen=seen).read()


def _project(directory: ImagePath, context: Context) -> ImagePath:
    """The nearest directory at or above with composer.json, else with another sign of a project's top."""
    above = [one for one in (directory, *ancestors(directory)) if one != ROOT][:16]
    for mark in _MARKS:
        for folder in above:
            if context.original.resolve(f"{folder}/{mark}").file is not None:
                return folder
    return directory


def _views(views: Iterable[View], path: ImagePath, context: Context, seen: Recorder) -> None:
    """The templates that one of Blade is made with: below `resources/views`."""
    top = path.partition("/views/")[0] + "/views"
    for view in views:
        name = view.name.rpartition("::")[2].replace(".", "/")
        found = ImagePath(f"{top}/{name}.blade.php")
        file = context.original.resolve(found).file
        if file is not None and file.type is FileType.FILE and path != found:
            seen.line = view.line
            seen.file(found, EdgeKind.SOURCES, Firing.LOAD, view.name)
