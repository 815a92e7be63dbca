"""Lines of a script that does not parse, each taken for itself."""

from __future__ import annotations

import pytest

from xraydiff.references.readers.shell.lines import by_themselves


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("convert a.png", "convert a.png"),
        ("if convert a; then", " convert a"),
        ("  while read x; do", " read x"),
        ("} else", ""),
        ("fi; convert a", "convert a"),
        ("start) convert a ;;", " convert a "),
        ("run() { convert a", " convert a"),
        ("convert a 'b", "convert a "),
        ("convert a && ", "convert a && "),
        ("cat <<END", "cat   END"),
        ("'", ""),
    ],
)
def test_the_command_of_a_line(line: str, command: str) -> None:
    assert by_themselves(f"a\n{line}\n", 2, most=10) == f"\n{command}\n"


def test_lines_before_the_place_are_left_out_and_too_many_are_not_taken() -> None:
    assert by_themselves("a\nb b\nc", 4, most=10) == "\nb b\nc"
    assert by_themselves("a\n" * 20, 2, most=10) is None
