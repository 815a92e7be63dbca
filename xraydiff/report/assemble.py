"""From what the rooms found to the document: counts, classes, differences as text, everything sorted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from xraydiff.case import Case, Side
from xraydiff.diff import Aspect, Change, ImageDiff, count_bytes, count_files
from xraydiff.facts import (
    ElfDetails,
    File,
    FileKind,
    FileType,
    Finding,
    Inventory,
    Outlook,
    Problem,
    Severity,
    Suggestion,
    WalkDepth,
)
from xraydiff.image.config import canonical
from xraydiff.inventory.classes import classify
from xraydiff.owners import Owners
from xraydiff.paths import ImagePath
from xraydiff.reach import Reach
from xraydiff.report.document import (
    Coverage,
    ImageSummary,
    Inspection,
    RemovedBy,
    Report,
    ReportedChange,
    ReportedConfigChange,
    Summary,
)
from xraydiff.version import VERSION

TOOL = f"xraydiff {VERSION}"
_NO_FILE = File(type=FileType.FILE, mode=0, uid=0, gid=0)


def assemble(
    case: Case,
    *,
    findings: Sequence[Finding],
    suggestions: Sequence[Suggestion],
    rules: Iterable[str],
    outlook: Outlook,
    problems: Iterable[Problem] = (),
    file_kinds: tuple[FileKind, ...] = (),
) -> Report:
    """The report of one comparison; `problems` are those that no image has by itself."""
    diff = case.diff
    removed = tuple(_gone(change, case.owners) for change in diff.removed)
    return Report(
        tool=TOOL,
        complete=whole(case.problems),
        problems=tuple(sorted({*case.problems, *problems})),
        coverage=_coverage(case.reach),
        rules=tuple(sorted(rules)),
        original=_summarised(case.original, diff.files[0], diff.bytes[0]),
        slim=_summarised(case.slim, diff.files[1], diff.bytes[1]),
        summary=_summary(diff, removed, findings, outlook),
        removed=removed,
        added=tuple(_reported(change, change.after) for change in diff.added),
        changed=tuple(_changed(change) for change in diff.changed),
        moved=tuple(_gone(change, case.owners) for change in diff.moved),
        config_changes=tuple(
            ReportedConfigChange(field=change.field, before=change.before, after=change.after) for change in diff.config
        ),
        original_inventory=without_file_lists(case.original.inventory),
        slim_inventory=without_file_lists(case.slim.inventory),
        findings=tuple(findings),
        suggestions=tuple(suggestions),
        file_kinds=file_kinds,
        depth=case.reach.depth if case.reach else WalkDepth.POSSIBLE,
    )


def assemble_inspection(
    side: Side, *, problems: Iterable[Problem] = (), elf: tuple[ElfDetails, ...] = ()
) -> Inspection:
    """What `inspect` says of one image; `problems` are those of the closer look."""
    found = tuple(sorted({*side.problems, *problems}))
    return Inspection(
        tool=TOOL,
        complete=whole(found),
        problems=found,
        image=_summarised(side, count_files(side.tree), count_bytes(side.tree)),
        config=canonical(side.config),
        inventory=without_file_lists(side.inventory),
        elf=elf,
    )


def whole(problems: Iterable[Problem]) -> bool:
    """Whether everything was read: only fatal problems of scope reading say otherwise."""
    return not any(problem.fatal and problem.scope.value == "reading" for problem in problems)


def without_file_lists(inventory: Inventory) -> Inventory:
    """Packages without the files that they own: a report does not repeat the package database."""
    none: frozenset[ImagePath] = frozenset()
    packages = tuple(replace(one, files=none, directories=none, changed=none) for one in inventory.packages)
    return replace(inventory, packages=packages)


def _summarised(side: Side, files: int, size: int) -> ImageSummary:
    return ImageSummary(
        reference=side.reference,
        digest=side.digest,
        platform=str(side.config.platform),
        layers=side.layers,
        files=files,
        bytes=size,
    )


def _coverage(reach: Reach | None) -> tuple[Coverage, ...]:
    if reach is None:
        return ()
    return tuple(
        Coverage(reader=name, reached=count.reached, parsed=count.parsed, not_understood=count.not_understood)
        for name, count in sorted(reach.coverage.items())
    )


def _summary(
    diff: ImageDiff, removed: Sequence[ReportedChange], findings: Sequence[Finding], outlook: Outlook
) -> Summary:
    counts = Counter(finding.severity for finding in findings)
    return Summary(
        kept=len(diff.kept),
        removed=len(diff.removed),
        added=len(diff.added),
        changed=len(diff.changed),
        moved=len(diff.moved),
        removed_bytes=_bytes(change.before for change in diff.removed),
        added_bytes=_bytes(change.after for change in diff.added),
        layers=f"{diff.layers[0]} -> {diff.layers[1]}",
        findings=tuple((severity.word, counts[severity]) for severity in sorted(Severity, reverse=True)),
        removed_by_class=_by(removed, lambda change: change.removed_class),
        removed_by_package=_by(removed, lambda change: change.package),
        outlook=outlook,
        identical=diff.identical,
    )


def _bytes(files: Iterable[File | None]) -> int:
    """Bytes of regular files, each hard-linked one once."""
    sizes = {(file.layer, file.inode): file.size for file in files if file is not None and file.type is FileType.FILE}
    return sum(sizes.values())


def _by(removed: Sequence[ReportedChange], name: Callable[[ReportedChange], str]) -> tuple[RemovedBy, ...]:
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for change in removed:
        if name(change):
            counts[name(change)] += 1
            sizes[name(change)] += change.size
    return tuple(RemovedBy(name=key, count=counts[key], bytes=sizes[key]) for key in sorted(counts))


def _gone(change: Change, owners: Owners) -> ReportedChange:
    file = change.before
    if file is None:
        return _reported(change, None)
    owner = owners.owner(change.path)
    kind = classify(change.path, file, owner.kind).value
    return _reported(change, file, removed_class=kind, package=owner.package)


def _reported(change: Change, file: File | None, *, removed_class: str = "", package: str = "") -> ReportedChange:
    file = file or _NO_FILE
    return ReportedChange(
        path=change.path,
        type=file.type.value,
        size=file.size,
        mode=file.mode,
        uid=file.uid,
        gid=file.gid,
        target=file.target,
        aspects=tuple(aspect.value for aspect in change.aspects),
        removed_class=removed_class,
        package=package,
        moved_to=change.moved_to or "",
    )


def _changed(change: Change) -> ReportedChange:
    return replace(
        _reported(change, change.after),
        before=_differing(change.before, change.aspects),
        after=_differing(change.after, change.aspects),
    )


def _differing(file: File | None, aspects: Sequence[Aspect]) -> str:
    if file is None:
        return ""
    words = {
        Aspect.CONTENT: f"{file.size} bytes",
        Aspect.MODE: f"mode {file.mode:04o}",
        Aspect.OWNER: f"owner {file.uid}:{file.gid}",
        Aspect.XATTR: "xattrs " + (", ".join(name for name, _ in file.xattrs) or "none"),
        Aspect.TYPE: file.type.value,
        Aspect.TARGET: f"-> {file.target}",
    }
    return "; ".join(words[aspect] for aspect in aspects)
