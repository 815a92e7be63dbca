"""What was accepted: the missing paths that waivers and a baseline were given for, and no others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from xraydiff.facts import Finding, Problem, When
from xraydiff.paths import image_path
from xraydiff.policy.model import ANY, Waiver
from xraydiff.policy.patterns import Patterns
from xraydiff.report.document import Report

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_SONAME = re.compile(r"(.+\.so)(?:\.[0-9.]+)?")
_WHENS = {When.START: 0, When.USE: 1, When.OPERATE: 2, None: 3}
_OF_ITSELF = frozenset({"path", "user", "config", "image"})
"""Kinds of a subject that is one thing; a group or a package grows by what else goes missing."""


class Missed:
    """What one finding misses, by canonical paths, and what of it only follows from another missing path."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        subject = finding.subject
        self.subject = image_path(subject) if subject.startswith("/") else subject
        self.things: frozenset[str] = frozenset(map(image_path, finding.restore)) or frozenset({self.subject})
        """The missing paths; of a finding that misses none, its subject."""
        self._needs: dict[str, frozenset[str]] = {
            image_path(one.path): frozenset(map(image_path, one.needs)) for one in finding.closures
        }

    def with_needs(self, paths: set[str]) -> frozenset[str]:
        """Paths of the finding, with those that only they need."""
        return self.things.intersection(paths.union(*(self._needs.get(path, frozenset()) for path in paths)))

    def at(self, patterns: Patterns) -> frozenset[str]:
        """The paths at some patterns, without what these need in turn."""
        return frozenset(path for path in self.things if path.startswith("/") and patterns.covers(path))

    def at_or_needed(self, patterns: Patterns) -> frozenset[str]:
        """The paths at some patterns, with those that only they need."""
        asked = {path for path in self._needs if patterns.covers(path)}
        return self.with_needs(asked | self.at(patterns))

    def of_subject(self) -> frozenset[str]:
        """What the finding is named after: a path with what only it needs, or the user or config field it is about."""
        kind = self.finding.subject_kind
        if kind != "path" and (kind in _OF_ITSELF or not self.finding.restore):
            return self.things
        return self.with_needs({self.subject})


@dataclass(frozen=True, slots=True, kw_only=True)
class Waived:
    """What the waivers of a policy accept of one finding."""

    things: frozenset[str]
    reason: str
    """Of those that accept any of it, in the policy's order."""


class Waivers:
    """The waivers of a policy on one day, and which of them waived something."""

    def __init__(self, waivers: Sequence[Waiver], today: date) -> None:
        self._waivers = waivers
        self._patterns = [Patterns(waiver.patterns) for waiver in waivers]
        self._expired = {i for i, w in enumerate(waivers) if w.expires is not None and w.expires < today}
        self._used: set[int] = set()
        self._by_name: dict[str, list[int]] = {}
        for index, waiver in enumerate(waivers):
            if index not in self._expired:
                name = waiver.fingerprint or waiver.rule or f"unread {waiver.unread}"
                self._by_name.setdefault(name, []).append(index)

    def of_finding(self, missed: Missed) -> Waived:
        """What of a finding is accepted."""
        finding = missed.finding
        things: frozenset[str] = frozenset()
        reasons: list[str] = []
        for index in self._named(finding.fingerprint, finding.rule, finding.rule[:3]):
            covered = self._covered(index, missed)
            if covered:
                things |= covered
                reasons.append(self._taken(index))
        return Waived(things=things, reason="; ".join(reasons))

    def of_gap(self, gap: Problem) -> str:
        """Why a gap is accepted; empty where it is not."""
        for index in self._named(f"unread {gap.code}", f"unread {ANY}"):
            patterns = self._patterns[index]
            if patterns.covers(image_path(gap.path)) if gap.path else patterns.config:
                return self._taken(index)
        return ""

    def notes(self) -> Iterator[str]:
        """Expired and unused waivers, in the policy's order."""
        for index, waiver in enumerate(self._waivers):
            if index in self._expired:
                yield f"waivers[{index}] expired on {waiver.expires}"
            elif index not in self._used:
                yield f"waivers[{index}] waives nothing that would be blocked"

    def _named(self, *names: str) -> list[int]:
        return sorted({index for name in names for index in self._by_name.get(name, ())})

    def _covered(self, index: int, missed: Missed) -> frozenset[str]:
        waiver, patterns = self._waivers[index], self._patterns[index]
        if waiver.rule:
            return missed.at_or_needed(patterns)
        return missed.at(patterns) if waiver.patterns else missed.of_subject()

    def _taken(self, index: int) -> str:
        self._used.add(index)
        waiver = self._waivers[index]
        until = f" (until {waiver.expires})" if waiver.expires else ""
        return f"waivers[{index}]: {waiver.reason}{until}"


