"""What env starts, and how it splits a string."""

from __future__ import annotations

import pytest

from xraydiff.references.readers.shebang.env import Started, split, started

ENV = {"HOME": "/root", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("python3 -u", ["python3", "-u"]),
        ("  a\t b\v", ["a", "b"]),
        ("'a b' \"c d\" e'f'g", ["a b", "c d", "efg"]),
        ("'' \"\"", ["", ""]),
        (r'a\_b "c\_d" e\tf', ["a", "b", "c d", "e\tf"]),
        (r"'\\ \' \n'", ["\\ ' \\n"]),
        ("a #b c", ["a"]),
        ("a b#c", ["a", "b#c"]),
        (r"a\cb c", ["a"]),
        (r"\# \$", ["#", "$"]),
        (r'\" "x', None),
        ("${HOME}/bin '${HOME}' ${EMPTY}", ["/root/bin", "${HOME}", ""]),
        ("$HOME", None),
        ("${1}", None),
        ("${UNKNOWN}", None),
        ("a\\", None),
        (r"\q", None),
        (r'"\c"', None),
        ("'a", None),
    ],
)
def test_words(text: str, words: list[str] | None) -> None:
    if words is None:
        with pytest.raises(ValueError, match=r"."):
            split(text, ENV)
    else:
        assert split(text, ENV) == words


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("python3", Started(word="python3")),
        ("python3 -u", Started(word="python3 -u")),
        ("-Spython3 -u", Started(word="python3")),
        ("-vS python3", Started(word="python3")),
        ("-iS python3", Started(word="python3", path="/bin:/usr/bin")),
        ("--split-string=python3", Started(word="python3")),
        ("--sp=python3", Started(word="python3")),
        ("-S -u PATH python3", Started(word="python3", path="/bin:/usr/bin")),
        ("-S --unset=HOME --chdir /srv ./x", Started(word="./x", directory="/srv")),
        ("-S -C/srv x", Started(word="x", directory="/srv")),
        ("-S - A=1 PATH=/a:/b x", Started(word="x", path="/a:/b")),
        ("-S -- x", Started(word="x")),
        ("-S A=1 -i x", Started(word="-i")),
        ("-S --block-signal=INT --default-signal x", Started(word="x")),
        ("-S -S 'x y' z", Started(word="x")),
        ("-S", None),
        ("-i", None),
        ("", None),
        ("A=1", None),
        ("-S --version x", None),
        ("-u", None),
        ("--block", None),
    ],
)
def test_programs(argument: str, expected: Started | None) -> None:
    assert started(argument, ENV) == expected


@pytest.mark.parametrize("argument", ["-x", "--null=1", "-S --ignore x", "-S 'x"])
def test_what_env_refuses(argument: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        started(argument, ENV)


def test_a_variable_named_often_does_not_grow_without_end() -> None:
    with pytest.raises(ValueError, match="longer"):
        split("${A}" * 60, {"A": "x" * (1 << 20)})
