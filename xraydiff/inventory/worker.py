"""The process that can be killed for libmagic and pyelftools: both have crashed or hung on files made to do so.

`Worker` starts it at the first request, restarts it after it died, and turns a crash, a hang or nonsense into a
`Problem`. The child (`python -P -m xraydiff.inventory.worker`) bounds its own memory and its CPU time for each file,
and reads nothing but its standard input. A message is a length of four bytes, JSON of that length, and for a request
the bytes of the file behind it.
"""

from __future__ import annotations

import io
import json
import os  # noqa: TID251  writes to and reads from the pipes of the child
import resource
import select
import signal
import site
import struct
import subprocess  # noqa: TID251  starts this very module and nothing of an image
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

from xraydiff.facts import Problem, Scope
from xraydiff.limits import DEFAULT, MIB, Limits
from xraydiff.rlimits import bound

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

__all__ = ["Worker"]

_LENGTH = struct.Struct(">I")
_ANSWER = 16 * MIB
"""Bytes of one answer; what a real library says of itself takes 100 KB."""
_FILE_TYPE_BYTES = MIB
"""libmagic looks at no more by default."""
_ITEMS = 10_000
"""Names, notes or versions in one list of an answer."""
_CHUNK = 1 << 16
_WALL = 3
"""Seconds of wall time for one of CPU time, for machines that do other things as well; and one more to start."""


class Worker:
    """A process for analysers that may crash or hang; starts lazily, one request at a time, safe to share by threads.

    `with Worker(limits=...) as worker: worker.file_type(data)`. Leaving the block ends the process.
    """

    def __init__(self, *, limits: Limits = DEFAULT) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def file_type(self, data: bytes, *, path: str = "") -> str | Problem:
        """What libmagic calls these bytes (file(1)), by the first MiB; `path` is only for the problem."""
        answer = self._ask("file_type", data[:_FILE_TYPE_BYTES], path)
        if isinstance(answer, Problem):
            return answer
        text = answer.get("text")
        return text if isinstance(text, str) else _crashed(path, "an answer without a text")

    def elf_details(self, data: bytes, *, path: str = "") -> Mapping[str, object] | Problem:
        """What pyelftools sees in an ELF file beyond what the loader needs, as JSON values.

        `type`, `machine`, `build_id`, `notes` (`owner`, `type`, `description`), `version_needs` and
        `version_definitions` (`name`, `versions`), `hardening` (`pie`, `relro`: none, partial or full, `nx`, `canary`,
        `fortify`: the checked functions that it imports). What is no whole ELF file is a problem `elf-malformed`.
        """
        if len(data) > self._limits.elf:
            return _problem("limit-exceeded", path, f"larger than {self._limits.elf} bytes")
        return self._ask("elf_details", data, path)

    def close(self) -> None:
        """End the process; it starts again at the next request."""
        with self._lock:
            self._stop(patience=1.0)

    def _ask(self, task: str, data: bytes, path: str) -> Mapping[str, object] | Problem:
        with self._lock:
            try:
                raw = self._exchange(task, data)
            except TimeoutError:
                self._stop(patience=0)
                return _problem("analyzer-timeout", path, f"{task} did not end within {self._limits.worker_seconds} s")
            except (OSError, EOFError, ValueError) as error:
                status = self._stop(patience=1.0)
                return _crashed(path, f"{task}: {_how(status) or error}", status=status)
            except BaseException:
                # An answer that nobody waited for must not be taken for that of the next request.
                self._stop(patience=0)
                raise
        answer = _json_object(raw)
        failure = answer.get("problem") if answer else "an answer that is not understood"
        if failure is None:
            return answer
        code = answer.get("code")
        return _problem(code if isinstance(code, str) else "analyzer-crashed", path, f"{task}: {failure}")

    def _exchange(self, task: str, data: bytes) -> bytes:
        """Send a request and receive its answer. Raises `TimeoutError`, `EOFError` or `OSError`."""
        process = self._process or self._start()
        if process.stdin is None or process.stdout is None:
            raise EOFError("no pipes")
        head = json.dumps({"task": task, "size": len(data)}).encode()
        deadline = time.monotonic() + _WALL * self._limits.worker_seconds + 1
        _send(process.stdin, (_LENGTH.pack(len(head)), head, data), deadline)
        (size,) = _LENGTH.unpack(_receive(process.stdout, _LENGTH.size, deadline))
        if size > _ANSWER:
            raise ValueError(f"an answer of {size} bytes")
        return _receive(process.stdout, size, deadline)

    def _start(self) -> subprocess.Popen[bytes]:
        bounds = [str(bound) for bound in (self._limits.worker_memory, self._limits.worker_seconds)]
        self._process = process = subprocess.Popen(  # noqa: S603  our own interpreter, our own module
            [sys.executable, "-P", "-m", "xraydiff.inventory.worker", *bounds],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            env=_environment(),
        )
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
        return process

    def _stop(self, *, patience: float) -> int:
        """End the process, killing it after so many seconds, and give its status."""
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
        try:
            process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            process.kill()
        if process.stdout is not None:
            process.stdout.close()
        return process.wait()


