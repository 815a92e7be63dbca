"""The reader of awk: commands, pipes, files, includes; columns and patterns ask for nothing."""

from __future__ import annotations

import pytest

from xraydiff.limits import DEFAULT, Limits
from xraydiff.references.readers.awk import AwkReader
from xraydiff.testing import ImageBuilder, read


def seen(program: str, *, limits: Limits = DEFAULT) -> tuple[list[str], list[str]]:
    """The shell texts, or paths, that a program asks for, and the reasons of its gaps."""
    builder = ImageBuilder().file("/data/map", "x").file("/usr/share/awk/join.awk", "x").file("/bin/sh", "x")
    reading = read(AwkReader(), builder, "/app/run", script=program, language="awk", limits=limits)
    assert reading.accepted
    return reading.targets, [gap.reason for gap in reading.gaps]


@pytest.mark.parametrize(
    ("program", "asked"),
    [
        ("{ print $1 }", []),
        ("/system/ { n++ } END { print n }", []),
        ('BEGIN { FS = "|" } $2 ~ /a|b/ { print $1 || $2 }', []),
        ('$1 || "sort" { print }', []),
        ('# system("no")\n{ print "system(no)" }', []),
        ('BEGIN { system("date +%s") }', ["date +%s"]),
        ('{ system("rm " $1 " -f") }', ["rm ${1} -f"]),
        ('{ "hostname -f" | getline name; print name }', ["hostname -f"]),
        ('{ while (("ls " dir) | getline f > 0) print f }', ["ls ${1}"]),
        ('{ print $0 | "sort -n" }', ["sort -n"]),
        ('{ print $0 |& "mail root" }', ["mail root"]),
        ('{ getline line < "/data/map" }', ["/data/map"]),
        ('@include "join"\n{ print }', ["/usr/share/awk/join.awk"]),
        ('{ x = y / 2; system("convert a\\"b"); z = 1 / 3 }', ['convert a"b']),
    ],
)
def test_what_a_program_asks_for(program: str, asked: list[str]) -> None:
    assert seen(program)[0] == asked


def test_a_computed_command_is_noted() -> None:
    assert seen("{ system($1) }") == ([], ["computed-name"])


def test_what_is_too_large_is_a_gap() -> None:
    assert seen("{ print }" * 10, limits=Limits(script=50)) == ([], ["too-large"])


@pytest.mark.parametrize("unit", ["system(", '| "a" ', '"a" | getline; getline < "/data/m{}" ; '])
def test_a_statement_that_never_ends_is_a_gap_and_costs_no_square(unit: str) -> None:
    program = "".join(unit.format(number) for number in range(600))
    asked, gaps = seen(f"{{ {program} }}", limits=Limits(script_steps=500))
    assert len(asked) <= 500
    assert gaps[-1] == "too-large"
