"""References of Node programs: modules by Node's own algorithm, files, views, addons, programs, and when they do.

A script is parsed whole; what names are bound to is looked up in the script itself, so that
`require(path.join(__dirname, 'routes', name))` and `promisify(child_process.exec)('date')` are understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from xraydiff.commands.start import health_command, start_command
from xraydiff.conventions import ELF_MAGIC
from xraydiff.facts import Edge, NodeKind
from xraydiff.limits import Limits
from xraydiff.paths import basename
from xraydiff.references import Command, Context, Depth, Gap, Subject
from xraydiff.references.kit.grammars import GrammarReader
from xraydiff.references.readers.node.script import Form, Parsed
from xraydiff.references.readers.node.start import CLAIMS

__all__ = ["NodeReader"]

_SUFFIXES = (".js", ".cjs", ".mjs", ".jsx", ".ts", ".cts", ".mts", "/package.json")
_STARTS = re.compile(r"node|npm|npx|yarn|bun|tsx")
"""In the words of a config that starts Node or a package manager."""
_NODE = re.compile(rb"#![^\n]*\b(?:node|nodejs|bun|ts-node|tsx)\b")


class NodeReader(GrammarReader[Parsed]):
    """Reads JavaScript and TypeScript, package.json, and start commands that start Node or a package manager."""

    name = "node"
    language = "node"
    claims = CLAIMS
    depth = Depth.FULL

    def accepts(self, subject: Subject) -> bool:
        """By kind, name and first bytes."""
        node = subject.node
        if node.kind is NodeKind.CONFIG:
            if subject.config is None:
                return False
            words = (*start_command(subject.config), *health_command(subject.config), *subject.config.env)
            return any(_STARTS.search(word) for word in words)
        if node.kind is NodeKind.SCRIPT:
            return node.language == self.language
        if node.kind is not NodeKind.FILE or subject.data.startswith(ELF_MAGIC):
            return False
        if node.language == self.language or subject.path.endswith(_SUFFIXES):
            return not subject.path.endswith((".d.ts", ".d.mts", ".d.cts"))
        return _NODE.match(subject.data, 0, 256) is not None

    def form(self, subject: Subject) -> str:
        """What the file is: the bytes are taken for that."""
        if subject.config is not None:
            return Form.CONFIG
        if basename(subject.path) == "package.json":
            return Form.MANIFEST
        return Form.TYPED if subject.path.endswith((".ts", ".mts", ".cts")) else Form.SCRIPT

    def parse(self, data: bytes, form: str, limits: Limits) -> Parsed:
        """What the file says."""
        from xraydiff.references.readers.node.parsing import parse_file

        return parse_file(data, form, limits)

    def resolve(self, parsed: Parsed, subject: Subject, context: Context) -> Iterable[Edge | Gap | Command]:
        """Edges by line, then gaps, then programs with their arguments."""
        from xraydiff.references.readers.node.resolving import resolve

        return resolve(parsed, subject, context)

    def launched(self, command: Command, context: Context) -> Iterable[Edge | Gap]:
        """What a command of Node or a package manager refers to."""
        from xraydiff.references.readers.node.resolving import launched

        return launched(command, context)
