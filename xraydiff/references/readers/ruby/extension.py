"""Compiled extensions of Ruby: the features whose names they hand to `rb_require`."""

from __future__ import annotations

import re
from typing import Final

from xraydiff.facts import Firing
from xraydiff.paths import decoded
from xraydiff.references.kit.steps import Program, Step
from xraydiff.references.readers.ruby.vocabulary import Kind

__all__ = ["extension", "is_extension"]

_CALLS: Final = (b"\0rb_require\0", b"\0rb_f_require\0", b"\0rb_autoload_str\0")
"""What an ELF file imports that loads features."""
_FEATURE: Final = re.compile(rb"\0([a-z][a-z0-9_]{2,60}(?:/[a-z0-9_]{1,60}){0,6})(?=\0)")
_UNNAMED: Final = {b"\0Init_openssl\0": "digest"}
"""What extensions load without naming it to `rb_require`: OpenSSL::Digest is a class below Digest's."""


def is_extension(data: bytes) -> bool:
    """Whether an ELF file loads features, for all that its strings tell."""
    return any(text in data for text in (*_CALLS, *_UNNAMED))


def extension(data: bytes) -> Program:
    """A step for each string that is a feature's name; a plain word may be something else, a path hardly."""
    unnamed = [feature for start, feature in _UNNAMED.items() if start in data]
    calls = any(call in data for call in _CALLS)
    named = [decoded(match[1]) for match in _FEATURE.finditer(data)] if calls else []
    steps = [Step(kind=Kind.FEATURE, firing=Firing.LOAD, line=0, name=feature) for feature in unnamed]
    for feature in dict.fromkeys(named):
        firing = Firing.LOAD if "/" in feature or feature in unnamed else Firing.GUARDED
        steps.append(Step(kind=Kind.FEATURE, firing=firing, line=0, name=feature))
    return Program(steps=tuple(steps))
