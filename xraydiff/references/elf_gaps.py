"""What an error of reading an ELF file says of it, in the words of gaps."""

from __future__ import annotations

from xraydiff.elf.format import ElfError, NotLoadableError
from xraydiff.references import Gap, Subject

__all__ = ["gap"]


def gap(subject: Subject, error: ElfError) -> Gap:
    """`not-loadable` where the loaders give up there too, else what only we do not read."""
    if error.code == "limit-exceeded":
        reason = "too-large"
    else:
        reason = "not-loadable" if isinstance(error, NotLoadableError) else "malformed"
    return Gap(node=subject.node, reason=reason, detail=f"{error.code}: {error.message}")
