"""Who is read from goes away, the disk fills up, somebody says stop: one line, the exit code, nothing left behind."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.elf_files import slow_elf
from tests.image_archives import one_image, sha256, tar_of
from tests.patience import SLOW
from tests.registry_server import Answer, Repository, serving
from xraydiff.testing import ImageBuilder, elf

NOISE = random.Random(1).randbytes(2 << 20)  # noqa: S311  incompressible, not secret


class Run:
    """The command in a process of its own, with a spool directory and an output that both must stay as they are."""

    def __init__(self, folder: Path) -> None:
        self.spool, self.out = folder / "spool", folder / "out.json"
        self.spool.mkdir()
        self.out.write_text("what was there before")
        self.slim = ImageBuilder().file("/a").write(folder / "slim.tar")

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "xraydiff", *arguments, "-o", str(self.out)]

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "TMPDIR": str(self.spool), **more}

    def fails(self, code: int, *arguments: str, **more: str) -> str:
        """The one line that the command says."""
        ran = subprocess.run(
            self.command(*arguments), env=self.environment(**more), capture_output=True, text=True, check=False,
            timeout=60 * SLOW,
        )  # fmt: skip
        assert ran.returncode == code, ran.stderr
        assert ran.stdout == ""
        (line,) = ran.stderr.splitlines()
        self.untouched()
        return line

    def untouched(self) -> None:
        assert list(self.spool.iterdir()) == []
        assert self.out.read_text() == "what was there before"
        assert sorted(path.name for path in self.out.parent.iterdir()) == ["out.json", "slim.tar", "spool"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    folder = tmp_path / "run"
    folder.mkdir()
    return Run(folder)


# --- an engine --------------------------------------------------------------------------------------------------------


@contextmanager
def engine(export: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a socket that answers as an engine does, until it exports."""
    about = {"Id": "sha256:" + "1" * 64, "RepoTags": ["app:1"], "Os": "linux", "Architecture": "amd64"}

    def serve(talk: socket.socket) -> None:
        with talk, suppress(ConnectionError):
            while request := talk.recv(65536):
                path = request.split()[1].decode()
                if path.endswith("/get"):
                    export(talk)
                    return
                answer = {"ApiVersion": "1.41"} if path.endswith("/version") else about
                body = json.dumps(answer).encode()
                talk.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    # The path of a socket has at most 108 bytes.
    with tempfile.TemporaryDirectory(prefix="xd", dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/s")
        listener.listen()
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"unix://{folder}/s"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def exported(folder: Path) -> bytes:
    return ImageBuilder(name="app:1").file("/a", NOISE).layer().file("/b", NOISE).write(folder / "e.tar").read_bytes()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-tar\r\n"


@pytest.mark.parametrize("how", ["length", "chunked", "neither", "reset"])
@pytest.mark.parametrize("command", ["files", "compare"])
def test_an_engine_that_is_gone_in_the_middle_of_an_export(how: str, command: str, run: Run, tmp_path: Path) -> None:
    whole = exported(tmp_path)
    half = whole[: len(whole) // 2]

    def export(talk: socket.socket) -> None:
        match how:
            case "chunked":
                talk.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(half), half))
            case "neither":
                # Nothing says how long it is: only the archive itself tells that its end is missing.
                talk.sendall(HEAD + b"Connection: close\r\n\r\n" + half)
            case _:
                talk.sendall(HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(whole), half))
        if how == "reset":
            talk.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with engine(export) as address:
        arguments = ["docker:app:1"] if command == "files" else ["docker:app:1", str(run.slim), "--format", "json"]
        line = run.fails(3, command, *arguments, DOCKER_HOST=address)
    assert line.startswith("xraydiff: docker:app:1: the engine")


# --- a registry -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["files", "compare"])
def test_a_registry_that_is_gone_in_the_middle_of_a_layer(command: str, run: Run, tmp_path: Path) -> None:
    layer = tar_of(("a", NOISE))
    repository = Repository(one_image(layers=(layer,)))

    def broken(answer: Answer) -> None:
        answer.give(layer[: 1 << 20], Content_Length=str(len(layer)))
        answer.close_connection = True

    repository.changed[sha256(layer)] = broken
    with serving(repository) as server:
        reference = server.name
        arguments = [reference] if command == "files" else [reference, str(run.slim), "--format", "json"]
        more = {"NO_PROXY": "127.0.0.1", "DOCKER_CONFIG": str(tmp_path / "docker")}
        line = run.fails(3, command, *arguments, **more)
    assert line.startswith(f"xraydiff: {reference}: layer 0: ")


