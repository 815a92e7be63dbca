"""Where the command writes: files that appear whole or not at all, stdout, colour, and the progress bar on stderr."""

from __future__ import annotations

import os  # noqa: TID251  outputs are files of the host
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from xraydiff.cli import signs
from xraydiff.errors import UsageError, XraydiffError
from xraydiff.escaping import escaped, one_line
from xraydiff.paths import encoded


class OutputClosedError(XraydiffError):
    """Whoever read standard output stopped reading: nothing can be said any more, and nothing was decided."""

    code = "output-closed"


def write(text: str, target: Path | None, *, inputs: Iterable[str] = ()) -> None:
    """Write to a file, through a temporary one beside it that is renamed, or to stdout.

    A link is followed, and a device or pipe is written to, not replaced. Raises `UsageError` where the target is one of
    the inputs, or cannot be written.
    """
    data = encoded(text)
    if target is None:
        _write_stdout(data)
        return
    refuse_inputs(target, inputs)
    try:
        if target.exists() and not target.is_file():
            with target.open("wb") as stream:
                stream.write(data)
        else:
            _replace(Path(os.path.realpath(target)), data)
    except OSError as error:
        raise UsageError(f"cannot write {escaped(target.name)}: {error.strerror}") from error


def _replace(target: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".xraydiff.", delete=False) as temporary:
        try:
            temporary.write(data)
            temporary.flush()
            os.fchmod(temporary.fileno(), 0o666 & ~_umask())
            Path(temporary.name).replace(target)
        except BaseException:
            Path(temporary.name).unlink(missing_ok=True)
            raise


def _write_stdout(data: bytes) -> None:
    try:
        _write_all(data)
    except BrokenPipeError:
        # The library of the command line would make exit code 1 of it, which says that a gate blocked.
        raise OutputClosedError("the reader of standard output is gone") from None
    except OSError as error:
        _discard(sys.stdout)
        raise UsageError(f"cannot write standard output: {error.strerror}") from error


def _write_all(data: bytes) -> None:
    """With PYTHONUNBUFFERED, which images of Python set, standard output takes what fits and says how much that was."""
    if sys.stdout is None:
        raise UsageError("cannot write standard output: it is closed")
    rest = memoryview(data)
    while rest:
        rest = rest[sys.stdout.buffer.write(rest) :]
    sys.stdout.buffer.flush()


def refuse_inputs(target: Path, inputs: Iterable[str]) -> None:
    """Raise `UsageError` where an output is one of the inputs, under whatever name."""
    for source in inputs:
        with suppress(OSError):
            if target.samefile(source):
                raise UsageError(f"{escaped(target.name)} is an input; it is not overwritten")


def quiet_stdout() -> None:
    """After a closed pipe: keep the interpreter from complaining once more when it flushes at exit."""
    _discard(sys.stdout)


def _discard(stream: TextIO) -> None:
    """What a stream still holds goes nowhere: failing again at exit would change the exit code."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def open_standard_streams() -> None:
    """Give a closed stdin or stderr to /dev/null, so that no file is opened under its number and notes have a place."""
    missing = [number for number, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)) if stream is None]
    for _ in missing:
        os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115  for good


def colour_wanted() -> bool:
    """Whether stdout is a terminal whose user did not ask for plain text (https://no-color.org)."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def note(text: str) -> None:
    """One line on stderr, whatever stands in it; whether somebody reads it changes no exit code.

    Names inside were escaped where they were put in; words of libraries and of the operating system are here.
    """
    try:
        print(one_line(text), file=sys.stderr, flush=True)
    except OSError:
        _discard(sys.stderr)


def show_cursor() -> None:
    """After a bar that was cut off: the terminal gets a clean line and its cursor back."""
    if sys.stderr.isatty():
        with suppress(OSError):
            print("\r\x1b[K\x1b[?25h", end="", file=sys.stderr, flush=True)


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on stderr when it is a terminal, and a sign of life in any case."""
    if quiet or not sys.stderr.isatty():
        yield lambda name, _done, _total: signs.reading(name)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks = {}

        def report(name: str, done: int, total: int) -> None:
            signs.reading(name)
            if name not in tasks:
                tasks[name] = bar.add_task(f"reading {escaped(name)}")
            bar.update(tasks[name], completed=done, total=total or None)

        yield report


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
