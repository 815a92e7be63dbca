"""Rows of java.toml: which files of a Java runtime a use of its platform leads to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from xraydiff.facts import EdgeKind
from xraydiff.knowledge.rows import Row, allowed

__all__ = ["Facility"]

_KINDS = (EdgeKind.COMPANION, EdgeKind.NEEDS, EdgeKind.EXECUTES, EdgeKind.TRUSTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facility(Row):
    """Files of the runtime that one service of the platform reads; java.toml explains each field."""

    TABLE: ClassVar[str] = "facility"
    FILE: ClassVar[str] = "java.toml"

    name: str
    uses: frozenset[str] = frozenset()
    vital: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    start: bool = False
    always: bool = False
    classes_before: int = 0
    files: tuple[str, ...]
    kind: EdgeKind = field(default=EdgeKind.COMPANION, metadata=allowed(*_KINDS))
