"""Go binaries: they import nothing, but their build info and strings say what the standard library will look for."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.facts import Edge, EdgeKind
from xraydiff.references.readers.elf_capabilities.program import Program

_ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""certFiles of crypto/x509/root_linux.go, in its order: the first that exists is read."""
_ZONES = ("/usr/share/zoneinfo/", "/usr/share/lib/zoneinfo/", "/usr/lib/locale/TZ/", "/etc/zoneinfo")


def edges(program: Program) -> Iterator[Edge]:
    """Authorities where crypto/x509 is linked, zones where time.LoadLocation is, users where os/user is."""
    if not program.is_go:
        return
    if program.links("crypto/x509.(*CertPool)", "crypto/x509.loadSystemRoots"):
        path = next((found for name in _ROOTS if (found := program.exists(name)) is not None), None)
        if path is not None:
            yield program.edge(path, EdgeKind.TRUSTS, "crypto/x509")
    if program.links("time.LoadLocation"):
        yield from _zones(program)
    if program.links("os/user.lookupUser") and program.exists("/etc/passwd"):
        yield program.edge("/etc/passwd", EdgeKind.RUNS_AS, "os/user")


def _zones(program: Program) -> Iterator[Edge]:
    zone = program.context.env.get("TZ", "").lstrip(":")
    for folder in _ZONES:
        path = program.exists(f"{folder}/{zone}") if zone else None
        if path is not None:
            yield program.edge(path, EdgeKind.NAMES, f"TZ={zone}")
            return
