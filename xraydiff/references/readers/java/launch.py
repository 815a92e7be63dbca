"""How a command or a variable starts a Java program: options, class path, what is run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from xraydiff.commands.start import environment, health_command
from xraydiff.errors import ImageError, LimitExceeded
from xraydiff.facts import ConfigField, EdgeKind, FileType, Firing, ImageConfig
from xraydiff.paths import ImagePath, basename, decoded, join, parent
from xraydiff.references import UNKNOWN_PART, Command, Context
from xraydiff.references.kit.recorder import Recorder
from xraydiff.references.readers.java.archive import JarError, names_in
from xraydiff.references.readers.java.facilities import facilities
from xraydiff.references.readers.java.names import PROGRAMS
from xraydiff.references.readers.java.runtime import Home, homes
from xraydiff.tree import glob

__all__ = ["JavaLaunch", "class_folders", "note", "of_command", "of_config"]

_PATHS: Final = frozenset({"-cp", "-classpath", "--class-path", "-p", "--module-path", "-Xbootclasspath/a"})
_VALUED: Final = frozenset({"--add-modules", "--add-opens", "--add-exports", "--add-reads", "--limit-modules", "-d"})
_MODULE: Final = frozenset({"-m", "--module"})
_JOINED: Final = ("--class-path=", "--module-path=", "-Xbootclasspath/a:", "-Xbootclasspath/p:", "-Djava.class.path=")
_OPTION_VARIABLES: Final = re.compile(r"[A-Z][A-Z0-9_]{0,60}_(?:OPTS|OPTIONS|ARGS|TOOL_OPTIONS)\Z")
_ENTRIES: Final = 2_000
"""Entries of a class path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JavaLaunch:
    """One start of a Java program."""

    options: tuple[str, ...] = ()
    class_path: tuple[str, ...] = ()
    """Entries as written."""
    jar: str = ""
    main: str = ""
    detail: str = ""
    field: ConfigField | None = None
    firing: Firing = Firing.LOAD
    starts: bool = True
    """Whether a virtual machine is started, rather than options given to one."""
    bases: tuple[ImagePath, ...] = ()
    """Directories that a relative or computed entry may count from."""


@dataclass(slots=True)
class _Words:
    options: list[str] = field(default_factory=list)
    class_path: list[str] = field(default_factory=list)
    jar: str = ""
    main: str = ""


def of_config(config: ImageConfig, context: Context) -> Iterator[JavaLaunch]:
    """The launches of the start command and of the health check, and the options in variables."""
    env = environment(config)
    start = (
        *((word, ConfigField.ENTRYPOINT) for word in config.entrypoint or ()),
        *((word, ConfigField.CMD) for word in config.cmd or ()),
    )
    for words in (start, tuple((word, ConfigField.HEALTHCHECK) for word in health_command(config))):
        yield from _of_words(words, env, context)
    for name, value in env.items():
        if _OPTION_VARIABLES.match(name):
            read = _read(value.split()[:_ENTRIES])
            yield JavaLaunch(
                options=tuple(read.options), detail=name, field=ConfigField.ENV, starts=False, bases=(context.cwd,)
            )


def _of_words(
    words: Sequence[tuple[str, ConfigField]], env: Mapping[str, str], context: Context
) -> Iterator[JavaLaunch]:
    """From the word `java` on; or from the first option that only Java knows, which a script hands on to it."""
    for at, (word, where) in enumerate(words):
        program = basename(word) in PROGRAMS
        if not program and not (at and _only_java(word)):
            continue
        given = [one for one, _ in words[at + program :]]
        yield replace(_launch(given, env, detail=where.value, firing=Firing.LOAD, bases=(context.cwd,)), field=where)
        return


def _only_java(word: str) -> bool:
    """Whether a word is an option of no other program."""
    return word in ("-jar", "-cp", "-classpath", "--class-path") or word.startswith(_JOINED)


def _launch(
    words: Sequence[str], env: Mapping[str, str], *, detail: str, firing: Firing, bases: tuple[ImagePath, ...]
) -> JavaLaunch:
    read = _read(words)
    class_path = read.class_path or ([] if read.jar else env.get("CLASSPATH", ".").split(":"))
    return JavaLaunch(
        options=tuple(read.options),
        class_path=tuple(class_path[:_ENTRIES]),
        jar=read.jar,
        main=read.main,
        detail=detail,
        firing=firing,
        bases=bases,
    )


def _read(words: Sequence[str]) -> _Words:
    """Options up to the main class or jar (java(1)); what follows is the program's."""
    found = _Words()
    at = 0
    while at < len(words):
        word = words[at]
        value = words[at + 1] if at + 1 < len(words) else ""
        if word in _PATHS:
            found.class_path += value.split(":")
            at += 1
        elif word.startswith(_JOINED):
            found.class_path += word[word.index("=" if "=" in word else ":") + 1 :].split(":")
        elif word == "-jar":
            found.jar = value
            break
        elif word in _MODULE:
            found.main = value.partition("/")[2]
            break
        elif word in _VALUED:
            at += 1
        elif word.startswith("-"):
            found.options.append(word)
        elif UNKNOWN_PART not in word and word:
            found.main = word
            break
        at += 1
    return found


def of_command(command: Command, context: Context) -> Iterator[JavaLaunch]:
    """The launch by a command of a script. What it computes may count from the script's own directory."""
    if not command.program and not any(map(_only_java, command.words[1:])):
        return
    near = parent(ImagePath(command.source.path))
    yield _launch(
        command.words[1:],
        {**context.env, **command.env},
        detail=command.detail,
        firing=command.firing,
        bases=tuple(dict.fromkeys((near, parent(near), command.cwd))),
    )


# --- references of a launch -----------------------------------------------------------------------------------------


