"""Names and first bytes that tell files of Erlang."""

from __future__ import annotations

import re

__all__ = ["ESCRIPT", "PROGRAMS", "is_beam"]

PROGRAMS = frozenset({"erl", "erlexec", "beam.smp", "beam", "werl"})
"""What starts the emulator."""
ESCRIPT = re.compile(rb"#![^\n]{0,250}escript")


def is_beam(data: bytes, name: str) -> bool:
    """Whether a file is a compiled module, packed or not."""
    packed = data.startswith(b"\x1f\x8b") and name.endswith(".beam")
    return packed or (data.startswith(b"FOR1") and data[8:12] == b"BEAM")
