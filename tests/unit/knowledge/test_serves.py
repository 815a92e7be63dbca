"""Whom rows of knowledge serve: each name is a layout of layouts.txt, in which the row finds what it is for.

To add a row, add it to its table, name two layouts in `serves`, and add those that are not there yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import pytest

from xraydiff.facts import ImageConfig, Node
from xraydiff.inventory.tools import read_tools
from xraydiff.knowledge import OURS, TABLES, Companion, DataDirectory, Facility, Knowledge, NamedRow, Row, Tools
from xraydiff.paths import ROOT, ImagePath
from xraydiff.references import Context, Reader, Subject
from xraydiff.references.readers.companions import CompanionsReader
from xraydiff.references.readers.data_directories import DataDirectoriesReader
from xraydiff.references.readers.java.runtime import homes
from xraydiff.testing import ImageBuilder

PUBLISHED: Final = tuple("https:// POSIX OpenSSL glibc musl PEP Go GnuTLS Linux-PAM CPython".split())
"""How the name of a published specification, or of an implementation that is one, begins."""


def layouts() -> dict[str, list[str]]:
    """The lines of each layout."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in Path(__file__).with_name("layouts.txt").read_text().splitlines():
        if line.startswith("  "):
            found[name].append(line.strip())
        elif line and not line.startswith("#"):
            name = line
            assert name not in found, name
            found[name] = []
    return found


LAYOUTS: Final = layouts()


def context_of(name: str) -> Context:
    builder = ImageBuilder()
    for line in LAYOUTS[name]:
        path, _, content = line.partition(" = ")
        if path.endswith("/"):
            builder.directory(path.rstrip("/"))
        else:
            builder.file(path, content or "x", mode=0o755)
    return Context(original=builder.tree(), config=ImageConfig(), env={}, path=(), cwd=ROOT)


class Only(Knowledge):
    """One row and nothing else, so that no other row's edges stand for it."""

    def __init__(self, row: Row) -> None:
        super().__init__()
        self._rows = {type(row): (row,)}


def found_by(make: Callable[[Knowledge], Reader], row: Row, context: Context) -> Iterable[object]:
    """What a reader that knows this row alone finds in the files of a layout."""
    reader, tree = make(Only(row)), context.original
    for path, file in tree.files.items():
        data = tree.content(path) if file.size else b""
        subject = Subject(node=Node(path=path), path=ImagePath(path), file=file, tree=tree, data=data)
        if reader.accepts(subject):
            yield from reader.read(subject, context)


def facility_found(row: Facility, context: Context) -> bool:
    return any(True for home in homes(context) for _ in home.files(row, context.original))


def tool_found(row: Tools, context: Context) -> bool:
    return any(tool.tool is row.tool for tool in read_tools(context.original, context.config))


def finds(row: Row, name: str) -> bool:
    """Whether a row finds something in a layout."""
    context = context_of(name)
    match row:
        case Companion():
            return any(True for _ in found_by(CompanionsReader, row, context))
        case DataDirectory():
            return any(True for _ in found_by(DataDirectoriesReader, row, context))
        case Facility():
            return facility_found(row, context)
        case Tools():
            return tool_found(row, context)
        case _:
            return False


ROWS: Final = [row for kind in TABLES for row in OURS.rows(kind)]


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.TABLE}-{row.reason[:40]}" for row in ROWS])
def test_each_name_that_a_row_serves_is_a_fixture_or_published(row: Row) -> None:
    assert len(set(row.serves)) == len(row.serves) >= row.SERVES
    names = row.names if isinstance(row, NamedRow) else frozenset()
    for name in row.serves:
        # A command serves itself: its own manual says how it takes its arguments, and that is the row's source.
        assert name in names or name.startswith(PUBLISHED) or finds(row, name), name


def test_every_layout_is_served() -> None:
    served: Mapping[str, None] = {name: None for row in ROWS for name in row.serves}
    assert set(LAYOUTS) - set(served) == set()
