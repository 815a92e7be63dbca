"""Our reading of `#!` lines against the kernel's, and of env's words against those of GNU coreutils."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from xraydiff.paths import encoded
from xraydiff.references.kit.shebang import parse
from xraydiff.references.readers.shebang.env import started

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.uname().sysname != "Linux", reason="the rules are those of Linux"),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc"),
]

_SHOW = r"""
#include <stdio.h>
int main(int count, char **words) {
    for (int i = 0; i < count; i++) fwrite(words[i], 1, __builtin_strlen(words[i]) + 1, stdout);
}
"""


def _show(root: Path) -> Path:
    """A program that prints its words."""
    (root / "show.c").write_text(_SHOW)
    subprocess.run(["gcc", "-o", "show", "show.c"], cwd=root, check=True, capture_output=True)
    return root / "show"


def _lines(source: random.Random, show: bytes) -> list[bytes]:
    pieces = [b" ", b"\t", b"\0", b"\r", b"\n", b"a", b"-e", b"/", show, show, b" " * 100, b"x" * 120]
    lines = [b"".join(source.choice(pieces) for _ in range(source.randrange(1, 9))) for _ in range(400)]
    lines += [b" " * source.randrange(256) + show + b" " * source.randrange(256) + b"x" * 9 for _ in range(200)]
    return [b"#!" + line + source.choice([b"\n", b"\nmore\n", b""]) for line in lines]


def _started(script: Path) -> tuple[int, list[bytes]]:
    """The error of starting a script, or 0, and the words that its interpreter was given."""
    try:
        done = subprocess.run([script], capture_output=True, check=False, cwd=script.parent)
    except OSError as error:
        return error.errno or -1, []
    return 0, done.stdout.split(b"\0")[:-1]


def test_lines_as_the_kernel_reads_them(tmp_path: Path) -> None:
    show = bytes(_show(tmp_path))
    script = tmp_path / "script"
    ran = refused = 0
    for line in _lines(random.Random(1), show):  # noqa: S311  a fixed seed makes a repeatable test
        (tmp_path / "new").write_bytes(line)
        (tmp_path / "new").chmod(0o755)
        (tmp_path / "new").rename(script)
        parsed = parse(line)
        number, told = _started(script)
        assert (number == errno.ENOEXEC) == (parsed is None), line
        if number or parsed is None:
            refused += 1
            continue
        name, argument = (encoded(text) for text in (parsed.interpreter, parsed.argument))
        # An argument that the buffer cut off to nothing is passed on empty.
        assert [word for word in told if word] == [name, *([argument] if argument else []), bytes(script)], line
        ran += 1
    assert ran >= 100
    assert refused >= 100


_WORDS = (
    "-i", "-v", "-u A", "-uPATH", "PATH=", "-C /", "-C", "--", "-", "A=b", "show", "'show'", '"sh"ow', "${A}", r"sh\ow",
    r"\_show", r"a\_b", r"\c", "#x", "$A", "--unset=A", "--chdir=/", "--ign", "-0", "-S show", "'-Sshow x'",
    r"-S\_show",    "--nonsense", "'", '"', "\t", "--split-string=show", '"${A}"', "-iv", "-vu", "''",
)  # fmt: skip


def test_env_as_coreutils_reads_it(tmp_path: Path) -> None:
    env = shutil.which("env")
    told = subprocess.run([env or "env", "--version"], capture_output=True, text=True, check=False).stdout
    if env is None or "GNU coreutils" not in told:
        pytest.skip("no env of GNU coreutils")
    show = _show(tmp_path)
    source = random.Random(1)  # noqa: S311
    variables = {"PATH": str(tmp_path), "A": "show"}
    ran = 0
    for _ in range(600):
        words = [source.choice(_WORDS) for _ in range(source.randrange(4))] + ["show"] * source.randrange(2)
        argument = source.choice(["-S", "-S ", "-vS", ""]) + " ".join(words)
        done = subprocess.run([env, argument, "/none"], capture_output=True, check=False, env=variables, cwd=tmp_path)
        try:
            command = started(argument, variables)
        except ValueError:
            assert done.returncode != 0, argument
            continue
        if done.returncode == 0 and done.stdout.startswith(b"show\0"):
            assert command is not None, argument
            assert command.word == show.name, argument
            # An empty PATH is the working directory, where it lies too.
            assert command.path in (None, ""), argument
            ran += 1
        elif command is not None:
            # Nothing but `show` is there: another word, another PATH, or a directory where there is none.
            assert (command.word, command.path, command.directory) != (show.name, None, ""), argument
    assert ran >= 50