def _environment() -> dict[str, str]:
    """Nothing of ours but where this package lies, and that only where the interpreter would not look by itself."""
    fixed = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}
    package = str(Path(__file__).resolve().parent.parent)
    if package in (*site.getsitepackages(), site.getusersitepackages()):
        return fixed
    return {**fixed, "PYTHONPATH": package}


def _send(pipe: IO[bytes], parts: Iterable[bytes], deadline: float) -> None:
    for part in parts:
        rest = memoryview(part)
        while rest:
            _wait(pipe, select.POLLOUT, deadline)
            rest = rest[os.write(pipe.fileno(), rest[:_CHUNK]) :]


def _receive(pipe: IO[bytes], size: int, deadline: float) -> bytes:
    data = bytearray()
    while len(data) < size:
        _wait(pipe, select.POLLIN, deadline)
        piece = os.read(pipe.fileno(), min(_CHUNK, size - len(data)))
        if not piece:
            raise EOFError("it ended without an answer")
        data += piece
    return bytes(data)


def _wait(pipe: IO[bytes], event: int, deadline: float) -> None:
    left = deadline - time.monotonic()
    poll = select.poll()
    poll.register(pipe.fileno(), event)
    if left <= 0 or not poll.poll(left * 1000):
        raise TimeoutError


def _how(status: int) -> str:
    """How a process ended, where a signal ended it."""
    return f"killed by signal {-status}" if status < 0 else ""


def _crashed(path: str, message: str, *, status: int = 0) -> Problem:
    """A crash; the signal that ends a process for its CPU time makes it a timeout."""
    code = "analyzer-timeout" if -status == signal.SIGXCPU else "analyzer-crashed"
    return _problem(code, path, message)


def _problem(code: str, path: str, message: str) -> Problem:
    return Problem(path=path, code=code, message=message, scope=Scope.ANALYSIS, fatal=False)


def _json_object(raw: bytes) -> dict[str, object]:
    try:
        value: object = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


# --- the child --------------------------------------------------------------------------------------------------------


class _MalformedError(Exception):
    """The file is not what the analyser reads."""


def _serve(memory: int, seconds: int) -> None:
    """Answer requests until the standard input ends."""
    bound(resource.RLIMIT_CORE, 0)
    bound(resource.RLIMIT_AS, memory)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while head := source.read(_LENGTH.size):
        request = _json_object(source.read(_LENGTH.unpack(head)[0]))
        task, size = request.get("task"), request.get("size")
        if not isinstance(size, int):
            return
        _grant(seconds)
        answer = json.dumps(_answer(str(task), source, size)).encode()
        sink.write(_LENGTH.pack(len(answer)) + answer)
        sink.flush()


