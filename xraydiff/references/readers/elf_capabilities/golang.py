"""Go binaries: they import nothing, but their build info and strings say what the standard library will look for."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.facts import Edge, EdgeKind
from xraydiff.knowledge import Search
from xraydiff.references.readers.elf_capabilities.program import ElfProgram


def edges(program: ElfProgram) -> Iterator[Edge]:
    """Authorities where crypto/x509 is linked, zones where time.LoadLocation is, users where os/user is."""
    if not program.is_go:
        return
    authorities, zones = program.search("authorities-of-go"), program.search("zones-of-go")
    if program.links(*authorities.functions):
        path = next((found for name in authorities.files if (found := program.exists(name)) is not None), None)
        if path is not None:
            yield program.edge(path, EdgeKind.TRUSTS, "crypto/x509")
    if program.links(*zones.functions):
        yield from _zones(program, zones)
    if program.links("os/user.lookupUser") and program.exists("/etc/passwd"):
        yield program.edge("/etc/passwd", EdgeKind.RUNS_AS, "os/user")


def _zones(program: ElfProgram, search: Search) -> Iterator[Edge]:
    zone = program.context.env.get("TZ", "").lstrip(":")
    for folder in search.files:
        path = program.exists(f"{folder}/{zone}") if zone else None
        if path is not None:
            yield program.edge(path, EdgeKind.NAMES, f"TZ={zone}")
            return
