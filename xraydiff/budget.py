"""What one comparison may cost, in counted steps: one account that every reader, look-up and pattern draws from."""

from __future__ import annotations

from xraydiff.errors import WorkLimit
from xraydiff.limits import DEFAULT

BYTES_PARSED = 4
"""Bytes of a program that is parsed, for which one step counts: up to 5 us where they are made to hurt."""
BYTES_SEARCHED = 256
"""Bytes that are read and searched for names, for which one step counts."""
NAMES = 16
"""Names of a directory, or paths below it, for which one step counts where they are only handed out."""


class Budget:
    """Counts the steps of one comparison; a step is a path looked up, or work that takes as long: a few microseconds.

    Steps are counted and no clock is read, so that the same images end the same way everywhere.
    """

    def __init__(self, steps: int = DEFAULT.work_steps) -> None:
        self._steps = steps
        self._left = steps
        self.at = ""
        """What is being read, for the message."""

    @property
    def spent(self) -> int:
        """Steps so far."""
        return self._steps - self._left

    def spend(self, steps: int = 1) -> None:
        """Count work. Raises `WorkLimit` where all steps of the comparison are spent."""
        self._left -= steps
        if self._left < 0:
            message = f"the comparison takes more than {self._steps:,} steps, so it ended here"
            hint = "see what makes the image so large for its readers, or raise the limit from Python"
            raise WorkLimit(message, path=self.at or None, hint=hint)
