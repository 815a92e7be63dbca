"""The command in a process of its own: terminals, streams that are closed or full, and what comes on which."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from xraydiff.testing import ImageBuilder

DEMO = Path(__file__).resolve().parents[3] / "fixtures" / "demo"
PAIR = [str(DEMO / "original.tar.gz"), str(DEMO / "slim.tar.gz")]
COMMAND = [sys.executable, "-P", "-m", "xraydiff"]


def environment(**more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name != "NO_COLOR" and name[:9] != "XRAYDIFF_"}
    return {**clean, "TERM": "xterm-256color", **more}


def on_a_terminal(arguments: list[str], which: Literal["stdout", "stderr"], **variables: str) -> tuple[bytes, bytes]:
    """What the terminal shows, and what came on the other stream."""
    main, side = pty.openpty()
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, which: side}
    with subprocess.Popen([*COMMAND, *arguments], env=environment(**variables), **streams) as process:  # type: ignore[call-overload]  # two streams
        os.close(side)
        other = process.stderr if which == "stdout" else process.stdout
        shown = b""
        while True:
            try:
                part = os.read(main, 65536)
            except OSError:  # Linux says so when the last writer is gone.
                break
            if not part:
                break
            shown += part
        rest = other.read()
    os.close(main)
    assert process.returncode == 0
    return shown, rest


def redirected(arguments: list[str], redirection: str) -> subprocess.CompletedProcess[bytes]:
    """The command with a shell's redirection."""
    line = ["sh", "-c", f'exec "$@" {redirection}', "sh", *COMMAND, *arguments]
    return subprocess.run(line, capture_output=True, env=environment(), check=False, timeout=60)


def test_colour_only_on_a_terminal() -> None:
    shown, _ = on_a_terminal(["compare", *PAIR, "-q"], "stdout")
    assert b"\x1b[1;31m" in shown
    plain, _ = on_a_terminal(["compare", *PAIR, "-q"], "stdout", NO_COLOR="1")
    assert b"\x1b" not in plain
    assert redirected(["compare", *PAIR], "").stdout.splitlines() == plain.replace(b"\r\n", b"\n").splitlines()


def test_a_progress_bar_only_on_a_terminal_of_stderr() -> None:
    shown, text = on_a_terminal(["compare", *PAIR], "stderr")
    assert b"\x1b[?25l" in shown
    assert b"\x1b" not in text
    quiet, _ = on_a_terminal(["compare", *PAIR, "--quiet"], "stderr")
    assert quiet == b""
    assert redirected(["compare", *PAIR], "").stderr == b""


def test_the_name_of_an_archive_is_no_markup(tmp_path: Path) -> None:
    path = tmp_path / "[bold]x\x1b[2J.tar"
    ImageBuilder().file("/a", "x" * 100_000).write(path)
    shown, _ = on_a_terminal(["files", str(path)], "stderr")
    assert b"\x1b[2J" not in shown


@pytest.mark.parametrize(
    ("arguments", "redirection", "code"),
    [
        (["compare", *PAIR], ">&-", 2),
        (["compare", *PAIR], ">/dev/full", 2),
        (["gate", *PAIR], ">/dev/full", 2),
        (["compare", *PAIR], "2>&-", 0),
        (["compare", PAIR[0], PAIR[0]], "2>&-", 0),
        (["compare", PAIR[0], PAIR[0]], "2>/dev/full", 0),
        (["gate", *PAIR], "2>&-", 1),
        (["files", "none.tar"], "2>&-", 3),
        (["files", "none.tar"], "2>/dev/full", 3),
        (["files", "-"], "<&-", 2),
        (["compare", *PAIR], "<&-", 0),
    ],
    ids=lambda value: " ".join(Path(word).name for word in value) if isinstance(value, list) else None,
)
def test_a_stream_that_is_closed_or_full(arguments: list[str], redirection: str, code: int) -> None:
    if "full" in redirection and not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    ran = redirected(arguments, redirection)
    assert ran.returncode == code, ran.stderr
    assert b"Traceback" not in ran.stderr
    assert b"Exception ignored" not in ran.stderr
    assert len(ran.stderr.splitlines()) <= 1
    if code in (0, 1):
        assert ran.stdout


def test_the_module_is_the_command() -> None:
    ran = redirected(["--version"], "")
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout.startswith(b"xraydiff ")


@pytest.mark.parametrize("argument", ["--x\n::error::y", "x\n::error::y"])
def test_a_wrong_call_is_one_line(argument: str) -> None:
    ran = redirected([argument], "")
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert line.startswith(b"xraydiff: ")
    assert line.endswith(b"(try xraydiff --help)")
