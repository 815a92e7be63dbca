"""Compiled extensions of Ruby: the features whose names they hand to `rb_require`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from xraydiff.facts import Edge, EdgeKind, Firing
from xraydiff.paths import basename, decoded
from xraydiff.references import Context, Gap, Subject
from xraydiff.references.kit.lookup import Exhausted, Lookups
from xraydiff.references.kit.recorder import Sightings
from xraydiff.references.readers.ruby.interpreter import find_interpreter

__all__ = ["is_extension", "read_extension"]

_FEATURE = re.compile(rb"\0([a-z][a-z0-9_]{2,60}(?:/[a-z0-9_]{1,60}){0,6})(?=\0)")
_CALLS: Final = (b"\0rb_require\0", b"\0rb_f_require\0", b"\0rb_autoload_str\0")

_KNOWN: Final = {"openssl.so": ("digest",)}
"""What an extension loads without naming it to `rb_require`: OpenSSL::Digest is a class below Digest's."""


def is_extension(subject: Subject) -> bool:
    """Whether an ELF file is an extension that loads features: it imports the function which does that."""
    named = basename(subject.path) in _KNOWN and b"\0Init_openssl\0" in subject.data
    return subject.path.endswith(".so") and (named or any(call in subject.data for call in _CALLS))


def read_extension(subject: Subject, context: Context) -> Iterator[Edge | Gap]:
    """An edge for each string that is a feature's name; a plain word may be something else, a path hardly."""
    seen = Sightings(subject.node, "ruby", context.limits)
    lookups = Lookups(context)
    try:
        ruby = find_interpreter(context, lookups)
        calls = any(call in subject.data for call in _CALLS)
        known = _KNOWN.get(basename(subject.path), ())
        for text in (*known, *(decoded(match[1]) for match in _FEATURE.finditer(subject.data) if calls)):
            for path in ruby.files(text, lookups):
                firing = Firing.LOAD if "/" in text or text in known else Firing.GUARDED
                language = "" if path.endswith(".so") else "ruby"
                seen.file(path, EdgeKind.IMPORTS, firing, text, language=language)
    except Exhausted:
        seen.gap("too-large", "more names than the limit for one extension")
    yield from seen.all()
