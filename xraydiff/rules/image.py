"""IMG: the two images as wholes."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.facts import Certainty, Finding, Severity, When
from xraydiff.paths import basename
from xraydiff.rules import Sight, rule, targets

_SOURCE_LABELS = ("slimtoolkit.source.image.id", "mintoolkit.source.image.id")


@rule("IMG001", "not-a-pair", Severity.CRITICAL)
def not_a_pair(sight: Sight) -> Iterator[Finding]:
    """The second image cannot be a slimmed form of the first; nothing else was judged."""
    if sight.diff.not_a_pair:
        yield Finding(
            rule="IMG001",
            severity=Severity.CRITICAL,
            certainty=Certainty.PROVEN,
            when=When.START,
            subject="pair",
            subject_kind="image",
            message="not an image and its slimmed form: " + "; ".join(sight.diff.not_a_pair),
        )


@rule("IMG002", "start-broken", Severity.CRITICAL)
def start_broken(sight: Sight) -> Iterator[Finding]:
    """The start command, or what it loads, is gone: the minifier's run was incomplete and no container will start."""
    if sight.reach is not None and sight.reach.broken_start:
        last = sight.reach.broken_start[-1]
        needed = targets(sight.start) if sight.start is not None else basename(last.target) or last.target
        yield Finding(
            rule="IMG002",
            severity=Severity.CRITICAL,
            certainty=Certainty.PROVEN,
            when=When.START,
            subject=last.target,
            message=f"the start command breaks: {last.source} needs {needed}, gone",
            count=len(sight.start.direct) if sight.start is not None else 1,
            evidence=sight.reach.broken_start,
            restore=sight.start.restore if sight.start is not None else (last.target,),
            closures=sight.start.closures if sight.start is not None else (),
        )


@rule("IMG003", "layers", Severity.INFO)
def layers(sight: Sight) -> Iterator[Finding]:
    """The image's layers were folded, so it shares none with other images of its base."""
    before, after = sight.diff.layers
    if before != after:
        yield Finding(
            rule="IMG003",
            severity=Severity.INFO,
            certainty=Certainty.PROVEN,
            subject="layers",
            subject_kind="image",
            message=f"{before} layers -> {after}",
        )


@rule("IMG004", "other-source", Severity.MEDIUM)
def other_source(sight: Sight) -> Iterator[Finding]:
    """The slim image's labels say that it was made of another image than the given original."""
    labels = dict(sight.slim_config.labels)
    for label in _SOURCE_LABELS:
        named = labels.get(label, "")
        if named and sight.original_digest and named != sight.original_digest:
            yield Finding(
                rule="IMG004",
                severity=Severity.INFO,
                certainty=Certainty.POSSIBLE,
                subject=label,
                subject_kind="config",
                message=f"made of {named}; the original given is {sight.original_digest}",
            )
