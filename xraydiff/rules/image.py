"""IMG: the two images as wholes."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.case import Case
from xraydiff.facts import Certainty, Finding, Severity, When
from xraydiff.paths import basename
from xraydiff.rules import rule, targets

_SOURCE_LABELS = ("slimtoolkit.source.image.id", "mintoolkit.source.image.id")


@rule("IMG001", "not-a-pair", Severity.CRITICAL)
def not_a_pair(case: Case) -> Iterator[Finding]:
    """The second image cannot be a slimmed form of the first; nothing else was judged."""
    if case.diff.not_a_pair:
        yield Finding(
            severity=Severity.CRITICAL,
            certainty=Certainty.PROVEN,
            when=When.START,
            subject="pair",
            subject_kind="image",
            message="not an image and its slimmed form: " + "; ".join(case.diff.not_a_pair),
        )


@rule("IMG002", "start-broken", Severity.CRITICAL)
def start_broken(case: Case) -> Iterator[Finding]:
    """The start command, or what it loads, is gone: the minifier's run was incomplete and no container will start."""
    if case.reach is not None and case.reach.broken_start:
        last = case.reach.broken_start[-1]
        needed = targets(case.start) if case.start is not None else basename(last.target) or last.target
        yield Finding(
            severity=Severity.CRITICAL,
            certainty=Certainty.PROVEN,
            when=When.START,
            subject=last.target,
            message=f"the start command breaks: {last.source} needs {needed}, gone",
            count=len(case.start.direct) if case.start is not None else 1,
            evidence=case.reach.broken_start,
            restore=case.start.restore if case.start is not None else (last.target,),
            closures=case.start.closures if case.start is not None else (),
        )


@rule("IMG003", "layers", Severity.INFO)
def layers(case: Case) -> Iterator[Finding]:
    """The image's layers were folded, so it shares none with other images of its base."""
    before, after = case.diff.layers
    if before != after:
        yield Finding(
            severity=Severity.INFO,
            certainty=Certainty.PROVEN,
            subject="layers",
            subject_kind="image",
            message=f"{before} layers -> {after}",
        )


@rule("IMG004", "other-source", Severity.MEDIUM)
def other_source(case: Case) -> Iterator[Finding]:
    """The slim image's labels say that it was made of another image than the given original."""
    labels = dict(case.slim.config.labels)
    for label in _SOURCE_LABELS:
        named = labels.get(label, "")
        if named and case.original.digest and named != case.original.digest:
            yield Finding(
                severity=Severity.INFO,
                certainty=Certainty.POSSIBLE,
                subject=label,
                subject_kind="config",
                message=f"made of {named}; the original given is {case.original.digest}",
            )
