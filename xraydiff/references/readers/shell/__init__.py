"""References of a shell script: programs, sourced files, inline scripts and paths, each with when it is followed.

The script is walked as a shell would run it: assignments, branches, functions and sourced files keep what a variable
may hold, so that `"$DIR/bin/tool"`, `for f in /etc/profile.d/*.sh` and `exec "$@"` after `set -- tool "$@"` are found.
"""

from __future__ import annotations

from collections.abc import Iterable

from xraydiff.conventions import ELF_MAGIC
from xraydiff.facts import Edge, FileType, NodeKind
from xraydiff.limits import Limits
from xraydiff.references import Command, Context, Depth, Gap, ParsedReader, Subject
from xraydiff.references.kit.shebang import is_shell_script
from xraydiff.references.readers.shell.parsed import ParsedScript, parse_script
from xraydiff.references.readers.shell.script import resolve
from xraydiff.references.readers.shell.vocabulary import SUFFIXES

__all__ = ["ShellReader"]

_LANGUAGE = "shell"


class ShellReader(ParsedReader[ParsedScript]):
    """Reads shell scripts, detected by `#!`, by a suffix where there is none, or by who runs or sources them."""

    name = "shell"
    language = _LANGUAGE
    depth = Depth.FULL

    def accepts(self, subject: Subject) -> bool:
        """Whether a shell reads this: an inline script, a file that some shell sources, or one that begins so."""
        node, file = subject.node, subject.file
        if node.kind is NodeKind.SCRIPT or node.language:
            return node.language == _LANGUAGE and not subject.data.startswith(ELF_MAGIC)
        if node.kind is not NodeKind.FILE or (file is not None and file.type is not FileType.FILE):
            return False
        if subject.data.startswith(b"#!"):
            return is_shell_script(subject.data)
        return subject.path.endswith(SUFFIXES) and not subject.data.startswith(ELF_MAGIC)

    def parse(self, data: bytes, form: str, limits: Limits) -> ParsedScript:
        """The syntax tree of the script."""
        del form
        return parse_script(data, limits)

    def resolve(self, parsed: ParsedScript, subject: Subject, context: Context) -> Iterable[Edge | Gap | Command]:
        """Edges in the order of the file, then gaps."""
        return resolve(parsed, subject, context)
