"""The way from a subject to the parts of this room: commands, extension modules, modules and scripts of Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xraydiff.errors import LimitExceeded
from xraydiff.facts import Edge, EdgeKind, Firing, NodeKind
from xraydiff.paths import ImagePath, basename, is_below, parent
from xraydiff.references import Command, Context, Gap, Subject
from xraydiff.references.kit.lookup import Lookup
from xraydiff.references.kit.programs import Programs
from xraydiff.references.kit.recorder import Recorder
from xraydiff.references.readers.python.conditions import Known
from xraydiff.references.readers.python.data import template_roots
from xraydiff.references.readers.python.execution import Runs
from xraydiff.references.readers.python.interpreters import Interpreters, PythonInterpreter
from xraydiff.references.readers.python.lazy import lazy_names
from xraydiff.references.readers.python.library import library_calls
from xraydiff.references.readers.python.metadata import is_own
from xraydiff.references.readers.python.modules import Finder
from xraydiff.references.readers.python.native import named_modules
from xraydiff.references.readers.python.program import PythonProgram
from xraydiff.references.readers.python.reading import read_script
from xraydiff.references.readers.python.script import Parsed, PythonScript
from xraydiff.references.readers.python.start import (
    PythonLaunch,
    commands_of,
    launch,
    launch_variables,
    script_directories,
)
from xraydiff.references.readers.python.values import PythonEvaluator, Scene

__all__ = ["resolve"]


def resolve(parsed: Parsed, subject: Subject, context: Context) -> Iterator[Edge | Gap | Command]:
    """Edges by line, then gaps, then programs with their arguments."""
    seen = Recorder(subject.node, "python", context.limits)
    try:
        _resolve(parsed, subject, context, seen)
    except LimitExceeded as error:
        seen.gap("too-large", error.message)
    yield from seen.all()
    yield from seen.commands()


def _resolve(parsed: Parsed, subject: Subject, context: Context, seen: Recorder) -> None:
    if subject.config is not None:
        finder = _finder(context, context.once(Interpreters).default(), context.once(script_directories))
        for command in commands_of(subject.config, context.cwd):
            launch(command, context, finder, seen)
        launch_variables(context, finder, seen)
    elif parsed.script is not None or parsed.plain:
        _module(parsed, subject, context, seen)
    elif parsed.names:
        _extension(parsed.names, subject, context, seen)
    else:
        _commands(parsed, context, seen)


def _extension(names: tuple[str, ...], subject: Subject, context: Context, seen: Recorder) -> None:
    finder = _finder(context, context.once(Interpreters).of(subject.path), ())
    for name in named_modules(names, subject.path, finder):
        chain, _ = finder.find(name)
        for module in chain:
            if module.file is not None and module.file != subject.path:
                seen.file(module.file, EdgeKind.IMPORTS, Firing.DEFERRED, name)


def _commands(parsed: Parsed, context: Context, seen: Recorder) -> None:
    """Of a list of commands nobody knows which are run."""
    if parsed.too_large:
        seen.gap("too-large", parsed.too_large)
    for line, words in parsed.commands:
        finder = _finder(context, context.once(Interpreters).default(), context.once(script_directories))
        launch(PythonLaunch(words=words, detail=line, firing=Firing.GUARDED, cwd=context.cwd), context, finder, seen)


def launched(command: Command, context: Context) -> Iterator[Edge | Gap]:
    """The modules that a command of a script names.

    Of a config the reader looks at all words itself: what instruments a program (`ddtrace-run gunicorn`) stands before
    it, and no table knows every such word.
    """
    if command.field is not None:
        return
    seen = Recorder.launched(command, "python", context.limits)
    front = tuple(dict.fromkeys((*context.once(script_directories), command.cwd)))
    finder = _finder(context, context.once(Interpreters).default(), front)
    start = PythonLaunch(words=command.words, detail=command.detail, firing=command.firing, cwd=command.cwd)
    launch(start, context, finder, seen)
    yield from seen.all()


def _finder(context: Context, interpreter: PythonInterpreter | None, front: tuple[ImagePath, ...]) -> Finder:
    """One finder for each interpreter and front of sys.path, since it remembers what it found."""
    known = context.once(_finders)
    key = (interpreter.prefix if interpreter else None, front)
    if key not in known:
        known[key] = Finder(context, interpreter, front, context.limits.script)
    return known[key]


def _finders(_: Context) -> dict[tuple[str | None, tuple[ImagePath, ...]], Finder]:
    """By prefix of the interpreter and front."""
    return {}


def _module(parsed: Parsed, subject: Subject, context: Context, seen: Recorder) -> None:
    module = _placed(subject, context, seen)
    script = parsed.script
    if script is not None:
        if script.too_deep or script.broken:
            # Python itself takes 200 brackets and 100 blocks within each other (MAXLEVEL, MAXINDENT of its tokenizer).
            # What is broken was read all the same.
            seen.gap("not-loadable", "nesting" if script.too_deep else "")
        for part in filter(None, (script, parsed.behind)):
            read_script(module.program(part), Runs(part, module.known))
    if parsed.too_large:
        seen.gap("too-large", parsed.too_large)
    _plain(parsed.plain, subject, module.finder, seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """A module as it stands in the image: who runs it, and where its imports are searched."""

    subject: Subject
    context: Context
    seen: Recorder
    home: PythonInterpreter | None
    finder: Finder
    library: bool
    main: bool | None
    directory: ImagePath

    @property
    def inline(self) -> bool:
        return self.subject.node.kind is NodeKind.SCRIPT

    @property
    def known(self) -> Known:
        return Known(version=self.home.version if self.home else None, main=self.main)

    def program(self, script: PythonScript) -> PythonProgram:
        """The module as one part of its text has it."""
        context, directory, path = self.context, self.directory, self.subject.path
        roots = (context.cwd, directory, *template_roots(directory, _top(directory, self.finder, context)))
        return PythonProgram(
            path=path,
            directory=directory,
            context=context,
            finder=self.finder,
            values=PythonEvaluator(script, self._scene(), self.finder, context.limits.script_steps // 10),
            script=script,
            lazy=context.once(lazy_names),
            library_calls=context.once(library_calls),
            seen=self.seen,
            programs=Programs(self.subject.node, self.seen, Lookup(context)),
            library=self.library,
            foreign=self.library and not self.inline and not is_own(path, context, self.finder),
            roots=(directory,) if self.library and not self.inline else tuple(dict.fromkeys(roots)),
        )

    def _scene(self) -> Scene:
        home = self.home
        name, package = _names(self.subject, self.finder)
        return Scene(
            path=self.subject.path,
            directory=self.directory,
            cwd=self.context.cwd,
            name=name,
            package=package,
            env=self.context.env,
            executable=home.executable if home is not None and home.executable is not None else "",
            prefix=home.prefix if home is not None else "",
            inline=self.inline,
        )


def _placed(subject: Subject, context: Context, seen: Recorder) -> _Placed:
    inline = subject.node.kind is NodeKind.SCRIPT
    interpreters = context.once(Interpreters)
    home = interpreters.default() if inline else interpreters.of(subject.path, subject.data)
    home = home or interpreters.default()
    library = not inline and _in_library(subject.path, home)
    main = True if _is_main(subject, context) else False if library else None
    directory = context.cwd if inline else parent(subject.path)
    front = () if library else _front(directory, subject, context, main=main is True)
    return _Placed(
        subject=subject,
        context=context,
        seen=seen,
        home=home,
        finder=_finder(context, home, front),
        library=library,
        main=main,
        directory=directory,
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


def _in_library(path: ImagePath, home: PythonInterpreter | None) -> bool:
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


def _plain(imports: tuple[tuple[bool, str], ...], subject: Subject, finder: Finder, seen: Recorder) -> None:
    """The import statements of a module that is too large to parse; nobody knows when indented ones are followed."""
    for indented, name in imports:
        dots = len(name) - len(name.lstrip("."))
        directory = parent(subject.path)
        for _ in range(max(0, min(dots, 64) - 1)):
            directory = parent(directory)
        package = finder.package_of(directory)
        chain, _ = finder.relative(directory, name[dots:], package) if dots else finder.find(name)
        for module in chain:
            if module.file is not None:
                seen.file(module.file, EdgeKind.IMPORTS, Firing.DEFERRED if indented else Firing.LOAD, name)