class Baseline:
    """What an earlier report holds already, finding by finding and path by path."""

    def __init__(self, earlier: Report, report: Report) -> None:
        self._versions = (_Versions(earlier), _Versions(report))
        self._by_fingerprint = {finding.fingerprint: Missed(finding) for finding in earlier.findings}
        self._by_asker: dict[tuple[str, str, str], list[Finding]] = {}
        for missed in self._by_fingerprint.values():
            asker = _asker(missed.finding)
            for path in missed.things if asker and missed.finding.restore else ():
                self._by_asker.setdefault((missed.finding.rule, asker, path), []).append(missed.finding)

    def difference(self, finding: Finding) -> str:
        """Why a finding is not accepted although one of its fingerprint is known; empty where none is."""
        same = self._by_fingerprint.get(finding.fingerprint)
        if same is None:
            return ""
        worse = _worse(finding, same.finding)
        return "worse than in the baseline" if worse else "in the baseline it is about something else"

    def covered(self, missed: Missed) -> frozenset[str]:
        """What of a finding it holds, no milder than today.

        Beside the finding of the same fingerprint those count by which the same file asks in the same way: when some of
        the paths are back, a finding is named after another one.
        """
        finding, things = missed.finding, missed.things
        same = self._by_fingerprint.get(finding.fingerprint)
        if same is not None and _worse(finding, same.finding):
            same = None
        if not finding.restore:
            return things if same is not None and same.finding.message == finding.message else frozenset()
        kept = same.things if same is not None and same.finding.restore else frozenset()
        held = frozenset(path for path in things if path in kept or self._is_asked_for(path, finding))
        return held | self._renamed(kept - things, things - held)

    def _is_asked_for(self, path: str, finding: Finding) -> bool:
        known = self._by_asker.get((finding.rule, _asker(finding), path), ())
        return any(not _worse(finding, one) for one in known)

    def _renamed(self, gone: frozenset[str], new: frozenset[str]) -> frozenset[str]:
        """New paths that bear the new version in the place of an old one: no more than went, of updated packages."""
        before, after = self._versions
        left = Counter(before.name(path) for path in gone)
        found: set[str] = set()
        for path in sorted(new):
            name = after.name(path)
            if name is not None and left[name] and before.of(name[0]) != after.of(name[0]):
                left[name] -= 1
                found.add(path)
        return frozenset(found)


class _Versions:
    """The packages of the removed paths of a report, with their versions."""

    def __init__(self, report: Report) -> None:
        # All of node_modules goes by the name of npm, whose version is not theirs.
        changes = (change for change in report.removed if change.package and "/node_modules/" not in change.path)
        self._packages = {change.path: _NUMBER.sub("*", change.package) for change in changes}
        self._held: dict[str, set[str]] = {}
        for package in report.original_inventory.packages:
            epoch, _, version = package.version.rpartition(":")
            self._held.setdefault(_NUMBER.sub("*", package.name), set()).add(version or epoch)

    def name(self, path: str) -> tuple[str, str] | None:
        """Package and path, without the digits that are the package's version; None for what is of no package."""
        package = self._packages.get(path)
        if package is None:
            return None
        soname = _SONAME.fullmatch(path)
        versions = self.of(package)
        folded = soname[1] if soname else _NUMBER.sub(lambda m: "*" if _begins(versions, m[0]) else m[0], path)
        return package, folded

    def of(self, package: str) -> frozenset[str]:
        """The versions of the packages of a name without digits."""
        return frozenset(self._held.get(package, ()))


def _begins(versions: frozenset[str], number: str) -> bool:
    """Whether one of the versions is a number, or begins with it as `3.11.2` with `3.11`."""
    return any(version == number or version.startswith(tuple(number + end for end in ".-+~")) for version in versions)


def _asker(finding: Finding) -> str:
    return finding.evidence[-1].source if finding.evidence else ""


def _worse(today: Finding, earlier: Finding) -> bool:
    """Whether a finding is graver, surer, or would be noticed earlier than it was."""
    return (
        today.severity > earlier.severity
        or today.certainty > earlier.certainty
        or _WHENS[today.when] < _WHENS[earlier.when]
    )
