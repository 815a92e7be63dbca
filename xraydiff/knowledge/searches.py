"""Rows of searches.toml: what functions of libraries look for at run time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xraydiff.knowledge.rows import NamedRow

__all__ = ["Search"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search(NamedRow):
    """One thing that is looked for; searches.toml explains each field."""

    TABLE: ClassVar[str] = "search"
    FILE: ClassVar[str] = "searches.toml"

    functions: tuple[str, ...]
    files: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()
