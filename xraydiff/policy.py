"""May it pass: a policy, read from YAML with the line of every field, and its verdict on a report."""

from __future__ import annotations

import os  # noqa: TID251  only for the type os.PathLike of a policy file
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from xraydiff.errors import PolicyError
from xraydiff.facts import Certainty, Decision, Finding, Severity, Verdict, When
from xraydiff.limits import DEFAULT, Limits
from xraydiff.paths import basename, escaped, image_path, unescaped
from xraydiff.report.document import Report
from xraydiff.report.schema import validate_policy, where
from xraydiff.tree.glob import matches

if TYPE_CHECKING:
    import yaml

__all__ = ["Policy", "Selector", "Waiver", "builtin_policy_text", "evaluate", "load_policy", "parse_policy"]

_BUILTIN = """\
# The policy that holds where no other is given. A finding is blocked when one entry of `block` selects it, and an entry
# selects a finding when all of its keys hold. An image that was not read whole never passes, whatever stands here.
version: 1
block:
  - severity: high
    certainty: likely
  # Certificates and TLS fail late and far from their cause, so a mere possibility is enough, but for what the
  # libraries ask of each other.
  - rules: [CRT, TLS]
    severity: high
    certainty: possible
    when: [start, use, operate]
    unless_asked_by:
      - libssl.so*
      - libssl-*.so*
      - libcrypto.so*
      - libcrypto-*.so*
      - libc.so*
      - libc-*.so
      - libc.musl-*.so*
      - ld-musl-*.so*
waivers: []
# A waiver accepts a finding, by its fingerprint or by rule and path, for a reason and perhaps until a day:
#   - fingerprint: 0123456789abcdef
#     reason: the plug-in is switched off in production
#     expires: 2030-12-31
#   - rule: SHL
#     path: /bin/**
#     reason: nobody logs in
"""

_RULE = re.compile(r"[A-Z]{3}(?:[0-9]{3})?")
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SEVERITIES = {severity.word: severity for severity in sorted(Severity, reverse=True)}
_CERTAINTIES = {certainty.word: certainty for certainty in sorted(Certainty, reverse=True)}
_WHENS = {when.value: when for when in When}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """An entry of `block`: all of it must hold."""

    severity: Severity
    """At least."""
    certainty: Certainty
    """At least."""
    rules: tuple[str, ...] = ()
    """Ids or families; every rule where empty."""
    when: tuple[When, ...] = ()
    """Every finding where empty, hygiene too."""
    unless_asked_by: tuple[str, ...] = ()
    """Globs for the base name of the file that asks for the missing one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """Findings that are accepted: one by its fingerprint, or those of a rule at a path."""

    reason: str
    fingerprint: str = ""
    rule: str = ""
    path: str = ""
    """A glob over ImagePaths."""
    expires: date | None = None
    """The last day on which it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which findings block a merge, and which of these are accepted."""

    block: tuple[Selector, ...]
    waivers: tuple[Waiver, ...] = ()
    name: str = ""
    """Base name of its file, empty for the built-in one."""


def builtin_policy_text() -> str:
    """The policy that holds where no other is given, as YAML to start from."""
    return _BUILTIN


def load_policy(
    path: str | os.PathLike[str] | None = None, *, known_rules: Sequence[str] = (), limits: Limits = DEFAULT
) -> Policy:
    """The policy of a file, or the built-in one.

    With `known_rules` a rule or family that is not among them is an error. Raises `PolicyError` with line and field.
    """
    if path is None:
        return _builtin()
    file = Path(path)
    try:
        with file.open("rb") as stream:
            raw = stream.read(limits.policy + 1)
    except OSError as error:
        raise PolicyError(f"{escaped(file.name)}: {error.strerror}") from error
    return parse_policy(raw, name=file.name, known_rules=known_rules, limits=limits)


def parse_policy(
    text: str | bytes, *, name: str = "policy", known_rules: Sequence[str] = (), limits: Limits = DEFAULT
) -> Policy:
    """The policy of a YAML or JSON text. Raises `PolicyError`: `NAME: line 4: waivers[2].expires: ...`."""
    source = _read(text, escaped(name), limits)
    fault = validate_policy(source.data)
    if fault is not None:
        raise source.error(fault.path, fault.message)
    return _typed(source, known_rules, name)


@cache
def _builtin() -> Policy:
    # The tests hold this text against the schema; doing so in every run would cost a fifth of a second.
    return _typed(_read(_BUILTIN, "built-in policy", DEFAULT), (), "")


# --- YAML with lines --------------------------------------------------------------------------------------------------

_Scalar = str | int | bool | None
_Value = _Scalar | list["_Value"] | dict[str, "_Value"]
_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What a policy text says, and where each field of it stands."""

    name: str
    data: _Value
    lines: Mapping[_Path, int]

    def error(self, path: Sequence[str | int], message: str) -> PolicyError:
        """An error at the nearest field that has a line."""
        known = tuple(path)
        while known and known not in self.lines:
            known = known[:-1]
        line = f"line {self.lines[known]}: " if known in self.lines else ""
        field_name = f"{where(path)}: " if path else ""
        return PolicyError(f"{self.name}: {line}{field_name}{message}")


