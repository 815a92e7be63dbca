"""Names and first bytes that tell files of Erlang."""

from __future__ import annotations

import re

__all__ = ["ESCRIPT", "is_beam"]

ESCRIPT = re.compile(rb"#![^\n]{0,250}escript")


def is_beam(data: bytes, path: str) -> bool:
    """Whether a file is a compiled module, packed or not."""
    packed = data.startswith(b"\x1f\x8b") and path.endswith(".beam")
    return packed or (data.startswith(b"FOR1") and data[8:12] == b"BEAM")
