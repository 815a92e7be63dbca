"""Programs that Perl starts: `system`, `exec`, backticks, pipes of `open`, IPC::Open3, by the rules of perlfunc(1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from xraydiff.conventions import SHELLS
from xraydiff.facts import EdgeKind, Firing
from xraydiff.paths import basename, image_path, join
from xraydiff.references.kit.expressions import UNKNOWN, Value
from xraydiff.references.kit.lookup import Lookups
from xraydiff.references.kit.recorder import Sightings

__all__ = ["Commands"]

_SHELL: Final = "/bin/sh"
_META: Final = re.compile(r"[$&*(){}\[\]'\";\\|?<>~`\n]")
"""doio.c, Perl_do_exec3: without one of these a command line is split at blanks and no shell is started."""
_SETTING: Final = re.compile(r"\s*(?:\w+=|exec\s|\.\s)")


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
        if UNKNOWN in text or _META.search(text) or _SETTING.match(text):
            if self._lookups.is_file(_SHELL):
                self._seen.file(image_path(_SHELL), EdgeKind.EXECUTES, firing, text.replace(UNKNOWN, "..."))
            self._shell(text, firing)
            return
        words = text.split()
        self._program(words[0], firing)
        self._operands(words[1:])

    def run(self, words: Sequence[Value], firing: Firing) -> None:
        """A program and its arguments, or a command line where there is one word that is no list."""
        texts = [text for word in words for text in word.texts]
        if len(words) > 1 or (words[0].is_sequence and len(texts) > 1):
            self._words(texts, firing)
            return
        for text in texts:
            self.line(text, firing)

    def _words(self, words: Sequence[str], firing: Firing) -> None:
        self._program(words[0], firing)
        name = basename(words[0])
        if name in SHELLS and len(words) > 2 and words[1].startswith("-") and words[1].endswith("c"):
            self._shell(words[2], firing)
        elif name == "perl":
            self.script(words[1:], firing)
        self._operands(words[1:])

    def _shell(self, text: str, firing: Firing) -> None:
        text = text.replace(UNKNOWN, "$UNKNOWN")
        self._seen.inline("shell", text, firing, text)

    def _program(self, word: str, firing: Firing) -> None:
        if UNKNOWN in word:
            self._seen.gap("computed-name", "a command")
            return
        path = self._lookups.executable(word)
        if path is not None:
            self._seen.file(path, EdgeKind.EXECUTES, firing, word)

    def script(self, words: Sequence[str], firing: Firing) -> None:
        """Options and a program for the perl that runs."""
        text = next((word for word in words if not word.startswith("-")), "")
        found = self._lookups.named(text, self._lookups.context.cwd)
        if found is not None and self._lookups.is_file(found[0]):
            self._seen.file(found[0], EdgeKind.EXECUTES, firing, text, language="perl")

    def _operands(self, words: Sequence[str]) -> None:
        for word in words[:64]:
            found = self._lookups.named(join(self._lookups.context.cwd, word), "/") if "/" in word else None
            if found is not None:
                self._seen.named(*found, word)
