"""PRV: modes, owners, setuid, capabilities, world-writable directories."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.conventions import engine_provides
from xraydiff.diff import Aspect
from xraydiff.facts import Certainty, Finding, Privilege, Severity
from xraydiff.paths import ImagePath, basename
from xraydiff.reach.places import SYSTEM_ROOTS
from xraydiff.rules import Sight, listed, rule


@rule("PRV001", "world-writable", Severity.MEDIUM)
def world_writable(sight: Sight) -> Iterator[Finding]:
    """Directories became writable for every user of the container, without the sticky bit."""
    before = {entry.path for entry in _of(sight.original_inventory.privileges, "world-writable")}
    now = [entry for entry in _of(sight.slim_inventory.privileges, "world-writable") if entry.path not in before]
    paths = tuple(
        sorted(
            entry.path
            for entry in now
            if not sight.slim.files[_real(sight, entry.path)].mode & 0o1000 and not engine_provides(entry.path)
        )
    )
    if paths:
        system = any(path in SYSTEM_ROOTS for path in paths)
        yield Finding(
            rule="PRV001",
            severity=Severity.MEDIUM if system else Severity.LOW,
            certainty=Certainty.PROVEN,
            subject="world-writable",
            subject_kind="group",
            message=f"{len(paths)} became writable for every user: {listed(paths, 6)}",
            count=len(paths),
        )


@rule("PRV002", "privilege-gained", Severity.HIGH)
def privilege_gained(sight: Sight) -> Iterator[Finding]:
    """A file gained setuid, setgid or a capability."""
    before = {(entry.path, entry.kind, entry.detail) for entry in sight.original_inventory.privileges}
    for entry in sight.slim_inventory.privileges:
        if entry.kind in ("setuid", "setgid", "capability") and (entry.path, entry.kind, entry.detail) not in before:
            yield Finding(
                rule="PRV002",
                severity=Severity.HIGH,
                certainty=Certainty.PROVEN,
                subject=entry.path,
                message=f"gained {entry.kind} {entry.detail}".rstrip(),
            )


@rule("PRV003", "privilege-lost", Severity.MEDIUM)
def privilege_lost(sight: Sight) -> Iterator[Finding]:
    """A kept file lost setuid, setgid or a file capability that it may need (minifiers drop extended attributes)."""
    now = {(entry.path, entry.kind, entry.detail) for entry in sight.slim_inventory.privileges}
    for entry in sight.original_inventory.privileges:
        lost = entry.kind in ("setuid", "setgid", "capability") and (entry.path, entry.kind, entry.detail) not in now
        if lost and entry.path in sight.slim.files:
            yield Finding(
                rule="PRV003",
                severity=Severity.MEDIUM,
                certainty=Certainty.PROVEN,
                subject=entry.path,
                message=f"kept, but lost {entry.kind} {entry.detail}".rstrip(),
            )


@rule("PRV004", "owner-changed", Severity.LOW)
def owner_changed(sight: Sight) -> Iterator[Finding]:
    """Kept files or directories have another owner than in the original."""
    paths = tuple(change.path for change in sight.diff.changed if Aspect.OWNER in change.aspects)
    if paths:
        yield Finding(
            rule="PRV004",
            severity=Severity.LOW,
            certainty=Certainty.PROVEN,
            subject="owner",
            subject_kind="group",
            message=f"{len(paths)} changed their owner: {listed(paths)}",
            count=len(paths),
        )


@rule("PRV005", "privilege-tools-gone", Severity.INFO)
def privilege_tools_gone(sight: Sight) -> Iterator[Finding]:
    """Setuid programs, and tools that give or show privileges, are gone."""
    left = {tool.path for tool in sight.slim_inventory.tools}
    tools = {
        basename(tool.path)
        for tool in sight.original_inventory.tools
        if tool.tool.value == "privilege" and tool.path not in left
    }
    setuid = {
        basename(entry.path)
        for entry in _of(sight.original_inventory.privileges, "setuid")
        if entry.path not in sight.slim.files
    }
    names = tuple(sorted(tools | setuid))
    if names:
        yield Finding(
            rule="PRV005",
            severity=Severity.INFO,
            certainty=Certainty.PROVEN,
            subject="privilege tools",
            subject_kind="group",
            message=f"setuid programs and privilege tools gone: {listed(names, 8)}",
            count=len(names),
        )


def _of(privileges: tuple[Privilege, ...], kind: str) -> Iterator[Privilege]:
    return (entry for entry in privileges if entry.kind == kind)


def _real(sight: Sight, path: str) -> ImagePath:
    return sight.slim.resolve(path).path or ImagePath(path)
