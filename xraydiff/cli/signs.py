"""Signs of life: what is being read right now, in memory shared with the parent, which outlives a crash.

Each sign starts the clock again: CPU time, so that a slow disk or registry is no hang, counted by the kernel, so that
code in C that never comes back is stopped too. Without a parent that watches, signs do nothing.
"""

from __future__ import annotations

import mmap
import signal
import struct
from dataclasses import dataclass

from xraydiff.limits import Limits

__all__ = ["Place", "Signs", "decide", "give", "last", "reading"]

_HEAD = struct.Struct(">BI")
"""The exit code that was decided, plus one, and the length of what stands behind."""
_IMAGE, _READER, _PATH = 1_024, 128, 4_096
"""Characters that are kept of the names of image and reader and of the path: four bytes each at most."""
_SIZE = _HEAD.size + 4 * (_IMAGE + _READER + _PATH) + 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What was read at the last sign; empty where that is not known."""

    image: str = ""
    reader: str = ""
    path: str = ""


class Signs:
    """A page that a process and its child share; made before the fork, written by the child, read by the parent."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._page = mmap.mmap(-1, _SIZE)

    def give(self, image: str = "", path: str = "", reader: str = "") -> None:
        """Say what is read from now on, and start the clock again.

        One assignment writes all of it, so that threads do not mix what they say.
        """
        text = f"{image[:_IMAGE]}\0{reader[:_READER]}\0{path[:_PATH]}"
        data = text.encode("utf-8", "surrogatepass")
        self._page[: _HEAD.size + len(data)] = _HEAD.pack(0, len(data)) + data
        signal.setitimer(signal.ITIMER_PROF, self.patience(reader))

    def patience(self, reader: str) -> int:
        """Seconds of CPU time until the next sign, while a reader reads or none does."""
        return self._limits.reader_seconds if reader else self._limits.silent_seconds

    def last(self) -> Place:
        """What was read at the last sign."""
        size = _HEAD.unpack_from(self._page)[1]
        text = self._page[_HEAD.size : _HEAD.size + size].decode("utf-8", "surrogatepass")
        image, reader, path = text.split("\0") if text else ("", "", "")
        return Place(image=image, reader=reader, path=path)

    def decide(self, code: int) -> None:
        """Say which exit code is the answer: what ends the process in any other way has none."""
        self._page[0] = code + 1

    def decided(self) -> int | None:
        """The exit code that is the answer, None where there is none."""
        mark = self._page[0]
        return mark - 1 if mark else None


_given: Signs | None = None


def give(signs: Signs) -> None:
    """From now on this process gives these signs."""
    global _given  # noqa: PLW0603  a process has one parent
    _given = signs
    signs.give()


def last() -> Place:
    """What this process read at its last sign."""
    return _given.last() if _given is not None else Place()


def decide(code: int) -> int:
    """Say that this exit code is the answer; gives it back."""
    if _given is not None:
        _given.decide(code)
    return code


def reading(image: str, path: str = "", reader: str = "") -> None:
    """Say what is read from now on, to whoever watches."""
    if _given is not None:
        _given.give(image, path, reader)
