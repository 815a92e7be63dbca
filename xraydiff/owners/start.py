"""What the start command of an image names: files, modules and jars, through shell strings and scripts."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from xraydiff.commands.start import environment, find_executable, search_path, start_command, working_directory
from xraydiff.conventions import SHELLS
from xraydiff.errors import LimitExceeded
from xraydiff.facts import FileType, ImageConfig
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, basename, join
from xraydiff.tree import FileTree

_SHELLS = SHELLS | {"busybox"}
_CLASS_PATHS = frozenset({"-cp", "-classpath", "--class-path", "-p", "--module-path"})
_MODULE_OPTIONS = frozenset({"-A", "--app", "--application", "--pythonpath-module", "-w", "--module"})
_MODULE_VARIABLES = frozenset(
    {"FLASK_APP", "DJANGO_SETTINGS_MODULE", "CELERY_APP", "APP_MODULE", "MODULE_NAME", "FASTAPI_APP"}
)
_OBJECT = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*):[A-Za-z_]\w*(?:\.\w+)*(?:\(\))?\Z", re.ASCII)
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*\Z", re.ASCII)
_WORD = re.compile(r"""[^\s'";&|()<>`]+""")
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
    looked_up: set[tuple[str, str]] = field(default_factory=set)
    """Words that were looked up already: a script says the same thing often."""

    def is_new(self, kind: str, word: str) -> bool:
        """Whether a word was not looked up before."""
        if (kind, word) in self.looked_up:
            return False
        self.looked_up.add((kind, word))
        return True


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
        _read_words(tree, words, directories, start)
        if len(words) > 2 and basename(words[0]) in _SHELLS and words[1].startswith("-") and words[1].endswith("c"):
            todo.extend(_commands(words[2]))
        for path in (*start.commands, *start.files):
            if path not in scripts and len(scripts) < _SCRIPTS:
                scripts.add(path)
                todo.extend(_commands(_script(tree, path, limits)))
    return start


def _commands(text: str) -> list[list[str]]:
    """The words of each line or command of a shell text; quotes are dropped, nothing is expanded."""
    parts = re.split(r"[\n;&|]+", text)
    lines = [_WORD.findall(part) for part in parts if not part.lstrip().startswith("#")]
    return [line[1:] if line[0] in ("exec", "nohup", "tini", "--") else line for line in lines if line]


def _script(tree: FileTree, path: ImagePath, limits: Limits) -> str:
    """The text of a shell script; empty for everything else."""
    file = tree.files[path]
    if file.type is not FileType.FILE or tree.read_at(path, 0, 2) != b"#!":
        return ""
    try:
        text = tree.content(path, limit=limits.script).decode("utf-8", "replace")
    except LimitExceeded:
        return ""
    first = text.partition("\n")[0].split()
    return text if first and any(basename(word.removeprefix("#!")) in _SHELLS for word in first) else ""


def _read_words(tree: FileTree, words: list[str], directories: tuple[ImagePath, ...], start: Start) -> None:
    for at, word in enumerate(words):
        before = words[at - 1] if at else ""
        named = _OBJECT.match(word)
        if before in _CLASS_PATHS:
            _add_files(tree, word.split(":"), start)
        elif before == "-m" and _MODULE.match(word):
            start.modules.append(word)
        elif before in _MODULE_OPTIONS and _MODULE.match(word.partition(":")[0]):
            start.objects.append(word.partition(":")[0])
        elif named is not None:
            start.objects.append(named[1])
        elif at == 0 or before in ("exec", "--"):
            _add_command(tree, word, directories, start)
        else:
            if at == 1 and "/" not in word and _is_command_script(start):
                _add_command(tree, word, directories, start)
            _add_files(tree, [word.rpartition("=")[2]], start)


def _is_command_script(start: Start) -> bool:
    """Whether the last command often starts what stands behind it (`exec "$@"`)."""
    return bool(start.commands) and start.commands[-1].endswith((".sh", "entrypoint", "init", "tini"))


def _add_command(tree: FileTree, word: str, directories: tuple[ImagePath, ...], start: Start) -> None:
    if not start.is_new("command", word):
        return
    found = find_executable(word, tree, directories, start.workdir)
    real = tree.resolve(found).path if found is not None else None
    if real is not None and real not in start.commands:
        start.commands.append(real)


def _add_files(tree: FileTree, words: Iterable[str], start: Start) -> None:
    for word in words:
        if not word or word.startswith("-") or "\0" in word or not start.is_new("file", word):
            continue
        found = tree.resolve(join(start.workdir, word))
        if found.path is None or found.file is None or found.path == "/":
            continue
        if found.file.type is FileType.FILE and found.path not in start.files:
            start.files.append(found.path)
        elif found.file.type is FileType.DIRECTORY and word.startswith("/"):
            start.arguments.append(found.path)
