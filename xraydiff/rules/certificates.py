"""CRT: certificate authorities, private keys and expiry."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.case import Case, Need
from xraydiff.facts import Certainty, Finding, Severity
from xraydiff.paths import is_below
from xraydiff.rules import listed, missed, rule, targets


@rule("CRT001", "certificates-missing", Severity.CRITICAL)
def certificates_missing(case: Case) -> Iterator[Finding]:
    """Something that stays, or comes back, asks for certificate authorities that are gone."""
    for cause in case.causes_of(Need.CERTIFICATE):
        severity = Severity.CRITICAL if cause.certainty > Certainty.POSSIBLE else Severity.HIGH
        message = f"{cause.source} asks for the certificate authorities in {targets(cause)}, which are gone"
        yield missed(cause, severity=severity, grave=True, message=message)


@rule("CRT002", "certificates-gone", Severity.MEDIUM)
def certificates_gone(case: Case) -> Iterator[Finding]:
    """Bundles of certificate authorities are gone; nothing left is known to ask for them."""
    referenced = case.referenced
    kept = {store.path for store in case.slim.inventory.trust_stores if store.count}
    bundles = [
        store
        for store in case.original.inventory.trust_stores
        if store.count and store.kind != "link" and store.path not in kept and store.path not in referenced
    ]
    if not bundles or any(case.causes_of(Need.CERTIFICATE)):
        return
    left = sum(store.count for store in case.slim.inventory.trust_stores if store.count > 0)
    names = tuple(sorted(store.path for store in bundles))
    yield Finding(
        severity=Severity.INFO if left else Severity.MEDIUM,
        certainty=Certainty.POSSIBLE if not left else Certainty.PROVEN,
        subject="certificate authorities",
        subject_kind="group",
        message=f"CA bundles are gone{_whose(case)}: {listed(names)}; {'others stay' if left else 'none is left'}",
        count=len(names),
        restore=tuple(path for path in names if path in case.original.tree.files),
    )


@rule("CRT003", "private-key-baked-in", Severity.HIGH)
def private_key_baked_in(case: Case) -> Iterator[Finding]:
    """A private key lies in the slim image."""
    before = {key.path for key in case.original.inventory.private_keys}
    for key in case.slim.inventory.private_keys:
        new = key.path not in before
        yield Finding(
            severity=Severity.HIGH if new else Severity.LOW,
            certainty=Certainty.PROVEN,
            subject=key.path,
            message=f"private key ({key.kind}) in the image"
            + (", added by slimming" if new else ", as in the original"),
        )


def _whose(case: Case) -> str:
    """Mozilla's list is what every distribution's ca-certificates package brings."""
    stores = case.original.inventory.trust_stores
    mozilla = any(is_below(store.path, "/usr/share/ca-certificates/mozilla") for store in stores) or any(
        is_below(certificate.path, "/usr/share/ca-certificates/mozilla")
        for certificate in case.original.inventory.certificates
    )
    return " (Mozilla's list among them)" if mozilla else ""
