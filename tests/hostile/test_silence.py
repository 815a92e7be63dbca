"""What a program does stays, its text is disguised: the languages' own interpreters run the part that it asks for.

`tests/hostile/test_mutation.py` fuzzes with these programs; here is that they are what they say, and that the check can
fail.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fuzz.disguises import LANGUAGES, Language, disguised
from tests.fuzz.silence import SilentPassError, judged, silent

SAMPLE = 12
"""Drawn programs of a language that its interpreter runs."""


def each_once(language: Language) -> Iterator[bytes]:
    """The plain program with each of the surroundings alone."""
    head, ask = language.heads[0], language.ask
    yield from (other + ask for other in language.heads)
    yield from (head + one + ask for one in language.idle)
    yield from (head + block(ask) for block in language.blocks)
    yield from (head + before + b"a " + after + ask for before, after, _ in language.quoted)
    yield from (head + ask + end for end in language.ends)


def runs(language: Language, program: bytes, folder: Path) -> bool:
    """Whether the real interpreter reaches the part."""
    file = folder / f"main{language.suffix}"
    file.write_bytes(program)
    ran = subprocess.run([language.interpreter, str(file)], capture_output=True, timeout=60, check=False, cwd=folder)
    return b"here" in ran.stdout


@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_the_interpreter_still_runs_the_part(name: str, tmp_path: Path) -> None:
    language = LANGUAGES[name]
    if shutil.which(language.interpreter) is None:
        pytest.skip(f"no {language.interpreter} here")
    part = tmp_path / language.part
    part.write_bytes(language.says)
    part.chmod(0o755)
    programs = [*each_once(language), *(disguised(language, b"%d" % number) for number in range(SAMPLE))]
    assert [program[:200] for program in programs if not runs(language, program, tmp_path)] == []


@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_the_plain_program_blocks_and_one_that_asks_for_nothing_passes(name: str) -> None:
    language = LANGUAGES[name]
    assert judged(language, language.heads[0] + language.ask) == (True, False, False)
    assert judged(language, language.heads[0] + b"\n") == (False, False, True)


@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_each_of_the_surroundings_hides_nothing_unsaid(name: str) -> None:
    language = LANGUAGES[name]
    unsaid = [program[:200] for program in each_once(language) if not any(judged(language, program)[:2])]
    assert unsaid == []


def test_a_program_that_asks_for_nothing_is_told_from_one_that_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LANGUAGES, "shell", replace(LANGUAGES["shell"], ask=b":\n"))
    with pytest.raises(SilentPassError, match="shell: not found, no gap"):
        silent("shell", b"2")


@pytest.mark.parametrize(
    "before",
    [
        b"my $x = <<'EEE';\n=begin x\nEEE\n",
        b"{ my $x = <<'EEE'; }\n=head1 x\nEEE\n",
        b"my $x = <<\"A\" . <<'B';\n__END__\nA\n=pod\nB\n",
        b"my $x = <<~A;\n  __DATA__\n  A\nmy $y = 1 << 2;\n",
    ],
)
def test_documentation_within_a_text_of_perl(before: bytes) -> None:
    perl = LANGUAGES["perl"]
    assert any(judged(perl, perl.heads[0] + before + perl.ask)[:2])
    assert judged(perl, perl.heads[0] + b"__END__\n" + perl.ask)[2]
    assert judged(perl, perl.heads[0] + b"=pod\n\n" + perl.ask + b"=cut\n")[2]


@pytest.mark.parametrize("word", [b"__END__", b"=begin", b"''", b"[[ <<EOF"])
def test_a_quote_that_the_parser_of_ruby_does_not_know(word: bytes) -> None:
    ruby = LANGUAGES["ruby"]
    program = ruby.heads[0] + b"x = %q\x01=begin /*x " + word + b" }} ' \x01\n" + ruby.ask + b"y = '\n'\n"
    assert any(judged(ruby, program)[:2])


def test_a_function_that_replaces_itself() -> None:
    shell = LANGUAGES["shell"]
    assert any(judged(shell, b"f() {\nf() {\n" + shell.ask + b"}\nf\n}\nf\n")[:2])


def test_the_same_seed_gives_the_same_program() -> None:
    for language in LANGUAGES.values():
        assert disguised(language, b"7") == disguised(language, b"7") != disguised(language, b"8")


@pytest.mark.parametrize(
    "line", ["shift \u00b2", "a=(b c); : ${a[\u00b2]}", ": ${\u00b2}", "shift \u0663", "break \u00b2"]
)
def test_digits_that_are_no_numbers_of_the_shell(line: str) -> None:
    shell = LANGUAGES["shell"]
    assert any(judged(shell, f"set -- a b\n{line} || :\n".encode() + shell.ask)[:2])
