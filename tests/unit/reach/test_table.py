"""The certainty table is the design's table; these are its promises."""

from __future__ import annotations

import pytest

from xraydiff.facts import Certainty, Edge, EdgeKind, Firing, Node
from xraydiff.reach.table import LOADER_KINDS, PACKAGE_ROWS, TABLE, Standing, certainty_of


def edge(kind: EdgeKind, firing: Firing) -> Edge:
    return Edge(source=Node(path="/a"), target=Node(path="/b"), kind=kind, firing=firing)


def test_every_standing_judges_every_firing() -> None:
    assert set(TABLE) == set(Standing)
    for row in TABLE.values():
        assert set(row) == set(Firing)


@pytest.mark.parametrize("standing", sorted(PACKAGE_ROWS))
@pytest.mark.parametrize("kind", sorted(set(EdgeKind) - LOADER_KINDS))
def test_load_edges_of_languages_are_dropped_for_kept_package_files(standing: Standing, kind: EdgeKind) -> None:
    assert certainty_of(edge(kind, Firing.LOAD), standing) is Certainty.NONE


@pytest.mark.parametrize("kind", sorted(LOADER_KINDS))
def test_what_the_loader_follows_is_proven_where_it_ran_and_possible_where_it_did_not(kind: EdgeKind) -> None:
    assert certainty_of(edge(kind, Firing.LOAD), Standing.ACTIVE_PACKAGE) is Certainty.PROVEN
    assert certainty_of(edge(kind, Firing.LOAD), Standing.KEPT_PACKAGE) is Certainty.POSSIBLE


@pytest.mark.parametrize("firing", [Firing.GUARDED, Firing.DEFERRED])
@pytest.mark.parametrize("standing", sorted(PACKAGE_ROWS))
def test_branches_of_kept_package_files_say_nothing(firing: Firing, standing: Standing) -> None:
    assert certainty_of(edge(EdgeKind.EXECUTES, firing), standing) is Certainty.NONE


def test_no_row_makes_a_weaker_firing_stronger() -> None:
    for standing, row in TABLE.items():
        if standing is not Standing.CONFIG:
            assert row[Firing.LOAD] >= row[Firing.GUARDED] >= row[Firing.DEFERRED], standing
