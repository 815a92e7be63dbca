"""No input turns a pair that blocks into one that passes unsaid.

An application asks for a file that slimming took. Whatever stands around that in its program, the file is found
missing, or a problem says that the program was not read whole.
"""

from __future__ import annotations

from datetime import date

from tests.fuzz.disguises import LANGUAGES, Language, disguised
from xraydiff.image import Image
from xraydiff.pipeline import compare
from xraydiff.policy import evaluate, load_policy
from xraydiff.report.document import Report
from xraydiff.testing import ImageBuilder, elf

__all__ = ["SilentPassError", "judged", "silent"]

DAY = date(2026, 1, 1)
PROGRAM = bytes(elf(executable=True))


class SilentPassError(AssertionError):
    """A program asks for what is gone, and nobody says so."""


def silent(name: str, seed: bytes) -> None:
    """Compare a pair whose program is made of a seed. Raises `SilentPassError`."""
    language = LANGUAGES[name]
    program = disguised(language, seed)
    found, named, passed = judged(language, program)
    if not found and not named:
        raise SilentPassError(f"{name}: not found, no gap; the gate {'passes' if passed else 'is closed'}")


def judged(language: Language, program: bytes) -> tuple[bool, bool, bool]:
    """Whether the lost part is found, whether a gap of the program is named, and whether the gate passes."""
    with compare(_image(language, program, whole=True), _image(language, program, whole=False)) as comparison:
        report = comparison.report
        found = any(_part(language) in finding.restore for finding in report.findings)
        return found, _named(report, language), evaluate(report, load_policy(), today=DAY).passed


def _named(report: Report, language: Language) -> bool:
    return any(problem.reader and problem.path == _path(language) for problem in report.problems)


def _path(language: Language) -> str:
    return f"/app/main{language.suffix}"


def _part(language: Language) -> str:
    return f"/app/{language.part}"


def _image(language: Language, program: bytes, *, whole: bool) -> Image:
    builder = ImageBuilder().config(cmd=[f"/usr/bin/{language.interpreter}", _path(language)], env={"PATH": "/usr/bin"})
    for name in (language.interpreter, "dirname", "cat", "env"):
        builder.file(f"/usr/bin/{name}", PROGRAM, mode=0o755)
    builder.file(_path(language), program, mode=0o755)
    if whole:
        builder.file(_part(language), language.says, mode=0o755)
    return builder.image()
