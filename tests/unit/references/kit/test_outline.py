"""Statements that ask for something, cut out of programs that their parser does not take."""

from __future__ import annotations

import re

import pytest

from xraydiff.limits import Limits
from xraydiff.references.kit.grammars import Allowance, Refused, parse
from xraydiff.references.kit.outline import Form, Outline, broken_lines, end_of, parsed, sound, uncommented, within

RUBY = Form(
    asks=re.compile(rb"(?<!\w)(?:require|system)(?=[ (])|(?=`)"),
    aside=(b"def _; ", b"; end"),
    lines_end=True,
    here_documents=True,
    names=re.compile(rb"[A-Z]\w+"),
)


def fresh() -> Allowance:
    return Allowance(Limits().syntax_total)


def _outline(data: bytes, *, limits: Limits | None = None, lines: tuple[tuple[int, int], ...] = ()) -> Outline:
    bounds = limits or Limits()
    found = Outline(data, RUBY, bounds, sound("ruby", bounds, fresh()))
    found.gather(lambda text, at: text[at - 1 : at] in (b"", b"\n"), within(data, lines))
    return found


@pytest.mark.parametrize(
    ("text", "lines_end", "end"),
    [
        (b"(a, [b;c])\nd", True, 10), (b"(a\n, b)\nd", True, 7), (b"a,\n b\nc", True, 5), (b"a; b", False, 1),
        (b"a\nb; c", False, 3), (b"')', b) }", False, 6), (b"a", True, 1), (b"(a", True, -1),
        (b"(" + b"a" * 9_000, True, -1),
        (b'"(\\"" + x\n', True, 9),
    ],
)  # fmt: skip
def test_where_a_statement_ends(text: bytes, lines_end: bool, end: int) -> None:
    assert end_of(text, 0, lines_end=lines_end) == end


def test_statements_keep_their_lines() -> None:
    found = _outline(b"x = [\n1,\n2]\nrequire 'a'\nif b\n  y = system('c', 'd')\nend\n")
    assert found.program() == b"\n\n\nrequire 'a'\n\ndef _; y = system('c', 'd'); end\n"
    assert found.lost == ""


def test_of_a_statement_that_does_not_parse_its_first_text_is_taken() -> None:
    assert _outline(b"  require 'a' if (\n").program() == b"def _; require('a'); end\n"
    assert _outline(b"  require a if (\n").program() == b""


def test_a_here_document_belongs_to_its_statement() -> None:
    found = _outline(b"system(<<~X)\n  ls\nX\nfoo\n")
    assert found.program() == b"system(<<~X)\n  ls\nX\n"
    assert _outline(b"system(<<~X)\n  ls\n").program() == b""


def test_only_lines_that_are_wanted() -> None:
    data = b"require 'a'\nrequire 'b'\nrequire 'c'\n"
    assert _outline(data, lines=((1, 1), (0, 0))).program() == b"require 'a'\nrequire 'b'\n"
    assert _outline(data, lines=((7, 9),)).program() == b""


def test_names_get_their_texts() -> None:
    found = _outline(b"TOOL = 'convert'\nOTHER = 'x'\n  system(TOOL)\n")
    found.bind()
    assert found.program() == b"def _; TOOL = 'convert'; end\n\ndef _; system(TOOL); end\n"


def test_what_is_too_much_is_said() -> None:
    many = b"".join(b"require 'a%d'\n" % number for number in range(400))
    assert _outline(many, limits=Limits(syntax=2_000)).lost
    found = _outline(many[:3_000], limits=Limits(syntax=2_000))
    assert found.program() is None
    assert found.lost
    assert parsed(found, "ruby", fresh()) is None
    assert not _outline(many).lost


def test_ends_that_are_looked_for_in_vain_are_counted() -> None:
    assert _outline(b"require(\n" * 50_000).lost == "more statements than the limit for one script"


def test_a_program_and_its_tree() -> None:
    program = parsed(_outline(b"require 'a'\n"), "ruby", fresh())
    assert program is not None
    assert program[1].root_node.end_byte == len(program[0])


def test_lines_that_did_not_parse() -> None:
    tree = parse(b"a = 1\nb = ) 2\nc = 3\n", "ruby", limits=Limits(), allowance=fresh())
    assert not isinstance(tree, Refused)
    assert broken_lines(tree.root_node) == (1, 3)
    assert broken_lines(tree.root_node, most=0) == (0, 3)
    data = parse(b"a = 1\nb = ) 2\n__END__\nc = )\n", "ruby", limits=Limits(), allowance=fresh())
    assert not isinstance(data, Refused)
    assert broken_lines(data.root_node) == (1, 2)


def test_comments_leave_their_lines() -> None:
    data = b"a # b\n  # c\n#{d}\n#\n$#x\n"
    assert uncommented(data) == b"a # b\n\n#{d}\n\n$#x\n"