# --- the disk ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="a small disk of its own needs root")
@pytest.mark.parametrize("source", ["archive", "standard input"])
def test_a_disk_that_is_full(source: str, run: Run, tmp_path: Path) -> None:
    """A real one, of one megabyte, in a mount namespace of its own."""
    builder = ImageBuilder().file("/a", NOISE)
    path = builder.write(tmp_path / "app.tar", compression="gzip" if source == "archive" else "none")
    reference = str(path) if source == "archive" else "-"
    script = 'mount -t tmpfs -o size=1m none "$0" && "$@"; code=$?; ls -A "$0" >&2; exit $code'
    probe = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("no mount namespaces here")
    with path.open("rb") as stdin:
        ran = subprocess.run(
            ["unshare", "-m", "sh", "-c", script, str(run.spool), *run.command("files", reference)],
            stdin=stdin, env=run.environment(), capture_output=True, text=True, check=False, timeout=60 * SLOW,
        )  # fmt: skip
    assert ran.returncode == 3, ran.stderr
    (line,) = ran.stderr.splitlines()
    assert "temporary directory cannot take the uncompressed data: No space left on device" in line
    run.untouched()


# --- a signal ---------------------------------------------------------------------------------------------------------


def children(pid: int) -> list[int]:
    with suppress(FileNotFoundError, ProcessLookupError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20 * SLOW
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_while_a_fifo_is_read(number: int, code: int, run: Run, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    whole = exported(tmp_path)
    command = ["sh", "-c", 'exec "$@" < "$0"', str(fifo), *run.command("files", "-")]
    with subprocess.Popen(command, env=run.environment(), stderr=subprocess.PIPE) as process, fifo.open("wb") as pipe:
        # More than a pipe holds: when all is written, the command has begun to read.
        pipe.write(whole[: len(whole) // 2])
        pipe.flush()
        process.send_signal(number)
        _, errors = process.communicate(timeout=30 * SLOW)
    assert process.returncode == code
    assert b"Traceback" not in errors
    run.untouched()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_while_the_worker_works(number: int, run: Run, tmp_path: Path) -> None:
    """The worker goes with its master, even with one that has no time to end it, and so does who does the work."""
    path = ImageBuilder().file("/slow", slow_elf()).write(tmp_path / "app.tar")
    command = run.command("inspect", str(path), "--elf", "/slow")
    with subprocess.Popen(command, env=run.environment(), stderr=subprocess.PIPE) as process:
        until(lambda: any(map(children, children(process.pid))))
        (supervised,) = children(process.pid)
        (worker,) = children(supervised)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30 * SLOW)
    assert process.returncode == {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGKILL: -9}[signal.Signals(number)]
    assert b"Traceback" not in errors
    until(lambda: not Path(f"/proc/{worker}/cmdline").exists() or not Path(f"/proc/{worker}/cmdline").read_bytes())
    run.untouched()


# --- the output -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["files", "inspect", "compare", "suggest"])
@pytest.mark.parametrize("where", ["in no directory", "in a file", "a directory"])
def test_an_output_that_cannot_be_written(command: str, where: str, run: Run, tmp_path: Path) -> None:
    path = ImageBuilder().file("/a", elf()).write(tmp_path / "app.tar")
    target = {"in no directory": run.out.parent / "x" / "y", "in a file": run.out / "y", "a directory": run.spool}[
        where
    ]
    arguments = [str(path)] if command in ("files", "inspect") else [str(path), str(run.slim)]
    ran = subprocess.run(
        [*run.command(command, *arguments)[:-1], str(target)], env=run.environment(), capture_output=True, text=True,
        check=False, timeout=60 * SLOW,
    )  # fmt: skip
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert len(ran.stderr.splitlines()) == 1
    run.untouched()
