"""Programs that Ruby starts: `system`, backticks, `exec`, `spawn`, IO.popen, Open3, by the rules of Kernel#exec."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from xraydiff.conventions import SHELLS
from xraydiff.facts import EdgeKind, Firing
from xraydiff.paths import basename, image_path, join
from xraydiff.references.kit.expressions import UNKNOWN
from xraydiff.references.kit.lookup import Lookups
from xraydiff.references.kit.recorder import Sightings
from xraydiff.references.readers.ruby.values import Values

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["Commands"]

_SHELL = "/bin/sh"
_META = re.compile(r"[*?{}\[\]<>()~&|\\$;'`\"\n#]|\A[ \t]*[^ \t/=]{0,255}=")
"""process.c, rb_exec_fillarg: without one of these, an assignment before the command among them, and unless it is a
word of the shell's own, no shell is started."""
_OWN = frozenset(
    (
        ".",
        ":",
        "break",
        "case",
        "continue",
        "do",
        "done",
        "elif",
        "else",
        "esac",
        "eval",
        "exec",
        "exit",
        "export",
        "fi",
        "for",
        "if",
        "in",
        "readonly",
        "return",
        "set",
        "shift",
        "then",
        "times",
        "trap",
        "unset",
        "until",
        "while",
    )
)
_KERNEL: Final = frozenset({"system", "exec", "spawn", "`"})
_OWNERS: Final = {
    "Kernel": _KERNEL,
    "Process": frozenset({"spawn", "exec"}),
    "IO": frozenset({"popen"}),
    "PTY": frozenset({"spawn", "getpty"}),
    "Open3": frozenset({"capture2", "capture2e", "capture3", "popen2", "popen2e", "popen3"}),
}
_RUBIES: Final = ("RbConfig.ruby", "Gem.ruby")


class Commands:
    """Edges to what one program starts."""

    def __init__(self, values: Values, seen: Sightings, lookups: Lookups) -> None:
        self._values = values
        self._seen = seen
        self._lookups = lookups

    def starts(self, owner: str, method: str) -> bool:
        """Whether a call starts a program: a method of Kernel without a receiver, or one of the modules that do."""
        if not owner:
            return method in _KERNEL
        return method in _OWNERS.get(owner.removeprefix("::"), ())

    def call(self, node: Syntax, firing: Firing) -> None:
        """`system("line")`, `system("word", ...)`, `IO.popen(["word", ...])`; a leading hash is the environment."""
        arguments = [one for one in self._values.arguments(node) if one.type != "hash"]
        if not arguments:
            return
        if arguments[0].type in ("array", "string_array"):
            words = [child for child in arguments[0].named_children if child.type not in ("comment", "pair", "hash")]
            self._words(words, firing)
        elif len(arguments) == 1 and arguments[0].type != "splat_argument":
            for text in self._values.of(arguments[0]).texts:
                self.line(text, firing)
        else:
            self._words(arguments, firing)

    def line(self, text: str, firing: Firing) -> None:
        """A command line; unknown parts stand in it as a variable that nobody set would."""
        if not text.replace(UNKNOWN, "").strip():
            self._seen.gap("computed-name", "a command")
            return
        word = text.split(None, 1)[0]
        if UNKNOWN in text or _META.search(text) or word in _OWN:
            self._sh(firing, text)
            self._shell(text, firing)
            return
        path = self._lookups.executable(word)
        if path is not None:
            self._seen.file(path, EdgeKind.EXECUTES, firing, word)
        self._operands(text.split()[1:])

    def _sh(self, firing: Firing, text: str) -> None:
        if self._lookups.is_file(_SHELL):
            self._seen.file(image_path(_SHELL), EdgeKind.EXECUTES, firing, text.replace(UNKNOWN, "..."))

    def _shell(self, text: str, firing: Firing) -> None:
        text = text.replace(UNKNOWN, "$UNKNOWN")
        self._seen.inline("shell", text, firing, text)

    def _words(self, words: Sequence[Syntax], firing: Firing) -> None:
        if not words:
            return
        first, *others = words
        if self._values.text(first) in _RUBIES:
            self._script(others, firing)
            return
        held = [self._values.of(word) for word in others[:64]]
        for word in self._values.of(first).texts:
            path = self._lookups.executable(word)
            if path is None:
                if UNKNOWN in word:
                    self._seen.gap("computed-name", "a command")
                continue
            self._seen.file(path, EdgeKind.EXECUTES, firing, word)
            if basename(word) in SHELLS and len(held) > 1 and held[0].texts[0].startswith("-"):
                for text in held[1].texts if held[0].texts[0].endswith("c") else ():
                    self._shell(text, firing)
            elif basename(word) == "ruby":
                self._script(others, firing)
        self._operands([text for value in held for text in value.texts])

    def _script(self, words: Sequence[Syntax], firing: Firing) -> None:
        for text in self._values.of(words[0]).texts if words else ():
            if self._lookups.is_file(join(self._lookups.context.cwd, text)):
                path = join(self._lookups.context.cwd, text)
                self._seen.file(path, EdgeKind.EXECUTES, firing, text, language="ruby")

    def _operands(self, words: Sequence[str]) -> None:
        for word in words:
            if "/" in word and (found := self._lookups.named(word, self._lookups.context.cwd)) is not None:
                self._seen.named(*found, word)