@dataclass(slots=True, kw_only=True)
class _Open:
    """A collection that is being read; `key` is the one that waits for its value."""

    value: list[_Value] | dict[str, _Value]
    path: _Path
    key: str | None = None


@dataclass(slots=True, kw_only=True)
class _Builder:
    """Makes data of parser events: no aliases, tags, duplicate keys or depth, which PyYAML's own composer allows."""

    name: str
    depth: int
    lines: dict[_Path, int] = field(default_factory=dict)
    stack: list[_Open] = field(default_factory=list)
    data: _Value = None
    documents: int = 0

    def take(self, event: yaml.Event) -> None:
        import yaml

        line = event.start_mark.line + 1 if event.start_mark else 0
        match event:
            case yaml.AliasEvent():
                raise self._error(line, "aliases are not used in a policy")
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise self._error(line, "a second document begins here; a policy is one")
            case yaml.ScalarEvent():
                self._scalar(event, line)
            case yaml.SequenceStartEvent():
                self._open([], event, line)
            case yaml.MappingStartEvent():
                self._open({}, event, line)
            case yaml.CollectionEndEvent():
                self.stack.pop()
            case _:
                pass

    def _open(self, value: list[_Value] | dict[str, _Value], event: yaml.CollectionStartEvent, line: int) -> None:
        if event.tag is not None:
            raise self._error(line, "tags are not used in a policy")
        if len(self.stack) >= self.depth:
            raise self._error(line, f"nested deeper than {self.depth} levels")
        path = self._place(value, line)
        self.stack.append(_Open(value=value, path=path))

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        if event.tag is not None:
            raise self._error(line, "tags are not used in a policy")
        top = self.stack[-1] if self.stack else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            path = (*top.path, event.value)
            if event.value in top.value:
                raise self._error(line, f"{where(path)}: is given twice, first on line {self.lines[path]}")
            self.lines[path] = line
            top.key = event.value
        else:
            self._place(_plain(event.value) if event.implicit[0] else event.value, line)

    def _place(self, value: _Value, line: int) -> _Path:
        """Put a value where it belongs, and say where that is."""
        if not self.stack:
            self.data = value
            self.lines[()] = line
            return ()
        top = self.stack[-1]
        if isinstance(top.value, list):
            path: _Path = (*top.path, len(top.value))
            top.value.append(value)
            self.lines[path] = line
            return path
        if top.key is None:
            raise self._error(line, "a key must be text")
        path = (*top.path, top.key)
        top.value[top.key] = value
        top.key = None
        return path

    def _error(self, line: int, message: str) -> PolicyError:
        return PolicyError(f"{self.name}: line {line}: {message}")


def _plain(text: str) -> _Scalar:
    """A scalar without quotes, by YAML 1.2's core schema: `no` is a word, and a fingerprint of digits stays text."""
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"0|[1-9][0-9]{0,8}", text, re.ASCII) else text


