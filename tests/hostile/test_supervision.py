"""A crash or a hang of what reads hostile bytes is an answer: exit 3 and one line that says where, never 0 or 1.

The reader that does so is a plug-in; what it does is native code's way to fail, which no bound of a parser prevents.
"""

from __future__ import annotations

import os
import pty
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.patience import SLOW
from xraydiff.testing import ImageBuilder

READER = """
import ctypes, itertools, os, resource, signal, sys
from pathlib import Path

class Reader:
    name, language, depth = "brittle", "", "full"

    def accepts(self, subject):
        return subject.data.startswith(b"brittle ")

    def read(self, subject, context):
        match subject.data.split()[1].decode():
            case "segv":
                ctypes.string_at(0)
            case "abort":
                ctypes.CDLL(None).abort()
            case "stack":
                sys.setrecursionlimit(1 << 30)
                nested = ()
                for _ in range(1 << 24):
                    nested = (nested,)
                hash(nested)
            case "loop":
                Path(os.environ["STARTED"]).write_text(str(os.getpid()))
                sum(itertools.repeat(0))
            case "memory":
                kept = []
                while True:
                    kept.append(bytearray(1 << 24))
            case "exit0":
                os._exit(0)
            case "exit1":
                os._exit(1)
            case "leave":
                raise SystemExit(0)
            case "limits":
                limits = [resource.getrlimit(which) for which in (resource.RLIMIT_DATA, resource.RLIMIT_CORE)]
                Path(os.environ["STARTED"]).write_text(repr(limits))
        return ()
"""
COMMANDS = {
    "compare": ["compare", "{o}", "{s}", "-q"],
    "gate": ["gate", "{o}", "{s}"],
    "suggest": ["suggest", "{o}", "{s}"],
    "why": ["why", "{o}", "{s}", "/gone"],
}
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a child of its own needs fork")


