"""Programs that a module starts: subprocess, os.system, os.exec*, asyncio, by their first word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from xraydiff.knowledge import Effect
from xraydiff.references.kit.evaluation import HOLE
from xraydiff.references.kit.lookup import Exhausted
from xraydiff.references.readers.python.effects import effects
from xraydiff.references.readers.python.program import Call, PythonProgram

__all__ = ["commands"]

_MAX_WORDS: Final = 64
_SHOWN: Final = 6
"""Words of a command that a person needs to find it again."""


def commands(program: PythonProgram, call: Call) -> bool:
    """Note what a call starts; whether it is one that starts something."""
    try:
        return _commands(program, call)
    except Exhausted:
        program.seen.gap("too-large", "more commands than are looked at")
        return True


def _commands(program: PythonProgram, call: Call) -> bool:
    name, known = call.name, program.context.once(effects)
    if name in known[Effect.SHELL]:
        _line(program, call, known[Effect.SHELL][name].argument)
    elif name in known[Effect.ARGV]:
        _argv(program, call, known[Effect.ARGV][name].argument)
    elif name in known[Effect.WORDS]:
        at = known[Effect.WORDS][name].argument
        words = [program.values.texts(one)[0] for one in call.args[at : at + _MAX_WORDS]]
        if name.startswith("os.") and len(words) > 1:
            # argv[0] stands beside the program's name.
            del words[1]
        _words(program, words, call)
    elif name in known[Effect.VECTOR]:
        at = known[Effect.VECTOR][name].argument
        if len(call.args) > at:
            rest = program.values.words(call.args[at + 1]) if len(call.args) > at + 1 else None
            first = program.values.texts(call.args[at])[0]
            _words(program, [first, *(rest or [])[1:_MAX_WORDS]], call)
    else:
        return False
    return True


def _line(program: PythonProgram, call: Call, at: int) -> None:
    node = call.args[at] if len(call.args) > at else call.keywords.get("cmd")
    if node is None:
        return
    for text in program.values.texts(node):
        _shell(program, text, call)


def _argv(program: PythonProgram, call: Call, at: int) -> None:
    node = call.args[at] if len(call.args) > at else call.keywords.get("args")
    if node is None:
        return
    shell = call.keywords.get("shell")
    words = program.values.words(node)
    if shell is not None and program.values.text(shell) not in ("False", "0"):
        texts = program.values.texts(node) if words is None else (words[0],) if words else ()
        for text in texts:
            _shell(program, text, call)
        return
    if words is not None:
        _words(program, words[:_MAX_WORDS], call)
        return
    for text in program.values.texts(node):
        _words(program, [text], call)


def _shell(program: PythonProgram, text: str, call: Call) -> None:
    """A line of which nothing is known still needs the shell, if it is the application that runs it."""
    program.programs.shell(text, call.firing, text.replace(HOLE, "..."), always=not program.foreign)


def _words(program: PythonProgram, words: Sequence[str], call: Call) -> None:
    detail = " ".join(words[:_SHOWN]).replace(HOLE, "...")
    program.programs.run(((word,) for word in words), call.firing, detail)
