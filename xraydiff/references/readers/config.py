"""What an image config refers to: the start command and the health check, user, directories and paths that it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from xraydiff.commands.argv import Argument, Interpreted
from xraydiff.commands.start import (
    environment,
    health_command,
    search_path,
    user_name,
    working_directory,
)
from xraydiff.commands.table import interpreter, wrapper
from xraydiff.conventions import ELF_MAGIC
from xraydiff.errors import LimitExceeded
from xraydiff.facts import ConfigField, Edge, EdgeKind, FileType, Firing, ImageConfig, Node, NodeKind
from xraydiff.limits import Limits
from xraydiff.paths import ROOT, ImagePath, image_path, join
from xraydiff.references import Command, Context, Depth, Gap, ParsedReader, Subject, Unparsed
from xraydiff.references.kit.lookup import Exhausted, Lookup
from xraydiff.references.kit.programs import Programs, Start
from xraydiff.references.kit.recorder import Recorder, weakened

__all__ = ["ConfigReader"]

_STARTER: Final = re.compile(r"wait|exec|run|init|wrap|launch|start|entry|spawn|super|secret|vault|env", re.IGNORECASE)
"""In the name of a program that nobody knows: it may start the command among its arguments."""

_SEARCH_LISTS = frozenset({"PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "MANPATH", "INFOPATH", "PWD", "OLDPWD"})
"""Env names whose directories are looked through and need not exist; the ELF reader follows the loader's."""


_SOURCED = frozenset({"BASH_ENV"})
"""Env names of a file that every script of bash reads before its first line (bash(1), INVOCATION)."""


class ConfigReader(ParsedReader[Unparsed]):
    """Reads image configs.

    `detail` of an edge is the name of its field, or of the variable of Env. SHELL counts where it acts at run time, as
    the shell of a `CMD-SHELL` health check.
    """

    name = "config"
    depth = Depth.HEADERS

    def accepts(self, subject: Subject) -> bool:
        """Whether the node is an image config."""
        return subject.node.kind is NodeKind.CONFIG and subject.config is not None

    def parse(self, data: bytes, form: str, limits: Limits) -> Unparsed:
        """Nothing: a config has no bytes."""
        del data, form, limits
        return Unparsed()

    def resolve(self, parsed: Unparsed, subject: Subject, context: Context) -> Iterable[Edge | Gap | Command]:
        """Edges of the start command first, then of the health check, the user, directories and Env."""
        del parsed
        if subject.config is None:
            return
        try:
            yield from _Config(subject.node, subject.config, context).read()
        except LimitExceeded as error:
            yield Gap(node=subject.node, reason="too-large", detail=error.message)


class _Config:
    """One config over the tree of the original."""

    def __init__(self, node: Node, config: ImageConfig, context: Context) -> None:
        self._node = node
        self._config = config
        self._tree = context.original
        self._limits = context.limits
        self._cwd = working_directory(config)
        self._env, path = environment(config), search_path(config)
        self._context = replace(context, config=config, env=self._env, path=path, cwd=self._cwd)

    def read(self) -> Iterator[Edge | Gap | Command]:
        start = (
            *(_argument(word, ConfigField.ENTRYPOINT) for word in self._config.entrypoint or ()),
            *(_argument(word, ConfigField.CMD) for word in self._config.cmd or ()),
        )
        yield from self._command(start)
        yield from self._command(
            tuple(_argument(word, ConfigField.HEALTHCHECK) for word in health_command(self._config))
        )
        yield from dict.fromkeys(self._settings())

    def _command(self, words: tuple[Argument, ...]) -> Iterator[Edge | Gap | Command]:
        if not words:
            return
        seen = Recorder(self._node, ConfigReader.name, self._limits)
        if len(words) > self._limits.command_words:
            seen.gap("too-large", words[0].detail)
            words = words[: self._limits.command_words]
        try:
            _Programs(self._node, seen, Lookup(self._context), scripts=EdgeKind.SOURCES).start(words, Firing.LOAD)
        except Exhausted:
            seen.gap("too-large", words[0].detail)
        yield from seen.all()
        yield from seen.commands()

    def _settings(self) -> Iterator[Edge]:
        user, group = user_name(self._config)
        yield from self._account(user, "/etc/passwd", ConfigField.USER)
        yield from self._account(group, "/etc/group", ConfigField.USER)
        yield from self._directory(self._config.workdir, ConfigField.WORKDIR)
        for volume in self._config.volumes:
            yield from self._directory(volume, ConfigField.VOLUME)
        for name, value in self._env.items():
            if name in _SOURCED:
                yield from self._sourced(value, name)
            elif name not in _SEARCH_LISTS:
                yield from self._names(value, name)

    def _sourced(self, value: str, variable: str) -> Iterator[Edge]:
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

    def _names(self, text: str, variable: str) -> Iterator[Edge]:
        for piece in _pieces(text):
            path = image_path(piece)
            file = self._tree.resolve(path).file if piece.startswith("/") and len(piece) <= self._limits.path else None
            if file is not None and path != ROOT:
                kind = NodeKind.DIRECTORY if file.type is FileType.DIRECTORY else NodeKind.FILE
                node = Node(kind=kind, path=path)
                yield self._edge(node, EdgeKind.NAMES, ConfigField.ENV, firing=Firing.NAMED, detail=variable)

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


