"""Files that hang, crash or exhaust an analyser, and a worker that dies: the run goes on, and the problem says so."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from tests.patience import SLOW
from xraydiff.facts import Problem, Scope
from xraydiff.inventory.worker import Worker
from xraydiff.limits import MIB, Limits

SECOND = Limits(worker_seconds=1)


@pytest.fixture
def worker() -> Iterator[Worker]:
    with Worker(limits=SECOND) as started:
        yield started


def elf_with_sections(*sections: tuple[int, int, bytes], info: int = 0, size: int | None = None) -> bytes:
    """An ELF file of 64 bits with sections (type, link, content); the first one's `info`, and a size that may lie."""
    header_size, entry_size = 64, 64
    offset = header_size
    table = [bytes(entry_size)]
    body = b""
    for number, (kind, link, content) in enumerate(sections):
        said = size if size is not None and number == 0 else len(content)
        more = info if number == 0 else 0
        table.append(struct.pack("<IIQQQQIIQQ", 0, kind, 0, 0, offset + len(body), said, link, more, 1, 24))
        body += content
    end = offset + len(body)
    fields = (b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 0, end, 0, 64, 56, 0, entry_size, len(table), len(table) - 1)
    header = struct.pack("<16sHHIQQQIHHHHHH", *fields)
    return header + body + b"".join(table)


def needed_flood(count: int, length: int) -> bytes:
    """So many DT_NEEDED that all name one long string; pyelftools reads it anew each time."""
    strings = b"\0" + b"a" * length + b"\0"
    entries = struct.pack("<QQ", 5, 64) + struct.pack("<QQ", 10, len(strings)) + struct.pack("<QQ", 1, 1) * count
    dynamic = entries + struct.pack("<QQ", 0, 0)
    where = 64 + 2 * 56
    dynamic_at, strings_at = where, where + len(dynamic)
    dynamic = dynamic.replace(struct.pack("<QQ", 5, 64), struct.pack("<QQ", 5, strings_at), 1)
    whole = strings_at + len(strings)
    segments = struct.pack("<IIQQQQQQ", 1, 4, 0, 0, 0, whole, whole, 1)
    segments += struct.pack("<IIQQQQQQ", 2, 4, dynamic_at, dynamic_at, 0, len(dynamic), len(dynamic), 8)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    return header + segments + dynamic + strings


def answered(worker: Worker, data: bytes) -> Problem | None:
    """The problem of a file, if any, within the seconds that the worker has; and the next file is answered."""
    started = time.monotonic()
    answer = worker.elf_details(data, path="/x")
    assert time.monotonic() - started < 10 * SLOW
    assert worker.file_type(b"", path="/y") == "empty"
    if isinstance(answer, Problem):
        assert (answer.path, answer.scope, answer.fatal) == ("/x", Scope.ANALYSIS, False)
        return answer
    return None


def test_version_needs_that_never_end(worker: Worker) -> None:
    need = struct.pack("<HHIII", 1, 65535, 0, 16, 0) + struct.pack("<IHHII", 0, 0, 0, 0, 0)
    problem = answered(worker, elf_with_sections((0x6FFFFFFE, 2, need), (3, 0, b"\0a\0"), info=2**32 - 1))
    assert problem is not None
    assert problem.code == "elf-malformed"


def test_version_definitions_that_never_end(worker: Worker) -> None:
    definition = struct.pack("<HHHHIII", 1, 0, 1, 65535, 0, 20, 0) + struct.pack("<II", 0, 0)
    problem = answered(worker, elf_with_sections((0x6FFFFFFD, 2, definition), (3, 0, b"\0a\0"), info=2**32 - 1))
    assert problem is not None
    assert problem.code == "elf-malformed"


def test_a_flood_of_needed_names_runs_out_of_time(worker: Worker) -> None:
    problem = answered(worker, needed_flood(2_000, 2_000_000))
    assert problem is not None
    assert problem.code == "analyzer-timeout"


def test_a_section_without_bytes_that_claims_two_gibibytes(worker: Worker) -> None:
    answered(worker, elf_with_sections((8, 0, b""), (3, 0, b"\0a\0"), size=2**31))


