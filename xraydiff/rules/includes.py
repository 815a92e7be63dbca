"""INC: paths that the minifier was told to keep."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.case import Case
from xraydiff.facts import Certainty, Finding, Severity, When
from xraydiff.reach.presence import Presence
from xraydiff.reach.run_evidence import resolved_includes
from xraydiff.rules import listed, rule


@rule("INC001", "include-absent", Severity.HIGH)
def include_absent(case: Case) -> Iterator[Finding]:
    """A path that the minifier was told to keep is gone, or something below it is."""
    if case.reach is None or not case.run.asked:
        return
    closure: dict[str, set[str]] = {}
    for missing in case.reach.missing.values():
        if missing.certainty >= Certainty.LIKELY:
            closure.setdefault(missing.cause, set()).add(missing.path)
    for asked, target, gone in resolved_includes(
        case.original.tree, Presence(case.original.tree, case.slim.tree), case.run
    ):
        if target is None or not gone:
            continue
        first = case.reach.missing.get(gone[0])
        names = listed(tuple(path for path in gone if path != asked.path), 3)
        what = f"{asked.path} was to be kept"
        yield Finding(
            severity=Severity.HIGH,
            certainty=Certainty.PROVEN,
            when=When.USE,
            subject=asked.path,
            message=f"{what}, and {names} {'is' if len(gone) == 1 else 'are'} gone" if names else f"{what} and is gone",
            count=len(gone),
            evidence=first.chain if first is not None else (),
            restore=tuple(sorted({*gone, *(path for one in gone for path in closure.get(one, ()))})),
        )


@rule("INC002", "include-without-effect", Severity.LOW)
def include_without_effect(case: Case) -> Iterator[Finding]:
    """A line of the paths to keep names nothing: the minifier passes over it and says so only in its log."""
    if case.reach is None or not case.run.asked:
        return
    for asked, target, _ in resolved_includes(
        case.original.tree, Presence(case.original.tree, case.slim.tree), case.run
    ):
        if target is None:
            yield Finding(
                severity=Severity.LOW,
                certainty=Certainty.PROVEN,
                subject=asked.path,
                message=f"line {asked.line} of the paths to keep: {asked.problem or 'the original has no such path'}",
            )
