"""How a command starts a Python program: `-m`, gunicorn, uvicorn, celery, flask, manage.py."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from xraydiff.commands.start import health_command
from xraydiff.facts import ConfigField, EdgeKind, FileType, Firing, ImageConfig
from xraydiff.paths import ImagePath, basename, image_path, join, parent
from xraydiff.references import UNKNOWN_PART, Context
from xraydiff.references.kit.recorder import Recorder
from xraydiff.references.readers.python.modules import Finder, Module
from xraydiff.references.readers.python.names import MODULE_VARIABLES, SERVERS

__all__ = ["PythonLaunch", "commands_of", "launch", "launch_variables", "script_directories"]

_MODULE_OPTIONS: Final = frozenset(
    {"-A", "--app", "--application", "-w", "--module", "-k", "--worker-class", "-c", "--config"}
)
_SETTINGS: Final = frozenset({"--settings"})
_VALUED: Final = frozenset(
    "-b --bind -t --timeout --threads --workers --port --host --log-level -l --loglevel -p --pythonpath --chdir"
    " --access-logfile --error-logfile -n -Q -P --pool -u --uid -g --gid --pid -p --interface --root-path".split()
)
_OBJECT: Final = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*)(?::[A-Za-z_][\w.]*(?:\(.{0,200}\))?)?\Z", re.ASCII | re.DOTALL)
_PYTHON: Final = re.compile(r"(?:python|pypy)[\d.]*\Z")
_MAX_WORDS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonLaunch:
    """A command line, and what its edges are to say."""

    words: tuple[str, ...]
    detail: str
    firing: Firing
    cwd: ImagePath
    field: ConfigField | None = None


def commands_of(config: ImageConfig, cwd: ImagePath) -> Iterator[PythonLaunch]:
    """The command lines of an image config, from the first word that starts Python on."""
    start = (
        *((word, ConfigField.ENTRYPOINT) for word in config.entrypoint or ()),
        *((word, ConfigField.CMD) for word in config.cmd or ()),
    )
    for command in (start, tuple((word, ConfigField.HEALTHCHECK) for word in health_command(config))):
        for at, (word, field) in enumerate(command[:_MAX_WORDS]):
            if basename(word) in SERVERS or _PYTHON.match(basename(word)):
                words = tuple(one for one, _ in command[at:])
                yield PythonLaunch(words=words, detail=field.value, field=field, firing=Firing.LOAD, cwd=cwd)
                break


def launch(command: PythonLaunch, context: Context, finder: Finder, seen: Recorder) -> None:
    """Note the modules that a command line names."""
    if not command.words:
        return
    seen.field = command.field
    program, words = basename(command.words[0]), list(command.words[1:])
    if _PYTHON.match(program):
        words = _python(command, words, finder, seen)
    elif program not in SERVERS:
        return
    at = 0
    while at < len(words):
        word = words[at]
        option, equals, value = word.partition("=")
        if word.startswith("-"):
            takes = option in _MODULE_OPTIONS or option in _SETTINGS
            if not equals and (takes or option in _VALUED) and at + 1 < len(words):
                at += 1
                value = words[at]
            if takes and value:
                _named(value.removeprefix("python:"), command, context, finder, seen)
        else:
            _named(word, command, context, finder, seen, single=at == 0 or ":" in word)
        at += 1


def launch_variables(context: Context, finder: Finder, seen: Recorder) -> None:
    """FLASK_APP and the like."""
    for name in sorted(MODULE_VARIABLES & context.env.keys()):
        seen.field = ConfigField.ENV
        command = PythonLaunch(words=(), detail=name, firing=Firing.LOAD, cwd=context.cwd)
        _named(context.env[name], command, context, finder, seen, single=True)


def _python(command: PythonLaunch, words: list[str], finder: Finder, seen: Recorder) -> list[str]:
    """`python -m mod`: note it, and give the words that the module gets."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        option = words[at]
        if option == "-m" or (option.startswith("-") and not option.startswith("--") and option.endswith("m")):
            if at + 1 < len(words):
                _modules(words[at + 1], command, finder, seen)
                _modules(f"{words[at + 1]}.__main__", command, finder, seen)
                return words[at + 2 :] if words[at + 1] in SERVERS else []
            return []
        if option == "-c":
            return []
        at += 2 if option in ("-W", "-X") else 1
    script = words[at : at + 1]
    # `python manage.py migrate --settings x`: the script itself is seen by the readers of configs and of shell.
    return words[at + 1 :] if script and "--settings" in " ".join(words) else []


def _named(
    word: str, command: PythonLaunch, context: Context, finder: Finder, seen: Recorder, *, single: bool = True
) -> None:
    """`pkg.mod:app`, `pkg.mod`, `app.py`."""
    if UNKNOWN_PART in word:
        return
    if word.partition(":")[0].endswith(".py"):
        path = join(command.cwd, word.partition(":")[0])
        file = context.original.resolve(path).file
        if file is not None and file.type is FileType.FILE:
            seen.file(path, EdgeKind.IMPORTS, command.firing, command.detail)
            return
    match = _OBJECT.match(word)
    if match is None or (not single and "." not in word):
        return
    name = match[1]
    chain, whole = finder.find(name)
    if not whole and chain and len(name.split(".")) - len(chain) > 1:
        return
    _chain(chain, command, finder, seen)


def _modules(name: str, command: PythonLaunch, finder: Finder, seen: Recorder) -> None:
    chain, _ = finder.find(name) if UNKNOWN_PART not in name else ((), False)
    _chain(chain, command, finder, seen)


def _chain(chain: Sequence[Module], command: PythonLaunch, finder: Finder, seen: Recorder) -> None:
    for module in chain:
        if module.file is not None and not finder.is_frozen(module):
            seen.file(module.file, EdgeKind.IMPORTS, command.firing, command.detail)


def script_directories(context: Context) -> tuple[ImagePath, ...]:
    """What stands first in sys.path of the main programs: the directories of scripts that the config names, WORKDIR."""
    found: list[ImagePath] = []
    words = [*(context.config.entrypoint or ()), *(context.config.cmd or ())]
    for word in [part for one in words for part in one.split()[:_MAX_WORDS]][:_MAX_WORDS]:
        if word.endswith((".py", ".pyz")):
            real = context.original.resolve(join(context.cwd, word)).path
            if real is not None:
                found.append(parent(real))
        elif word.startswith(("--pythonpath=", "--chdir=", "--app-dir=")):
            found.append(image_path(join(context.cwd, word.partition("=")[2])))
    return tuple(dict.fromkeys((*found, context.cwd)))
