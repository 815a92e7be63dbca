"""Programs that a module starts: subprocess, os.system, os.exec*, asyncio, by their first word."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final

from xraydiff.facts import EdgeKind, FileType, Firing
from xraydiff.knowledge import Effect
from xraydiff.paths import basename, image_path, join
from xraydiff.references.kit.evaluation import HOLE
from xraydiff.references.readers.python.effects import effects
from xraydiff.references.readers.python.program import Call, Program
from xraydiff.references.readers.python.vocabulary import RUNS_OTHERS

__all__ = ["commands"]

_MOST_WORDS: Final = 64


def commands(program: Program, call: Call) -> bool:
    """Note what a call starts; whether it is one that starts something."""
    name, known = call.name, program.context.once(effects)
    if name in known[Effect.SHELL]:
        _line(program, call, known[Effect.SHELL][name].argument)
    elif name in known[Effect.ARGV]:
        _argv(program, call, known[Effect.ARGV][name].argument)
    elif name in known[Effect.WORDS]:
        at = known[Effect.WORDS][name].argument
        words = [program.values.texts(one)[0] for one in call.given[at : at + _MOST_WORDS]]
        if name.startswith("os.") and len(words) > 1:
            # argv[0] stands beside the program's name.
            del words[1]
        _words(program, words, call)
    elif name in known[Effect.VECTOR]:
        at = known[Effect.VECTOR][name].argument
        if len(call.given) > at:
            rest = program.values.words(call.given[at + 1]) if len(call.given) > at + 1 else None
            first = program.values.texts(call.given[at])[0]
            _words(program, [first, *(rest or [])[1:_MOST_WORDS]], call)
    else:
        return False
    return True


def _line(program: Program, call: Call, at: int) -> None:
    node = call.given[at] if len(call.given) > at else call.keywords.get("cmd")
    if node is None:
        return
    for text in program.values.texts(node):
        program.shell(text, call.firing, text.replace(HOLE, "..."))


def _argv(program: Program, call: Call, at: int) -> None:
    node = call.given[at] if len(call.given) > at else call.keywords.get("args")
    if node is None:
        return
    shell = call.keywords.get("shell")
    words = program.values.words(node)
    if shell is not None and program.values.text(shell) not in ("False", "0"):
        texts = program.values.texts(node) if words is None else (words[0],) if words else ()
        for text in texts:
            program.shell(text, call.firing, text.replace(HOLE, "..."))
        return
    if words is not None:
        _words(program, words[:_MOST_WORDS], call)
        return
    for text in program.values.texts(node):
        _words(program, [text], call)


def _words(program: Program, words: Sequence[str], call: Call) -> None:
    """The program that the first word names, and what it is known to start in turn."""
    if not words:
        return
    first, rest = words[0], words[1:]
    if HOLE in first or not first:
        program.seen.gap("computed-name", "a command")
        return
    path = program.executable(first)
    if path is None:
        return
    detail = " ".join(words[:6]).replace(HOLE, "...")
    program.executes(path, call.firing, detail)
    name = basename(first)
    if name in RUNS_OTHERS:
        quoted = " ".join(shlex.quote(word) if HOLE not in word else '"$UNKNOWN"' for word in words)
        program.seen.inline("shell", quoted, call.firing, detail)
    elif name.startswith(("python", "pypy")) and rest:
        _python(program, rest, call.firing, detail)
    else:
        for word in rest:
            if "/" in word and "://" not in word:
                program.names((word.rpartition("=")[2],), program.context.cwd, Firing.NAMED, word.replace(HOLE, "..."))


def _python(program: Program, words: Sequence[str], firing: Firing, detail: str) -> None:
    """`python -m mod`, `python -c code`, `python script.py`."""
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] not in ("-m", "-c", "-"):
        at += 2 if words[at] in ("-W", "-X") else 1
    if at >= len(words):
        return
    if words[at] in ("-m", "-c") and at + 1 < len(words):
        following = words[at + 1]
        if words[at] == "-c":
            program.seen.inline("python", following.replace(HOLE, ""), firing, detail)
        elif HOLE not in following:
            program.module(following, firing, detail)
            program.module(f"{following}.__main__", firing, detail)
        return
    path = join(program.context.cwd, words[at])
    if HOLE not in path and program.resolve(path) is FileType.FILE:
        program.seen.file(image_path(path), EdgeKind.EXECUTES, firing, detail, language="python")
