"""Programs that Ruby starts: `system`, backticks, `exec`, `spawn`, IO.popen, Open3, by the rules of Kernel#exec."""

from __future__ import annotations

import re
from collections.abc import Sequence

from xraydiff.conventions import SHELLS
from xraydiff.facts import EdgeKind, Firing
from xraydiff.paths import basename, image_path, join
from xraydiff.references.kit.expressions import UNKNOWN, Value
from xraydiff.references.kit.lookup import Lookups
from xraydiff.references.kit.recorder import Sightings

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


class Commands:
    """Edges to what one program starts."""

    def __init__(self, seen: Sightings, lookups: Lookups) -> None:
        self._seen = seen
        self._lookups = lookups

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

    def words(self, words: Sequence[Value], firing: Firing) -> None:
        """A program and its arguments."""
        first, *others = words
        for word in first.texts:
            path = self._lookups.executable(word)
            if path is None:
                if UNKNOWN in word:
                    self._seen.gap("computed-name", "a command")
                continue
            self._seen.file(path, EdgeKind.EXECUTES, firing, word)
            if basename(word) in SHELLS and len(others) > 1 and others[0].texts[0].startswith("-"):
                for text in others[1].texts if others[0].texts[0].endswith("c") else ():
                    self._shell(text, firing)
            elif basename(word) == "ruby":
                self.script(others[0].texts if others else (), firing)
        self._operands([text for value in others for text in value.texts])

    def script(self, texts: Sequence[str], firing: Firing) -> None:
        """A program for the Ruby that runs."""
        for text in texts:
            path = join(self._lookups.context.cwd, text)
            if self._lookups.is_file(path):
                self._seen.file(path, EdgeKind.EXECUTES, firing, text, language="ruby")

    def _operands(self, words: Sequence[str]) -> None:
        for word in words:
            if "/" in word and (found := self._lookups.named(word, self._lookups.context.cwd)) is not None:
                self._seen.named(*found, word)