def _read(text: str | bytes, name: str, limits: Limits) -> _Source:
    import yaml

    if len(text) > limits.policy:
        raise PolicyError(f"{name}: larger than {limits.policy} bytes")
    try:
        plain = text.decode("utf-8-sig") if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        raise PolicyError(f"{name}: not UTF-8 at byte {error.start}") from None
    if plain.lstrip().startswith("{"):
        # JSON may be indented by tabs, which YAML forbids; within its strings no raw tab can stand.
        plain = plain.replace("\t", " ")
    builder = _Builder(name=name, depth=limits.json_depth)
    try:
        for event in yaml.parse(plain, Loader=yaml.SafeLoader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise PolicyError(f"{name}: {line}not YAML: {escaped(error.problem or error.context or '')}") from None
    except (yaml.YAMLError, ValueError, OverflowError):
        # PyYAML's scanner lets chr() fail for escapes beyond Unicode, and refuses control characters without a line.
        raise PolicyError(f"{name}: not YAML: a character that cannot stand in a text") from None
    if builder.data is None:
        raise PolicyError(f"{name}: is empty")
    return _Source(name=name, data=builder.data, lines=builder.lines)


# --- typed code: what a schema cannot say, and the types --------------------------------------------------------------


def _typed(source: _Source, known_rules: Sequence[str], name: str) -> Policy:
    top = _object(source, source.data, (), required=("version", "block"), optional=("waivers",))
    if top["version"] != 1 or isinstance(top["version"], bool):
        raise source.error(("version",), "must be 1")
    checker = _Checker(source=source, known=tuple(known_rules))
    block = tuple(checker.selector(value, path) for value, path in _items(source, top["block"], ("block",)))
    if not block:
        raise source.error(("block",), "must not be empty: a policy that selects nothing would pass everything")
    waivers = tuple(checker.waiver(value, path) for value, path in _items(source, top.get("waivers", []), ("waivers",)))
    _refuse_twins(source, waivers)
    return Policy(block=block, waivers=waivers, name=name)


def _object(
    source: _Source, value: _Value, path: _Path, *, required: tuple[str, ...], optional: tuple[str, ...]
) -> dict[str, _Value]:
    if not isinstance(value, dict):
        raise source.error(path, "must be an object")
    for key in value:
        if key not in required and key not in optional:
            raise source.error((*path, key), f"unknown key{_hint(key, (*required, *optional))}")
    for key in required:
        if key not in value:
            raise source.error((*path, key), "is missing")
    return value


def _items(source: _Source, value: _Value, path: _Path) -> Iterator[tuple[_Value, _Path]]:
    if not isinstance(value, list):
        raise source.error(path, "must be a list")
    for index, item in enumerate(value):
        yield item, (*path, index)


def _hint(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word[:100], list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _refuse_twins(source: _Source, waivers: Sequence[Waiver]) -> None:
    first: dict[tuple[str, str, str], int] = {}
    for index, waiver in enumerate(waivers):
        same = first.setdefault((waiver.fingerprint, waiver.rule, waiver.path), index)
        if same != index:
            raise source.error(("waivers", index), f"waives the same as waivers[{same}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checker:
    source: _Source
    known: tuple[str, ...]

    def selector(self, value: _Value, path: _Path) -> Selector:
        optional = ("rules", "when", "unless_asked_by")
        entry = _object(self.source, value, path, required=("severity", "certainty"), optional=optional)
        rules = self._texts(entry, path, "rules")
        whens = self._texts(entry, path, "when")
        globs = self._texts(entry, path, "unless_asked_by")
        return Selector(
            severity=_SEVERITIES[self._word(entry["severity"], (*path, "severity"), _SEVERITIES)],
            certainty=_CERTAINTIES[self._word(entry["certainty"], (*path, "certainty"), _CERTAINTIES)],
            rules=tuple(self._rule(text, at) for text, at in rules),
            when=tuple(_WHENS[self._word(text, at, _WHENS)] for text, at in whens),
            unless_asked_by=tuple(self._base_name(text, at) for text, at in globs),
        )

    def waiver(self, value: _Value, path: _Path) -> Waiver:
        optional = ("fingerprint", "rule", "path", "expires")
        entry = _object(self.source, value, path, required=("reason",), optional=optional)
        if ("fingerprint" in entry) == ("path" in entry) or ("rule" in entry) != ("path" in entry):
            raise self.source.error(path, "must name a fingerprint, or a rule and a path")
        reason = self._text(entry, path, "reason").strip()
        if not reason:
            raise self.source.error((*path, "reason"), "must not be empty")
        return Waiver(
            reason=reason,
            fingerprint=self._fingerprint(entry, path),
            rule=self._rule(self._text(entry, path, "rule"), (*path, "rule")) if "rule" in entry else "",
            path=self._glob(self._text(entry, path, "path"), (*path, "path")) if "path" in entry else "",
            expires=self._day(self._text(entry, path, "expires"), (*path, "expires")) if "expires" in entry else None,
        )

    def _text(self, entry: dict[str, _Value], path: _Path, key: str) -> str:
        value = entry[key]
        if not isinstance(value, str):
            raise self.source.error((*path, key), "must be text")
        return value

    def _texts(self, entry: dict[str, _Value], path: _Path, key: str) -> list[tuple[str, _Path]]:
        """The texts of a list that may be absent, but not empty: nothing would match it."""
        if key not in entry:
            return []
        found: list[tuple[str, _Path]] = []
        for value, at in _items(self.source, entry[key], (*path, key)):
            if not isinstance(value, str):
                raise self.source.error(at, "must be text")
            found.append((value, at))
        if not found:
            raise self.source.error((*path, key), "must not be empty: it would select nothing")
        return found

    def _word(self, value: _Value, path: _Path, words: Mapping[str, object]) -> str:
        if not isinstance(value, str) or value not in words:
            raise self.source.error(path, "must be one of " + ", ".join(words))
        return value

    def _rule(self, text: str, path: _Path) -> str:
        if not _RULE.fullmatch(text):
            raise self.source.error(path, "must be a rule id as TLS001 or a family as TLS")
        names = {*self.known, *(rule[:3] for rule in self.known)}
        if self.known and text not in names:
            raise self.source.error(path, f"unknown rule {text}{_hint(text, sorted(names))}")
        return text

    def _fingerprint(self, entry: dict[str, _Value], path: _Path) -> str:
        if "fingerprint" not in entry:
            return ""
        text = self._text(entry, path, "fingerprint")
        if not _FINGERPRINT.fullmatch(text):
            raise self.source.error((*path, "fingerprint"), "must be sixteen hex digits")
        return text

    def _base_name(self, text: str, path: _Path) -> str:
        if "/" in text or not text.strip():
            raise self.source.error(path, "must be a glob of one component, without a slash")
        return text

    def _glob(self, text: str, path: _Path) -> str:
        """A pattern over names; names in it are escaped as everywhere, so that one can be copied from a report."""
        if not text.startswith("/"):
            raise self.source.error(path, "must begin with a slash")
        if ".." in text.split("/"):
            raise self.source.error(path, "must not hold ..")
        try:
            return unescaped(text)
        except ValueError:
            raise self.source.error(path, r"must be escaped: \\ for a backslash, \xNN for control bytes") from None

    def _day(self, text: str, path: _Path) -> date:
        try:
            if _DAY.fullmatch(text):
                return date.fromisoformat(text)
        except ValueError:
            pass
        raise self.source.error(path, "must be a day as 2030-12-31")


# --- the verdict ------------------------------------------------------------------------------------------------------


def evaluate(report: Report, policy: Policy, *, today: date, baseline: Report | None = None) -> Verdict:
    """What a policy says of a report on a day: every finding is decided with a reason.

    A report that is not complete never passes, nor one that a rule named by the policy did not look at. With a
    `baseline`, findings that it holds already, no less severe and no less certain, are not blocked.
    """
    accepted = {finding.fingerprint: finding for finding in baseline.findings} if baseline else {}
    waivers = _Waivers(policy.waivers, today)
    decisions = tuple(_decided(finding, policy, waivers, accepted) for finding in report.findings)
    blind = [] if report.summary.identical else list(_rules_that_did_not_run(report, policy))
    notes = [*_incomplete(report), *blind, *waivers.notes()]
    return Verdict(
        passed=report.complete and not blind and not any(decision.blocked for decision in decisions),
        complete=report.complete,
        decisions=decisions,
        notes=tuple(notes),
    )


def _decided(finding: Finding, policy: Policy, waivers: _Waivers, accepted: Mapping[str, Finding]) -> Decision:
    mark = finding.fingerprint
    index = next((i for i, entry in enumerate(policy.block) if _selects(entry, finding)), None)
    if index is None:
        return Decision(fingerprint=mark, blocked=False, reason="no entry of the policy selects it")
    waived = waivers.reason(finding)
    if waived:
        return Decision(fingerprint=mark, blocked=False, reason=waived, waived=True)
    entry = f"block[{index}]: {_described(policy.block[index])}"
    known = accepted.get(mark)
    if known is None:
        return Decision(fingerprint=mark, blocked=True, reason=entry)
    if finding.severity > known.severity or finding.certainty > known.certainty:
        return Decision(fingerprint=mark, blocked=True, reason=f"{entry}; worse than in the baseline")
    return Decision(fingerprint=mark, blocked=False, reason="in the baseline")


def _selects(entry: Selector, finding: Finding) -> bool:
    if finding.severity < entry.severity or finding.certainty < entry.certainty:
        return False
    if entry.rules and finding.rule not in entry.rules and finding.rule[:3] not in entry.rules:
        return False
    if entry.when and finding.when not in entry.when:
        return False
    if not entry.unless_asked_by or not finding.evidence:
        return True
    asker = "/" + basename(finding.evidence[-1].source)
    return not any(matches(asker, f"/{pattern}") for pattern in entry.unless_asked_by)


def _described(entry: Selector) -> str:
    text = f"severity {entry.severity.word} or more, certainty {entry.certainty.word} or more"
    return f"{text}, {' or '.join(entry.rules)}" if entry.rules else text


def _incomplete(report: Report) -> Iterator[str]:
    if not report.complete:
        yield "an image was not read whole, so nothing can pass"


def _rules_that_did_not_run(report: Report, policy: Policy) -> Iterator[str]:
    ran = {*report.rules, *(rule[:3] for rule in report.rules)}
    for index, entry in enumerate(policy.block):
        for rule in entry.rules:
            if rule not in ran:
                yield f"block[{index}].rules: {rule} did not run for this report, so it cannot pass"


class _Waivers:
    """The waivers of a policy on one day, and which of them waived something."""

    def __init__(self, waivers: Sequence[Waiver], today: date) -> None:
        self._waivers = waivers
        self._expired = {i for i, w in enumerate(waivers) if w.expires is not None and w.expires < today}
        self._used: set[int] = set()
        self._by_name: dict[str, list[int]] = {}
        for index, waiver in enumerate(waivers):
            if index not in self._expired:
                self._by_name.setdefault(waiver.fingerprint or waiver.rule, []).append(index)

    def reason(self, finding: Finding) -> str:
        """Why the finding is waived; empty where it is not."""
        for name in (finding.fingerprint, finding.rule, finding.rule[:3]):
            for index in self._by_name.get(name, ()):
                waiver = self._waivers[index]
                if waiver.fingerprint or _lies_at(finding, waiver.path):
                    self._used.add(index)
                    until = f" (until {waiver.expires})" if waiver.expires else ""
                    return f"waivers[{index}]: {waiver.reason}{until}"
        return ""

    def notes(self) -> Iterator[str]:
        """Expired and unused waivers, in the policy's order."""
        for index, waiver in enumerate(self._waivers):
            if index in self._expired:
                yield f"waivers[{index}] expired on {waiver.expires}"
            elif index not in self._used:
                yield f"waivers[{index}] waives nothing that would be blocked"


def _lies_at(finding: Finding, pattern: str) -> bool:
    """Whether the finding's subject, or all that it misses where that is no path, matches; by canonical paths."""
    paths = [finding.subject] if finding.subject.startswith("/") else list(finding.restore)
    return bool(paths) and all(matches(image_path(path), pattern) for path in paths)
