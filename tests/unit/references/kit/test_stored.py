from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xraydiff.limits import Limits
from xraydiff.paths import ROOT, ImagePath
from xraydiff.references.kit.stored import StoredError, dump, load

LIMITS = Limits()


class Colour(StrEnum):
    RED = "rot"


class Rank(IntEnum):
    LOW = 1


@dataclass(frozen=True, slots=True)
class Text:
    value: str | None
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Joined:
    parts: tuple[Expression, ...]


Expression = Text | Joined


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    expression: Expression | None = None
    names: frozenset[str] = frozenset()
    place: tuple[int, bool] = (0, False)
    env: Mapping[str, tuple[str, ...]]
    colour: Colour = Colour.RED
    rank: Rank = Rank.LOW
    value: str | bytes | int | bool | None = None
    path: ImagePath = ROOT


expressions = st.recursive(
    st.builds(Text, st.none() | st.text(st.characters(codec=None)), st.binary()),
    lambda inner: st.builds(Joined, st.lists(inner).map(tuple)),
)
files = st.builds(
    File,
    expression=st.none() | expressions,
    names=st.frozensets(st.text()),
    place=st.tuples(st.integers(-(10**20), 10**20), st.booleans()),
    env=st.dictionaries(st.text(), st.lists(st.text()).map(tuple)),
    value=st.none() | st.text() | st.binary() | st.integers(0, 9) | st.booleans(),
)


@given(files)
def test_what_is_written_is_read_back(file: File) -> None:
    assert load(File, dump(file), LIMITS) == file


def test_a_name_of_any_bytes_is_read_back() -> None:
    text = Text(b"\xff\xfe/caf\xc3\xa9".decode("utf-8", "surrogateescape"))
    assert load(Text, dump(text), LIMITS) == text


def test_sets_are_written_in_one_order() -> None:
    assert dump(File(names=frozenset("cab"), env={})) == dump(File(names=frozenset("bca"), env={}))
    assert b'["a","b","c"]' in dump(File(names=frozenset("cab"), env={}))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no JSON of ours"),
        (b"\xff", "no JSON of ours"),
        (b"[", "no JSON of ours"),
        (b'{"value": "x"}', "no JSON of ours"),
        (b'["x",NaN]', "no JSON of ours"),
        (b'["x",1.5]', "no JSON of ours"),
        (b'["x",' + b"9" * 31 + b"]", "no JSON of ours"),
        (b"[" * 201, "nests deeper"),
        (b'["x"]', "no Text of 2 fields"),
        (b'["x","",0]', "no Text of 2 fields"),
        (b'"x"', "no Text of 2 fields"),
        (b'[1,""]', r"Text\.value is no one of"),
        (b'["x",null]', r"Text\.raw is no bytes"),
        (b'["x","#"]', r"Text\.raw is no bytes"),
    ],
)
def test_everything_else_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(StoredError, match=message):
        load(Text, data, LIMITS)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"RED"', b'"GREEN"'),
        (b'"RED"', b"1"),
        (b"[0,false]", b"[0,0]"),
        (b"[0,false]", b"[true,false]"),
        (b"[0,false]", b"[0]"),
        (b'["a","b"]', b'["a","a"]'),
        (b'[["k",["v"]]]', b'[["k",["v"]],["k",[]]]'),
        (b'["Text",["x",""]]', b'["Path",["x",""]]'),
        (b'["Text",["x",""]]', b'["Joined",["x",""]]'),
        (b'["Text",["x",""]]', b'["x",""]'),
    ],
)
def test_a_field_of_another_type_is_refused(before: bytes, after: bytes) -> None:
    stored = dump(File(expression=Text("x"), names=frozenset("ab"), env={"k": ("v",)}))
    assert before in stored
    with pytest.raises(StoredError):
        load(File, stored.replace(before, after), LIMITS)


def test_size_nesting_and_memory_are_bounded() -> None:
    stored = dump(Joined((Text("x" * 1000),)))
    with pytest.raises(StoredError, match="bytes, more than"):
        load(Joined, stored, Limits(parsed=100))
    with pytest.raises(StoredError, match="nests deeper"):
        load(Joined, stored, Limits(parsed_depth=2))
    with pytest.raises(StoredError, match="memory"):
        load(Joined, stored, Limits(parsed_memory=1000))


@dataclass(frozen=True)
class Fraction:
    value: float


@dataclass
class Loose:
    value: str


class Plain(Enum):
    A = 1


@dataclass(frozen=True)
class TwoLists:
    value: tuple[str, ...] | tuple[int, ...]


@pytest.mark.parametrize("value", [Fraction(1.0), Loose("x"), TwoLists(("x",)), Plain.A, "x"])
def test_what_is_no_plain_frozen_data_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        dump(value)
