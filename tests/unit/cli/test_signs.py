"""What a child says before it dies, as its parent reads it from the page that they share."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from xraydiff.cli import signs
from xraydiff.cli.signs import Place, Signs
from xraydiff.limits import Limits


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Signs]:
    monkeypatch.setattr(signs, "_given", None)
    yield Signs(Limits(reader_seconds=70, silent_seconds=900))
    signal.setitimer(signal.ITIMER_PROF, 0)


def clock() -> float:
    return signal.getitimer(signal.ITIMER_PROF)[0]


@pytest.mark.parametrize(
    "place",
    [
        Place(),
        Place(image="app.tar"),
        Place(image="app.tar", reader="node", path="/srv/caf\u00e9.js"),
        Place(image="a", reader="b", path="/\udcff\ud800\x01\n" + "\U0001f980" * 1_000),
    ],
)
def test_what_was_said_is_what_is_read(place: Place, shared: Signs) -> None:
    shared.give("what was said before", "/" + "x" * 4_000, "r")
    shared.give(place.image, place.path, place.reader)
    assert shared.last() == place


def test_a_long_name_is_cut_and_harms_nothing(shared: Signs) -> None:
    shared.give("\U0001f980" * 9_999, "\U0001f980" * 99_999, "\U0001f980" * 9_999)
    last = shared.last()
    assert (len(last.image), len(last.reader), len(last.path)) == (1_024, 128, 4_096)


def test_each_sign_starts_the_clock_again(shared: Signs) -> None:
    shared.give("app.tar")
    assert 800 < clock() <= 900.1
    shared.give("app.tar", "/x", "node")
    assert 60 < clock() <= 70.1


@pytest.mark.parametrize("code", [0, 1, 3, 143])
def test_a_decision_is_one_until_something_else_is_read(code: int, shared: Signs) -> None:
    assert shared.decided() is None
    shared.give("app.tar")
    assert shared.decided() is None
    shared.decide(code)
    assert shared.decided() == code
    assert shared.last() == Place(image="app.tar")
    shared.give()
    assert shared.decided() is None


def test_nobody_watches_a_process_without_a_parent(shared: Signs) -> None:
    signs.reading("app.tar", "/x", "node")
    assert signs.decide(3) == 3
    assert (signs.last(), clock()) == (Place(), 0)
    signs.give(shared)
    signs.reading("app.tar", "/x", "node")
    assert signs.decide(3) == 3
    assert shared.last() == signs.last() == Place(image="app.tar", reader="node", path="/x")
    assert shared.decided() == 3
