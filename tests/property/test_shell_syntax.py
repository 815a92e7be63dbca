"""Whatever a script says, the parser ends, stays within its text and keeps the order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from xraydiff.references.readers.shell.syntax import Syntax, parse

PIECES = st.sampled_from(
    "a b $x ${ ${x:- } $( $(( (( )) ( ) { } [[ ]] ' \" ` | || & && ; ;; \n \\ # < > << <<- <<< <( E if then elif else "
    "fi while until do done for in case esac function f() a= a=( a[ += 1> &> ! @( * ?".split(" ")
)
SCRIPTS = st.lists(st.tuples(PIECES, st.sampled_from(["", " ", "\n"])), max_size=60).map(
    lambda pieces: "".join(piece + blank for piece, blank in pieces)
)


@settings(max_examples=500, deadline=2_000)
@given(SCRIPTS | st.text(max_size=80))
def test_any_text_gives_a_tree(text: str) -> None:
    script = parse(text, depth=50, steps=5_000)
    todo: list[Syntax] = [script.root]
    while todo:
        node = todo.pop()
        assert 0 <= node.start <= node.end <= len(text)
        todo.extend(node.children)
    assert script.error <= len(text)


@settings(max_examples=200, deadline=2_000)
@given(SCRIPTS)
def test_the_same_text_gives_the_same_tree(text: str) -> None:
    assert _flat(text) == _flat(text)


def _flat(text: str) -> list[tuple[str, int, int, str]]:
    todo = [parse(text, depth=50, steps=5_000).root]
    found: list[tuple[str, int, int, str]] = []
    while todo:
        node = todo.pop()
        found.append((node.kind, node.start, node.end, node.word))
        todo.extend(node.children)
    return found
