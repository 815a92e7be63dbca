"""The way from a subject to the parts of this room: commands, extension modules, modules and scripts of Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from xraydiff.conventions import ELF_MAGIC, SHELL_SCRIPT
from xraydiff.errors import LimitExceeded
from xraydiff.facts import Edge, EdgeKind, Firing, NodeKind
from xraydiff.paths import ImagePath, basename, decoded, is_below, parent
from xraydiff.references import Context, Gap, Subject
from xraydiff.references.kit.outline import uncommented
from xraydiff.references.kit.recorder import Sightings
from xraydiff.references.readers.python.conditions import Known
from xraydiff.references.readers.python.data import template_roots
from xraydiff.references.readers.python.interpreters import Interpreter, Interpreters
from xraydiff.references.readers.python.lazy import lazy_names
from xraydiff.references.readers.python.library import library_calls
from xraydiff.references.readers.python.metadata import is_own
from xraydiff.references.readers.python.modules import Finder
from xraydiff.references.readers.python.native import named_modules
from xraydiff.references.readers.python.outline import outline
from xraydiff.references.readers.python.places import Script
from xraydiff.references.readers.python.program import Program
from xraydiff.references.readers.python.reading import read_script
from xraydiff.references.readers.python.start import (
    commands_of,
    launch,
    launch_variables,
    script_directories,
    shell_commands,
)
from xraydiff.references.readers.python.syntax import parse
from xraydiff.references.readers.python.values import Scene, Values, bind

__all__ = ["read"]

_LISTS = re.compile(
    r"(?:/Procfile|/supervisord?\.conf|/supervisor/(?:conf\.d/)?[^/]+\.(?:conf|ini)|/uwsgi[^/]*\.ini)\Z"
)
_WORTH = (b"import", b"'", b'"')
"""A module without any of these asks for nothing."""
_PLAIN = re.compile(
    rb"^([ \t]*)(?:import[ \t]{1,9}([A-Za-z_][\w.]{0,200})|from[ \t]{1,9}(\.{0,9}[\w.]{0,200})[ \t]{1,9}import\b)",
    re.MULTILINE,
)
_RUN_MODULE = re.compile(rb"\s{0,9}import ([A-Za-z_][\w.]{0,200})\s{0,9}\Z")


def read(subject: Subject, context: Context) -> Iterator[Edge | Gap]:
    """Edges by line, then gaps."""
    seen = Sightings(subject.node, "python", context.limits)
    try:
        _read(subject, context, seen)
    except LimitExceeded as error:
        seen.gap("too-large", error.message)
    yield from seen.all()


def _read(subject: Subject, context: Context, seen: Sightings) -> None:
    node, data = subject.node, subject.data
    if subject.config is not None:
        finder = _finder(context, context.once(Interpreters).default(), context.once(script_directories))
        for command in commands_of(subject.config):
            launch(command, context, finder, seen)
        launch_variables(context, finder, seen)
    elif _is_text_of_commands(subject):
        # What a config holds is run; of a script nobody knows which lines are.
        firing = Firing.GUARDED if node.path.startswith("/") else Firing.LOAD
        finder = _finder(context, context.once(Interpreters).default(), context.once(script_directories))
        text = decoded(uncommented(data[: context.limits.script_scan]))
        if len(data) > context.limits.script_scan:
            seen.gap("too-large", f"{len(data)} bytes")
        for command in shell_commands(text, firing, ""):
            launch(command, context, finder, seen)
    elif data.startswith(ELF_MAGIC):
        finder = _finder(context, context.once(Interpreters).of(subject.path), ())
        for name in named_modules(data, subject.path, finder):
            chain, _ = finder.find(name)
            for module in chain:
                if module.file is not None and module.file != subject.path:
                    seen.file(module.file, EdgeKind.IMPORTS, Firing.DEFERRED, name)
    else:
        _module(subject, context, seen)


def _is_text_of_commands(subject: Subject) -> bool:
    node, data = subject.node, subject.data
    if node.kind is NodeKind.SCRIPT:
        return node.language == "shell"
    if node.language or data.startswith(ELF_MAGIC) or subject.path.endswith(".py"):
        return False
    return _LISTS.search(subject.path) is not None or SHELL_SCRIPT.match(data, 0, 256) is not None


def _finder(context: Context, interpreter: Interpreter | None, front: tuple[ImagePath, ...]) -> Finder:
    """One finder for each interpreter and front of sys.path, since it remembers what it found."""
    known = context.once(_finders)
    key = (interpreter.prefix if interpreter else None, front)
    if key not in known:
        known[key] = Finder(context, interpreter, front, context.limits.script)
    return known[key]


def _finders(_: Context) -> dict[tuple[str | None, tuple[ImagePath, ...]], Finder]:
    """By prefix of the interpreter and front."""
    return {}


def _module(subject: Subject, context: Context, seen: Sightings) -> None:
    data = subject.data
    if not any(word in data for word in _WORTH):
        return
    inline = subject.node.kind is NodeKind.SCRIPT
    home = context.once(Interpreters).default() if inline else context.once(Interpreters).of(subject.path, data)
    home = home or context.once(Interpreters).default()
    library = not inline and _in_library(subject.path, home)
    main = True if _is_main(subject, context) else False if library else None
    directory = context.cwd if inline else parent(subject.path)
    front = () if library else _front(directory, subject, context, main=main is True)
    finder = _finder(context, home, front)
    limits, known = context.limits, Known(version=home.version if home else None, main=main)
    if len(data) > limits.script_scan:
        seen.gap("too-large", f"{len(data)} bytes")
        _plain(subject, finder, seen, limits.edges_per_file)
        return
    script = parse(data, known, levels=limits.script_depth, tokens=limits.script_tokens)
    script.spread()
    if script.too_deep or script.broken:
        # Python itself takes 200 brackets and 100 blocks within each other (MAXLEVEL, MAXINDENT of its tokenizer). What
        # is broken was read all the same.
        seen.gap("not-loadable", "nesting" if script.too_deep else "")
    parts = (home, finder, script, seen)
    program = _program(subject, context, parts, library=library)
    if inline and (match := _RUN_MODULE.match(data)):
        # How the reader of shell scripts hands on `python -m mod`.
        program.module(f"{match[1].decode()}.__main__", Firing.LOAD, f"-m {match[1].decode()}")
    read_script(program, script, data)
    if script.too_long >= 0:
        _outlined(subject, context, parts, known, library=library)


def _outlined(
    subject: Subject,
    context: Context,
    parts: tuple[Interpreter | None, Finder, Script, Sightings],
    known: Known,
    *,
    library: bool,
) -> None:
    """What lies behind so many words and signs of a module."""
    home, finder, script, seen = parts
    limits = context.limits
    rest, lost = outline(subject.data, script.too_long, known, limits)
    if rest is not None:
        behind = parse(rest, known, levels=limits.script_depth, tokens=limits.script_tokens)
        behind.spread()
        lost = lost or ("more statements than the limit for one script" if behind.too_long >= 0 else "")
        program = _program(replace(subject, data=rest), context, (home, finder, behind, seen), library=library)
        read_script(program, behind, rest)
    if lost:
        seen.gap("too-large", f"more than {limits.script_tokens} words and signs")
        _plain(subject, finder, seen, limits.edges_per_file)


def _program(
    subject: Subject,
    context: Context,
    parts: tuple[Interpreter | None, Finder, Script, Sightings],
    *,
    library: bool,
) -> Program:
    home, finder, script, seen = parts
    inline = subject.node.kind is NodeKind.SCRIPT
    directory = context.cwd if inline else parent(subject.path)
    name, package = _names(subject, finder)
    executable = home.executable if home is not None and home.executable is not None else ""
    scene = Scene(
        path=subject.path,
        directory=directory,
        cwd=context.cwd,
        name=name,
        package=package,
        env=context.env,
        executable=executable,
        prefix=home.prefix if home is not None else "",
        inline=inline,
    )
    roots = dict.fromkeys((context.cwd, directory, *template_roots(directory, _top(directory, finder, context))))
    return Program(
        path=subject.path,
        directory=directory,
        context=context,
        finder=finder,
        values=Values(subject.data, bind(script, subject.data), scene, finder, context.limits.script_steps // 10),
        script=script,
        lazy=context.once(lazy_names),
        library_calls=context.once(library_calls),
        seen=seen,
        library=library,
        foreign=library and not inline and not is_own(subject.path, context, finder),
        roots=(directory,) if library and not inline else tuple(roots),
    )


def _names(subject: Subject, finder: Finder) -> tuple[str, str]:
    """`__name__` and `__package__`."""
    if subject.node.kind is NodeKind.SCRIPT:
        return "__main__", ""
    directory, stem = parent(subject.path), basename(subject.path).partition(".")[0]
    package = finder.package_of(directory) if directory not in finder.search else ""
    if stem == "__init__":
        return package, package
    return (f"{package}.{stem}" if package else stem), package


def _top(directory: ImagePath, finder: Finder, context: Context) -> ImagePath:
    """The outermost package that a module lies in, or the directory above it that is on sys.path."""
    at = directory
    while at != "/" and at not in finder.search and f"{parent(at)}/__init__.py" in context.original.files:
        at = parent(at)
    return at


def _in_library(path: ImagePath, home: Interpreter | None) -> bool:
    if "/site-packages/" in path or "/dist-packages/" in path:
        return True
    return home is not None and home.stdlib is not None and is_below(path, home.stdlib)


def _is_main(subject: Subject, context: Context) -> bool:
    """Whether a file is started as a program: by its mode and first line, or because a command names it."""
    node, file = subject.node, subject.file
    if node.kind is NodeKind.SCRIPT or node.language == "python" or subject.path.endswith("/__main__.py"):
        return True
    if file is not None and file.mode & 0o111 and subject.data.startswith(b"#!") and not subject.path.endswith(".py"):
        return True
    words = [*(context.config.entrypoint or ()), *(context.config.cmd or ())]
    name = basename(subject.path)
    return any(word.endswith(name) for one in words for word in one.split()[:100])


def _front(directory: ImagePath, subject: Subject, context: Context, *, main: bool) -> tuple[ImagePath, ...]:
    """What stands first in sys.path: the script's own directory, or that of the main program.

    In the end the directory above the packages that the module lies in, which some program must have put there.
    """
    top = directory
    while f"{top}/__init__.py" in context.original.files and top != "/":
        top = parent(top)
    start = (directory,) if main and subject.node.kind is NodeKind.FILE else ()
    return tuple(dict.fromkeys((*start, *context.once(script_directories), top)))


def _plain(subject: Subject, finder: Finder, seen: Sightings, limit: int) -> None:
    """The plain imports of a module that is too large to parse; nobody knows when indented ones are followed."""
    for match in islice(_PLAIN.finditer(subject.data), limit):
        firing = Firing.DEFERRED if match[1] else Firing.LOAD
        name = (match[2] or match[3]).decode()
        dots = len(name) - len(name.lstrip("."))
        directory = parent(subject.path)
        for _ in range(max(0, min(dots, 64) - 1)):
            directory = parent(directory)
        package = finder.package_of(directory)
        chain, _ = finder.relative(directory, name[dots:], package) if dots else finder.find(name)
        for module in chain:
            if module.file is not None:
                seen.file(module.file, EdgeKind.IMPORTS, firing, name)
