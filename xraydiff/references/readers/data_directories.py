"""What a server's data directory must hold before the server starts, told by the file that marks such a directory.

A directory without a file leaves no trace in a run that only watches files, so a minifier drops it. A server that finds
its data directory made does not make it again: it ends with an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from xraydiff.facts import Edge, EdgeKind, FileType, Firing, Node, NodeKind
from xraydiff.paths import basename, join, parent
from xraydiff.references import Context, Depth, Gap, Subject

__all__ = ["LAYOUTS", "DataDirectoriesReader", "Layout"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One kind of data directory."""

    mark: str
    """Name of the file that marks it."""
    beside: str
    """What must be there too, relative to the directory; the mark's name alone may be another program's."""
    needed: tuple[str, ...]
    """Directories that the server opens at every start, and does not make."""
    reason: str
    source: str
    """Where the server's source says so."""
    serves: tuple[str, ...]
    """Images that the row is for, two at least."""


LAYOUTS: Final = (
    Layout(
        mark="PG_VERSION",
        beside="global/pg_control",
        needed=("pg_notify", "pg_replslot", "pg_tblspc", "pg_twophase"),
        reason="PostgreSQL reads the directory at every start and does not make it",
        source=(
            "PostgreSQL: AsyncShmemInit (commands/async.c), StartupReplicationSlots (replication/slot.c), "
            "restoreTwoPhaseData (access/transam/twophase.c), RemovePgTempFiles (storage/file/fd.c)"
        ),
        serves=("postgresql-15 of Debian with its database in the image", "postgis, timescaledb with sample data"),
    ),
)


class DataDirectoriesReader:
    """Reads the file that marks a data directory."""

    name = "data-directories"
    language = ""
    depth = Depth.FULL

    def accepts(self, subject: Subject) -> bool:
        """Whether the file has the name of a mark."""
        return subject.file is not None and any(basename(subject.path) == layout.mark for layout in LAYOUTS)

    def read(self, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """The directories that must be there."""
        directory = parent(subject.path)
        for layout in LAYOUTS:
            beside = context.original.files.get(join(directory, layout.beside))
            if basename(subject.path) != layout.mark or beside is None:
                continue
            for name in layout.needed:
                path = join(directory, name)
                file = context.original.files.get(path)
                if file is not None and file.type is FileType.DIRECTORY:
                    yield Edge(
                        source=subject.node,
                        target=Node(kind=NodeKind.DIRECTORY, path=path),
                        kind=EdgeKind.COMPANION,
                        firing=Firing.LOAD,
                        detail=layout.reason,
                        stops=True,
                    )
