"""The one form of every output: what it escapes and why, what reads it back, and its frozen table of Unicode."""

from __future__ import annotations

import unicodedata
from itertools import chain

import pytest

from xraydiff.characters import MARKS, UNASSIGNED, UNSEEN
from xraydiff.escaping import escaped, is_visible, one_line, unescaped
from xraydiff.paths import decoded, encoded


def points(table: str) -> set[int]:
    pairs = (one.partition("-") for one in table.split())
    return set(chain.from_iterable(range(int(a, 16), int(b or a, 16) + 1) for a, _, b in pairs))


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain \xc3\xa9", "plain é"),
        (b"caf\xe9", "caf\\xe9"),
        (b"a\\b", "a\\\\b"),
        (b"\\xe9", "\\\\xe9"),
        (b"a\n::error::\x1b[2J", "a\\x0a::error::\\x1b[2J"),
        ("\u202egpj".encode(), "\\xe2\\x80\\xaegpj"),
    ],
)
def test_escapes_what_a_terminal_or_a_log_would_obey(raw: bytes, text: str) -> None:
    assert escaped(decoded(raw)) == text
    assert encoded(unescaped(text)) == raw


@pytest.mark.parametrize(
    "char",
    [
        *"\x00\t\r\x7f\x85\x9b\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u180b\u180e\u2000\u200b\u200d\u2028\u2029",
        *"\u202f\u2062\u206a\u2800\u3000\u3164\ufe0f\ufeff\uffa0\ufff9\ufffc\ufffe\uffff\ufdd0\ue000\u0378",
        *"\U0001d159\U0001d173\U000e0001\U000e0041\U000e01ef\U000f0000\U0010ffff\U0002fffe",
    ],
    ids="U+{0!a}".format,
)
def test_what_nobody_sees_is_its_bytes(char: str) -> None:
    spelled = "".join(f"\\x{byte:02x}" for byte in char.encode())
    assert escaped(f"/a{char}b") == f"/a{spelled}b"
    assert one_line(f"/a{char}b: gone") == f"/a{spelled}b: gone"
    assert not is_visible(f"/a{char}b")


@pytest.mark.parametrize(
    "name", ["/é", "/日本語", "/emoji\U0001f600", "/हिन्दी", "/ไทย", "/e\u0301\u0323", "/x\u20e3", "/עִבְרִית"]
)
def test_the_worlds_letters_stay(name: str) -> None:
    assert escaped(name) == one_line(name) == unescaped(name) == name
    assert is_visible(name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("\u0301x", r"\xcc\x81x"),
        ("/\u0338\u0301x", r"/\xcc\xb8\xcc\x81x"),
        ("-\u20e0", r"-\xe2\x83\xa0"),
        ("a \u0301", r"a \xcc\x81"),
        ("/\u00ad\u0301", r"/\xc2\xad\xcc\x81"),
    ],
)
def test_a_mark_without_a_letter_is_not_drawn_onto_our_text(name: str, text: str) -> None:
    assert escaped(name) == text
    assert unescaped(text) == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("##vso[x]", r"\x23\x23vso[x]"),
        ("a###b#c", r"a\x23\x23\x23b#c"),
        ("::error::x", r"\x3a:error::x"),
        (":", r"\x3a"),
        (" ::x", r"\x20::x"),
        ("a::b", "a::b"),
        ("section_start:1:x", r"section\x5fstart:1:x"),
        ("/x/section_end", r"/x/section\x5fend"),
        ("section_starts", "section_starts"),
        ("travis_fold:start:x", r"travis\x5ffold:start:x"),
        (" a  b ", r"\x20a \x20b\x20"),
        ("a b", "a b"),
    ],
)
def test_no_command_for_ci_and_no_blank_that_is_lost(name: str, text: str) -> None:
    assert escaped(name) == text
    assert unescaped(text) == name
    assert escaped(text) == text.replace("\\", "\\\\")


def test_a_line_of_ours_keeps_its_backslashes_and_blanks() -> None:
    assert one_line(r"  error  in \xe2: a\\b ") == r"  error  in \xe2: a\\b "
    assert one_line("x: ##[group]\n::error") == r"x: \x23\x23[group]\x0a::error"
    assert one_line("  ::error::x") == r"\x20\x20\x3a:error::x"
    assert one_line("section_start:1:x") == r"section\x5fstart:1:x"


@pytest.mark.parametrize(
    "text", ["\\", "\\x4", "\\x41", "\\x2a", "\\x2f", "\\x5c", "\\xE9", "\\n", "\x07", "\u202e", "\ud800"]
)
def test_refuses_what_escaping_cannot_have_made(text: str) -> None:
    with pytest.raises(ValueError, match="not an escaped name"):
        unescaped(text)


@pytest.mark.parametrize("text", ["soft\u00adhyphen", "soft\\xc2\\xadhyphen"])
def test_reads_what_an_older_or_a_newer_table_left_raw(text: str) -> None:
    assert unescaped(text) == "soft\u00adhyphen"
    assert unescaped("\\xc3\\xa9") == unescaped("é") == "é"
    assert unescaped("##[x") == unescaped(r"\x23\x23[x") == "##[x"


def test_the_table_agrees_with_unicodedata() -> None:
    """Where both assign a code point; Python's own is of another version."""
    unseen, unassigned, marks = points(UNSEEN), points(UNASSIGNED), points(MARKS)
    by_category: dict[str, set[int]] = {}
    for point in range(0x110000):
        by_category.setdefault(unicodedata.category(chr(point)), set()).add(point)
    known = set(range(0x110000)) - by_category["Cn"] - unassigned
    hidden = set().union(*(by_category[name] for name in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"))) - {0x20}
    others = {
        0x34F,
        0x115F,
        0x1160,
        0x17B4,
        0x17B5,
        0x180B,
        0x180C,
        0x180D,
        0x180F,
        0x2800,
        0x3164,
        *range(0xFE00, 0xFE10),
    }
    others |= {0xFFA0, 0xFFFC, 0x13441, 0x13442, 0x16FE4, 0x1D159, *range(0xE0100, 0xE01F0)}
    assert (unseen & known) == (hidden | others) & known
    assert (marks & known) == (by_category["Mn"] | by_category["Mc"] | by_category["Me"]) & known - others
    assert not unseen & unassigned
    assert not (unseen | unassigned) & marks
    assert {0xFFFE, 0xFFFF, 0xFDD0, 0x10FFFF, 0xE0000} <= unassigned
