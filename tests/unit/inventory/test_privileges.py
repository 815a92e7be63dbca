"""Modes and file capabilities: every value against getcap(8)'s own words."""

from __future__ import annotations

import struct

import pytest

from xraydiff.facts import Privilege, PrivilegeKind, Scope
from xraydiff.inventory.privileges import capability_text, read_privileges
from xraydiff.testing import ImageBuilder

V1, V2, V3 = 0x01000000, 0x02000000, 0x03000000


def v2(permitted: int, inheritable: int = 0, effective: int = 1, revision: int = V2) -> bytes:
    low, high = permitted & 0xFFFFFFFF, permitted >> 32
    return struct.pack("<IIIII", revision | effective, low, inheritable & 0xFFFFFFFF, high, inheritable >> 32)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (bytes.fromhex("0100000200040000000000000000000000000000"), "cap_net_bind_service=ep"),
        (v2(1 << 13), "cap_net_raw=ep"),
        (v2(1 << 13, effective=0), "cap_net_raw=p"),
        (v2(1 << 10 | 1 << 13, 1 << 13), "cap_net_bind_service=ep cap_net_raw=eip"),
        (v2(1 << 12 | 1 << 13), "cap_net_admin,cap_net_raw=ep"),
        (v2(0, 1), "cap_chown=ei"),
        (v2(1 << 38 | 1 << 40), "cap_perfmon,cap_checkpoint_restore=ep"),
        (v2((1 << 41) - 1), "=ep"),
        (v2(1 << 41), "41=ep"),
        (v2(0), "="),
        (struct.pack("<III", V1 | 1, 1 << 7, 0), "cap_setuid=ep"),
        (v2(1 << 7, revision=V3) + struct.pack("<I", 100000), "cap_setuid=ep [rootid=100000]"),
        (v2(1 << 7, revision=V3) + struct.pack("<I", 0), "cap_setuid=ep"),
    ],
)
def test_capabilities_in_text(value: bytes, expected: str) -> None:
    assert capability_text(value) == expected


@pytest.mark.parametrize(
    "value",
    [b"", b"\1\0", v2(1)[:-1], v2(1) + b"\0", v2(1, revision=V3), v2(1, revision=V1), v2(1, revision=0x04000000)],
)
def test_what_the_kernel_refuses_is_an_error(value: bytes) -> None:
    with pytest.raises(ValueError, match="a capability attribute"):
        capability_text(value)


def test_modes() -> None:
    tree = (
        ImageBuilder()
        .file("/bin/su", mode=0o4755)
        .file("/bin/wall", mode=0o2755)
        .directory("/tmp", mode=0o1777)
        .directory("/open", mode=0o777)
        .file("/open/f", mode=0o666)
        .symlink("/link", "open")
        .file("/bin/ping", mode=0o755, xattrs={"security.capability": v2(1 << 13), "user.x": b"y"})
        .tree()
    )
    found, problems = read_privileges(tree)
    assert problems == ()
    assert found == (
        Privilege(path="/bin/ping", kind=PrivilegeKind.CAPABILITY, detail="cap_net_raw=ep"),
        Privilege(path="/bin/su", kind=PrivilegeKind.SETUID, detail="4755"),
        Privilege(path="/bin/wall", kind=PrivilegeKind.SETGID, detail="2755"),
        Privilege(path="/open", kind=PrivilegeKind.WORLD_WRITABLE, detail="0777 directory without the sticky bit"),
        Privilege(path="/open/f", kind=PrivilegeKind.WORLD_WRITABLE, detail="0666"),
        Privilege(path="/tmp", kind=PrivilegeKind.STICKY, detail="1777"),
        Privilege(path="/tmp", kind=PrivilegeKind.WORLD_WRITABLE, detail="1777"),
    )


def test_a_malformed_capability_is_a_problem() -> None:
    tree = ImageBuilder().file("/x", mode=0o4755, xattrs={"security.capability": b"\0\0"}).tree()
    found, (problem,) = read_privileges(tree)
    assert [one.kind for one in found] == ["setuid"]
    assert (problem.path, problem.code, problem.scope) == ("/x", "capability-malformed", Scope.ANALYSIS)
