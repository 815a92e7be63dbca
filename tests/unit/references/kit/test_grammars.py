"""What parsers of scripts may cost, for one script and for all of an image."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from xraydiff.facts import Edge, ImageConfig, Node
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath
from xraydiff.references import Context, Gap, Subject
from xraydiff.references.kit.grammars import (
    Allowance,
    GrammarReader,
    Refused,
    first_error,
    parse,
    text_of,
    unclosed,
)
from xraydiff.testing import ImageBuilder

SOUND = {
    "javascript": b"require('a');\n",
    "php": b"<?php require 'a';\n",
    "ruby": b"require 'a'\n",
    "perl": b"require a;\n",
}
BROKEN = b"import " + b"*//\n" * 4_000


def fresh(limits: Limits | None = None) -> Allowance:
    return Allowance((limits or Limits()).syntax_total)


@pytest.mark.parametrize("language", SOUND)
def test_a_sound_script_becomes_a_tree(language: str) -> None:
    tree = parse(SOUND[language], language, limits=Limits(), allowance=fresh())
    assert not isinstance(tree, Refused)
    assert not tree.root_node.has_error
    assert text_of(tree.root_node, SOUND[language]) == SOUND[language].decode()


def test_size() -> None:
    assert parse(b"aaaa", "ruby", limits=Limits(syntax=3), allowance=fresh()) == Refused(
        reason="too-large", detail="4 bytes"
    )


def test_the_work_for_one_script() -> None:
    allowance = fresh()
    refused = parse(SOUND["ruby"] * 2_000, "ruby", limits=Limits(syntax_work=10), allowance=allowance)
    assert refused == Refused(reason="too-large", detail="more work for the parser than its limit")
    assert not isinstance(parse(SOUND["ruby"], "ruby", limits=Limits(syntax_work=10), allowance=allowance), Refused)


def test_the_work_for_all_scripts_of_an_image() -> None:
    limits = Limits(syntax_total=100)
    allowance = fresh(limits)
    found = [parse(SOUND["php"] * 200, "php", limits=limits, allowance=allowance) for _ in range(20)]
    kinds = [isinstance(one, Refused) for one in found]
    assert kinds == sorted(kinds)
    assert kinds[0] is False
    assert kinds[-1] is True
    assert not isinstance(parse(SOUND["php"] * 200, "php", limits=limits, allowance=fresh(limits)), Refused)


@pytest.mark.parametrize("line", [b'a=>\\"@{[' * 9, b"s{a}{b(" * 9, b'b=>"$x{[' * 9])
def test_a_parser_that_only_goes_back_pays_for_what_it_reads(line: bytes) -> None:
    allowance = fresh()
    data = (line + b"\n") * (30_000 // len(line))
    parse(data, "perl", limits=Limits(), allowance=allowance)
    # Its own reports are about fifty; each piece of the text is asked for at least 160 times.
    assert Limits().syntax_total - allowance.left >= len(data) // 256 * 10


def test_seconds_are_paid_for_whatever_was_counted() -> None:
    limits = Limits(syntax_comments=1_000_000, syntax_seconds=1, syntax_total=600_000)
    allowance = fresh(limits)
    parse(b"import " + b"*//\n" * 60_000, "javascript", limits=limits, allowance=allowance)
    assert allowance.left <= 599_000


def test_nothing_is_parsed_when_all_work_is_spent() -> None:
    allowance = Allowance(0)
    refused = parse(b"1;", "perl", limits=Limits(), allowance=allowance)
    assert refused == Refused(reason="too-large", detail="the scripts before it took all work of the parsers")


def test_comments_of_a_broken_script() -> None:
    refused = parse(BROKEN, "javascript", limits=Limits(syntax_comments=3_999), allowance=fresh())
    assert refused == Refused(reason="too-large", detail="more comments than the limit of its parser")
    assert not isinstance(parse(BROKEN, "javascript", limits=Limits(), allowance=fresh()), Refused)


def test_seconds_stop_what_no_count_foresees() -> None:
    limits = Limits(syntax_comments=1_000_000, syntax_seconds=1)
    refused = parse(b"import " + b"*//\n" * 60_000, "javascript", limits=limits, allowance=fresh(limits))
    assert refused == Refused(reason="too-large", detail="more work for the parser than its limit")


def test_a_refused_script_leaves_nothing_to_the_next() -> None:
    limits = Limits(syntax_work=10)
    for language, data in SOUND.items():
        assert isinstance(parse(data * 2_000, language, limits=limits, allowance=fresh(limits)), Refused)
        tree = parse(data, language, limits=limits, allowance=fresh(limits))
        assert not isinstance(tree, Refused)
        assert tree.root_node.end_byte == len(data)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (b"%w[a b]", 0),
        (b"%w[a [b] c", 1),
        (b"%w[a %w[b", 2),
        (b"%w(a] %w[b)", 1),
        (rb"%w[a \]", 1),
        (b"[ %w[a]", 0),
    ],
)
def test_quotes_that_nothing_closes(text: bytes, count: int) -> None:
    assert unclosed(text, re.finditer(rb"%w([(\[{<])", text)) == count


def test_the_line_of_the_first_error() -> None:
    tree = parse(b"a = 1\nb = (2\nc = 3)) + 4\n", "ruby", limits=Limits(), allowance=fresh())
    assert not isinstance(tree, Refused)
    assert first_error(tree.root_node) == 3


@dataclass(frozen=True, slots=True)
class Parsed:
    work: int
    refused: str


class Reader(GrammarReader[Parsed]):
    name = "reader"

    def accepts(self, subject: Subject) -> bool:
        del subject
        return True

    def parse(self, data: bytes, form: str, limits: Limits) -> Parsed:
        del form
        allowance = Allowance(limits.syntax_total)
        tree = parse(data, "php", limits=limits, allowance=allowance)
        return Parsed(limits.syntax_total - allowance.left, tree.detail if isinstance(tree, Refused) else "")

    def resolve(self, parsed: Parsed, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        del context
        return [Gap(node=subject.node, reason="too-large", detail=parsed.refused)] if parsed.refused else []


def test_readers_charge_what_parsing_cost() -> None:
    limits = Limits(syntax_total=100)
    tree = ImageBuilder().file("/x").tree()
    data = SOUND["php"] * 200
    context = Context(original=tree, config=ImageConfig(), env={}, path=(), cwd=ImagePath("/"), limits=limits)
    subject = Subject(node=Node(path=ImagePath("/x")), path=ImagePath("/x"), file=None, tree=tree, data=data)
    found = [list(Reader().read(subject, context)) for _ in range(20)]
    assert found[0] == []
    assert found[-1] == [
        Gap(node=subject.node, reason="too-large", detail="the scripts before it took all work of the parsers")
    ]
    assert [bool(one) for one in found] == sorted(bool(one) for one in found)
