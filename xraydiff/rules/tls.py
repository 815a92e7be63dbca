"""TLS: libssl, libcrypto, their providers and engines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xraydiff.facts import Certainty, Finding, Severity
from xraydiff.paths import basename
from xraydiff.rules import Sight, listed, missed, rule, targets
from xraydiff.rules.causes import Need

_LIBRARY = re.compile(r"^lib(?:ssl|crypto)(?:[.-]|$)")


@rule("TLS001", "tls-missing", Severity.CRITICAL)
def tls_missing(sight: Sight) -> Iterator[Finding]:
    """Something that stays, or comes back, asks for a TLS library, provider or engine that is gone."""
    for cause in sight.causes:
        if cause.need is Need.TLS:
            grave = any(_LIBRARY.match(basename(one.cause)) for one in cause.direct)
            severity = Severity.CRITICAL if grave and cause.certainty > Certainty.POSSIBLE else Severity.HIGH
            yield missed(
                "TLS001",
                cause,
                severity=severity,
                grave=True,
                message=f"{cause.source} asks for {targets(cause)}, gone",
            )


@rule("TLS002", "tls-gone", Severity.INFO)
def tls_gone(sight: Sight) -> Iterator[Finding]:
    """Libssl or libcrypto is gone and nothing left asks for it."""
    asked = sight.asked
    names = tuple(
        sorted(
            {
                basename(change.path)
                for change in sight.diff.removed
                if _LIBRARY.match(basename(change.path)) and change.path not in asked
            }
        )
    )
    if names:
        yield Finding(
            rule="TLS002",
            severity=Severity.INFO,
            certainty=Certainty.PROVEN,
            subject="libssl and libcrypto",
            subject_kind="group",
            message=f"gone: {listed(names, 8)}; {_asked(sight)}",
            count=len(names),
        )


def _asked(sight: Sight) -> str:
    return "nothing left asks for them" if sight.reach is not None else "who asks for them is not known"
