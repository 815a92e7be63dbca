"""What ranks and words print, in which order they stand."""

from __future__ import annotations

import copy
import itertools
import json
import pickle
from enum import Enum
from typing import Any

import pytest

from xraydiff.facts import Certainty, Outlook, Severity, When

ORDERS: dict[type[Enum], tuple[str, ...]] = {
    Severity: ("info", "low", "medium", "high", "critical"),
    Certainty: ("none", "possible", "likely", "proven"),
    When: ("start", "use", "operate"),
    Outlook: ("broken", "risky", "unknown", "clean"),
}
KINDS = [pytest.param(kind, id=kind.__name__) for kind in ORDERS]


@pytest.mark.parametrize("kind", KINDS)
def test_it_prints_as_the_word_of_the_json(kind: type[Enum]) -> None:
    for member, word in zip(kind, ORDERS[kind], strict=True):
        assert (str(member), f"{member}", "%s" % member, "{}".format(member)) == (word,) * 4  # noqa: UP031, UP032
        assert f"{member:>9}|{member!s:<9}|{member:.2}" == f"{word:>9}|{word:<9}|{word:.2}"


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_ordered_by_rank_and_not_by_the_alphabet(kind: Any) -> None:
    members = list(kind)
    assert [str(member) for member in sorted([*members[1:], members[0]])] == list(ORDERS[kind])
    assert (str(min(members)), str(max(members))) == (ORDERS[kind][0], ORDERS[kind][-1])
    for below, above in itertools.combinations(members, 2):
        assert below < above > below
        assert below <= above >= below
        assert (above < below, above <= below, below > above, below >= above) == (False,) * 4
        assert below != above
    for one in members:
        assert one <= one >= one  # noqa: PLR0124  the order is total
        assert (one < one, one > one) == (False, False)  # noqa: PLR0124


@pytest.mark.parametrize("kind", KINDS)
def test_it_survives_a_copy_and_is_a_key(kind: type[Enum]) -> None:
    for member in kind:
        assert copy.deepcopy(member) is member
        assert pickle.loads(pickle.dumps(member)) is member  # noqa: S301  our own bytes
        assert {member: 1}[member] == 1


def test_ranks_are_still_numbers_and_words_are_still_texts() -> None:
    assert -Severity.HIGH < -Severity.LOW
    assert json.dumps([Severity.HIGH, Outlook.CLEAN]) == '[3, "clean"]'
    assert Severity.HIGH.word == str(Severity.HIGH)
    assert str.__eq__(Outlook.BROKEN, "broken")
    assert When.USE < "z"
    with pytest.raises(TypeError):
        _ = When.USE < 1  # type: ignore[operator]  # that is the point
