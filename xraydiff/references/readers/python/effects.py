"""What calls of Python's functions do, by the rows of knowledge/calls.toml."""

from __future__ import annotations

from collections.abc import Mapping

from xraydiff.knowledge import Call as Row
from xraydiff.knowledge import Effect, calls_of
from xraydiff.references import Context

__all__ = ["effects"]


def effects(context: Context) -> Mapping[Effect, Mapping[str, Row]]:
    """The rows by effect and name: of a function with its module, of a method with a dot before it."""
    return calls_of(context.knowledge.rows(Row), "python")
