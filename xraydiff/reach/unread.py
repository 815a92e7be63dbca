"""Reached files that were not read whole: missing dependencies may hide in them, so the outlook cannot be `clean`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from xraydiff.facts import Certainty, FileType, Node, NodeKind
from xraydiff.paths import ImagePath
from xraydiff.reach import Unread
from xraydiff.reach.extraction import Extraction
from xraydiff.reach.table import PACKAGE_ROWS, Standing
from xraydiff.references import NOTED
from xraydiff.references.readers.foreign import language_of
from xraydiff.references.readers.packed import packed_program
from xraydiff.tree import FileTree

NO_READER = "no-reader"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What decides whether a gap counts: how the walk reached its nodes."""

    certainty: Callable[[Node], Certainty]
    """Of the best chain to a node; NONE where the walk did not come to it."""
    standing: Callable[[Node], Standing]
    started: frozenset[ImagePath]
    """Real paths that the start command comes to by load edges, scripts of the configs included."""
    run: frozenset[ImagePath]
    """Real paths of what is run, sourced or interprets a script, LIKELY or better."""
    named: frozenset[ImagePath]
    """Real paths that the configs, the application or executed scripts name, LIKELY or better."""


def unread(extraction: Extraction, reached: Reached, slim: FileTree, original: FileTree) -> tuple[Unread, ...]:
    """Every gap that closes the gate, sorted.

    A gap counts where what could stand in the unread part would be LIKELY or better: on a file of the application, an
    executed script, a restored file, a config, and on whatever the start comes to. Of a kept package file that nothing
    runs only literals are read, and they are POSSIBLE at most.
    """
    gaps = {
        Unread(
            path=_place(gap.node), kept=_kept(gap.node, slim), reader=gap.reader, reason=gap.reason, detail=gap.detail
        )
        for gap in extraction.unfollowed
        if gap.reason not in NOTED and _counts(gap.node, reached)
    }
    return tuple(sorted(gaps | set(_without_reader(extraction, reached, slim, original))))


def _counts(node: Node, reached: Reached) -> bool:
    path = ImagePath(node.path)
    if node.kind is NodeKind.FILE and path in reached.started:
        return True
    if reached.certainty(node) < Certainty.LIKELY:
        return False
    return node.kind is not NodeKind.FILE or reached.standing(node) not in PACKAGE_ROWS or path in reached.run


def _without_reader(extraction: Extraction, reached: Reached, slim: FileTree, original: FileTree) -> Iterator[Unread]:
    """Programs in languages without a reader that are run, and their sources that are named."""
    for path in sorted(reached.run | reached.named):
        tree = slim if _is_file(slim, path) else original
        if not _is_file(tree, path):
            continue
        packed = packed_program(tree, path)
        if packed:
            yield Unread(path=path, kept=tree is slim, reader=packed, reason=NO_READER)
            continue
        ran = path in reached.run
        language = language_of(tree, path, ran=ran)
        if language and language.casefold() not in extraction.languages and not extraction.has_reader(path):
            yield Unread(path=path, kept=tree is slim, reader=language, reason=NO_READER)


def _is_file(tree: FileTree, path: ImagePath) -> bool:
    file = tree.files.get(path)
    return file is not None and file.type is FileType.FILE


def _place(node: Node) -> str:
    """The path of a file or of what holds an inline script; empty for a config."""
    return node.path if node.path.startswith("/") else ""


def _kept(node: Node, slim: FileTree) -> bool:
    if node.path.startswith("/"):
        return _is_file(slim, ImagePath(node.path))
    return node.path == "slim"


def real_targets(paths: Iterable[str], tree: FileTree) -> Iterator[ImagePath]:
    """Where paths lead in a tree, links followed, as far as they lead anywhere."""
    for path in paths:
        found = tree.resolve(path).path
        if found is not None:
            yield found
