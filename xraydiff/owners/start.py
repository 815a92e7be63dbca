"""What the start command of an image names: files, modules and jars, through shell strings and scripts."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from xraydiff.commands.argv import Argument, interpret, unwrap
from xraydiff.commands.start import environment, find_executable, search_path, start_command, working_directory
from xraydiff.commands.table import called, interpreter, wrapper
from xraydiff.conventions import SCRIPT_LINE
from xraydiff.errors import LimitExceeded
from xraydiff.facts import FileType, ImageConfig
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, join
from xraydiff.references.kit.shebang import is_shell_script
from xraydiff.tree import FileTree

_MODULE_OPTIONS = frozenset({"-A", "--app", "--application", "--pythonpath-module", "-w", "--module"})
_MODULE_VARIABLES = frozenset(
    {"FLASK_APP", "DJANGO_SETTINGS_MODULE", "CELERY_APP", "APP_MODULE", "MODULE_NAME", "FASTAPI_APP"}
)
_OBJECT = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*):[A-Za-z_]\w*(?:\.\w+)*(?:\(\))?\Z", re.ASCII)
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*\Z", re.ASCII)
_WORD = re.compile(r"""[^\s'";&|()<>`]+""")
_ASSIGNED = re.compile(r"[A-Za-z_]\w*=", re.ASCII)
_BEFORE = frozenset({"exec", "command", "if", "then", "else", "elif", "while", "until", "do", "!", "{", "--"})
"""What a shell takes before a command."""
_SCRIPTS = 8
"""Scripts that start scripts: entrypoint, wrapper, launcher and some room."""


@dataclass(slots=True, kw_only=True)
class Start:
    """Names in the start command."""

    workdir: ImagePath
    commands: list[ImagePath] = field(default_factory=list)
    """Real paths of the programs that are started."""
    files: list[ImagePath] = field(default_factory=list)
    """Real paths of files that stand as arguments: scripts, jars, entries of class paths."""
    objects: list[str] = field(default_factory=list)
    """Modules that hold what is started: `MODULE:OBJECT`, `-A MODULE`, FLASK_APP."""
    modules: list[str] = field(default_factory=list)
    """Modules that are run: `-m MODULE`."""
    arguments: list[ImagePath] = field(default_factory=list)
    """Absolute names of directories among the arguments (`-D /data/db`)."""
    looked_up: set[str] = field(default_factory=set)
    """Words that were looked up as files already: a script repeats them."""
    programs: dict[str, ImagePath | None] = field(default_factory=dict)
    """Real paths of the programs that words start, as far as they were looked up."""


def read_start(tree: FileTree, config: ImageConfig, *, limits: Limits) -> Start:
    """ENTRYPOINT, CMD and the scripts among their words, as far as names can be read off them; nothing is evaluated."""
    workdir = working_directory(config)
    start = Start(workdir=tree.resolve(workdir).path or workdir)
    directories = search_path(config)
    for key, value in environment(config).items():
        module = value.partition(":")[0].removesuffix(".py")
        if key in _MODULE_VARIABLES and _MODULE.match(module):
            start.objects.append(module)
    todo = deque([list(start_command(config))])
    scripts: set[ImagePath] = set()
    left = limits.start_words
    while todo and left > 0:
        words = todo.popleft()[:left]
        left -= len(words)
        for line in _Command(tree, directories, start, limits).read(words):
            todo.extend(_commands(line))
        for path in (*start.commands, *start.files):
            if path not in scripts and len(scripts) < _SCRIPTS:
                scripts.add(path)
                todo.extend(_commands(_script(tree, path, limits)))
    return start


def _commands(text: str) -> list[list[str]]:
    """The words of each line or command of a shell text; quotes are dropped, nothing is expanded."""
    parts = re.split(r"[\n;&|]+", text)
    return [words for part in parts if not part.lstrip().startswith("#") and (words := _WORD.findall(part))]


def _script(tree: FileTree, path: ImagePath, limits: Limits) -> str:
    """The text of a shell script; empty for everything else."""
    file = tree.files[path]
    if file.type is not FileType.FILE or not is_shell_script(tree.read_at(path, 0, SCRIPT_LINE)):
        return ""
    try:
        return tree.content(path, limit=limits.script).decode("utf-8", "replace")
    except LimitExceeded:
        return ""


class _Command:
    """One command, and what it starts in turn."""

    def __init__(self, tree: FileTree, directories: tuple[ImagePath, ...], start: Start, limits: Limits) -> None:
        self._tree = tree
        self._directories = directories
        self._start = start
        self._limits = limits

    def read(self, words: Sequence[str]) -> list[str]:
        """Record the files that it names; gives the lines that it hands to a shell."""
        lines: list[str] = []
        todo = [[Argument(word) for word in words]] if words else []
        for _ in range(self._limits.command_wrappers):
            if not todo:
                break
            todo += self._one(todo.pop(), lines)
        return lines

    def _one(self, words: list[Argument], lines: list[str]) -> list[list[Argument]]:
        while len(words) > 1 and (words[0].text in _BEFORE or _ASSIGNED.match(words[0].text)):
            words = words[1:]
        real = _add_command(self._tree, words[0].text, self._directories, self._start)
        name = called(words[0].text, real)
        if row := wrapper(name):
            found = unwrap(row, words[1:])
            lines += [line.text for line in found.lines]
            _add_files(self._tree, (word.text for word in found.names), self._start)
            return [list(command) for command in found.commands]
        if program := interpreter(name):
            run = interpret(program, words[1:])
            lines += [line.text for line in run.inline if program.flags]
            named = [part for word in run.names for part in word.text.split(":")]
            _add_files(self._tree, [*(word.text for word in run.scripts), *named], self._start)
            if run.module is not None and _MODULE.match(run.module.text):
                self._start.modules.append(run.module.text)
            return self._arguments([word.text for word in run.rest])
        if len(words) > 1 and "/" not in words[1].text and _is_command_script(self._start):
            return [words[1:]]
        return self._arguments([word.text for word in words[1:]])

    def _arguments(self, words: list[str]) -> list[list[Argument]]:
        """What the arguments of a program or script name, up to another command: `tool -- command`, `if x; exec y`."""
        for at, word in enumerate(words):
            before = words[at - 1] if at else ""
            named = _OBJECT.match(word)
            if before in ("exec", "--"):
                return [[Argument(one) for one in words[at:]]]
            if before in _MODULE_OPTIONS and _MODULE.match(word.partition(":")[0]):
                self._start.objects.append(word.partition(":")[0])
            elif named is not None:
                self._start.objects.append(named[1])
            else:
                _add_files(self._tree, [word.rpartition("=")[2]], self._start)
        return []


def _is_command_script(start: Start) -> bool:
    """Whether the last command often starts what stands behind it (`exec "$@"`)."""
    return bool(start.commands) and start.commands[-1].endswith((".sh", "entrypoint", "init", "tini"))


def _add_command(tree: FileTree, word: str, directories: tuple[ImagePath, ...], start: Start) -> ImagePath | None:
    if word not in start.programs:
        found = find_executable(word, tree, directories, start.workdir)
        real = start.programs[word] = tree.resolve(found).path if found is not None else None
        if real is not None and real not in start.commands:
            start.commands.append(real)
    return start.programs[word]


def _add_files(tree: FileTree, words: Iterable[str], start: Start) -> None:
    for word in words:
        if not word or word.startswith("-") or "\0" in word or word in start.looked_up:
            continue
        start.looked_up.add(word)
        found = tree.resolve(join(start.workdir, word))
        if found.path is None or found.file is None or found.path == "/":
            continue
        if found.file.type is FileType.FILE and found.path not in start.files:
            start.files.append(found.path)
        elif found.file.type is FileType.DIRECTORY and word.startswith("/"):
            start.arguments.append(found.path)
