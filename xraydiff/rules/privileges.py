"""PRV: modes, owners, setuid, capabilities, world-writable directories."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.case import Case
from xraydiff.conventions import engine_provides
from xraydiff.diff import Aspect
from xraydiff.facts import Certainty, Finding, Privilege, PrivilegeKind, Severity
from xraydiff.paths import ImagePath, basename
from xraydiff.reach.directories import SYSTEM_ROOTS
from xraydiff.rules import listed, rule


@rule("PRV001", "world-writable", Severity.MEDIUM)
def world_writable(case: Case) -> Iterator[Finding]:
    """Directories became writable for every user of the container, without the sticky bit."""
    before = {entry.path for entry in _of(case.original.inventory.privileges, PrivilegeKind.WORLD_WRITABLE)}
    now = [
        entry for entry in _of(case.slim.inventory.privileges, PrivilegeKind.WORLD_WRITABLE) if entry.path not in before
    ]
    paths = tuple(
        sorted(
            entry.path
            for entry in now
            if not case.slim.tree.files[_real(case, entry.path)].mode & 0o1000 and not engine_provides(entry.path)
        )
    )
    if paths:
        system = any(path in SYSTEM_ROOTS for path in paths)
        yield Finding(
            severity=Severity.MEDIUM if system else Severity.LOW,
            certainty=Certainty.PROVEN,
            subject="world-writable",
            subject_kind="group",
            message=f"{len(paths)} became writable for every user: {listed(paths, 6)}",
            count=len(paths),
        )


@rule("PRV002", "privilege-gained", Severity.HIGH)
def privilege_gained(case: Case) -> Iterator[Finding]:
    """A file gained setuid, setgid or a capability."""
    before = {(entry.path, entry.kind, entry.detail) for entry in case.original.inventory.privileges}
    for entry in case.slim.inventory.privileges:
        if entry.kind.raises and (entry.path, entry.kind, entry.detail) not in before:
            yield Finding(
                severity=Severity.HIGH,
                certainty=Certainty.PROVEN,
                subject=entry.path,
                message=f"gained {entry.kind} {entry.detail}".rstrip(),
            )


@rule("PRV003", "privilege-lost", Severity.MEDIUM)
def privilege_lost(case: Case) -> Iterator[Finding]:
    """A kept file lost setuid, setgid or a file capability that it may need (minifiers drop extended attributes)."""
    now = {(entry.path, entry.kind, entry.detail) for entry in case.slim.inventory.privileges}
    for entry in case.original.inventory.privileges:
        lost = entry.kind.raises and (entry.path, entry.kind, entry.detail) not in now
        if lost and entry.path in case.slim.tree.files:
            yield Finding(
                severity=Severity.MEDIUM,
                certainty=Certainty.PROVEN,
                subject=entry.path,
                message=f"kept, but lost {entry.kind} {entry.detail}".rstrip(),
            )


@rule("PRV004", "owner-changed", Severity.LOW)
def owner_changed(case: Case) -> Iterator[Finding]:
    """Kept files or directories have another owner than in the original."""
    paths = tuple(change.path for change in case.diff.changed if Aspect.OWNER in change.aspects)
    if paths:
        yield Finding(
            severity=Severity.LOW,
            certainty=Certainty.PROVEN,
            subject="owner",
            subject_kind="group",
            message=f"{len(paths)} changed their owner: {listed(paths)}",
            count=len(paths),
        )


@rule("PRV005", "privilege-tools-gone", Severity.INFO)
def privilege_tools_gone(case: Case) -> Iterator[Finding]:
    """Setuid programs, and tools that give or show privileges, are gone."""
    left = {tool.path for tool in case.slim.inventory.tools}
    tools = {
        basename(tool.path)
        for tool in case.original.inventory.tools
        if tool.tool.value == "privilege" and tool.path not in left
    }
    setuid = {
        basename(entry.path)
        for entry in _of(case.original.inventory.privileges, PrivilegeKind.SETUID)
        if entry.path not in case.slim.tree.files
    }
    names = tuple(sorted(tools | setuid))
    if names:
        yield Finding(
            severity=Severity.INFO,
            certainty=Certainty.PROVEN,
            subject="privilege tools",
            subject_kind="group",
            message=f"setuid programs and privilege tools gone: {listed(names, 8)}",
            count=len(names),
        )


def _of(privileges: tuple[Privilege, ...], kind: PrivilegeKind) -> Iterator[Privilege]:
    return (entry for entry in privileges if entry.kind == kind)


def _real(case: Case, path: str) -> ImagePath:
    return case.slim.tree.resolve(path).path or ImagePath(path)
