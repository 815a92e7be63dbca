"""TLS: libssl, libcrypto, their providers and engines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xraydiff.case import Case, Need
from xraydiff.facts import Certainty, Finding, Severity
from xraydiff.paths import basename
from xraydiff.rules import listed, missed, rule, targets

_LIBRARY = re.compile(r"^lib(?:ssl|crypto)(?:[.-]|$)")


@rule("TLS001", "tls-missing", Severity.CRITICAL)
def tls_missing(case: Case) -> Iterator[Finding]:
    """Something that stays, or comes back, asks for a TLS library, provider or engine that is gone."""
    for cause in case.causes_of(Need.TLS):
        grave = any(_LIBRARY.match(basename(one.cause)) for one in cause.direct)
        severity = Severity.CRITICAL if grave and cause.certainty > Certainty.POSSIBLE else Severity.HIGH
        yield missed(
            cause,
            severity=severity,
            grave=True,
            message=f"{cause.source} asks for {targets(cause)}, gone",
        )


@rule("TLS002", "tls-gone", Severity.INFO)
def tls_gone(case: Case) -> Iterator[Finding]:
    """Libssl or libcrypto is gone and nothing left asks for it."""
    referenced = case.referenced
    names = tuple(
        sorted(
            {
                basename(change.path)
                for change in case.diff.removed
                if _LIBRARY.match(basename(change.path)) and change.path not in referenced
            }
        )
    )
    if names:
        yield Finding(
            severity=Severity.INFO,
            certainty=Certainty.PROVEN,
            subject="libssl and libcrypto",
            subject_kind="group",
            message=f"gone: {listed(names, 8)}; {_asked(case)}",
            count=len(names),
        )


def _asked(case: Case) -> str:
    return "nothing left asks for them" if case.reach is not None else "who asks for them is not known"
