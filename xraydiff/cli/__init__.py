"""The command: the only place that prints or exits."""

from __future__ import annotations

import gc
import signal
import sys
from enum import IntEnum
from types import FrameType

from xraydiff.cli.output import OutputClosedError, note, open_standard_streams, quiet_stdout
from xraydiff.errors import PolicyError, ReportError, UsageError, XraydiffError

__all__ = ["Exit", "main"]


class Exit(IntEnum):
    """Exit codes; docs/guide.md lists them."""

    OK = 0
    BLOCKED = 1
    USAGE = 2
    NOT_READ = 3
    INTERRUPTED = 130
    TERMINATED = 143


def main() -> None:
    """Run the command with `sys.argv` and exit; every error of this package becomes one line on stderr."""
    open_standard_streams()
    signal.signal(signal.SIGTERM, _terminated)
    # One comparison makes a few hundred thousand small objects without cycles, and then the process ends.
    gc.disable()
    sys.exit(run(sys.argv[1:]))


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
    raise SystemExit(Exit.TERMINATED)
