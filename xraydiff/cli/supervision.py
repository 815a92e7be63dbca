"""The command's work is done by a child process, so that a crash or a hang of what reads hostile bytes is an answer.

A grammar in C may crash, loop or take all memory, whatever its bounds say. `supervised` forks before anything heavy is
imported; the child gets bounds of memory and of CPU time without a sign (`signs`), and goes with its parent. Streams
are the parent's own. An exit code counts only where the child decided on it. Where there is no fork(2) the command
does its work itself, and a crash is one.
"""

from __future__ import annotations

import os  # noqa: TID251  forks, waits and passes signals on
import signal
import sys
from contextlib import suppress
from types import FrameType

from xraydiff.cli import signs
from xraydiff.cli.output import note, show_cursor
from xraydiff.limits import Limits
from xraydiff.paths import escaped

__all__ = ["supervised", "unanswered"]

_PASSED_ON = (signal.SIGINT, signal.SIGTERM)
_PR_SET_PDEATHSIG = 1


def supervised(limits: Limits, *, lost: int) -> int | None:
    """Fork. Gives None in the child, which goes on; in the parent the exit code, once the child has ended.

    `lost` is the exit code for a child that gave none. Raises `OSError` where no process can be started.
    """
    if not hasattr(os, "fork"):
        return None
    shared = signs.Signs(limits)
    parent = os.getpid()
    # Until both know what to do with them, signals wait.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    try:
        child = os.fork()
        relay = _Relay(child, limits.stop_seconds) if child else None
        if relay is None:
            _begin(parent, shared, limits)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    if relay is None:
        return None
    _, status = os.waitpid(child, 0)
    return _answer(os.waitstatus_to_exitcode(status), shared, relay.told, lost)


def unanswered(place: signs.Place, what: str) -> None:
    """Say in one line that there is no verdict, where the work was, and `what` happened to it."""
    parts = ["xraydiff", place.image, escaped(place.path)]
    if place.reader:
        when = f"while the {place.reader} reader read this"
    elif place.image:
        when = "after it began to read this"
    else:
        when = "before it read anything"
    note(": ".join((*filter(None, parts), f"the work {what} {when}; nothing is decided")))


def _begin(parent: int, shared: signs.Signs, limits: Limits) -> None:
    """The child's bounds. Limits that the user set lower stay."""
    import resource

    from xraydiff.rlimits import bound

    _go_with(parent)
    bound(resource.RLIMIT_CORE, 0)
    bound(resource.RLIMIT_DATA, limits.command_memory)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signs.give(shared)


def _go_with(parent: int) -> None:
    """Have the kernel end this process with its parent: on Linux, where Python has a way to ask for that (prctl(2))."""
    if sys.platform == "linux":
        with suppress(ImportError):
            import ctypes

            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)


class _Relay:
    """Passes signals on to the child, and kills it where it does not end in time: code in C hears nothing."""

    def __init__(self, child: int, seconds: int) -> None:
        self.told = 0
        """The signal that ends the command, 0 where there was none."""
        self._child = child
        self._seconds = seconds
        signal.signal(signal.SIGALRM, self._kill)
        for number in _PASSED_ON:
            # What a shell starts in the background ignores SIGINT.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._pass_on)

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        if not self.told:
            self.told = number
            signal.alarm(self._seconds)
        with suppress(ProcessLookupError):
            os.kill(self._child, number)

    def _kill(self, _number: int, _frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL)


def _answer(ended: int, shared: signs.Signs, told: int, lost: int) -> int:
    """The exit code for how the child ended, negative for a signal."""
    if ended >= 0 and ended == shared.decided():
        return ended
    show_cursor()
    if told:
        return 128 + told
    place = shared.last()
    unanswered(place, _how(ended, shared.patience(place.reader)))
    return lost


def _how(ended: int, patience: int) -> str:
    match -ended:
        case signal.SIGPROF:
            return f"hung ({patience} s of CPU time without a sign)"
        case signal.SIGXCPU:
            return "was stopped by the limit of CPU time (ulimit -t)"
        case signal.SIGKILL:
            return "was killed, as by the kernel where memory runs out (SIGKILL),"
        case number if number > 0:
            return f"crashed ({_name(number)})"
        case _:
            return f"ended unasked (status {ended})"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
