"""The command: the only place that prints or exits."""

from __future__ import annotations

import gc
import signal
import sys
import traceback
from enum import IntEnum
from types import FrameType

from xraydiff.cli import signs
from xraydiff.cli.output import OutputClosedError, note, open_standard_streams, quiet_stdout
from xraydiff.cli.supervision import supervised, unanswered
from xraydiff.errors import PolicyError, ReportError, UsageError, XraydiffError
from xraydiff.limits import DEFAULT, Limits

__all__ = ["Exit", "main"]

_READ_NOTHING = (["--version"], ["--help"], ["rules"], ["policy"])
"""First words of commands that read nothing of an image, so that no child needs to do their work."""


class Exit(IntEnum):
    """Exit codes; docs/guide.md lists them."""

    OK = 0
    BLOCKED = 1
    USAGE = 2
    NOT_READ = 3
    INTERRUPTED = 130
    TERMINATED = 143


def main(limits: Limits = DEFAULT) -> None:
    """Run the command with `sys.argv` and exit; every error of this package becomes one line on stderr.

    A child process does the work, within the bounds for it in `limits`.
    """
    open_standard_streams()
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupted)
    signal.signal(signal.SIGTERM, _terminated)
    # One comparison makes a few hundred thousand small objects without cycles, and then the process ends.
    gc.disable()
    arguments = sys.argv[1:]
    try:
        code = supervised(limits, lost=Exit.NOT_READ) if arguments[:1] not in _READ_NOTHING else None
    except OSError as error:
        _say(f"no process can be started for the work: {error.strerror}")
        code = Exit.NOT_READ
    sys.exit(_worked(arguments) if code is None else code)


def _worked(arguments: list[str]) -> int:
    """The exit code of the command. A bug is no verdict, so it is not left to the interpreter, which would exit 1."""
    try:
        code = run(arguments)
    except SystemExit:
        code = Exit.TERMINATED
    except MemoryError:
        unanswered(signs.last(), "ran out of memory")
        code = Exit.NOT_READ
    except Exception:  # noqa: BLE001  shown whole, for a bug report
        traceback.print_exc()
        code = Exit.NOT_READ
    return signs.decide(code)


def run(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    from xraydiff.cli.app import app

    try:
        code = app(args=arguments, prog_name="xraydiff", standalone_mode=False)
    except OutputClosedError:
        quiet_stdout()
        return Exit.NOT_READ
    except XraydiffError as error:
        _say(str(error))
        return _exit_code(error)
    except KeyboardInterrupt:
        _say("interrupted")
        return Exit.INTERRUPTED
    except OSError as error:
        _say(error.strerror or "input or output failed")
        return Exit.NOT_READ
    except Exception as error:  # noqa: BLE001  what is no usage error is raised again
        return _usage(error)
    return code if isinstance(code, int) else Exit.OK


def _usage(error: Exception) -> int:
    """Say a usage error of the command line's library, which may carry a copy of Click under another name.

    Its errors know their message; anything else is a bug and keeps its traceback.
    """
    kind, message, show = type(error).__name__, getattr(error, "format_message", None), getattr(error, "show", None)
    if kind == "Abort":
        return Exit.INTERRUPTED
    if kind == "NoArgsIsHelpError" and callable(show):
        show()
        return Exit.USAGE
    if not callable(message):
        raise error
    command = getattr(getattr(error, "ctx", None), "command_path", "xraydiff")
    _say(f"{message()} (try {command} --help)")
    return Exit.USAGE


def _exit_code(error: XraydiffError) -> Exit:
    return Exit.USAGE if isinstance(error, UsageError | PolicyError | ReportError) else Exit.NOT_READ


def _say(message: str) -> None:
    note(f"xraydiff: {message}")


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    """SIGTERM unwinds like an exception, so that spools, temporary files and workers are gone afterwards."""
    _hear_no_more()
    raise SystemExit(Exit.TERMINATED)


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    _hear_no_more()
    raise KeyboardInterrupt


def _hear_no_more() -> None:
    """Ignore further signals while cleaning up; a parent kills a child that takes too long for it.

    A terminal tells all of its processes, and a parent passes on what it is told, so one signal comes twice.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
