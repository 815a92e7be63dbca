"""Files of companions that people get wrong, or make to be expensive: one clear error each, in little time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.patience import SLOW
from xraydiff.errors import UsageError
from xraydiff.knowledge import Companion, load, read
from xraydiff.limits import DEFAULT

ROW = """[[companion]]
when = ["lib{number}.so"]
then = ["/usr/share/{number}/*"]
reason = "a row among many"
source = "https://example.org"
serves = ["one", "two"]
"""


def rows(count: int) -> str:
    return "".join(ROW.replace("{number}", str(number)) for number in range(count))


def test_a_file_as_large_as_may_be_is_read_in_a_moment(tmp_path: Path) -> None:
    text = rows(DEFAULT.knowledge_rows)
    padding = "# " + "x" * 4000 + "\n"
    text += padding * ((DEFAULT.knowledge - len(text)) // len(padding))
    (tmp_path / "own.toml").write_text(text)
    start = time.process_time()
    assert len(read(tmp_path / "own.toml").rows(Companion)) > DEFAULT.knowledge_rows
    assert time.process_time() - start < 5 * SLOW


def test_a_larger_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(rows(1) + "#" * DEFAULT.knowledge)
    with pytest.raises(UsageError, match=r"^own\.toml: larger than 1048576 bytes$"):
        read(tmp_path / "own.toml")


def test_more_rows_than_anybody_writes() -> None:
    with pytest.raises(UsageError, match="more than 1000 rows"):
        load(rows(1001))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 500_000, "line 1: longer than 8192 characters"),
        ("a." * 500_000 + "a = 1", "line 1: longer than 8192 characters"),
        ("x = " + "[" * 8_000, "nested too deep"),
        ("x = " + "{ a = " * 1_300, "nested too deep"),
        ("x = " + "9" * 8_000, "knowledge.toml: "),
        ('x = "' + "\\n" * 4_000, "knowledge.toml: not TOML: Unterminated string"),
        ("x = '''" + "\n" * 500_000, "not TOML"),
        ("[[companion]]\n" * 70_000, "rows"),
        ("[companion]\n[companion]\n", "knowledge.toml: line 2: not TOML"),
        ("[[companion]]\nwhen = 1\nwhen = 2\n", "knowledge.toml: line 3: not TOML"),
        ("\x00", "knowledge.toml: line 1: not TOML"),
        (f"[[companion]]\n{'k' * 5_000} = 1\n", "unknown key"),
        ('[[companion]]\n"\\u001b[31m" = 1\n', r"\x1b[31m"),
        ("".join(f"k{number} = 1\n" for number in range(80_000)), "the text must hold [["),
    ],
    ids=lambda value: value[:12].encode("ascii", "backslashreplace").decode(),
)
def test_bad_text_is_one_short_line(text: str, says: str) -> None:
    start = time.process_time()
    with pytest.raises(UsageError) as caught:
        load(text)
    assert time.process_time() - start < 5 * SLOW
    assert says in str(caught.value)
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("data", [b"\xff\xfe[[companion]]\n", b'x = "\xed\xa0\x80"\n', b"\x80" * 100])
def test_bytes_that_are_no_text(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_bytes(data)
    with pytest.raises(UsageError, match=r"^own\.toml: not UTF-8 at byte"):
        read(tmp_path / "own.toml")


def test_a_name_of_a_file_does_not_reach_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "a\x1bb.toml").write_text("x = 1\n")
    with pytest.raises(UsageError) as caught:
        read(tmp_path / "a\x1bb.toml")
    assert str(caught.value).startswith("a\\x1bb.toml: ")


@pytest.mark.parametrize("pattern", ["(a*)*b", "(?:(a+)b?)+$", "((a{1,})c?)*", "(x(a|b+)*)*", "(?P<n>[a-z]+)+!"])
def test_an_expression_that_takes_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match="repeats a group that repeats"):
        load(ROW.replace("{number}", "1") + f"mentions = '''{pattern}'''\n")
