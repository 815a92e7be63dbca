"""One cause for what is missed together: the same source, kind of need, and missing directory or package."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from xraydiff.case import Case, Cause, Need
from xraydiff.conventions import SHELLS
from xraydiff.facts import Certainty, Closure, EdgeKind, FileType, NodeKind, Origin, OwnerKind, When
from xraydiff.paths import ImagePath, basename, parent
from xraydiff.reach import Missing, Reach
from xraydiff.tree import FileTree

_SHELLS = SHELLS | {"busybox", "fish", "tcsh", "csh"}
_TLS = re.compile(r"^lib(?:ssl|crypto|gnutls|wolfssl|mbedtls|nss3)[.-]|^libssl3?\.so|^libcrypto3?\.so")
_CERTIFICATES = re.compile(
    r"/(?:ca-certificates|ca-bundle|tls-ca-bundle|cacert|cacerts|ca-bundle\.trust)\.(?:crt|pem|p12|jks)$"
    r"|/cacerts$|/[0-9a-f]{8}\.[0-9]+$|^/etc/ssl/certs(?:/|$)|^/usr/share/ca-certificates(?:/|$)|^/etc/pki/(?:tls|ca-trust)/"
    r"|/ssl/cert\.pem$"
)
_BY_ORIGIN = {Origin.INCLUDE: Need.ASKED, Origin.PART: Need.PACKAGE}
_LIBRARY = re.compile(r"\.so(?:\.[0-9]+)*$|\.node$")


def with_causes(case: Case, reach: Reach | None) -> Case:
    """The same with what the walk found missing; what breaks the start stands apart from the other causes."""
    if reach is None:
        return case
    missing = causes(reach, case.original.tree)
    start = next((cause for cause in missing if cause.chain == reach.broken_start), None)
    return replace(case, reach=reach, causes=tuple(cause for cause in missing if cause is not start), start=start)


def causes(reach: Reach, original: FileTree) -> tuple[Cause, ...]:
    """All missing paths, grouped; sorted by need, source and first path."""
    groups: dict[tuple[str, str, str, int], list[Missing]] = {}
    closure: dict[ImagePath, list[Missing]] = {}
    for missing in reach.missing.values():
        closure.setdefault(missing.cause, []).append(missing)
    for path, members in closure.items():
        top = reach.missing.get(path, members[0])
        need = need_of(top)
        groups.setdefault((need.value, _source(top), _subject(top), top.certainty), []).append(top)
    referenced = _referenced_by_kept(reach, original)
    found = [_cause(Need(key[0]), key[1], tops, closure, referenced) for key, tops in groups.items()]
    return tuple(sorted(found, key=lambda cause: (cause.need, cause.source, cause.first.path)))


def need_of(missing: Missing) -> Need:
    """The kind of need, by what the edge says and what lies at its target."""
    edge, path = missing.cause_edge, missing.cause
    name = basename(path)
    if edge.origin in _BY_ORIGIN:
        return _BY_ORIGIN[edge.origin]
    if edge.kind is EdgeKind.COMPANION and missing.owner.kind is not OwnerKind.APPLICATION:
        return _need_of_companion(missing)
    if edge.kind is EdgeKind.RUNS_AS:
        return Need.IDENTITY
    if edge.kind is EdgeKind.TRUSTS or _CERTIFICATES.search(path):
        return Need.CERTIFICATE
    if _TLS.match(name) or "/ossl-modules/" in path or "/engines-" in path:
        return Need.TLS
    library = edge.kind is EdgeKind.LOADS and _LIBRARY.search(name) is not None
    if library or edge.kind is EdgeKind.NEEDS or (edge.kind is EdgeKind.INTERPRETS and ".so" in name):
        return Need.LIBRARY
    if edge.kind in (EdgeKind.EXECUTES, EdgeKind.INTERPRETS):
        return Need.SHELL if name in _SHELLS else Need.COMMAND
    if edge.kind is EdgeKind.IMPORTS:
        return Need.MODULE
    if edge.kind is EdgeKind.SOURCES:
        return Need.COMMAND
    return _need_by_target(missing, path, name)


def _need_of_companion(missing: Missing) -> Need:
    """What goes with a program comes by one row, modules and tables together: one need where it is no trust store."""
    if missing.type is FileType.DIRECTORY:
        return Need.DIRECTORY
    return Need.CERTIFICATE if _CERTIFICATES.search(missing.cause) else Need.DATA


def _need_by_target(missing: Missing, path: ImagePath, name: str) -> Need:
    if missing.type is FileType.DIRECTORY:
        return Need.DIRECTORY
    if missing.owner.kind is OwnerKind.APPLICATION:
        return Need.APPLICATION
    if _LIBRARY.search(name):
        return Need.LIBRARY
    if parent(path).endswith(("/bin", "/sbin")):
        return Need.SHELL if name in _SHELLS else Need.COMMAND
    return Need.DATA


def _source(missing: Missing) -> str:
    source = missing.cause_edge.source
    if missing.cause_edge.origin is Origin.RUN:
        return "the minifier's run"
    if source.kind is NodeKind.CONFIG:
        return f"config of {source.path}"
    return source.path if source.path.startswith("/") else f"config of {source.path}"


def _subject(missing: Missing) -> str:
    """What tells causes of one source apart.

    The rest of a package is one cause; so are a row's companions, the dependencies that a manifest lists, a program's
    commands, its modules, and the plug-ins and the other files of the application that one file names; else what one
    package or directory has.
    """
    edge = missing.cause_edge
    if edge.origin is Origin.PART or edge.kind is EdgeKind.COMPANION:
        return edge.group
    if missing.owner.kind is OwnerKind.APPLICATION:
        return "plug-ins" if _LIBRARY.search(missing.cause) else ""
    if edge.kind in (EdgeKind.EXECUTES, EdgeKind.SOURCES, EdgeKind.IMPORTS):
        return ""
    if edge.kind is EdgeKind.CONTAINS:
        return edge.group
    return missing.owner.package or parent(missing.cause)


def _referenced_by_kept(reach: Reach, original: FileTree) -> dict[str, Certainty]:
    """The missing paths that something kept refers to, links followed, with the most certain of these edges.

    The best chain to such a path may still lead through another missing one; who accepts that one has not accepted it.
    """
    referenced: dict[str, Certainty] = {}
    for step in reach.followed:
        if step.missing and step.edge.source.path not in reach.missing:
            path = step.edge.target.path
            referenced[path] = max(step.certainty, referenced.get(path, Certainty.NONE))
    found: dict[str, Certainty] = {}
    for path, certainty in referenced.items():
        real = original.resolve(path).path or path
        found[real] = max(certainty, found.get(real, Certainty.NONE))
    return found


def _cause(
    need: Need,
    source: str,
    tops: list[Missing],
    closure: dict[ImagePath, list[Missing]],
    referenced: Mapping[str, Certainty],
) -> Cause:
    tops.sort(key=lambda one: (-one.certainty, one.trail.length, one.path))
    least = min(tops[0].certainty, Certainty.LIKELY)
    restore = {member.path for top in tops for member in closure[top.cause] if member.certainty >= least}
    itself = {path for path in restore if referenced.get(path, Certainty.NONE) >= least}
    follows = {top.cause: restore.intersection(one.path for one in closure[top.cause]) - itself for top in tops}
    return Cause(
        need=need,
        source=source,
        direct=tuple(tops),
        restore=tuple(sorted(restore)),
        certainty=tops[0].certainty,
        when=_when(tops),
        closures=tuple(_closures(follows)),
    )


def _closures(follows: Mapping[ImagePath, set[ImagePath]]) -> Iterator[Closure]:
    for path in sorted(follows):
        needs = tuple(sorted(follows[path] - {path}))
        if needs:
            yield Closure(path=path, needs=needs)


def _when(tops: Iterable[Missing]) -> When:
    moments = {top.when for top in tops}
    return next(moment for moment in When if moment in moments)
