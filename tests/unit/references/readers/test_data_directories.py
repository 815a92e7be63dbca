"""Data directories: what a server opens at every start and does not make."""

from __future__ import annotations

import pytest

from xraydiff.facts import Edge, EdgeKind, Firing
from xraydiff.knowledge import OURS, DataDirectory
from xraydiff.paths import ImagePath
from xraydiff.references.readers.data_directories import DataDirectoriesReader
from xraydiff.testing import ImageBuilder, read


def asked(builder: ImageBuilder, mark: str) -> list[Edge]:
    return read(DataDirectoriesReader(), builder.file(mark, "x"), mark).edges


@pytest.mark.parametrize("layout", OURS.rows(DataDirectory), ids=lambda layout: layout.mark)
def test_every_layout_finds_its_directories(layout: DataDirectory) -> None:
    builder = ImageBuilder().file(f"/srv/data/{layout.beside}", "x")
    for name in layout.needed:
        builder.directory(f"/srv/data/{name}")
    edges = asked(builder, f"/srv/data/{layout.mark}")
    assert [edge.target.path for edge in edges] == [f"/srv/data/{name}" for name in layout.needed]
    assert {(edge.kind, edge.firing, edge.stops) for edge in edges} == {(EdgeKind.COMPANION, Firing.LOAD, True)}


def test_only_what_the_original_has_and_only_beside_the_heart_of_the_database() -> None:
    whole = (
        ImageBuilder().file("/d/global/pg_control", "x").directory("/d/pg_notify").file("/d/pg_tblspc", "no directory")
    )
    assert [edge.target.path for edge in asked(whole, "/d/PG_VERSION")] == ["/d/pg_notify"]
    assert asked(ImageBuilder().directory("/d/pg_notify"), "/d/PG_VERSION") == []
    assert asked(ImageBuilder().file("/d/global/pg_control", "x").directory("/d/pg_notify"), "/d/VERSION") == []


def test_a_mark_at_the_root() -> None:
    builder = ImageBuilder().file("/global/pg_control", "x").directory("/pg_notify")
    assert [edge.target.path for edge in asked(builder, "/PG_VERSION")] == [ImagePath("/pg_notify")]
