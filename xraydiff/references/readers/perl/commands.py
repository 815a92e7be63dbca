"""Programs that Perl starts: `system`, `exec`, backticks, pipes of `open`, IPC::Open3, by the rules of perlfunc(1)."""

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
from xraydiff.references.readers.perl.values import Values

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["Commands"]

_SHELL: Final = "/bin/sh"
_META: Final = re.compile(r"[$&*(){}\[\]'\";\\|?<>~`\n]")
"""doio.c, Perl_do_exec3: without one of these a command line is split at blanks and no shell is started."""
_SETTING: Final = re.compile(r"\s*(?:\w+=|exec\s|\.\s)")
_PERL: Final = frozenset({"$^X", "$EXECUTABLE_NAME"})
_OPENS: Final = {"open2": 2, "open3": 3, "run": 0, "harness": 0, "start": 0, "capture": 0, "capturex": 0, "systemx": 0}
"""Functions of IPC::Open2, Open3, Run and System::Simple, with the handles before the command."""


class Commands:
    """Edges to what one program starts."""

    def __init__(self, values: Values, seen: Sightings, lookups: Lookups) -> None:
        self._values = values
        self._seen = seen
        self._lookups = lookups

    def call(self, name: str, nodes: list[Syntax], firing: Firing) -> bool:
        """A call, where it starts something: `system LIST`, `exec LIST`, `open(..., '-|', LIST)` and the like."""
        if name in ("system", "exec", "readpipe"):
            self._listed([node for node in nodes if node.type != "block"], firing)
        elif name == "open":
            self._open(nodes, firing)
        elif name in _OPENS:
            self._listed(nodes[_OPENS[name] :], firing)
        else:
            return False
        return True

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

    def _open(self, nodes: list[Syntax], firing: Firing) -> None:
        if len(nodes) < 2:
            return
        for mode in self._values.of(nodes[1]).texts[:4]:
            text = mode.strip()
            if text in ("-|", "|-") and len(nodes) > 2:
                self._listed(nodes[2:], firing)
            elif len(nodes) == 2 and text.endswith("|"):
                self.line(text[:-1], firing)
            elif len(nodes) == 2 and text.startswith("|"):
                self.line(text[1:], firing)

    def _listed(self, nodes: list[Syntax], firing: Firing) -> None:
        if len(nodes) == 1 and nodes[0].type == "anonymous_array_expression":
            inner = nodes[0].named_children
            nodes = inner[0].named_children if len(inner) == 1 and inner[0].type == "list_expression" else inner
        if not nodes:
            return
        if len(nodes) == 1:
            value = self._values.of(nodes[0])
            if value.every and len(value.texts) > 1:
                self._words(value.texts, firing)
                return
            for text in value.texts:
                self.line(text, firing)
            return
        if self._values.text(nodes[0]) in _PERL:
            self._script([text for node in nodes[1:8] for text in self._values.of(node).texts], firing)
            return
        self._words([text for node in nodes[:64] for text in self._values.of(node).texts], firing)

    def _words(self, words: Sequence[str], firing: Firing) -> None:
        self._program(words[0], firing)
        name = basename(words[0])
        if name in SHELLS and len(words) > 2 and words[1].startswith("-") and words[1].endswith("c"):
            self._shell(words[2], firing)
        elif name == "perl":
            self._script(words[1:], firing)
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

    def _script(self, words: Sequence[str], firing: Firing) -> None:
        text = next((word for word in words if not word.startswith("-")), "")
        found = self._lookups.named(text, self._lookups.context.cwd)
        if found is not None and self._lookups.is_file(found[0]):
            self._seen.file(found[0], EdgeKind.EXECUTES, firing, text, language="perl")

    def _operands(self, words: Sequence[str]) -> None:
        for word in words[:64]:
            found = self._lookups.named(join(self._lookups.context.cwd, word), "/") if "/" in word else None
            if found is not None:
                self._seen.named(*found, word)
