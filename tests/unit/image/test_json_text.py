from __future__ import annotations

import time

import pytest

from tests.patience import SLOW
from xraydiff.errors import ImageError, LimitExceeded
from xraydiff.image.json_text import Fields, parse_json, shown
from xraydiff.limits import MIB, Limits


def parsed(text: bytes, limits: Limits | None = None) -> object:
    return parse_json(text, what="doc.json", limits=limits or Limits())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"null", None),
        (b' {"a": [1, -2, 1.5e3, true, "\\ud83d\\ude00"]} ', {"a": [1, -2, 1500.0, True, "\U0001f600"]}),
        (b'"\\ud800"', "\ud800"),
        (b'"[[[[{{{{ \\" ]"', '[[[[{{{{ " ]'),
        (b"9223372036854775807", 2**63 - 1),
    ],
)
def test_json(text: bytes, value: object) -> None:
    assert parsed(text) == value


def test_brackets_in_strings_do_not_nest() -> None:
    assert parsed(b'["' + b"[" * 1000 + b'", "\\"' + b"{" * 1000 + b'"]', Limits(json_depth=1))
    with pytest.raises(ImageError, match="nests deeper than 2 levels"):
        parsed(b"[[[]]]", Limits(json_depth=2))
    assert parsed(b"[[],[],[[]]]", Limits(json_depth=3)) == [[], [], [[]]]


@pytest.mark.parametrize("text", [b'"' + b"\\" * MIB, b'"' * MIB, b'\\"' * (MIB // 2), b"[" * MIB, b'"a' * (MIB // 2)])
def test_hostile_text_takes_linear_time(text: bytes) -> None:
    started = time.process_time()
    with pytest.raises(ImageError):
        parsed(text)
    assert time.process_time() - started < 2 * SLOW


def test_errors_name_document_and_place() -> None:
    with pytest.raises(ImageError, match=r"^doc\.json: Expecting ',' delimiter in line 2, column 2$"):
        parsed(b'["a"\n "b"]')
    with pytest.raises(ImageError, match=r"^doc\.json: the key a stands twice in one object$"):
        parsed(b'{"a":1,"b":2,"a":3}')
    with pytest.raises(LimitExceeded):
        parsed(b"[1, 2]", Limits(manifest=5))


def test_fields_absent() -> None:
    fields = Fields({"null": None}, what="x")
    for name in ("null", "absent"):
        assert fields.text(name) == ""
        assert fields.integer(name) is None
        assert fields.flag(name) is False
        assert fields.texts(name) is None
        assert fields.keys(name) == ()
        assert fields.mapping(name) == {}
        assert fields.nested(name) is None
        assert fields.nested_list(name) is None
        assert not fields.has(name)


def test_fields_bound() -> None:
    with pytest.raises(LimitExceeded, match="has 3 items, more than 2"):
        Fields({"a": [{}, {}, {}]}, what="x").nested_list("a", most=2)


def test_shown_is_one_short_line() -> None:
    assert shown("a\nb\x1b[31m\udcff") == r"a\x0ab\x1b[31m\xff"
    assert len(shown("x" * 10_000)) == 203
