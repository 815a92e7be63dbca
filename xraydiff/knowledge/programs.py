"""Rows of programs: tools that slimming takes, and what servers want to find in their data directories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xraydiff.facts import ToolClass
from xraydiff.knowledge.rows import NamedRow, Row

__all__ = ["DataDirectory", "Tools"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools(NamedRow):
    """Names of programs of one class; tools.toml explains each field."""

    TABLE: ClassVar[str] = "tool"
    FILE: ClassVar[str] = "tools.toml"

    tool: ToolClass


@dataclass(frozen=True, slots=True, kw_only=True)
class DataDirectory(Row):
    """One kind of data directory; data_directories.toml explains each field."""

    TABLE: ClassVar[str] = "data_directory"
    FILE: ClassVar[str] = "data_directories.toml"
    SERVES: ClassVar[int] = 2

    mark: str
    beside: str
    needed: tuple[str, ...]
