"""Records of PAX headers."""

from __future__ import annotations

import pytest

from xraydiff.errors import LimitExceeded
from xraydiff.layers.pax import BadName, parse, seconds, whole
from xraydiff.limits import DEFAULT, Limits


def test_records() -> None:
    body = b"12 path=a/b\n13 size=1536\n23 SCHILY.xattr.a=\0\n=\n\n"
    assert parse(body, DEFAULT) == {b"path": b"a/b", b"size": b"1536", b"SCHILY.xattr.a": b"\0\n=\n"}


def test_later_records_win() -> None:
    assert parse(b"6 a=1\n6 a=2\n5 a=\n", DEFAULT) == {b"a": b""}


def test_the_map_of_sparse_format_0_0() -> None:
    body = b"23 GNU.sparse.offset=1\n25 GNU.sparse.numbytes=2\n" * 2
    body = body.replace(b"23 ", b"24 ").replace(b"25 ", b"26 ").replace(b"=1", b"=10").replace(b"=2", b"=20")
    assert parse(body, DEFAULT) == {b"GNU.sparse.map": b"10,20,10,20"}
    with pytest.raises(ValueError, match="out of order"):
        parse(b"24 GNU.sparse.offset=10\n" * 2, DEFAULT)


def test_bounds_and_names() -> None:
    with pytest.raises(LimitExceeded, match="pax_records"):
        parse(b"6 a=b\n" * 4, Limits(pax_records=3))
    with pytest.raises(BadName, match="linkpath"):
        parse(b"16 linkpath=a\0b\n", DEFAULT)


@pytest.mark.parametrize(
    ("raw", "value"), [(b"0", 0), (b"1.5", 1), (b"-1", -1), (b"-1.5", -2), (b"-1.000", -1), (b"1.", 1), (b"07", 7)]
)
def test_seconds(raw: bytes, value: int) -> None:
    assert seconds(raw) == value


@pytest.mark.parametrize("raw", [b"", b"-", b"1e5", b"--1", b"1.x", b"+1", b"9" * 19, b"nan", b".5", b"1.-5"])
def test_no_seconds(raw: bytes) -> None:
    with pytest.raises(ValueError, match="mtime"):
        seconds(raw)


def test_whole() -> None:
    assert whole(b"000000000000000000000999", "size") == 999
    assert whole(b"000", "size") == 0
    for raw in (b"", b"-1", b"+1", b"1.0", b"0x1", b" 1", b"\xd9\xa1", b"9" * 19):
        with pytest.raises(ValueError, match="the value of size"):
            whole(raw, "size")
