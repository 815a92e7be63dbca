"""What an image config asks for: the start command and the health check, user, directories and paths that it names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from xraydiff.commands.start import (
    environment,
    find_executable,
    health_command,
    search_path,
    user_name,
    working_directory,
)
from xraydiff.conventions import ELF_MAGIC, SHELLS
from xraydiff.errors import LimitExceeded
from xraydiff.facts import ConfigField, Edge, EdgeKind, FileType, Firing, ImageConfig, Node, NodeKind
from xraydiff.limits import Limits
from xraydiff.paths import ROOT, ImagePath, basename, image_path, join
from xraydiff.references import Context, Depth, Gap, Subject
from xraydiff.references.kit.recorder import weakened
from xraydiff.tree import FileTree

__all__ = ["ConfigReader"]

Words = tuple[tuple[str, ConfigField], ...]
"""Words of a command, each with the field that it stands in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wrapper:
    """A program that starts the command among its arguments."""

    valued: frozenset[str] = frozenset()
    """Options that take the next word."""
    operands: int = 0
    """Words between the options and the command."""
    user: bool = False
    """Whether the first operand, or the value of -u, names a user."""


def _wrapper(valued: str = "", *, operands: int = 0, user: bool = False) -> _Wrapper:
    return _Wrapper(valued=frozenset(valued.split()), operands=operands, user=user)


_WRAPPERS: Mapping[str, _Wrapper] = {
    "tini": _wrapper("-p -e"),
    "tini-static": _wrapper("-p -e"),
    "docker-init": _wrapper("-p -e"),
    "dumb-init": _wrapper("-r --rewrite"),
    "catatonit": _wrapper(),
    "gosu": _wrapper(operands=1, user=True),
    "su-exec": _wrapper(operands=1, user=True),
    "s6-setuidgid": _wrapper(operands=1, user=True),
    "setuidgid": _wrapper(operands=1, user=True),
    "chpst": _wrapper("-u -U -b -e -d -o -p -f -c -t -m -n -/ -C", user=True),
    "runuser": _wrapper("-u --user -g --group -G --supp-group", user=True),
    "sudo": _wrapper("-u --user -g --group -C -D -h -p -R -r -t -T", user=True),
    "setpriv": _wrapper(
        "--reuid --regid --ruid --euid --rgid --egid --groups --inh-caps --ambient-caps --bounding-set --securebits"
        " --pdeathsig --selinux-label --apparmor-profile"
    ),
    "env": _wrapper("-u --unset -C --chdir"),
    "nice": _wrapper("-n --adjustment"),
    "ionice": _wrapper("-c --class -n --classdata"),
    "chrt": _wrapper("-T -P -D", operands=1),
    "taskset": _wrapper(operands=1),
    "numactl": _wrapper("-i -m -N -C -l -p"),
    "timeout": _wrapper("-s --signal -k --kill-after", operands=1),
    "stdbuf": _wrapper("-i --input -o --output -e --error"),
    "chroot": _wrapper(operands=1),
    "nohup": _wrapper(),
    "setsid": _wrapper(),
    "time": _wrapper("-f -o"),
    "xvfb-run": _wrapper("-e -f -n -p -s -w"),
    "dbus-run-session": _wrapper("--config-file --dbus-daemon"),
    "busybox": _wrapper(),
    "doas": _wrapper("-u -C", user=True),
    "dockerize": _wrapper("-wait -wait-http-header -timeout -template -stdout -stderr -delims -env -env-section"),
    "envdir": _wrapper(operands=1),
    "faketime": _wrapper("-f", operands=1),
    "flock": _wrapper("-w --timeout -E --conflict-exit-code", operands=1),
    "linux32": _wrapper(),
    "linux64": _wrapper(),
    "prlimit": _wrapper(),
    "setarch": _wrapper(operands=1),
    "softlimit": _wrapper("-a -c -d -f -l -m -o -p -r -s -t"),
    "unshare": _wrapper("-S --setuid -G --setgid -R --root -w --wd"),
    "with-contenv": _wrapper(),
}
_MULTI: Final = frozenset({"busybox", "toybox", "coreutils"})
"""Programs that are what their link is called."""
_STARTER: Final = re.compile(r"wait|exec|run|init|wrap|launch|start|entry|spawn|super|secret|vault|env", re.IGNORECASE)
"""In the name of a program that nobody knows: it may start the command among its arguments."""
_SPLIT: Final = re.compile(r"-[a-zA-Z0]{0,4}S|--split-string=?")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interpreter:
    """A program whose first operand is a script."""

    language: str
    inline: frozenset[str] = frozenset()
    """Options whose next word is the script itself."""
    valued: frozenset[str] = frozenset()
    script: frozenset[str] = frozenset()
    """Options whose next word names the script."""
    module: frozenset[str] = frozenset()
    """Options whose next word is a module's name, which the reader of the language knows to find."""
    commands: frozenset[str] = frozenset()
    """Subcommands before the script."""


