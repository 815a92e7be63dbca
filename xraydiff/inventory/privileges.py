"""Modes and attributes that grant something: setuid, setgid, sticky, world-writable, and file capabilities."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from xraydiff.facts import File, FileType, Privilege, PrivilegeKind, Problem
from xraydiff.inventory.packages.databases import Problems
from xraydiff.limits import DEFAULT, Limits
from xraydiff.paths import ImagePath
from xraydiff.tree import FileTree

__all__ = ["capability_text", "read_privileges"]

_SETUID, _SETGID, _STICKY, _OTHERS_WRITE = 0o4000, 0o2000, 0o1000, 0o002
_GRANTS = _SETUID | _SETGID | _STICKY | _OTHERS_WRITE
_MODES = (
    (_SETUID, PrivilegeKind.SETUID),
    (_SETGID, PrivilegeKind.SETGID),
    (_STICKY, PrivilegeKind.STICKY),
)
_CAPABILITY = "security.capability"

_REVISION, _EFFECTIVE = 0xFF000000, 0x000001
_PAIRS = {0x01000000: 1, 0x02000000: 2, 0x03000000: 2}
"""Pairs of 32-bit sets by revision of struct vfs_cap_data (linux/capability.h)."""
_ROOTID = 0x03000000

_NAMES = (
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
    "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
    "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
    "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
    "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
    "checkpoint_restore",
)  # fmt: skip
"""capabilities(7) in the order of their numbers, 0 to 40."""
_ALL = (1 << len(_NAMES)) - 1


def read_privileges(tree: FileTree, *, limits: Limits = DEFAULT) -> tuple[tuple[Privilege, ...], tuple[Problem, ...]]:
    """What modes and attributes grant, sorted, and a problem for every capability attribute that does not decode.

    `detail` is the mode in octal, or the capabilities as getcap(8) prints them. The mode of a symlink means nothing.
    """
    problems = Problems(limits)
    found: list[Privilege] = []
    for path, file in tree.files.items():
        if file.mode & _GRANTS and file.type is not FileType.SYMLINK:
            found.extend(_modes(path, file))
        if file.xattrs:
            found.extend(_capabilities(path, file, problems))
    return tuple(sorted(found)), problems.all()


def _modes(path: ImagePath, file: File) -> Iterator[Privilege]:
    octal = f"{file.mode:04o}"
    for bit, kind in _MODES:
        if file.mode & bit:
            yield Privilege(path=path, kind=kind, detail=octal)
    if file.mode & _OTHERS_WRITE:
        open_to_all = file.type is FileType.DIRECTORY and not file.mode & _STICKY
        detail = f"{octal} directory without the sticky bit" if open_to_all else octal
        yield Privilege(path=path, kind=PrivilegeKind.WORLD_WRITABLE, detail=detail)


def _capabilities(path: ImagePath, file: File, problems: Problems) -> Iterator[Privilege]:
    for name, value in file.xattrs:
        if name == _CAPABILITY:
            try:
                yield Privilege(path=path, kind=PrivilegeKind.CAPABILITY, detail=capability_text(value))
            except ValueError as error:
                problems.add(path, "capability-malformed", str(error))


def capability_text(value: bytes) -> str:
    """The value of `security.capability` as getcap(8) prints it: `cap_net_bind_service,cap_net_raw=ep`.

    Revisions 1 to 3 of struct vfs_cap_data; the user namespace of revision 3 follows as ` [rootid=1000]`. Several sets
    of flags are parted by spaces, `=` is the empty set, a capability without a name is its number. Raises `ValueError`
    for a value that the kernel would refuse.
    """
    if len(value) < struct.calcsize("<I"):
        raise ValueError(f"a capability attribute of {len(value)} bytes")
    (magic,) = struct.unpack_from("<I", value)
    revision = magic & _REVISION
    pairs = _PAIRS.get(revision)
    if pairs is None:
        raise ValueError(f"a capability attribute of unknown revision 0x{revision:08x}")
    if len(value) != 4 + 8 * pairs + 4 * (revision == _ROOTID):
        raise ValueError(f"a capability attribute of {len(value)} bytes in revision {revision >> 24}")
    permitted = inheritable = 0
    for index, (low, high) in enumerate(struct.iter_unpack("<II", value[4 : 4 + 8 * pairs])):
        permitted |= low << (32 * index)
        inheritable |= high << (32 * index)
    text = _clauses(permitted, inheritable, effective=bool(magic & _EFFECTIVE))
    if revision == _ROOTID:
        (root,) = struct.unpack_from("<I", value, 4 + 8 * pairs)
        text += f" [rootid={root}]" if root else ""
    return text


def _clauses(permitted: int, inheritable: int, *, effective: bool) -> str:
    """cap_text_formats(7): one clause for each set of flags, in the order of their first capability."""
    names: dict[str, list[int]] = {}
    for number in range((permitted | inheritable).bit_length()):
        is_permitted, is_inherited = permitted >> number & 1, inheritable >> number & 1
        if is_permitted or is_inherited:
            # One bit stands for the effective set of all capabilities that the file has (capabilities(7)).
            flags = "e" * effective + "i" * is_inherited + "p" * is_permitted
            names.setdefault(flags, []).append(number)
    if not names:
        return "="
    if len(names) == 1 and (permitted | inheritable) == _ALL:
        return f"={next(iter(names))}"
    return " ".join(f"{','.join(map(_name, numbers))}={flags}" for flags, numbers in names.items())


def _name(number: int) -> str:
    return f"cap_{_NAMES[number]}" if number < len(_NAMES) else str(number)
