"""What Java programs refer to: their class path, the parts of the runtime that their classes lead to, files, commands.

Classes are read from their constant pools; nothing of the runtime itself is opened, a table with the JDK's sources says
which of its files a class's use of the platform leads to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from xraydiff.commands.start import environment, health_command, start_command
from xraydiff.facts import Edge, NodeKind
from xraydiff.limits import Limits
from xraydiff.references import Command, Context, Depth, Gap, ParsedReader, Subject
from xraydiff.references.readers.java.names import ARCHIVE, CLAIMS, LANGUAGE, PROVIDERS, SERVICES, is_archive, is_class
from xraydiff.references.readers.java.parsing import Parsed, parse

__all__ = ["JavaReader"]

_STARTS = re.compile(r"java|jdk|jre|jar|-cp|-classpath|--class-path", re.IGNORECASE)
"""In the words of a config that starts Java, or in the names of variables with its options."""


class JavaReader(ParsedReader[Parsed]):
    """Reads configs and commands that start Java, archives, class files and lists of service providers."""

    name = "java"
    language = LANGUAGE
    claims = CLAIMS
    depth = Depth.FULL

    def accepts(self, subject: Subject) -> bool:
        """Whether there is something of Java's in it."""
        node, data = subject.node, subject.data
        if node.kind is NodeKind.CONFIG:
            if subject.config is None:
                return False
            words = (*start_command(subject.config), *health_command(subject.config), *environment(subject.config))
            return any(_STARTS.search(word) for word in words)
        if node.kind is not NodeKind.FILE:
            return False
        if is_class(data) or (data.startswith(b"PK\3\4") and is_archive(subject)):
            return True
        if data.startswith(b"#!"):
            return b"java" in data and is_archive(subject)
        return SERVICES in subject.path

    def form(self, subject: Subject) -> str:
        """Whether a file is opened as an archive, or lists providers, whatever it begins with."""
        if subject.file is not None and is_archive(subject):
            return ARCHIVE
        return PROVIDERS if SERVICES in subject.path else ""

    def parse(self, data: bytes, form: str, limits: Limits) -> Parsed:
        """What a class, an archive or a list of providers names."""
        return parse(data, form, limits)

    def resolve(self, parsed: Parsed, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """Edges in the order in which they were seen, then gaps."""
        from xraydiff.references.readers.java.reading import resolve

        return resolve(parsed, subject, context)

    def launched(self, command: Command, context: Context) -> Iterable[Edge | Gap]:
        """What a command of Java refers to."""
        from xraydiff.references.readers.java.reading import launched

        return launched(command, context)

    def read(self, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """Parse and resolve, within what may still be read of all archives of the image."""
        from xraydiff.references.readers.java.classes import budget_of

        limits = context.once(budget_of).limits
        return self.resolve(self.parse(subject.data, self.form(subject), limits), subject, context)