def _interpreter(
    language: str, *, inline: str = "", valued: str = "", script: str = "", module: str = "", commands: str = ""
) -> _Interpreter:
    return _Interpreter(
        language=language,
        inline=frozenset(inline.split()),
        valued=frozenset(valued.split()),
        script=frozenset(script.split()),
        module=frozenset(module.split()),
        commands=frozenset(commands.split()),
    )


_SHELL = _interpreter("shell", inline="-c", valued="-o -O +o +O --rcfile --init-file")
_PYTHON = _interpreter("python", inline="-c", valued="-W -X -Q --check-hash-based-pycs", module="-m")
_NODE = _interpreter(
    "node",
    inline="-e --eval -p --print",
    valued="-r --require --import --loader --experimental-loader -C --conditions --env-file",
    commands="run",
)
_INTERPRETERS: Mapping[str, _Interpreter] = {
    **dict.fromkeys((*SHELLS, "busybox-sh"), _SHELL),
    **dict.fromkeys(("python", "pypy"), _PYTHON),
    **dict.fromkeys(("node", "nodejs", "bun", "deno"), _NODE),
    "ruby": _interpreter("ruby", inline="-e", valued="-r -I -C -E --encoding"),
    "perl": _interpreter("perl", inline="-e -E", valued="-I -M -m"),
    "php": _interpreter("php", inline="-r -B -R -E", valued="-c -d -S -t -z", script="-f --file -F"),
    "java": _interpreter(
        "java", valued="-cp -classpath --class-path -p --module-path --add-modules", script="-jar", module="-m --module"
    ),
    **dict.fromkeys(("awk", "gawk", "mawk"), _interpreter("awk", inline="-e --source", valued="-F -v", script="-f -E")),
    "lua": _interpreter("lua", inline="-e", valued="-l"),
    "tclsh": _interpreter("tcl"),
    "Rscript": _interpreter("r", inline="-e"),
}
_SHELL_CLUSTER = re.compile(r"[-+][A-Za-z]+")
_VERSION = re.compile(r"[0-9.]+\Z")

