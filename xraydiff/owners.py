"""Whose file it is: packages, runtimes and the start command decide the Owner of every path."""

from __future__ import annotations

from typing import Protocol

from xraydiff.facts import Owner
from xraydiff.paths import ImagePath


class Owners(Protocol):
    """Owner of every real path of the original."""

    def owner(self, path: ImagePath) -> Owner:
        """The owner of a path; `application` where no package has it."""
