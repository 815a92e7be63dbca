"""Extracts references: reads each file at most once, by the readers that its standing allows; counts, gaps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice

from xraydiff.budget import BYTES_PARSED, BYTES_SEARCHED
from xraydiff.conventions import ELF_MAGIC
from xraydiff.errors import ImageError, PluginError, XraydiffError
from xraydiff.facts import Edge, FileType, Firing, ImageConfig, Node, NodeKind
from xraydiff.paths import ImagePath, escaped
from xraydiff.reach import ReaderCount, Unfollowed
from xraydiff.references import NOTED, Command, Context, Depth, Gap, Launcher, Reader, Subject
from xraydiff.references.readers.literals import LiteralsReader
from xraydiff.tree import FileTree


class Extraction:
    """References of nodes, remembered by node and depth."""

    def __init__(
        self,
        readers: Sequence[Reader],
        context: Context,
        slim: FileTree,
        configs: dict[str, ImageConfig],
    ) -> None:
        self._readers = readers
        self._context = context
        self._slim = slim
        self._configs = configs
        self._edges: dict[tuple[Node, Depth], tuple[Edge, ...]] = {}
        self.languages = frozenset(reader.language for reader in readers if reader.language)
        self.unfollowed: set[Unfollowed] = set()
        self.files_read: set[ImagePath] = set()
        self.files_parsed: set[ImagePath] = set()
        self._reached: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._partly: Counter[str] = Counter()

    def edges(self, node: Node, path: ImagePath, *, full: bool) -> tuple[Edge, ...]:
        """The references of a node whose file has this real path; headers and literals only unless `full`."""
        depth = Depth.FULL if full else Depth.HEADERS
        key = (node, depth)
        if key not in self._edges:
            self._edges[key] = tuple(self._read(node, path, full=full))
        return self._edges[key]

    def needs_language(self, node: Node, path: ImagePath) -> bool:
        """Whether name and content of a file do not tell its language, so that the node must."""
        subject = self._file_subject(replace(node, language=""), path, full=True)
        readers = (reader for reader in self._readers if reader.language == node.language)
        return subject is not None and not any(self._accepts(reader, subject) for reader in readers)

    def has_reader(self, path: ImagePath) -> bool:
        """Whether the reader of any language accepts a file."""
        subject = self._file_subject(Node(path=path), path, full=True)
        readers = (reader for reader in self._readers if reader.language)
        return subject is not None and any(self._accepts(reader, subject) for reader in readers)

    def loads(self, node: Node, path: ImagePath) -> tuple[Edge, ...]:
        """Only what the kernel and the loader follow from a program or library, for files far from any reference."""
        original = self._context.original
        file = original.files.get(path)
        if file is None or file.type is not FileType.FILE:
            return ()
        if not original.read_at(path, 0, len(ELF_MAGIC)).startswith((ELF_MAGIC, b"#!")):
            return ()
        subject = self._subject(node, path, full=True)
        readers = [reader for reader in self._readers if reader.depth == Depth.LOADER] if subject is not None else []
        edges = (edge for reader in readers if subject is not None for edge in self._accepted_edges(reader, subject))
        return tuple(edge for edge in edges if edge.firing is Firing.LOAD)

    def coverage(self) -> dict[str, ReaderCount]:
        """What each reader did, by its name."""
        return {
            reader.name: ReaderCount(
                reached=self._reached[reader.name],
                parsed=self._reached[reader.name] - self._failed[reader.name],
                not_understood=self._partly[reader.name],
            )
            for reader in sorted(self._readers, key=lambda reader: reader.name)
        }

    def _read(self, node: Node, path: ImagePath, *, full: bool) -> list[Edge]:
        subject = self._subject(node, path, full=full)
        if subject is None:
            return []
        self._context.budget.at = subject.path
        edges: list[Edge] = []
        if full and node.language and node.language not in self.languages:
            self.unfollowed.add(Unfollowed(node=node, reader=node.language, reason="no-reader"))
        for reader in self._readers:
            if full or reader.depth != Depth.FULL:
                edges.extend(self._accepted_edges(reader, subject))
        edges.extend(self._literals_beyond(subject, path))
        return edges

    def _literals_beyond(self, subject: Subject, path: ImagePath) -> Iterator[Edge]:
        """Literals beyond the first bytes of a kept package file; no other reader needs more than those."""
        file, most = subject.file, self._context.limits.literals
        if file is None or file.size <= len(subject.data):
            return
        searching = [
            reader for reader in self._readers if isinstance(reader, LiteralsReader) and reader.accepts(subject)
        ]
        for start in range(most - _SHARED, file.size, most - _SHARED):
            piece = replace(subject, data=subject.tree.read_at(path, start, most))
            for edge in (edge for reader in searching for edge in self._run(reader, piece)):
                yield replace(edge, line=0)

    def _accepted_edges(self, reader: Reader, subject: Subject) -> list[Edge]:
        with _named(reader, subject):
            return self._run(reader, subject) if reader.accepts(subject) else []

    def _accepts(self, reader: Reader, subject: Subject) -> bool:
        with _named(reader, subject):
            return reader.accepts(subject)

    def _run(self, reader: Reader, subject: Subject) -> list[Edge]:
        self._reached[reader.name] += 1
        if reader.depth == Depth.FULL and subject.file is not None:
            self.files_parsed.add(subject.path)
        self._notify(subject, reader.name)
        self._context.budget.spend(self._cost(reader, subject))
        edges: list[Edge] = []
        gaps: list[Gap] = []
        for item in self._items(reader, subject):
            if isinstance(item, Gap):
                gaps.append(item)
            elif len(edges) < self._context.limits.edges_per_file:
                edges.append(item if item.by else replace(item, by=reader.name))
            else:
                gaps.append(Gap(node=subject.node, reason="too-many-references"))
                break
        self._notify(subject, "")
        self.unfollowed.update(
            Unfollowed(node=gap.node, reader=reader.name, reason=gap.reason, detail=gap.detail) for gap in gaps
        )
        self._partly[reader.name] += bool(gaps)
        self._failed[reader.name] += any(gap.reason not in NOTED for gap in gaps)
        return edges

    def _items(self, reader: Reader, subject: Subject) -> Iterator[Edge | Gap]:
        """What a reader says of a file, and in the place of a command what the readers of its program say."""
        for item in reader.read(subject, self._context):
            if isinstance(item, Command):
                yield from self._launched(item, subject)
            else:
                yield item

    def _launched(self, command: Command, subject: Subject) -> Iterator[Edge]:
        """References that the readers of a program find in its arguments; a gap there is that reader's."""
        most = self._context.limits.edges_per_file
        for reader in self._readers:
            if isinstance(reader, Launcher) and command.program in reader.claims:
                with _named(reader, subject):
                    found = list(islice(reader.launched(command, self._context), most + 1))
                if len(found) > most:
                    found[most] = Gap(node=subject.node, reason="too-many-references")
                for item in found:
                    if isinstance(item, Edge):
                        yield replace(item, by=item.by or reader.name)
                    else:
                        self.unfollowed.add(
                            Unfollowed(node=item.node, reader=reader.name, reason=item.reason, detail=item.detail)
                        )

    def _notify(self, subject: Subject, reader: str) -> None:
        if self._context.watch is not None:
            self._context.watch(subject.tree, subject.path, reader)

    def _cost(self, reader: Reader, subject: Subject) -> int:
        """Steps of reading a file, by its bytes: what a language's parser takes, or a search."""
        size = len(subject.data)
        parsed = min(size, self._context.limits.script) if reader.language and reader.depth == Depth.FULL else 0
        return 1 + parsed // BYTES_PARSED + size // BYTES_SEARCHED

    def _subject(self, node: Node, path: ImagePath, *, full: bool) -> Subject | None:
        if node.kind is NodeKind.CONFIG:
            config = self._configs[node.path]
            return Subject(node=node, path=path, file=None, tree=self._context.original, data=b"", config=config)
        if node.kind is NodeKind.SCRIPT:
            data = node.text.encode("utf-8", "surrogateescape")
            return Subject(node=node, path=path, file=None, tree=self._context.original, data=data)
        if node.kind is NodeKind.DIRECTORY:
            return None
        return self._file_subject(node, path, full=full)

    def _file_subject(self, node: Node, path: ImagePath, *, full: bool) -> Subject | None:
        kept = self._slim.files.get(path)
        tree = self._slim if kept is not None and kept.type is FileType.FILE else self._context.original
        file = tree.files.get(path)
        if file is None or file.type is not FileType.FILE or not file.size:
            return None
        self.files_read.add(path)
        limits = self._context.limits
        try:
            if full or file.size <= limits.literals:
                data = tree.content(path, limit=limits.elf)
            else:
                data = tree.read_at(path, 0, limits.literals)
        except ImageError as error:
            self.unfollowed.add(Unfollowed(node=node, reader=_CONTENT, reason="too-large", detail=error.message))
            return None
        return Subject(node=node, path=path, file=file, tree=tree, data=data)


_CONTENT = "content"
"""What gives up where the bytes of a file are more than are read for any reader."""
_SHARED = 8 << 10
"""Bytes that two pieces of a large file share, twice as many as the longest path has."""


@contextmanager
def _named(reader: Reader, subject: Subject) -> Iterator[None]:
    """Whatever a reader raises besides our own errors becomes a `PluginError` that names it and the file."""
    try:
        yield
    except XraydiffError:
        raise
    except Exception as error:
        message = f"reader {reader.name} raised {type(error).__name__}: {error}"
        raise PluginError(message, path=escaped(subject.path)) from error
