"""Where the command writes: files that appear whole or not at all, stdout, colour, and the progress bar on stderr."""

from __future__ import annotations

import os  # noqa: TID251  outputs are files of the host
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from xraydiff.errors import UsageError, XraydiffError
from xraydiff.paths import encoded


class OutputClosedError(XraydiffError):
    """Whoever read standard output stopped reading: nothing can be said any more, and nothing was decided."""

    code = "output-closed"


def write(text: str, target: Path | None, *, inputs: Iterable[str] = ()) -> None:
    """Write to a file, through a temporary one beside it that is renamed, or to stdout.

    Raises `UsageError` where the target is one of the inputs, or cannot be written.
    """
    if target is None:
        try:
            _write_all(encoded(text))
        except BrokenPipeError:
            # The library of the command line would make exit code 1 of it, which says that a gate blocked.
            raise OutputClosedError("the reader of standard output is gone") from None
        return
    refuse_inputs(target, inputs)
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as temporary:
            try:
                temporary.write(encoded(text))
                temporary.flush()
                os.fchmod(temporary.fileno(), 0o666 & ~_umask())
                Path(temporary.name).replace(target)
            except BaseException:
                Path(temporary.name).unlink()
                raise
    except OSError as error:
        raise UsageError(f"cannot write {target.name}: {error.strerror}") from error


def _write_all(data: bytes) -> None:
    """With PYTHONUNBUFFERED, which images of Python set, standard output takes what fits and says how much that was."""
    rest = memoryview(data)
    while rest:
        rest = rest[sys.stdout.buffer.write(rest) :]
    sys.stdout.buffer.flush()


def refuse_inputs(target: Path, inputs: Iterable[str]) -> None:
    """Raise `UsageError` where an output is one of the inputs, under whatever name."""
    for source in inputs:
        with suppress(OSError):
            if target.samefile(source):
                raise UsageError(f"{target.name} is an input; it is not overwritten")


def quiet_stdout() -> None:
    """After a closed pipe: keep the interpreter from complaining once more when it flushes at exit."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def colour_wanted() -> bool:
    """Whether stdout is a terminal whose user did not ask for plain text (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def note(text: str) -> None:
    """A line on stderr."""
    print(text, file=sys.stderr)


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """A progress bar on stderr when it is a terminal, else nothing."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks = {}

        def report(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(f"reading {name}")
            bar.update(tasks[name], completed=done, total=total or None)

        yield report


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