def _argument(word: str, field: ConfigField) -> Argument:
    return Argument(word, field.value, field=field)


class _Programs(Programs):
    """What a config starts: entrypoint scripts and programs that nobody knows may start the words behind them."""

    def absent(self, start: Start) -> None:
        """A word that no program has is a gap, since an engine would fail to start it."""
        head = start.words[0]
        self._seen.gap("unresolved-command", f"{head.detail}: {head.text}")
        super().absent(start)

    def no_script(self, word: Argument) -> None:
        """A script that the image does not hold: it may be mounted."""
        self._seen.gap("unresolved-command", f"{word.detail}: {word.text}")

    def arguments(self, found: Interpreted[Argument], start: Start) -> Iterable[Start]:
        """Entrypoint scripts end in `exec "$@"`."""
        passes_on = bool(found.scripts) or any(_passes_on(word.text) for word in found.inline)
        if passes_on and found.rest and self._is_command(found.rest[0].text, start):
            yield replace(start, words=found.rest)
        else:
            self.mention(found.rest, start.cwd)

    def program(self, name: str, path: ImagePath | None, start: Start) -> Iterable[Start]:
        """A script is given the command that it starts; other programs may start one too."""
        words = start.words[1:]
        if path is not None and self._begins(path, (b"#!",)):
            if words and self._is_command(words[0].text, start):
                yield replace(start, words=words)
                return
        else:
            yield from self._handed_on(name, start)
        self.mention(words, start.cwd)

    def mention(self, words: Iterable[Argument], cwd: ImagePath) -> None:
        """The files that parts of words name, relative ones too."""
        for word in words:
            for piece in _pieces(word.text):
                if piece.startswith("-"):
                    continue
                found = self._lookup.named(piece, cwd)
                # A bare word such as `run` or `lib` is a directory below the root only by chance.
                self._seen.field = word.field
                if found and (found[1] is FileType.FILE or "/" in piece or piece.startswith(".")):
                    self._seen.named(*found, word.detail)

    def _handed_on(self, name: str, start: Start) -> Iterator[Start]:
        """What a program that nobody knows may start: `-c STRING`, and the command among its arguments.

        Behind `--`, by a path, or an interpreter it is plain; a bare name counts where the program is called like one
        that starts others, since `redis-cli ping` runs no ping(8).
        """
        words, weak = start.words[1:], replace(start, firing=weakened(start.firing))
        operand = True
        for at, word in enumerate(words):
            following = words[at + 1 :]
            if word.text in ("-c", "--command") and following and self._is_line(following[0].text, start):
                self.line(following[0], weak.firing)
            elif word.text == "--" or not word.text.startswith("-"):
                rest = following if word.text == "--" else words[at:]
                first = rest[0].text if rest else ""
                plain = word.text == "--" or self._is_known(first) or self._is_path(first, start.cwd)
                if (plain or (operand and _STARTER.search(name))) and self._is_command(first, start):
                    yield replace(weak, words=rest)
                    return
                operand = False

    def _is_known(self, word: str) -> bool:
        return wrapper(word, self._knowledge) is not None or interpreter(word, self._knowledge) is not None

    def _is_path(self, word: str, cwd: ImagePath) -> bool:
        """Whether a word is the path of a program by its first bytes: settings have execute bits by how they came."""
        return "/" in word and self._begins(join(cwd, word), (b"#!", ELF_MAGIC))

    def _begins(self, path: ImagePath, magic: tuple[bytes, ...]) -> bool:
        found = self._lookup.real(path)
        tree = self._context.original
        return found is not None and found[1] is FileType.FILE and tree.read_at(found[0], 0, 4).startswith(magic)

    def _is_line(self, text: str, start: Start) -> bool:
        words = text.split(None, 1)
        return bool(words) and self._is_command(words[0], start)

    def _is_command(self, word: str, start: Start) -> bool:
        return not word.startswith("-") and self._lookup.executable(word, start.cwd) is not None


def _passes_on(text: str) -> bool:
    return "$@" in text or "$*" in text


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
