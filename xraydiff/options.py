"""What a caller may choose about a comparison, as one value."""

from __future__ import annotations

import os  # noqa: TID251  only for the type os.PathLike of a file on the host
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict

from xraydiff.facts import WalkDepth
from xraydiff.knowledge import Knowledge
from xraydiff.knowledge import read as read_knowledge
from xraydiff.limits import DEFAULT, Limits
from xraydiff.minifier.creport import read_creport
from xraydiff.minifier.includes import read_includes
from xraydiff.minifier.run import UNKNOWN_RUN, Run

__all__ = ["CompareFields", "CompareOptions", "Watch"]

HostPath = str | os.PathLike[str]
Watch = Callable[[str, str, str], None]
"""Called with an image, a path and a reader before that is read; path and reader are empty where many files are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """How two images are compared, and what is known besides them; every field has a default."""

    platform: str | None = None
    """`os/architecture[/variant]`, for images of several platforms."""
    limits: Limits = DEFAULT
    file_kinds: bool = False
    """Whether the report says what libmagic calls the files that findings name."""
    knowledge: HostPath | Sequence[HostPath] = ()
    """A file with rows of your own (docs/companions.md), or several: they count after ours, in this order."""
    creport: HostPath | None = None
    """The minifier's report of its run."""
    include_file: HostPath | None = None
    """The paths that the minifier was to include."""
    depth: WalkDepth = WalkDepth.LIKELY
    """How far references are followed from what is missed only possibly."""

    @property
    def files(self) -> tuple[HostPath, ...]:
        """Every file that is read besides the images."""
        return (*self._knowledge, *(file for file in (self.creport, self.include_file) if file is not None))

    @property
    def _knowledge(self) -> Sequence[HostPath]:
        return (self.knowledge,) if isinstance(self.knowledge, str | os.PathLike) else self.knowledge

    def read_knowledge(self) -> Knowledge:
        """Our rows, and those of the files. Raises `UsageError` that names file, line and field."""
        return read_knowledge(*self._knowledge, limits=self.limits)

    def read_run(self) -> Run:
        """What the minifier says of its run. Raises `UsageError` that names file and field."""
        run = read_creport(self.creport, limits=self.limits) if self.creport is not None else UNKNOWN_RUN
        return read_includes(self.include_file, run, limits=self.limits) if self.include_file is not None else run


class CompareFields(TypedDict, total=False):
    """The fields of `CompareOptions` as keyword arguments of a single call."""

    platform: str | None
    limits: Limits
    file_kinds: bool
    knowledge: HostPath | Sequence[HostPath]
    creport: HostPath | None
    include_file: HostPath | None
    depth: WalkDepth
