"""Report, version 1: everything that a comparison found, detached from the images; docs/report.md explains its keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xraydiff.errors import UsageError
from xraydiff.facts import ElfDetails, FileKind, Finding, Inventory, Outlook, Problem, Suggestion, WalkDepth

if TYPE_CHECKING:
    from xraydiff.graphs.build import Graph

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSummary:
    """One of the two images."""

    reference: str
    digest: str
    platform: str
    layers: int
    files: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class RemovedBy:
    """Removed paths of one class, or of one package."""

    name: str
    count: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Counts at a glance."""

    kept: int
    removed: int
    added: int
    changed: int
    moved: int
    removed_bytes: int
    added_bytes: int
    layers: str
    """`13 -> 1`."""
    findings: tuple[tuple[str, int], ...]
    """Count for each severity, worst first, zeros included."""
    removed_by_class: tuple[RemovedBy, ...]
    removed_by_package: tuple[RemovedBy, ...]
    outlook: Outlook
    identical: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedChange:
    """One path that differs, for people and machines."""

    path: str
    type: str
    size: int
    mode: int
    uid: int
    gid: int
    target: str = ""
    removed_class: str = ""
    package: str = ""
    aspects: tuple[str, ...] = ()
    before: str = ""
    """Of a changed path: the differing aspects as text, e.g. `mode 0755, owner 0:0`."""
    after: str = ""
    moved_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedConfigChange:
    """One config field that differs; values are canonical JSON, None where absent."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What one reader did."""

    reader: str
    reached: int
    parsed: int
    not_understood: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Frozen, detached, picklable; everything that the JSON holds. Sorted throughout."""

    tool: str
    """`xraydiff VERSION`."""
    complete: bool
    problems: tuple[Problem, ...]
    coverage: tuple[Coverage, ...]
    rules: tuple[str, ...]
    original: ImageSummary
    slim: ImageSummary
    summary: Summary
    removed: tuple[ReportedChange, ...]
    added: tuple[ReportedChange, ...]
    changed: tuple[ReportedChange, ...]
    config_changes: tuple[ReportedConfigChange, ...]
    original_inventory: Inventory
    """Packages without their file lists."""
    slim_inventory: Inventory
    findings: tuple[Finding, ...]
    suggestions: tuple[Suggestion, ...]
    moved: tuple[ReportedChange, ...] = ()
    """By the old path; `moved_to` is the new one."""
    schema_version: int = SCHEMA_VERSION
    file_kinds: tuple[FileKind, ...] = ()
    """Of the files that findings name, by path; empty unless they were requested."""
    depth: WalkDepth = WalkDepth.POSSIBLE
    """How far what is missed only possibly was followed; a report that does not say so followed it to the end."""

    def graph(self, fingerprint: str | None = None) -> Graph:
        """The chains of one finding, or of all, as a `networkx.MultiDiGraph`; a stored report has them too.

        Raises `UsageError` where no finding has that fingerprint.
        """
        from xraydiff.graphs.build import chains_graph

        wanted = [finding for finding in self.findings if fingerprint in (None, finding.fingerprint)]
        if fingerprint is not None and not wanted:
            raise UsageError(f"no finding has the fingerprint {fingerprint!a}")
        return chains_graph(wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What `inspect` says of one image (schemas/inspection-1.json)."""

    tool: str
    complete: bool
    problems: tuple[Problem, ...]
    image: ImageSummary
    config: tuple[tuple[str, str], ...]
    """Field and canonical JSON, as in config changes."""
    inventory: Inventory
    schema_version: int = SCHEMA_VERSION
    elf: tuple[ElfDetails, ...] = ()
    """Of the requested files, in their order."""