class Command:
    """The command with the brittle reader installed beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.started = folder, folder / "started"
        package = folder / "site"
        info = package / "brittle-1.0.dist-info"
        info.mkdir(parents=True)
        (package / "brittle.py").write_text(READER)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brittle\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[xraydiff.references]\nbrittle = brittle:Reader\n")
        self.environment = {**os.environ, "PYTHONPATH": str(package), "STARTED": str(self.started)}

    def line(
        self, what: str, *arguments: str, name: str = "/app/start", limits: dict[str, int] | None = None
    ) -> list[str]:
        """The command line for a pair whose start script does `what`, with some limits of ours."""
        builder = ImageBuilder().config(cmd=[name]).file(name, f"brittle {what}", mode=0o755)
        slim = builder.write(self.folder / "s.tar")
        original = builder.layer().file("/gone").write(self.folder / "o.tar")
        words = [word.format(o=original, s=slim) for word in arguments]
        program = f"from xraydiff.cli import main; from xraydiff.limits import Limits; main(Limits(**{limits or {}}))"
        return [sys.executable, "-P", "-c", program, *words]

    def run(self, what: str, *arguments: str, **limits: int) -> subprocess.CompletedProcess[str]:
        return self.ran(self.line(what, *arguments, limits=limits))

    def ran(self, line: list[str], before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            line, env=self.environment, capture_output=True, text=True, check=False, timeout=60 * SLOW,
            preexec_fn=before,
        )  # fmt: skip

    def child(self) -> int:
        """The process that does the work, once it loops."""
        until(lambda: self.started.exists() and bool(self.started.read_text()))
        return int(self.started.read_text())


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20 * SLOW
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody waits for leaves an entry without a command line."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return not Path(f"/proc/{pid}/cmdline").read_bytes()
    return True


def the_line(ran: subprocess.CompletedProcess[str]) -> str:
    assert ran.returncode == 3, (ran.returncode, ran.stderr)
    assert ran.stdout == ""
    (line,) = ran.stderr.splitlines()
    return line


@pytest.mark.parametrize("name", COMMANDS)
def test_a_crash_names_what_was_read_and_is_no_verdict(name: str, command: Command) -> None:
    assert the_line(command.run("segv", *COMMANDS[name])) == (
        "xraydiff: s.tar: /app/start: the work crashed (SIGSEGV) while the brittle reader read this; nothing is decided"
    )


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("abort", "crashed (SIGABRT)"),
        ("stack", "crashed (SIGSEGV)"),
        ("exit0", "ended unasked (status 0)"),
        ("exit1", "ended unasked (status 1)"),
    ],
)
def test_other_ways_to_end_without_an_answer(what: str, said: str, command: Command) -> None:
    assert f": /app/start: the work {said} while the brittle reader" in the_line(command.run(what, *COMMANDS["gate"]))


def test_a_crash_leaves_nothing_behind(command: Command) -> None:
    spool, out = command.folder / "spool", command.folder / "out.json"
    spool.mkdir()
    out.write_text("what was there before")
    command.environment["TMPDIR"] = str(spool)
    line = command.line("segv", "compare", "-", "{s}", "--format", "json", "-o", str(out))
    with (command.folder / "o.tar").open("rb") as stream:
        ran = subprocess.run(line, env=command.environment, stdin=stream, check=False, capture_output=True)
    assert ran.returncode == 3
    assert out.read_text() == "what was there before"
    assert list(spool.iterdir()) == []
    assert {path.name for path in command.folder.iterdir()} == {"site", "o.tar", "s.tar", "spool", "out.json"}


def test_a_reader_that_leaves_has_not_decided(command: Command) -> None:
    assert command.run("leave", *COMMANDS["gate"]).returncode not in (0, 1)


def test_a_hang_in_native_code_ends_by_its_cpu_time(command: Command) -> None:
    line = the_line(command.run("loop", *COMMANDS["gate"], reader_seconds=1))
    assert ": /app/start: the work hung (1 s of CPU time without a sign) while the brittle reader read this" in line
    assert gone(command.child())


def test_a_hang_ends_by_the_limit_of_the_user_too(command: Command) -> None:
    line = command.line("loop", *COMMANDS["gate"])
    ran = command.ran(line, lambda: resource.setrlimit(resource.RLIMIT_CPU, (3, resource.RLIM_INFINITY)))
    assert "limit of CPU time (ulimit -t)" in the_line(ran)


def test_memory_without_end(command: Command) -> None:
    line = the_line(command.run("memory", *COMMANDS["gate"], command_memory=512 << 20))
    assert "s.tar" in line or "/app/start" in line
    assert "MemoryError" in line


@pytest.mark.parametrize("megabytes", [30, 60])
def test_too_little_memory_for_anything(megabytes: int, command: Command) -> None:
    """Wherever it runs out, in an import or in between, that is no verdict."""
    line = command.line("none", *COMMANDS["gate"])
    most = megabytes << 20
    ran = command.ran(line, lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)))
    assert ran.returncode == 3, ran.stderr


@pytest.mark.parametrize("soft", [None, 1 << 30])
def test_a_limit_that_the_user_set_lower_stays(soft: int | None, command: Command) -> None:
    def lower() -> None:
        if soft is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (soft, resource.getrlimit(resource.RLIMIT_DATA)[1]))

    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    ran = command.ran(command.line("limits", *COMMANDS["compare"], limits={"command_memory": 3 << 30}), lower)
    assert ran.returncode == 0, ran.stderr
    assert command.started.read_text().startswith(f"[({soft or 3 << 30}, {hard}), (0, ")


def test_a_hostile_name_is_one_line(command: Command) -> None:
    line = command.line("segv", *COMMANDS["gate"], name="/a\n::error::b\x1b[2J/\udcff\u202e")
    assert "/a\\x0a::error::b\\x1b[2J/\\xff" in the_line(command.ran(line))


def test_a_child_that_is_killed_from_outside(command: Command) -> None:
    line = command.line("loop", *COMMANDS["gate"])
    with subprocess.Popen(line, env=command.environment, stderr=subprocess.PIPE, text=True) as process:
        os.kill(command.child(), signal.SIGKILL)
        _, errors = process.communicate(timeout=30 * SLOW)
    assert process.returncode == 3
    assert "/app/start: the work was killed" in errors


def test_the_child_goes_with_its_parent(command: Command) -> None:
    with subprocess.Popen(command.line("loop", *COMMANDS["gate"]), env=command.environment) as process:
        child = command.child()
        assert child != process.pid
        process.kill()
        process.wait(30 * SLOW)
        until(lambda: gone(child))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("group", [False, True], ids=["the parent", "all of them, as a terminal does"])
def test_a_signal_ends_even_what_hears_nothing(number: int, code: int, group: bool, command: Command) -> None:
    line = command.line("loop", *COMMANDS["gate"], limits={"stop_seconds": 1})
    with subprocess.Popen(
        line, env=command.environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        child = command.child()
        (os.killpg if group else os.kill)(process.pid, number)
        _, errors = process.communicate(timeout=30 * SLOW)
    assert (process.returncode, errors) == (code, "")
    assert gone(child)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_nobody_reads_the_output(number: int, command: Command) -> None:
    builder = ImageBuilder()
    for index in range(2_000):
        builder.file(f"/{'n' * 200}{index}")
    path = builder.write(command.folder / "big.tar")
    line = command.line("none", "files", str(path))
    with subprocess.Popen(
        line, env=command.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        time.sleep(0.2)
        os.killpg(process.pid, number)
        assert process.wait(30 * SLOW) == 128 + number
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_a_terminal_gets_its_cursor_back(command: Command) -> None:
    main, side = pty.openpty()
    with subprocess.Popen(
        command.line("segv", "compare", "{o}", "{s}"), env={**command.environment, "TERM": "xterm"}, stderr=side
    ) as process:
        os.close(side)
        shown = b"".join(pieces(main))
    os.close(main)
    assert process.returncode == 3
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")
    assert shown.endswith(b"nothing is decided\r\n")


def pieces(descriptor: int) -> Iterator[bytes]:
    with suppress(OSError):  # Linux says so when the last writer is gone.
        while piece := os.read(descriptor, 65_536):
            yield piece


def test_an_input_that_comes_as_a_stream_and_a_sound_pair(command: Command) -> None:
    line = command.line("none", "gate", "-", "{s}")
    original = (command.folder / "o.tar").read_bytes()
    ran = subprocess.run(line, env=command.environment, input=original, capture_output=True, check=False)
    assert ran.returncode in (0, 1)
    assert ran.stdout.startswith(b"Gate: ")


def test_no_process_to_be_had(command: Command) -> None:
    line = command.line("none", *COMMANDS["gate"])
    line[3] = f"import os\ndef fork():\n    raise BlockingIOError(11, 'Try again')\nos.fork = fork\n{line[3]}"
    assert the_line(command.ran(line)) == "xraydiff: no process can be started for the work: Try again"


def test_where_there_is_no_fork_the_work_is_done_all_the_same(command: Command) -> None:
    line = command.line("none", *COMMANDS["compare"])
    line[3] = f"import os; del os.fork; {line[3]}"
    ran = command.ran(line)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("original  o.tar")


def test_a_bug_is_no_verdict(command: Command) -> None:
    line = command.line("none", *COMMANDS["gate"])
    line[3] = f"import xraydiff.policy as p; p.evaluate = None; {line[3]}"
    ran = command.ran(line)
    assert ran.returncode == 3
    assert "TypeError" in ran.stderr


def test_commands_that_read_nothing_need_no_child(command: Command) -> None:
    for words in (["--version"], ["rules"], ["policy", "show"], ["--help"]):
        line = command.line("none", *words)
        line[3] = f"import os; os.fork = None; {line[3]}"
        assert command.ran(line).returncode == 0
