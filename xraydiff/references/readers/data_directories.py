"""What a server's data directory must contain before it starts, detected by the file that marks such a directory.

A directory without a file leaves no trace in a run that only watches files, so a minifier drops it. A server that finds
its data directory made does not make it again: it ends with an error.
"""

from __future__ import annotations

from collections.abc import Iterable

from xraydiff.facts import Edge, EdgeKind, FileType, Firing, Node, NodeKind
from xraydiff.knowledge import OURS, DataDirectory, Knowledge
from xraydiff.limits import Limits
from xraydiff.paths import basename, join, parent
from xraydiff.references import Context, Depth, Gap, ParsedReader, Subject, Unparsed

__all__ = ["DataDirectoriesReader"]


class DataDirectoriesReader(ParsedReader[Unparsed]):
    """Reads the file that marks a data directory."""

    name = "data-directories"
    depth = Depth.FULL

    def __init__(self, knowledge: Knowledge = OURS) -> None:
        """Rows are read at the first use."""
        self._knowledge = knowledge

    def accepts(self, subject: Subject) -> bool:
        """Whether the file has the name of a mark."""
        name = basename(subject.path)
        return subject.file is not None and any(row.mark == name for row in self._knowledge.rows(DataDirectory))

    def parse(self, data: bytes, form: str, limits: Limits) -> Unparsed:
        """Nothing: the mark is a name."""
        del data, form, limits
        return Unparsed()

    def resolve(self, parsed: Unparsed, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """The directories that must be there."""
        del parsed
        directory = parent(subject.path)
        for row in self._knowledge.rows(DataDirectory):
            beside = context.original.files.get(join(directory, row.beside))
            if basename(subject.path) != row.mark or beside is None:
                continue
            for name in row.needed:
                path = join(directory, name)
                file = context.original.files.get(path)
                if file is not None and file.type is FileType.DIRECTORY:
                    yield Edge(
                        source=subject.node,
                        target=Node(kind=NodeKind.DIRECTORY, path=path),
                        kind=EdgeKind.COMPANION,
                        firing=Firing.LOAD,
                        detail=row.reason,
                        stops=True,
                    )
