"""CRT: certificate authorities, private keys and expiry."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.facts import Certainty, Finding, Severity
from xraydiff.paths import is_below
from xraydiff.rules import Sight, listed, missed, rule, targets
from xraydiff.rules.causes import Need


@rule("CRT001", "certificates-missing", Severity.CRITICAL)
def certificates_missing(sight: Sight) -> Iterator[Finding]:
    """Something that stays, or comes back, asks for certificate authorities that are gone."""
    for cause in sight.causes:
        if cause.need is Need.CERTIFICATE:
            severity = Severity.CRITICAL if cause.certainty > Certainty.POSSIBLE else Severity.HIGH
            message = f"{cause.source} asks for the certificate authorities in {targets(cause)}, which are gone"
            yield missed("CRT001", cause, severity=severity, grave=True, message=message)


@rule("CRT002", "certificates-gone", Severity.MEDIUM)
def certificates_gone(sight: Sight) -> Iterator[Finding]:
    """Bundles of certificate authorities are gone; nothing left is known to ask for them."""
    asked = sight.asked
    kept = {store.path for store in sight.slim_inventory.trust_stores if store.count}
    bundles = [
        store
        for store in sight.original_inventory.trust_stores
        if store.count and store.kind != "link" and store.path not in kept and store.path not in asked
    ]
    if not bundles or any(cause.need is Need.CERTIFICATE for cause in sight.causes):
        return
    left = sum(store.count for store in sight.slim_inventory.trust_stores if store.count > 0)
    names = tuple(sorted(store.path for store in bundles))
    yield Finding(
        rule="CRT002",
        severity=Severity.INFO if left else Severity.MEDIUM,
        certainty=Certainty.POSSIBLE if not left else Certainty.PROVEN,
        subject="certificate authorities",
        subject_kind="group",
        message=f"CA bundles are gone{_whose(sight)}: {listed(names)}; {'others stay' if left else 'none is left'}",
        count=len(names),
        restore=tuple(path for path in names if path in sight.original.files),
    )


@rule("CRT003", "private-key-baked-in", Severity.HIGH)
def private_key_baked_in(sight: Sight) -> Iterator[Finding]:
    """A private key lies in the slim image."""
    before = {key.path for key in sight.original_inventory.private_keys}
    for key in sight.slim_inventory.private_keys:
        new = key.path not in before
        yield Finding(
            rule="CRT003",
            severity=Severity.HIGH if new else Severity.LOW,
            certainty=Certainty.PROVEN,
            subject=key.path,
            message=f"private key ({key.kind}) in the image"
            + (", added by slimming" if new else ", as in the original"),
        )


def _whose(sight: Sight) -> str:
    """Mozilla's list is what every distribution's ca-certificates package brings."""
    stores = sight.original_inventory.trust_stores
    mozilla = any(is_below(store.path, "/usr/share/ca-certificates/mozilla") for store in stores) or any(
        is_below(certificate.path, "/usr/share/ca-certificates/mozilla")
        for certificate in sight.original_inventory.certificates
    )
    return " (Mozilla's list among them)" if mozilla else ""
