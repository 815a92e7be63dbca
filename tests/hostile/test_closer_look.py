"""Files made to hang or crash an analyser, within images: the run goes on, says so, and ends in time."""

from __future__ import annotations

import json
import os
import signal
import struct
import time
from pathlib import Path

import pytest

from tests.elf_files import endless_elf, slow_elf
from tests.patience import SLOW
from xraydiff import pipeline
from xraydiff.cli import Exit, run
from xraydiff.facts import Problem, Scope
from xraydiff.image.sources import open_image
from xraydiff.inventory.details import elf_details, file_kinds
from xraydiff.inventory.worker import Worker
from xraydiff.limits import Limits
from xraydiff.report.codec import dump_inspection, dump_report, load_inspection, load_report
from xraydiff.testing import ImageBuilder, elf
from xraydiff.tree import squash

Capture = pytest.CaptureFixture[bytes]


def test_elf_that_hangs_is_a_problem_and_the_rest_is_told(tmp_path: Path, capsysbinary: Capture) -> None:
    image = ImageBuilder().file("/a", endless_elf()).file("/good", elf(needed=["libc.so.6"]))
    path = str(image.write(tmp_path / "i.tar"))
    started = time.monotonic()
    assert run(["inspect", path, "--elf", "/a", "--elf", "/good", "--format", "json"]) == Exit.OK
    assert time.monotonic() - started < 15 * SLOW
    text = capsysbinary.readouterr().out.decode()
    seen = load_inspection(text)
    assert seen.complete
    assert [details.path for details in seen.elf] == ["/good"]
    (problem,) = seen.problems
    assert (problem.code, problem.path, problem.scope) == ("elf-malformed", "/a", Scope.ANALYSIS)
    assert dump_inspection(seen) == text


def test_elf_in_text(tmp_path: Path, capsysbinary: Capture) -> None:
    path = str(ImageBuilder().file("/a", "no ELF").file("/good", elf()).write(tmp_path / "i.tar"))
    assert run(["inspect", path, "--elf", "/good", "--elf", "/a"]) == Exit.OK
    out, err = capsysbinary.readouterr()
    assert b"\nELF /good\n  ELF 64-bit" in out
    assert b"hardening: PIE no, RELRO none" in out
    assert b"elf-malformed: /a: " in out
    assert b"Packages" not in out
    assert err == b""


def test_elf_of_a_path_that_is_not_there(tmp_path: Path, capsysbinary: Capture) -> None:
    path = str(ImageBuilder().file("/a").write(tmp_path / "i.tar"))
    assert run(["inspect", path, "--elf", "/\x1b[31m"]) == Exit.USAGE
    out, err = capsysbinary.readouterr()
    assert out == b""
    assert err.count(b"\n") == 1
    assert b"\\x1b[31m: absent" in err
    assert run(["inspect", path, "--elf", "/a", "--format", "dot"]) == Exit.USAGE


def test_elf_of_an_image_that_is_cut_off_stays_not_read(tmp_path: Path, capsysbinary: Capture) -> None:
    whole = ImageBuilder().file("/a", elf()).layer().file("/b", elf()).write(tmp_path / "i.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 2])
    assert run(["inspect", str(tmp_path / "cut.tar"), "--elf", "/b"]) == Exit.NOT_READ


def test_hostile_names_in_an_elf_file_reach_no_terminal_raw(tmp_path: Path, capsysbinary: Capture) -> None:
    name = b"GNU\x1b[31m\x00"
    note = struct.pack("<III", len(name), 4, 1) + name.ljust(12, b"\0") + b"x\0\0\0"
    segment = struct.pack("<IIQQQQQQ", 4, 4, 120, 120, 0, len(note), len(note), 4)
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    path = str(ImageBuilder().file("/a", head + segment + note).write(tmp_path / "i.tar"))
    for form in ("text", "json"):
        assert run(["inspect", path, "--elf", "/a", "--format", form]) == Exit.OK
        out = capsysbinary.readouterr().out
        assert b"[31m" in out
        assert b"\x1b" not in out


def test_several_files_that_hang_end_the_asking(tmp_path: Path) -> None:
    builder = ImageBuilder()
    names = [f"/f{number}" for number in range(6)]
    for name in names:
        builder.file(name, slow_elf())
    with open_image(builder.write(tmp_path / "i.tar")) as image:
        tree = squash(image)
        started = time.monotonic()
        found, problems = elf_details(tree, names, limits=Limits(worker_seconds=1, worker_failures=2))
        assert time.monotonic() - started < 12 * SLOW
    assert found == ()
    assert [problem.code for problem in problems] == ["analyzer-timeout", "analyzer-timeout", "limit-exceeded"]
    assert problems[-1].message == "2 files broke the analyser: 4 further files were not looked at closely"


class Killed(Worker):
    """A worker whose child dies whenever a file says so."""

    def _exchange(self, task: str, data: bytes) -> bytes:
        if data.startswith(b"kill"):
            process = self._process or self._start()
            os.kill(process.pid, signal.SIGSEGV)
        return super()._exchange(task, data)


def test_a_crash_in_a_comparison_is_told_and_the_gate_is_not_fooled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xraydiff.inventory.details.Worker", Killed)

    def image(name: str, *, whole: bool) -> Path:
        builder = ImageBuilder().config(cmd=["/app/run"]).file("/app/run", "#!/bin/sh\ncat /app/a.txt\n", mode=0o755)
        builder.file("/bin/sh", elf(executable=True), mode=0o755).file("/bin/cat", elf(executable=True), mode=0o755)
        if whole:
            builder.file("/app/a.txt", "kill me")
        return builder.write(tmp_path / name)

    pair = (image("o.tar", whole=True), image("s.tar", whole=False))
    with pipeline.compare(*pair, file_kinds=True) as comparison, pipeline.compare(*pair) as plain:
        report = comparison.report
        assert plain.report.findings == report.findings
        assert plain.report.file_kinds == ()
        assert "file_kinds" not in json.loads(dump_report(plain.report))
    assert report.complete
    crashed = [problem for problem in report.problems if problem.code == "analyzer-crashed"]
    assert [(problem.path, problem.scope, problem.fatal) for problem in crashed] == [
        ("/app/a.txt", Scope.ANALYSIS, False)
    ]
    assert {file.path for file in report.file_kinds} == {"/app/run"}
    assert load_report(dump_report(report)) == report


def test_kinds_of_files_that_crash_are_problems_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xraydiff.inventory.details.Worker", Killed)
    builder = ImageBuilder().file("/a", "kill").file("/b", "#!/bin/sh\n").file("/c", "kill")
    with open_image(builder.write(tmp_path / "i.tar")) as image:
        tree = squash(image)
        kinds, problems = file_kinds([(tree, path) for path in ("/a", "/b", "/c")])
    assert [file.path for file in kinds] == ["/b"]
    assert [(type(problem), problem.path) for problem in problems] == [(Problem, "/a"), (Problem, "/c")]
