"""Where `require` of a Lua program finds a module, and what else its calls refer to (Lua 5.4 Reference Manual, 6.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from xraydiff.facts import Edge, EdgeKind, Firing, NodeKind
from xraydiff.knowledge import Call as CallRow
from xraydiff.knowledge import Effect, calls_of
from xraydiff.paths import ImagePath, decoded, join, parent
from xraydiff.references import Command, Context, Gap, Subject
from xraydiff.references.kit.evaluation import HOLE, is_vague, joined
from xraydiff.references.kit.lookup import Exhausted, Lookup
from xraydiff.references.kit.programs import Programs
from xraydiff.references.kit.recorder import Recorder, weakened
from xraydiff.references.readers.lua.parsing import Call, Program

__all__ = ["PROGRAM", "launched", "resolve"]

_LANGUAGE: Final = "lua"
PROGRAM: Final = re.compile(r"lua(?:jit)?[0-9.-]*")
"""Base names of the interpreters."""
_INTERPRETERS: Final = (
    "/usr/bin/lua*",
    "/usr/local/bin/lua*",
    "/usr/lib/liblua*.so*",
    "/usr/lib/*/liblua*.so*",
    "/usr/lib64/liblua*.so*",
    "/usr/local/lib/liblua*.so*",
)
_TEMPLATES: Final = re.compile(rb"[!-~]{0,64}\?\.(?:lua|so)[!-~]{0,4096}")
"""The search path that is compiled into an interpreter (luaconf.h, LUA_PATH_DEFAULT and LUA_CPATH_DEFAULT)."""
_PRELOADED: Final = re.compile(
    r"(?:string|table|io|os|math|coroutine|debug|package|utf8|bit32|bit|ffi|jit)(?:\.(?:buffer|new|clear|opt|util))?"
)
"""Modules that are in the interpreter itself."""
_BESIDE: Final = ("", "/lua", "/src", "/lib")
"""Directories of a project that programs put into `package.path` by an expression."""
_SCRIPTS: Final = frozenset({"dofile", "loadfile"})
_FILES: Final = frozenset({"io.open", "io.lines", "io.input"})


def resolve(program: Program, subject: Subject, context: Context) -> Iterable[Edge | Gap | Command]:
    """Edges in the order of the text, then gaps."""
    node = subject.node
    seen = Recorder(node, _LANGUAGE, context.limits)
    lookups = Lookup(context)
    modules = _Modules(program, parent(subject.path), lookups, seen)
    try:
        _Calls(modules, Programs(node, seen, lookups), lookups, seen).follow(program.calls)
    except Exhausted:
        seen.gap("too-large", "more calls than are looked up")
    said_to_be_lua = node.kind is NodeKind.SCRIPT or bool(node.language) or subject.data.startswith(b"#!")
    if not said_to_be_lua and (program.host or modules.absent):
        what = f"{program.host} is of the program that runs it" if program.host else f"no module {modules.absent}"
        seen.gap("no-reader", f"Lua inside another program: {what}")
    seen.lost(program.lost)
    return seen.all()


def launched(command: Command, context: Context) -> Iterable[Edge | Gap]:
    """The modules of `-l`, and what LUA_INIT runs before the script (lua(1))."""
    seen = Recorder.launched(command, _LANGUAGE, context.limits)
    lookups = Lookup(context)
    modules = _Modules(Program(), command.cwd, lookups, seen)
    try:
        init = {**context.env, **command.env}.get("LUA_INIT", "")
        found = lookups.named(init[1:], command.cwd) if init.startswith("@") else None
        if found is not None:
            seen.file(found[0], EdgeKind.SOURCES, command.firing, "LUA_INIT", language=_LANGUAGE)
        elif not init.startswith("@"):
            seen.inline(_LANGUAGE, init, command.firing, "LUA_INIT")
        for name in _loaded(command.words[1:]):
            modules.load(name.rpartition("=")[2], command.firing)
    except Exhausted:
        seen.gap("too-large", "more modules than are looked up")
    return seen.all()


def _loaded(words: tuple[str, ...]) -> Iterator[str]:
    rest = iter(words)
    for word in rest:
        if not word.startswith("-") or word in ("-", "--"):
            return
        if word.startswith("-l"):
            yield word[2:] or next(rest, "")
        elif word in ("-e", "-j"):
            next(rest, "")


class _Modules:
    """Finds modules over the search paths of the interpreters that the original holds, and of the program."""

    def __init__(self, program: Program, here: ImagePath, lookups: Lookup, seen: Recorder) -> None:
        self._lookups = lookups
        self._seen = seen
        context = lookups.context
        own = [call.text for call in program.calls if call.name.startswith("package.") and "?" in call.text]
        set_ = [value for name, value in context.env.items() if name.startswith(("LUA_PATH", "LUA_CPATH"))]
        self._paths = (tuple(_split([*own, *set_])), *context.once(_compiled_in))
        self._beside = [f"{folder.rstrip('/')}{name}" for folder in _upwards(here) for name in _BESIDE]
        self.absent = ""
        """A module that the program cannot do without and that was not found."""

    def load(self, name: str, firing: Firing) -> None:
        """Note what `require` of a name loads, by each interpreter."""
        if not name or HOLE in name:
            self._seen.gap("computed-name", "a module")
            return
        if _PRELOADED.fullmatch(name):
            return
        found = [path for templates in self._paths for path in self._first(name, templates)]
        if not found:
            found = self._first(name, _project(self._beside))
            if not found and firing is Firing.LOAD:
                self.absent = self.absent or name
            firing = weakened(firing)
        for path in dict.fromkeys(found):
            native = path.endswith(".so")
            kind, language = (EdgeKind.LOADS, "") if native else (EdgeKind.IMPORTS, _LANGUAGE)
            self._seen.file(path, kind, firing, name, language=language)

    def _first(self, name: str, templates: Iterable[str]) -> list[ImagePath]:
        """The file that the first matching template gives; a compiled one may hold all modules below its name."""
        whole, root = name.replace(".", "/"), name.partition(".")[0]
        for template in templates:
            for text in (whole, root) if template.endswith(".so") else (whole,):
                path = join(self._lookups.context.cwd, template.replace("?", text))
                if len(path) <= self._lookups.context.limits.path and self._lookups.is_file(path):
                    return [path]
        return []


def _project(directories: Iterable[str]) -> Iterator[str]:
    for directory in directories:
        yield from (f"{directory}/?.lua", f"{directory}/?/init.lua", f"{directory}/?.so")


def _split(paths: Iterable[str]) -> Iterator[str]:
    """Templates of search paths without those that a program computes; `;;` stands for what is compiled in."""
    for path in paths:
        yield from (one for one in path.split(";") if "?" in one and HOLE not in one)


def _upwards(directory: ImagePath) -> Iterator[ImagePath]:
    while directory != "/":
        yield directory
        directory = parent(directory)


def _compiled_in(context: Context) -> tuple[tuple[str, ...], ...]:
    """The templates of each interpreter of the image."""
    lookups = Lookup(context)
    found: dict[tuple[str, ...], None] = {}
    try:
        for pattern in _INTERPRETERS:
            for path in lookups.glob(pattern):
                texts = _TEMPLATES.findall(lookups.content(path, context.limits.elf))
                found[tuple(_split(decoded(text) for text in texts))] = None
    except Exhausted:
        return tuple(found)
    return tuple(one for one in found if one)


class _Calls:
    """Follows the calls of one program."""

    def __init__(self, modules: _Modules, programs: Programs, lookups: Lookup, seen: Recorder) -> None:
        self._modules = modules
        self._programs = programs
        self._lookups = lookups
        self._seen = seen
        self._shells = calls_of(lookups.context.knowledge.rows(CallRow), _LANGUAGE)[Effect.SHELL]

    def follow(self, calls: Iterable[Call]) -> None:
        for call in calls:
            self._lookups.spend()
            self._seen.line = call.line
            if call.name == "require":
                self._modules.load(call.text, call.firing)
            elif call.name in self._shells:
                detail = call.text.replace(HOLE, "...").strip().partition("\n")[0]
                self._programs.shell(call.text, weakened(call.firing), detail)
            elif call.name in _SCRIPTS:
                self._named(call, EdgeKind.SOURCES, _LANGUAGE)
            elif call.name == "package.loadlib":
                self._named(call, EdgeKind.LOADS, "")
            elif call.name in _FILES and not call.mode.startswith(("w", "a")):
                self._named(call, EdgeKind.NAMES, "")

    def _named(self, call: Call, kind: EdgeKind, language: str) -> None:
        pattern = joined(self._lookups.context.cwd, call.text)
        if HOLE in call.text:
            if call.text.startswith(HOLE) or is_vague(pattern, ("/usr", "/etc", "/var", "/opt")):
                self._seen.gap("computed-name", call.name)
                return
            for path in self._lookups.expand(pattern):
                self._seen.file(path, kind, Firing.NAMED, call.text.replace(HOLE, "..."), language=language)
            return
        found = self._lookups.named(call.text, self._lookups.context.cwd)
        if found is not None and kind is EdgeKind.NAMES:
            self._seen.named(*found, call.text)
        elif found is not None:
            self._seen.file(found[0], kind, call.firing, call.text, language=language)
