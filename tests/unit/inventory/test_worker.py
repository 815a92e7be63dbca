"""The killable process: what it answers, when it starts and ends, and that nothing of it is left behind."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

from xraydiff.facts import Problem, Scope
from xraydiff.inventory.worker import Worker
from xraydiff.limits import Limits
from xraydiff.testing import elf

COMPILER = shutil.which("gcc")
PROGRAM = "#include <stdio.h>\nint main(void) { char b[64]; puts(fgets(b, 64, stdin)); return 0; }\n"


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as started:
        yield started


def details(worker: Worker, data: bytes) -> Mapping[str, object]:
    answer = worker.elf_details(data)
    assert not isinstance(answer, Problem), answer
    return answer


def hardening(worker: Worker, data: bytes) -> Mapping[str, object]:
    found = details(worker, data)["hardening"]
    assert isinstance(found, dict)
    return found


def pid(worker: Worker) -> int:
    assert worker._process is not None
    return worker._process.pid


def test_file_types(worker: Worker) -> None:
    assert worker.file_type(b"#!/bin/sh\necho\n") == "POSIX shell script, ASCII text executable"
    assert worker.file_type(b"") == "empty"
    text = worker.file_type(elf())
    assert isinstance(text, str)
    assert text.startswith("ELF 64-bit")


def test_only_the_beginning_of_a_large_file_is_sent(worker: Worker) -> None:
    assert worker.file_type(b"\x89PNG\r\n\x1a\n" + bytes(64 << 20)) == worker.file_type(
        b"\x89PNG\r\n\x1a\n" + bytes(1 << 20)
    )


def test_the_interpreter_of_this_test_is_seen_as_pyelftools_sees_it(worker: Worker) -> None:
    data = Path(sys.executable).resolve().read_bytes()
    answer = details(worker, data)
    oracle = ELFFile(io.BytesIO(data))
    assert answer["type"] == oracle.header.e_type
    assert answer["machine"] == oracle.header.e_machine
    needs = answer["version_needs"]
    assert isinstance(needs, list)
    section = oracle.get_section_by_name(".gnu.version_r")
    names = [entry.name for entry, _ in section.iter_versions()] if isinstance(section, GNUVerNeedSection) else []
    assert [need["name"] for need in needs] == names


@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("-O2", "-pie", "-fPIE", "-Wl,-z,relro,-z,now"), {"pie": True, "relro": "full", "nx": True}),
        (("-O2", "-no-pie", "-Wl,-z,relro,-z,lazy"), {"pie": False, "relro": "partial", "nx": True}),
        (("-O2", "-Wl,-z,norelro,-z,execstack"), {"relro": "none", "nx": False}),
        (("-O0", "-fstack-protector-all"), {"canary": True, "fortify": []}),
        (("-O2", "-fno-stack-protector", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=0"), {"canary": False, "fortify": []}),
        (("-O2", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2", "-DLATE"), {"fortify": ["__printf_chk"]}),
    ],
)
def test_hardening(worker: Worker, tmp_path: Path, flags: tuple[str, ...], expected: dict[str, object]) -> None:
    source = tmp_path / "program.c"
    late = 'int main(int n, char **v) { return printf("%d %s", n, v[0]); }\n'
    source.write_text(f"#include <stdio.h>\n{late}" if "-DLATE" in flags else PROGRAM)
    assert COMPILER is not None
    subprocess.run([COMPILER, *flags, "-o", tmp_path / "program", source], check=True, capture_output=True)
    found = hardening(worker, (tmp_path / "program").read_bytes())
    assert {name: found[name] for name in expected} == expected


@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
def test_versions_and_build_id_of_a_library(worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "l.c").write_text("int one(void) { return 1; }\n")
    (tmp_path / "l.map").write_text("V_1 { global: one; local: *; };\n")
    assert COMPILER is not None
    flags = ["-shared", "-fPIC", "-Wl,-soname,libl.so.1", "-Wl,--version-script=l.map", "-Wl,--build-id=0xabcdef01"]
    subprocess.run([COMPILER, *flags, "-o", "libl.so.1", "l.c"], check=True, capture_output=True, cwd=tmp_path)
    answer = details(worker, (tmp_path / "libl.so.1").read_bytes())
    assert answer["build_id"] == "abcdef01"
    assert answer["version_definitions"] == [{"name": "libl.so.1", "versions": []}, {"name": "V_1", "versions": []}]
    assert hardening(worker, (tmp_path / "libl.so.1").read_bytes())["pie"] is False


def test_what_is_no_elf_is_a_problem_with_its_path(worker: Worker) -> None:
    problem = worker.elf_details(b"hello", path="/bin/x")
    assert isinstance(problem, Problem)
    assert (problem.code, problem.path, problem.scope, problem.fatal) == (
        "elf-malformed",
        "/bin/x",
        Scope.ANALYSIS,
        False,
    )


def test_a_file_over_the_bound_is_not_sent() -> None:
    with Worker(limits=Limits(elf=100)) as worker:
        problem = worker.elf_details(bytes(101))
        assert isinstance(problem, Problem)
        assert problem.code == "limit-exceeded"
        assert worker._process is None


def test_it_starts_when_first_asked_serves_many_and_leaves_no_process() -> None:
    with Worker() as worker:
        assert worker._process is None
        worker.file_type(b"a")
        child = pid(worker)
        for _ in range(20):
            worker.file_type(b"b")
        assert pid(worker) == child
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_it_starts_again_after_close() -> None:
    worker = Worker()
    worker.close()
    assert worker.file_type(b"") == "empty"
    worker.close()
    assert worker.file_type(b"") == "empty"
    worker.close()


def test_threads_share_one() -> None:
    answers: list[str | Problem] = []
    with Worker() as worker:
        threads = [threading.Thread(target=lambda: answers.append(worker.file_type(b""))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == ["empty"] * 8


def test_no_descriptor_is_left_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with Worker() as worker:
            worker.file_type(b"x")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_child_sees_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "magic.py").write_text("raise SystemExit\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("MAGIC", "/dev/null")
    monkeypatch.chdir(tmp_path)
    with Worker() as worker:
        assert worker.file_type(b"") == "empty"
