"""PKG: package databases and packages."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.facts import Certainty, Finding, Severity
from xraydiff.rules import Sight, listed, rule


@rule("PKG001", "package-database-gone", Severity.MEDIUM)
def package_database_gone(sight: Sight) -> Iterator[Finding]:
    """The package database is gone: scanners will find no packages, and so no vulnerabilities, in the slim image."""
    left = set(sight.slim_inventory.package_databases)
    gone = tuple(path for path in sight.original_inventory.package_databases if path not in left)
    if gone:
        count = sum(package.ecosystem in ("dpkg", "apk", "rpm") for package in sight.original_inventory.packages)
        yield Finding(
            rule="PKG001",
            severity=Severity.MEDIUM,
            certainty=Certainty.PROVEN,
            subject=gone[0],
            message=f"package database gone ({listed(gone, 2)}): scanners will report none of its {count} packages",
            count=len(gone),
            restore=tuple(path for path in gone if path in sight.original.files),
        )
