"""PKG: package databases and packages."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.case import Case, Need
from xraydiff.facts import Certainty, EdgeKind, Finding, Severity
from xraydiff.paths import basename
from xraydiff.rules import listed, rule


@rule("PKG001", "package-database-gone", Severity.MEDIUM)
def package_database_gone(case: Case) -> Iterator[Finding]:
    """The package database is gone: scanners will find no packages, and so no vulnerabilities, in the slim image."""
    left = set(case.slim.inventory.package_databases)
    gone = tuple(path for path in case.original.inventory.package_databases if path not in left)
    if gone:
        count = sum(package.ecosystem in ("dpkg", "apk", "rpm") for package in case.original.inventory.packages)
        yield Finding(
            severity=Severity.MEDIUM,
            certainty=Certainty.PROVEN,
            subject=gone[0],
            message=f"package database gone ({listed(gone, 2)}): scanners will report none of its {count} packages",
            count=len(gone),
            restore=tuple(path for path in gone if path in case.original.tree.files),
        )


@rule("PKG002", "package-kept-in-part", Severity.LOW)
def package_kept_in_part(case: Case) -> Iterator[Finding]:
    """Programs or run-time files of a package that was used are gone, and nothing that was read asks for them."""
    for cause in case.causes_of(Need.PACKAGE):
        package = cause.first.cause_edge.group
        tools = [one for one in cause.direct if one.cause_edge.kind is EdgeKind.EXECUTES]
        others = len(cause.direct) - len(tools)
        said = [listed(tuple(dict.fromkeys(basename(one.cause) for one in tools)))] if tools else []
        said += [f"{others} {'other ' if tools else ''}run-time files"] if others else []
        yield Finding(
            severity=Severity.LOW if tools else Severity.INFO,
            certainty=cause.certainty,
            subject=package,
            subject_kind="package",
            message=f"{package} was kept in part: {', '.join(said)} gone, and nothing is known to ask for them",
            count=len(cause.direct),
            evidence=cause.chain,
            restore=cause.restore,
            closures=cause.closures,
        )