def note(launch: JavaLaunch, context: Context, seen: Recorder) -> None:
    """Note the runtime's files, the class path and what is run."""
    runtimes = context.once(homes)
    seen.field = launch.field
    if launch.starts:
        for home in runtimes:
            _note_runtime(home, launch, context, seen)
    for option in launch.options:
        _note_option(option, launch, runtimes, context, seen)
    if launch.jar:
        for path in _resolved(launch.jar, launch, context):
            seen.file(path, EdgeKind.SOURCES, launch.firing, launch.detail, language=_language(path))
    entries = list(class_path(launch, context))
    main = launch.main.replace(".", "/") + ".class" if launch.main else ""
    found = False
    for path, type_ in entries:
        holds = bool(main) and not found and _holds(path, type_, main, context)
        found = found or holds
        if type_ is FileType.FILE:
            kind, firing = (EdgeKind.SOURCES, launch.firing) if holds else (EdgeKind.IMPORTS, Firing.DEFERRED)
            seen.file(path, kind, firing, launch.detail, language=_language(path))
        elif holds:
            seen.file(join(path, main), EdgeKind.SOURCES, launch.firing, launch.detail)


def _note_runtime(home: Home, launch: JavaLaunch, context: Context, seen: Recorder) -> None:
    seen.file(ImagePath(home.machine), EdgeKind.NEEDS, launch.firing, launch.detail)
    for row in context.once(facilities).rows:
        firing = launch.firing if row.start else Firing.KEPT_WITH
        for path in home.files(row, context.original) if row.start or row.always else ():
            seen.file(path, row.kind, firing, launch.detail)


def _note_option(option: str, launch: JavaLaunch, runtimes: Iterable[Home], context: Context, seen: Recorder) -> None:
    for row in context.once(facilities).of_option(option):
        for home in runtimes:
            for path in home.files(row, context.original):
                seen.file(path, row.kind, launch.firing, option)
    value = option.partition(":")[2].partition("=")[0]
    if option.startswith("-javaagent:"):
        for path in _resolved(value, launch, context):
            seen.file(path, EdgeKind.SOURCES, launch.firing, option, language=_language(path))
    elif option.startswith("-agentpath:"):
        for path in _resolved(value, launch, context):
            seen.file(path, EdgeKind.LOADS, launch.firing, option)


def class_path(launch: JavaLaunch, context: Context) -> Iterator[tuple[ImagePath, FileType]]:
    """The archives and directories of a class path, as the launcher expands it."""
    left = _ENTRIES
    for entry in launch.class_path:
        for path in _class_path_entry(entry, launch, context):
            file = context.original.resolve(path).file
            left -= 1
            context.budget.spend()
            if left < 0:
                return
            if file is not None and file.type in (FileType.FILE, FileType.DIRECTORY) and path != "/":
                yield path, file.type


def _class_path_entry(entry: str, launch: JavaLaunch, context: Context) -> Iterator[ImagePath]:
    if entry.startswith("@"):
        # `java -cp @file`, as Jib writes it.
        for path in _resolved(entry[1:], launch, context):
            for one in _content(path, context).split(":")[:_ENTRIES]:
                yield from _resolved(one.strip(), launch, context)
    elif entry == "*" or entry.endswith("/*"):
        for folder in _resolved(entry[:-1] or ".", launch, context):
            real = context.original.resolve(folder).path
            for name in context.original.children(real) if real is not None else ():
                if name.endswith((".jar", ".JAR")):
                    yield join(folder, name)
    else:
        yield from _resolved(entry, launch, context)


def _resolved(text: str, launch: JavaLaunch, context: Context) -> Iterator[ImagePath]:
    """The existing paths that an entry may be: an unknown beginning may be any of the launch's bases."""
    if not text or len(text) > context.limits.path:
        return
    text = text.removeprefix("file:")
    if text.startswith(UNKNOWN_PART):
        text = text.lstrip(UNKNOWN_PART).lstrip("/")
    if UNKNOWN_PART in text or not text:
        return
    for base in launch.bases:
        path = join(base, text)
        if "*" in path:
            try:
                found: tuple[ImagePath, ...] = glob(context.original, path, spend=context.budget.spend)
            except LimitExceeded:
                found = ()
        else:
            found = (path,) if context.original.resolve(path).file is not None else ()
        if found:
            yield from found[:_ENTRIES]
            return


def _holds(path: ImagePath, type_: FileType, main: str, context: Context) -> bool:
    """Whether a directory or an archive of the class path holds the main class."""
    if type_ is FileType.DIRECTORY:
        return context.original.resolve(join(path, main)).file is not None
    real = context.original.resolve(path).path
    if real is None:
        return False
    known = context.once(_names_by_archive)
    if real not in known:
        known[real] = _names(real, context)
    return main in known[real]


def _names_by_archive(_: Context) -> dict[ImagePath, frozenset[str]]:
    return {}


def _names(path: ImagePath, context: Context) -> frozenset[str]:
    try:
        return frozenset(names_in(context.original, path, context.limits))
    except (JarError, ImageError):
        return frozenset()


def _content(path: ImagePath, context: Context) -> str:
    found = context.original.resolve(path)
    if found.path is None or found.file is None or found.file.type is not FileType.FILE:
        return ""
    if found.file.size > context.limits.text_line:
        return ""
    return decoded(context.original.content(found.path))


def _language(path: ImagePath) -> str:
    return "" if path.endswith((".jar", ".war", ".ear", ".zip")) else "java"


def class_folders(context: Context) -> tuple[str, ...]:
    """The directories on the class path of the start command."""
    folders = dict.fromkeys(
        str(path)
        for launch in of_config(context.config, context)
        for path, type_ in class_path(launch, context)
        if type_ is FileType.DIRECTORY
    )
    return tuple(folders)[:64]
