"""Every pair under tests/pairs holds together: checks, listing, verdicts and needed list are of one image."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pairs.harness.pair import WHEN, Pair, pairs

ROW = {"path", "type", "mode", "uid", "gid", "size", "link", "sha"}
every_pair = pytest.mark.parametrize("pair", pairs([]), ids=lambda pair: pair.name)


@every_pair
def test_the_checks_were_measured_and_enough_of_them_break(pair: Pair) -> None:
    names = [check.name for check in pair.checks]
    assert len(names) == len(set(names)) >= 6
    assert pair.verdicts.keys() == set(names)
    assert all(verdict["original"] for verdict in pair.verdicts.values())
    assert len(pair.broken) >= 3
    assert any(check.short for check in pair.checks)
    assert pair.ready.short


@every_pair
def test_the_listing_is_a_tree(pair: Pair) -> None:
    paths = [str(row["path"]) for row in pair.listing]
    assert paths == sorted(set(paths))
    assert all(row.keys() == ROW for row in pair.listing)
    there = {"", *paths}
    assert [path for path in paths if path.rpartition("/")[0] not in there] == []


@every_pair
def test_what_is_needed_was_removed(pair: Pair) -> None:
    kept = {str(row["path"]) for row in pair.listing}
    assert pair.needed
    assert list(pair.needed) == sorted(pair.needed)
    assert kept.isdisjoint(pair.needed)
    assert set(pair.needed.values()) <= set(WHEN)


@every_pair
def test_the_starts_fit_the_verdicts(pair: Pair) -> None:
    starts = json.loads((pair.folder / "start.json").read_text())
    assert starts["original"] == {"started": True, "up": True, "exit_code": None}
    assert starts["slim"]["up"] or len(pair.broken) == len(pair.checks)
    config = json.loads((pair.folder / "slim.config.json").read_text())
    assert config.get("Cmd") or config.get("Entrypoint")


@every_pair
def test_a_pair_is_text(pair: Pair) -> None:
    for path in pair.folder.rglob("*"):
        if path.is_file():
            assert "\0" not in path.read_text(encoding="utf-8"), path


def test_an_unknown_pair_is_said() -> None:
    with pytest.raises(LookupError, match="no pair nothing"):
        pairs(["nothing"])


def test_an_unknown_key_of_a_check_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "checks.toml").write_text('[[check]]\nname = "a"\nhttp = "/"\nsort = true\n')
    with pytest.raises(ValueError, match="unknown keys"):
        _ = Pair(name="made", folder=tmp_path).checks