def test_symbols_without_end_run_out_of_time_or_are_refused(worker: Worker) -> None:
    problem = answered(worker, elf_with_sections((11, 2, bytes(24)), (3, 0, b"\0a\0"), size=2**40))
    assert problem is not None


@pytest.mark.parametrize("length", range(0, 352, 16))
def test_every_prefix_is_a_problem_or_an_answer(length: int) -> None:
    whole = elf_with_sections((6, 2, bytes(64)), (3, 0, b"\0a\0"))
    assert shared().elf_details(whole[:length]) is not None


_SHARED: list[Worker] = []


def shared() -> Worker:
    if not _SHARED:
        _SHARED.append(Worker(limits=SECOND))
    return _SHARED[0]


@pytest.fixture(scope="module", autouse=True)
def _end_the_shared_one() -> Iterator[None]:
    yield
    for one in _SHARED:
        one.close()


def test_memory_is_bounded() -> None:
    with Worker(limits=Limits(worker_memory=160 * MIB)) as worker:
        problem = worker.elf_details(b"\x7fELF" + bytes(200 * MIB), path="/big")
        assert isinstance(problem, Problem)
        assert problem.code == "analyzer-crashed"
        assert worker.file_type(b"") == "empty"


# --- row 137: elf_worker_killed -------------------------------------------------------------------------------------


def test_137_killed_between_two_files(worker: Worker) -> None:
    worker.file_type(b"")
    assert worker._process is not None
    os.kill(worker._process.pid, signal.SIGKILL)
    worker._process.wait()
    problem = worker.file_type(b"", path="/x")
    assert isinstance(problem, Problem)
    assert (problem.code, problem.path) == ("analyzer-crashed", "/x")
    assert "signal 9" in problem.message
    assert worker.file_type(b"") == "empty"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_137_killed_at_work(number: signal.Signals) -> None:
    with Worker() as worker:
        worker.file_type(b"")
        assert worker._process is not None
        timer = threading.Timer(0.3, os.kill, (worker._process.pid, number))
        timer.start()
        problem = worker.elf_details(needed_flood(2_000, 2_000_000), path="/x")
        timer.join()
        assert isinstance(problem, Problem)
        assert problem.code == "analyzer-crashed"
        assert f"signal {number.value}" in problem.message
        assert worker.file_type(b"") == "empty"


class Impostor(Worker):
    """A worker whose child is another program."""

    def __init__(self, program: str) -> None:
        super().__init__(limits=SECOND)
        self._program = program

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = process = subprocess.Popen(
            [sys.executable, "-c", self._program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
        return process


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("raise SystemExit(3)", "analyzer-crashed"),
        ("import sys; sys.stdout.buffer.write(b'\\xff' * 8)", "analyzer-crashed"),
        ("import sys; sys.stdout.buffer.write(b'\\0\\0\\0\\4' + b'what')", "analyzer-crashed"),
        ("import sys; sys.stdout.buffer.write(b'\\0\\0\\0\\2' + b'[]')", "analyzer-crashed"),
        ("import sys; sys.stdout.buffer.write(b'\\0\\0\\0\\2' + b'{}')", "analyzer-crashed"),
        ("import sys; sys.stdout.buffer.write(b'\\0\\0\\0\\x0a' + b'{\"te')", "analyzer-crashed"),
        ("import sys; sys.stdout.buffer.write(b'\\0\\0\\xff\\xff' + b'[' * 65535)", "analyzer-crashed"),
        ("import time; time.sleep(60)", "analyzer-timeout"),
    ],
)
def test_a_child_that_answers_nonsense_or_nothing(program: str, code: str) -> None:
    with Impostor(program) as worker:
        problem = worker.file_type(b"x" * 100, path="/x")
        assert isinstance(problem, Problem)
        assert (problem.code, problem.path) == (code, "/x")


def test_an_interrupt_leaves_no_answer_behind(monkeypatch: pytest.MonkeyPatch, worker: Worker) -> None:
    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    assert worker.file_type(b"") == "empty"
    with monkeypatch.context() as patch:
        patch.setattr("xraydiff.inventory.worker._receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            worker.file_type(b"#!/bin/sh\n")
    assert worker._process is None
    assert worker.file_type(b"") == "empty"
