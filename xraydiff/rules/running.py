"""Running the rules: every finding gets its rule and fingerprint, equal ones become one, the worst come first."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from xraydiff.case import Case
from xraydiff.diff import ImageDiff
from xraydiff.errors import PluginError, XraydiffError
from xraydiff.facts import Closure, Finding, OwnerKind
from xraydiff.owners import Owners
from xraydiff.paths import basename, encoded, image_path
from xraydiff.rules import Rule

_NOT_A_PAIR = "IMG001"
_DIGITS = re.compile(r"[0-9]+")
_GROWING = frozenset({"group", "image"})
"""Kinds of a subject whose findings count and list, so that every build may say something else."""
_SONAME = re.compile(r"^(.+\.so)(?:\.[0-9.]+)?$")


def judging(rules: Sequence[Rule], diff: ImageDiff) -> Sequence[Rule]:
    """The rules that judge two images.

    Of two that are no pair only that is said: what else differs would be taken for the work of a minifier.
    """
    return [rule for rule in rules if rule.id == _NOT_A_PAIR] if diff.not_a_pair else rules


def findings(rules: Sequence[Rule], case: Case) -> tuple[Finding, ...]:
    """What all rules find that judge these images, worst first. Raises `PluginError` where a rule raises."""
    merged: dict[str, Finding] = {}
    for rule in judging(rules, case.diff):
        for found in _checked(rule, case):
            named = replace(found, rule=rule.id)
            marked = replace(named, fingerprint=fingerprint(named, case.owners))
            known = merged.get(marked.fingerprint)
            merged[marked.fingerprint] = _joined(known, marked) if known else marked
    return tuple(sorted(merged.values(), key=_order))


def fingerprint(finding: Finding, owners: Owners) -> str:
    """16 hex digits that a rebuild with newer packages keeps: rule, kind and name of the subject, first own node.

    Version digits of a package's path and of its sonames are replaced by `*`, never those of an application's path:
    its v1.dat and v2.dat are two things. Sizes, digests, layers and other findings never count. What misses no path is
    what it says, so that another value of a config field, or another capability of a file, is another finding.
    """
    subject = finding.subject
    if finding.subject_kind == "path" and owners.owner(image_path(subject)).kind is not OwnerKind.APPLICATION:
        soname = _SONAME.match(basename(subject))
        subject = soname[1] if soname else _DIGITS.sub("*", subject)
    first = next(
        (
            step.source
            for step in finding.evidence
            if step.source_owner is not None and step.source_owner.kind is OwnerKind.APPLICATION
        ),
        "",
    )
    text = f"{finding.rule}\0{finding.subject_kind}\0{subject}\0{first}"
    if not finding.restore and finding.subject_kind not in _GROWING:
        text += f"\0{finding.message}"
    return hashlib.sha256(encoded(text)).hexdigest()[:16]


def _checked(rule: Rule, case: Case) -> list[Finding]:
    try:
        return list(rule.check(case))
    except XraydiffError:
        raise
    except Exception as error:
        raise PluginError(f"rule {rule.id} raised {type(error).__name__}: {error}") from error


def _joined(one: Finding, other: Finding) -> Finding:
    """Equal fingerprints are one finding: the worse of the two, with the paths of both."""
    worse = min(one, other, key=_order)
    return replace(
        worse,
        count=one.count + other.count,
        restore=tuple(sorted({*one.restore, *other.restore})),
        closures=tuple(_closures(one, other)),
    )


def _closures(one: Finding, other: Finding) -> Iterator[Closure]:
    """What follows from another missing path in both findings, or is in one of them alone."""
    itself = _directly_referenced(one) | _directly_referenced(other)
    needs: dict[str, set[str]] = {}
    for closure in (*one.closures, *other.closures):
        needs.setdefault(closure.path, set()).update(closure.needs)
    for path in sorted(needs):
        left = tuple(sorted(needs[path] - itself))
        if left:
            yield Closure(path=path, needs=left)


def _directly_referenced(finding: Finding) -> set[str]:
    return set(finding.restore).difference(*(closure.needs for closure in finding.closures))


def _order(finding: Finding) -> tuple[int, int, str, str, str]:
    return -finding.severity, -finding.certainty, finding.rule, finding.subject, finding.message