_SEARCH_LISTS = frozenset({"PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "MANPATH", "INFOPATH", "PWD", "OLDPWD"})
"""Env names whose directories are looked through and need not exist; the ELF reader follows the loader's."""


_SOURCED = frozenset({"BASH_ENV"})
"""Env names of a file that every script of bash reads before its first line (bash(1), INVOCATION)."""


class ConfigReader:
    """Reads image configs.

    `detail` of an edge is the name of its field, or of the variable of Env. SHELL counts where it acts at run time, as
    the shell of a `CMD-SHELL` health check.
    """

    name = "config"
    language = ""
    depth = Depth.HEADERS

    def accepts(self, subject: Subject) -> bool:
        """Whether the node is an image config."""
        return subject.node.kind is NodeKind.CONFIG and subject.config is not None

    def read(self, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """Edges of the start command first, then of the health check, the user, directories and Env."""
        if subject.config is None:
            return
        config = _Config(subject.node, subject.config, context.original, context.limits)
        try:
            yield from dict.fromkeys(config.read())
        except LimitExceeded as error:
            yield Gap(node=subject.node, reason="too-large", detail=error.message)


class _Config:
    """One config over one tree."""

    def __init__(self, node: Node, config: ImageConfig, tree: FileTree, limits: Limits) -> None:
        self._node = node
        self._config = config
        self._tree = tree
        self._limits = limits
        self._path = search_path(config)
        self._cwd = working_directory(config)

    def read(self) -> Iterator[Edge | Gap]:
        start = (
            *((word, ConfigField.ENTRYPOINT) for word in self._config.entrypoint or ()),
            *((word, ConfigField.CMD) for word in self._config.cmd or ()),
        )
        yield from self._command(start)
        yield from self._command(tuple((word, ConfigField.HEALTHCHECK) for word in health_command(self._config)))
        user, group = user_name(self._config)
        yield from self._account(user, "/etc/passwd", ConfigField.USER)
        yield from self._account(group, "/etc/group", ConfigField.USER)
        yield from self._directory(self._config.workdir, ConfigField.WORKDIR)
        for volume in self._config.volumes:
            yield from self._directory(volume, ConfigField.VOLUME)
        for name, value in environment(self._config).items():
            if name in _SOURCED:
                yield from self._sourced(value, name)
            elif name not in _SEARCH_LISTS:
                yield from self._names(value, ConfigField.ENV, relative=False, detail=name)

    # --- commands ---------------------------------------------------------------------------------------------------

    def _command(self, words: Words) -> Iterator[Edge | Gap]:
        """The program, what it wraps or interprets, and the paths among its arguments.

        Each turn takes words from the front, so a chain of wrappers ends.
        """
        if len(words) > self._limits.command_words:
            yield Gap(node=self._node, reason="too-large", detail=words[0][1].value)
            words = words[: self._limits.command_words]
        while words:
            (word, field), words = words[0], words[1:]
            program = find_executable(word, self._tree, self._path, self._cwd)
            if program is None:
                yield Gap(node=self._node, reason="unresolved-command", detail=f"{field}: {word}")
                break
            yield self._edge(Node(path=program), EdgeKind.EXECUTES, field)
            name = self._called(word, program)
            interpreter = _interpreter_of(name)
            if wrapper := _WRAPPERS.get(name):
                operands, words = _unwrapped(wrapper, _split(words) if name == "env" else words)
                for user, where in operands:
                    yield from self._account(user.partition(":")[0], "/etc/passwd", where)
                if name == "busybox" and words and words[0][0] in _INTERPRETERS:
                    interpreter, words = _INTERPRETERS[words[0][0]], words[1:]
                else:
                    continue
            passes_on = interpreter is None and self._is_script(program)
            if interpreter:
                edges, words, passes_on = self._interpreted(interpreter, words)
                yield from edges
            elif not passes_on:
                yield from self._handed_on(name, words)
            if not (passes_on and words and self._is_command(words[0][0])):
                break
        for word, field in words:
            yield from self._names(word, field, relative=True)

    def _called(self, word: str, program: ImagePath) -> str:
        """The name by which a program is known: what it is called, or what a link of another name leads to."""
        name = basename(word)
        real = self._tree.resolve(program).path
        if name in _WRAPPERS or _interpreter_of(name) is not None or real is None or basename(real) in _MULTI:
            return name
        return basename(real) if basename(real) in _WRAPPERS or _interpreter_of(basename(real)) else name

    def _handed_on(self, name: str, words: Words) -> Iterator[Edge | Gap]:
        """What a program that nobody knows may start: `-c STRING`, and the command among its arguments.

        Behind `--`, by a path, or an interpreter it is plain; a bare name counts where the program is called like one
        that starts others, since `redis-cli ping` runs no ping(8).
        """
        operand = True
        for at, (word, _) in enumerate(words):
            following = words[at + 1 :]
            if word in ("-c", "--command") and following and self._is_command_line(following[0][0]):
                yield from map(_weak, self._inline(_SHELL, following[0][0], following[0][1]))
            elif word == "--" or not word.startswith("-"):
                rest = following if word == "--" else words[at:]
                first = rest[0][0] if rest else ""
                plain = word == "--" or first in _WRAPPERS or _interpreter_of(first) is not None
                plain = plain or ("/" in first and self._is_program(join(self._cwd, first)))
                if (plain or (operand and _STARTER.search(name))) and self._is_command(first):
                    yield from map(_weak, self._command(rest))
                    return
                operand = False

    def _is_command_line(self, text: str) -> bool:
        words = text.split(None, 1)
        return bool(words) and self._is_command(words[0])

    def _is_script(self, path: ImagePath) -> bool:
        real = self._tree.resolve(path).path
        return real is not None and self._tree.read_at(real, 0, 2) == b"#!"

    def _is_program(self, path: ImagePath) -> bool:
        """Whether a file is a program by its first bytes: settings have execute bits too, by how they were copied."""
        found = self._tree.resolve(path)
        if found.path is None or found.file is None or found.file.type is not FileType.FILE:
            return False
        return self._tree.read_at(found.path, 0, 4).startswith((b"#!", ELF_MAGIC))

    def _is_command(self, word: str) -> bool:
        """Whether a word after a script names a program: entrypoint scripts end in `exec "$@"`."""
        return not word.startswith("-") and find_executable(word, self._tree, self._path, self._cwd) is not None

    def _interpreted(self, interpreter: _Interpreter, words: Words) -> tuple[list[Edge | Gap], Words, bool]:
        """Edges to what is interpreted, the words after it, and whether these may name a program to be started."""
        shell = interpreter.language == "shell"
        named: list[Edge | Gap] = []
        while words:
            (word, field), rest = words[0], words[1:]
            cluster = _SHELL_CLUSTER.fullmatch(word) is not None
            if word == "--":
                words = rest
            elif rest and (word in interpreter.inline or (shell and cluster and word[0] == "-" and "c" in word)):
                if shell and "o" in word and len(rest) > 1:
                    # `-euxo pipefail -c`, written as one cluster: the option's value comes first.
                    rest = rest[1:]
                text = rest[0][0]
                return [*named, *self._inline(interpreter, text, field)], _after_zero(rest[1:], shell), _passes_on(text)
            elif word in interpreter.module:
                return named, words, False
            elif rest and word in interpreter.script:
                return [*named, *self._script(interpreter, *rest[0])], rest[1:], True
            elif word.startswith("-") or (shell and cluster):
                takes_value = word in interpreter.valued or (shell and cluster and word.endswith(("o", "O")))
                if takes_value and rest:
                    named += self._names(rest[0][0], field, relative=True)
                    rest = rest[1:]
                else:
                    named += self._names(word, field, relative=True)
                words = rest
            elif word in interpreter.commands and rest:
                words = rest
            elif interpreter.language == "awk":
                return [*named, *self._inline(interpreter, word, field)], rest, False
            elif interpreter.language == "java":
                # A bare operand is a class name; the reader of Java looks it up on the class path.
                return named, words, False
            else:
                return [*named, *self._script(interpreter, word, field)], rest, True
        return named, words, False

    def _inline(self, interpreter: _Interpreter, text: str, field: ConfigField) -> Iterator[Edge | Gap]:
        if len(text) > self._limits.script:
            yield Gap(node=self._node, reason="too-large", detail=field.value)
            return
        script = Node(kind=NodeKind.SCRIPT, path=self._node.path, language=interpreter.language, text=text)
        yield self._edge(script, EdgeKind.CONTAINS, field)

    def _script(self, interpreter: _Interpreter, word: str, field: ConfigField) -> Iterator[Edge | Gap]:
        path = join(self._cwd, word)
        file = self._tree.resolve(path).file
        if file is None and interpreter.language == "shell" and "/" not in word:
            # A shell looks its script up in PATH where the working directory has none (sh(1)).
            path = find_executable(word, self._tree, self._path, self._cwd) or path
            file = self._tree.resolve(path).file
        if file is None:
            yield Gap(node=self._node, reason="unresolved-command", detail=f"{field}: {word}")
        elif file.type is FileType.DIRECTORY:
            yield self._edge(Node(kind=NodeKind.DIRECTORY, path=path), EdgeKind.SOURCES, field)
        else:
            yield self._edge(Node(path=path, language=interpreter.language), EdgeKind.SOURCES, field)

    # --- names ------------------------------------------------------------------------------------------------------

    def _sourced(self, value: str, variable: str) -> Iterator[Edge | Gap]:
        path = join(self._cwd, value)
        file = self._tree.resolve(path).file if len(value) <= self._limits.path else None
        if file is not None and file.type is FileType.FILE:
            node, kind = Node(path=path, language="shell"), EdgeKind.SOURCES
            yield self._edge(node, kind, ConfigField.ENV, firing=Firing.GUARDED, detail=variable)

    def _account(self, name: str, database: str, field: ConfigField) -> Iterator[Edge]:
        """A name needs the database that gives its number; a number needs none."""
        if name and not name.isdigit() and self._tree.resolve(database).file is not None:
            yield self._edge(Node(path=database), EdgeKind.RUNS_AS, field)

    def _directory(self, text: str, field: ConfigField) -> Iterator[Edge]:
        path = image_path(text)
        file = self._tree.resolve(path).file
        if path != ROOT and file is not None:
            kind = NodeKind.DIRECTORY if file.type is FileType.DIRECTORY else NodeKind.FILE
            yield self._edge(Node(kind=kind, path=path), EdgeKind.WORKS_IN, field)

    def _names(self, text: str, field: ConfigField, *, relative: bool, detail: str = "") -> Iterator[Edge]:
        for piece in _pieces(text):
            if len(piece) > self._limits.path or not (piece.startswith("/") or (relative and _may_be_relative(piece))):
                continue
            path = join(self._cwd, piece)
            file = self._tree.resolve(path).file
            if file is None or path == ROOT:
                continue
            directory = file.type is FileType.DIRECTORY
            if directory and not piece.startswith("/") and "/" not in piece and not piece.startswith("."):
                # A bare word such as `run` or `lib` is a directory below the root only by chance.
                continue
            node = Node(kind=NodeKind.DIRECTORY if directory else NodeKind.FILE, path=path)
            yield self._edge(node, EdgeKind.NAMES, field, firing=Firing.NAMED, detail=detail)

    def _edge(
        self, target: Node, kind: EdgeKind, field: ConfigField, *, firing: Firing = Firing.LOAD, detail: str = ""
    ) -> Edge:
        return Edge(
            source=self._node,
            target=target,
            kind=kind,
            firing=firing,
            detail=detail or field.value,
            by=ConfigReader.name,
            field=field,
        )


def _unwrapped(wrapper: _Wrapper, words: Words) -> tuple[Words, Words]:
    """The users that a wrapper's own words name, and the words of the command that it starts."""
    users: list[tuple[str, ConfigField]] = []
    operands = wrapper.operands
    while words:
        (word, field), rest = words[0], words[1:]
        if word == "--":
            words = rest
            break
        if word.startswith("-"):
            takes_value = word in wrapper.valued and bool(rest)
            if takes_value and wrapper.user and word in ("-u", "--user"):
                users.append(rest[0])
            words = rest[1:] if takes_value else rest
        elif "=" in word and "/" not in word.partition("=")[0]:
            words = rest
        elif operands:
            operands -= 1
            if wrapper.user:
                users.append((word, field))
            words = rest
        else:
            break
    return tuple(users), words


def _split(words: Words) -> Words:
    """The words of env(1) with what `-S STRING` holds in its place."""
    for at, (word, field) in enumerate(words):
        match = _SPLIT.match(word)
        if match is not None:
            attached = word[match.end() :]
            rest = words[at + 1 :] if attached else words[at + 2 :]
            text = attached or (words[at + 1][0] if at + 1 < len(words) else "")
            try:
                inner = shlex.split(text)
            except ValueError:
                inner = text.split()
            return (*words[:at], *((one, field) for one in inner), *rest)
        if not word.startswith("-") and "=" not in word:
            break
    return words


def _interpreter_of(name: str) -> _Interpreter | None:
    return _INTERPRETERS.get(name) or _INTERPRETERS.get(_VERSION.sub("", name))


def _weak(found: Edge | Gap) -> Edge | Gap:
    return replace(found, firing=weakened(found.firing)) if isinstance(found, Edge) else found


def _after_zero(words: Words, shell: bool) -> Words:  # noqa: FBT001  one call
    """The arguments of an inline script; the first one after `sh -c STRING` is its name, `$0`."""
    return words[1:] if shell else words


def _passes_on(text: str) -> bool:
    return "$@" in text or "$*" in text


def _may_be_relative(piece: str) -> bool:
    return bool(piece) and not piece.startswith("-") and "\0" not in piece


def _pieces(text: str) -> Iterator[str]:
    """The parts of a word that may be paths: an option's value, elements of a list, the path of a URL."""
    if text.startswith("-"):
        option, equals, value = text.partition("=")
        text = value if equals else option[2:] if option[2:3] == "/" else ""
    elif "=" in text and "/" not in text.partition("=")[0]:
        text = text.partition("=")[2]
    text = text.removeprefix("@")
    if "://" in text:
        # The path of `sqlite:////srv/x.db` and `file:///x`; a URL with a host has no path of ours.
        text = text.partition("://")[2].partition("?")[0].partition("#")[0]
        yield text if text.startswith("/") else ""
        return
    for piece in re.split("[:,;]", text.removeprefix("jar:").removeprefix("file:")):
        # `lib/*` on a class path is the directory `lib/`.
        yield (piece[:-1] if piece.endswith("/*") else piece).strip()
