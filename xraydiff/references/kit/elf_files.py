"""The ELF files of one walk: the headers of each are read once for all readers, and one loader finds libraries."""

from __future__ import annotations

from typing import Final

from xraydiff.commands.start import user_name
from xraydiff.elf.format import Elf, ElfError, ElfSource, TreeSource, read_elf
from xraydiff.elf.loader import Loader
from xraydiff.paths import ImagePath
from xraydiff.references import Context, Subject

__all__ = ["ElfFiles", "elf_files"]

_DIGITS: Final = 10
"""Digits of a user id: 32 bits."""


class ElfFiles:
    """Headers of the files of both trees, remembered by path; `loader` is that of the original."""

    def __init__(self, context: Context) -> None:
        uid = _uid(user_name(context.config)[0])
        self.loader = Loader(context.original, env=context.env, cwd=context.cwd, uid=uid, limits=context.limits)
        self._original = context.original
        self._limits = context.limits
        self._slim: dict[ImagePath, Elf | ElfError] = {}

    def read(self, subject: Subject) -> Elf:
        """The headers of the file that is read. Raises `ElfError`, and `LimitExceeded` for a file that is too large."""
        if subject.tree is self._original:
            return self.loader.elf(subject.path, _source(subject))
        known = self._slim.get(subject.path)
        if known is None:
            try:
                known = read_elf(_source(subject), limits=self._limits)
            except ElfError as error:
                known = error
            self._slim[subject.path] = known
        if isinstance(known, ElfError):
            raise known
        return known


def elf_files(context: Context) -> ElfFiles:
    """For `context.once`."""
    return ElfFiles(context)


def _uid(user: str) -> int | None:
    if user in ("", "root"):
        return 0
    return int(user) if user.isascii() and user.isdigit() and len(user) <= _DIGITS else None


def _source(subject: Subject) -> ElfSource | bytes:
    """The bytes at hand, or the file itself where it was too large to be read whole."""
    if subject.file is None or len(subject.data) == subject.file.size:
        return subject.data
    return TreeSource(subject.tree, subject.path)