def _grant(seconds: int) -> None:
    """So many seconds of CPU time from now on; the kernel counts from the start of the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime) + 1 + seconds
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _answer(task: str, source: IO[bytes], size: int) -> dict[str, object]:
    file = io.BytesIO()
    left = size
    while left:
        piece = source.read(min(left, MIB))
        if not piece:
            raise EOFError
        file.write(piece)
        left -= len(piece)
    file.seek(0)
    try:
        return {"text": _magic(file.getvalue())} if task == "file_type" else _elf(file)
    except _MalformedError as error:
        return {"problem": str(error), "code": "elf-malformed"}
    except Exception as error:  # noqa: BLE001  whatever an analyser raises becomes a problem of the report
        return {"problem": f"{type(error).__name__}: {error}"[:1000]}


def _magic(data: bytes) -> str:
    import pylibmagic  # noqa: F401, I001  must come first: it makes the library that it carries known to `magic`
    import magic

    return str(magic.from_buffer(data))


def _elf(file: io.BytesIO) -> dict[str, object]:
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        elf = ELFFile(file)
        build_id, notes = _notes(elf)
        return {
            "type": str(elf.header.e_type),
            "machine": str(elf.header.e_machine),
            "build_id": build_id,
            "notes": notes,
            "version_needs": _versions(elf, "SHT_GNU_verneed"),
            "version_definitions": _versions(elf, "SHT_GNU_verdef"),
            "hardening": _hardening(elf, *_dynamic_symbols(elf)),
        }
    except ELFError as error:
        raise _MalformedError(str(error) or "not a whole ELF file") from error


def _capped(items: Iterable[object], what: str) -> list[object]:
    found: list[object] = []
    for item in items:
        if len(found) >= _ITEMS:
            raise _MalformedError(f"more than {_ITEMS} {what}")
        found.append(item)
    return found


def _notes(elf: ELFFile) -> tuple[str, list[object]]:
    from elftools.elf.segments import NoteSegment

    build_id = ""
    notes: list[object] = []
    for segment in elf.iter_segments(type="PT_NOTE"):
        for note in segment.iter_notes() if isinstance(segment, NoteSegment) else ():
            if len(notes) >= _ITEMS:
                raise _MalformedError(f"more than {_ITEMS} notes")
            text = note["n_desc"] if isinstance(note["n_desc"], str) else note["n_descdata"].hex()
            notes.append({"owner": str(note["n_name"]), "type": str(note["n_type"]), "description": text[:1000]})
            if note["n_type"] == "NT_GNU_BUILD_ID":
                build_id = text
    return build_id, notes


def _versions(elf: ELFFile, kind: str) -> list[object]:
    """Files or versions with what stands behind them, in the order of the section."""
    from elftools.elf.gnuversions import GNUVersionSection

    found: list[object] = []
    for section in elf.iter_sections(type=kind):
        for entry, others in section.iter_versions() if isinstance(section, GNUVersionSection) else ():
            if len(found) >= _ITEMS:
                raise _MalformedError(f"more than {_ITEMS} versions")
            names = _capped((other.name for other in others), "versions")
            if kind == "SHT_GNU_verneed":
                found.append({"name": entry.name, "versions": names})
            elif names:
                found.append({"name": names[0], "versions": names[1:]})
    return found


def _dynamic_symbols(elf: ELFFile) -> tuple[set[str], set[str]]:
    """All names of dynamic symbols and those that are imported; by the section table, else by the dynamic segment."""
    from elftools.elf.dynamic import DynamicSegment
    from elftools.elf.sections import SymbolTableSection

    tables = [one for one in elf.iter_sections(type="SHT_DYNSYM") if isinstance(one, SymbolTableSection)]
    segments = [
        one
        for one in elf.iter_segments(type="PT_DYNAMIC")
        if isinstance(one, DynamicSegment) and any(one.iter_tags("DT_SYMTAB"))
    ]
    names: set[str] = set()
    imported: set[str] = set()
    for table in tables or segments:
        for symbol in table.iter_symbols():
            names.add(str(symbol.name))
            if symbol.entry.st_shndx == "SHN_UNDEF":
                imported.add(str(symbol.name))
    return names, imported


def _hardening(elf: ELFFile, names: set[str], imported: set[str]) -> dict[str, object]:
    segments = {str(segment.header.p_type): segment for segment in elf.iter_segments()}
    flags = _dynamic_flags(elf)
    stack = segments.get("PT_GNU_STACK")
    now = "DT_BIND_NOW" in flags or bool(flags.get("DT_FLAGS", 0) & 0x8) or bool(flags.get("DT_FLAGS_1", 0) & 0x1)
    relro = ("full" if now else "partial") if "PT_GNU_RELRO" in segments else "none"
    dynamic = elf.header.e_type == "ET_DYN"
    return {
        "pie": dynamic and ("PT_INTERP" in segments or bool(flags.get("DT_FLAGS_1", 0) & 0x08000000)),
        "relro": relro,
        "nx": stack is not None and not stack.header.p_flags & 0x1,
        "canary": not names.isdisjoint(("__stack_chk_fail", "__stack_chk_guard", "__intel_security_cookie")),
        "fortify": sorted(name for name in imported if name.startswith("__") and name.endswith("_chk")),
    }


def _dynamic_flags(elf: ELFFile) -> dict[str, int]:
    from elftools.elf.dynamic import DynamicSegment

    wanted = ("DT_BIND_NOW", "DT_FLAGS", "DT_FLAGS_1")
    flags: dict[str, int] = {}
    for segment in elf.iter_segments(type="PT_DYNAMIC"):
        for tag in segment.iter_tags() if isinstance(segment, DynamicSegment) else ():
            if tag.entry.d_tag in wanted:
                flags[str(tag.entry.d_tag)] = int(tag.entry.d_val)
    return flags


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]))
