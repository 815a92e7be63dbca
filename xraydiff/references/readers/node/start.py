"""How a start command or a script starts a Node program: `node .`, `npm start`, `yarn build`, `npx tool`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from xraydiff.commands.start import find_executable, health_command
from xraydiff.facts import ConfigField, EdgeKind, FileType, Firing, ImageConfig
from xraydiff.paths import ImagePath, basename, join
from xraydiff.references import Context
from xraydiff.references.kit.recorder import Recorder
from xraydiff.references.readers.node.calls import sight_modules
from xraydiff.references.readers.node.manifest import Manifest
from xraydiff.references.readers.node.modules import Resolver

__all__ = ["CLAIMS", "NodeLaunch", "commands_of", "launch"]

CLAIMS: Final = frozenset({"node", "nodejs", "npm", "npx", "pnpm", "yarn"})
"""Programs whose arguments are understood."""
_VALUED: Final = frozenset(
    [
        "-r",
        "--require",
        "--import",
        "--loader",
        "--experimental-loader",
        "-C",
        "--conditions",
        "--env-file",
        "--inspect-port",
        "--title",
        "--max-old-space-size",
        "--icu-data-dir",
        "--openssl-config",
    ]
)
_PRELOADS: Final = frozenset({"-r", "--require", "--import", "--loader", "--experimental-loader"})
_ENDS: Final = frozenset({"-e", "--eval", "-p", "--print", "-v", "--version", "-h", "--help", "-c", "--check", "-i"})
_FOLDERS: Final = frozenset({"--prefix", "-C", "--dir", "--cwd"})
_ALWAYS: Final = frozenset({"start", "stop", "test", "restart"})
_NOT_SCRIPTS: Final = frozenset(
    [
        "add",
        "audit",
        "cache",
        "ci",
        "config",
        "create",
        "dedupe",
        "global",
        "i",
        "info",
        "init",
        "install",
        "link",
        "list",
        "login",
        "ls",
        "outdated",
        "pack",
        "publish",
        "rebuild",
        "remove",
        "root",
        "set",
        "uninstall",
        "unlink",
        "update",
        "version",
        "view",
        "why",
        "workspaces",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLaunch:
    """A command line, and what its edges are to say."""

    words: tuple[str, ...]
    detail: str
    firing: Firing
    cwd: ImagePath
    field: ConfigField | None = None


def commands_of(config: ImageConfig, cwd: ImagePath) -> Iterator[NodeLaunch]:
    """The command lines of an image config, which are run in this directory."""
    start = (
        *((word, ConfigField.ENTRYPOINT) for word in config.entrypoint or ()),
        *((word, ConfigField.CMD) for word in config.cmd or ()),
    )
    yield from _from(start, cwd)
    yield from _from(tuple((word, ConfigField.HEALTHCHECK) for word in health_command(config)), cwd)


def _from(words: Sequence[tuple[str, ConfigField]], cwd: ImagePath) -> Iterator[NodeLaunch]:
    """From the first word that names Node or a package manager on: what stands before starts what follows."""
    for at, (word, field) in enumerate(words):
        if basename(word) in CLAIMS:
            given = tuple(one for one, _ in words[at:])
            yield NodeLaunch(words=given, detail=field.value, field=field, firing=Firing.LOAD, cwd=cwd)
            return


def launch(command: NodeLaunch, context: Context, resolver: Resolver, seen: Recorder) -> None:
    """Note what a command line starts."""
    program, *words = command.words
    seen.field = command.field
    name = basename(program)
    if name in ("node", "nodejs"):
        _node(command, words, context, resolver, seen)
    else:
        _Manager(command, name, context, resolver, seen).run(words)


def _node(command: NodeLaunch, words: list[str], context: Context, resolver: Resolver, seen: Recorder) -> None:
    _preloads(context.env.get("NODE_OPTIONS", "").split(), command, resolver, seen)
    rest = _preloads(words, command, resolver, seen)
    if not rest or rest[0] in _ENDS:
        return
    if rest[0] == "--run" and len(rest) > 1:
        _Manager(command, "node", context, resolver, seen).run(["run", rest[1]])
        return
    path = join(command.cwd, rest[0])
    file = context.original.resolve(path).file
    if file is not None and file.type is FileType.FILE:
        # The reader of configs has the edge already; what it cannot know is the package.json beside it.
        found = resolver.modules(path, command.cwd, esm=False)
        for manifest in (one for module in found for one in module.manifests):
            seen.file(manifest, EdgeKind.IMPORTS, command.firing, command.detail)
        return
    main = resolver.main(path)
    if main is not None:
        sight_modules(seen, (main,), EdgeKind.SOURCES, command.firing, command.detail)


def _preloads(words: list[str], command: NodeLaunch, resolver: Resolver, seen: Recorder) -> list[str]:
    """Note what `-r` and its like load; gives the words behind the options."""
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] not in _ENDS and words[at] not in ("--run", "-"):
        option, equals, value = words[at].partition("=")
        if option == "--":
            return words[at + 1 :]
        if not equals and option in _VALUED and at + 1 < len(words):
            at += 1
            value = words[at]
        if option in _PRELOADS and value:
            esm = option not in ("-r", "--require")
            found = resolver.modules(value, command.cwd, esm=esm)
            sight_modules(seen, found, EdgeKind.IMPORTS, command.firing, command.detail)
        at += 1
    return words[at:]


class _Manager:
    """npm, yarn or pnpm: they run scripts of package.json by `sh -c`, with the tools of node_modules in PATH."""

    def __init__(self, command: NodeLaunch, name: str, context: Context, resolver: Resolver, seen: Recorder) -> None:
        self._command = command
        self._name = name
        self._context = context
        self._manifests = resolver.manifests
        self._seen = seen
        self._folder = command.cwd

    def run(self, words: list[str]) -> None:
        """Note the script or tool that these arguments name."""
        words = self._options(words)
        if not words:
            return
        verb, rest = words[0], words[1:]
        if self._name == "npx":
            self._tool(words)
        elif verb in ("exec", "x", "dlx"):
            self._tool([word for word in rest if word != "--"])
        elif verb in ("run", "run-script", "rum"):
            rest = self._options(rest)
            self._script(rest[0], rest[1:]) if rest else None
        elif verb in _ALWAYS or (self._name in ("yarn", "pnpm") and verb not in _NOT_SCRIPTS):
            self._script(verb, rest)

    def _options(self, words: list[str]) -> list[str]:
        at = 0
        while at < len(words) and words[at].startswith("-"):
            option, equals, value = words[at].partition("=")
            if option in _FOLDERS:
                if not equals and at + 1 < len(words):
                    at += 1
                    value = words[at]
                self._folder = join(self._command.cwd, value)
            elif option in ("-p", "--package", "-w", "--workspace", "--filter", "-F") and not equals:
                at += 1
            at += 1
        return words[at:]

    def _script(self, name: str, rest: list[str]) -> None:
        manifest = self._manifests.scope(self._folder)
        if manifest is None:
            return
        self._seen.file(manifest.path, EdgeKind.NAMES, self._command.firing, self._command.detail)
        text = manifest.scripts.get(name)
        if text is None:
            if name == "start" and self._exists(f"{manifest.directory}/server.js"):
                self._inline(manifest, "node server.js")
            elif self._name != "npm":
                self._tool([name, *rest])
            return
        more = [word for word in rest if word != "--"]
        for one in (f"pre{name}", name, f"post{name}"):
            line = manifest.scripts.get(one, "")
            if line:
                self._inline(manifest, " ".join([line, *map(shlex.quote, more)]) if one == name else line)

    def _tool(self, words: list[str]) -> None:
        manifest = self._manifests.scope(self._folder)
        if manifest is not None and words:
            self._inline(manifest, shlex.join(words))

    def _inline(self, manifest: Manifest, text: str) -> None:
        """The script as `sh` gets it: in the package's folder, with its `node_modules/.bin` in PATH."""
        folder = manifest.directory
        tools = [f"{'' if folder == '/' else folder}/node_modules/.bin"]
        if shell := find_executable("sh", self._context.original, self._context.path, self._context.cwd):
            self._seen.file(shell, EdgeKind.EXECUTES, self._command.firing, self._command.detail)
        lines = [f"PATH={shlex.quote(tools[0])}:$PATH"]
        if folder != self._command.cwd:
            lines.append(f"cd {shlex.quote(folder)}")
        self._seen.inline("shell", "\n".join([*lines, text]), self._command.firing, self._command.detail)

    def _exists(self, path: str) -> bool:
        return self._context.original.resolve(ImagePath(path)).file is not None
