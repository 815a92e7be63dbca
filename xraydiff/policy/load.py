"""From YAML to a policy: what a schema cannot say, and the types; errors name line and field."""

from __future__ import annotations

import os  # noqa: TID251  only for the type os.PathLike of a policy file
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from xraydiff.errors import PolicyError
from xraydiff.facts import Certainty, Severity, When
from xraydiff.limits import DEFAULT, Limits
from xraydiff.paths import escaped, unescaped
from xraydiff.policy.builtin import builtin_policy_text
from xraydiff.policy.model import CONFIG, Policy, Selector, Waiver
from xraydiff.policy.patterns import is_glob
from xraydiff.policy.source import FieldPath, Source, Value, read_source
from xraydiff.report.schema import validate_policy

_RULE = re.compile(r"[A-Z]{3}(?:[0-9]{3})?")
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_GAP = re.compile(r"[a-z]+(?:-[a-z]+)*")
_SEVERITIES = {severity.word: severity for severity in sorted(Severity, reverse=True)}
_CERTAINTIES = {certainty.word: certainty for certainty in sorted(Certainty, reverse=True)}
_WHENS = {when.value: when for when in When}
_UNKNOWN = {"block": False, "allow": True}
_REPAIR = {"allow": True, "forbid": False}


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
    source = read_source(text, escaped(name), limits)
    fault = validate_policy(source.data)
    if fault is not None:
        raise source.error(fault.path, fault.message)
    return _typed(source, known_rules, name, limits)


@cache
def _builtin() -> Policy:
    # The tests hold this text against the schema; doing so in every run would cost a fifth of a second.
    return _typed(read_source(builtin_policy_text(), "built-in policy", DEFAULT), (), "", DEFAULT)


def _typed(source: Source, known_rules: Sequence[str], name: str, limits: Limits) -> Policy:
    later = _is_version(source.data, 2)
    optional = ("waivers", "unknown", "repair") if later else ("waivers",)
    top = _object(source, source.data, (), required=("version", "block"), optional=optional)
    if not later and not _is_version(source.data, 1):
        raise source.error(("version",), "must be 1 or 2")
    checker = _Checker(source=source, known=tuple(known_rules), later=later)
    block = tuple(checker.selector(value, path) for value, path in _items(source, top["block"], ("block",)))
    if not block:
        raise source.error(("block",), "must not be empty: a policy that selects nothing would pass everything")
    waivers = tuple(checker.waiver(value, path) for value, path in _items(source, top.get("waivers", []), ("waivers",)))
    _refuse_twins(source, waivers)
    _refuse_many_globs(source, waivers, limits)
    return Policy(
        block=block,
        waivers=waivers,
        name=name,
        allow_unknown=_UNKNOWN[checker.word(top.get("unknown", "block"), ("unknown",), _UNKNOWN)],
        allow_repair=_REPAIR[checker.word(top.get("repair", "allow"), ("repair",), _REPAIR)],
    )


def _is_version(data: Value, number: int) -> bool:
    """Whether a policy says that it is of this version; `true` is no number."""
    version = data.get("version") if isinstance(data, dict) else None
    return version == number and not isinstance(version, bool)


def _object(
    source: Source, value: Value, path: FieldPath, *, required: tuple[str, ...], optional: tuple[str, ...]
) -> dict[str, Value]:
    if not isinstance(value, dict):
        raise source.error(path, "must be an object")
    for key in value:
        if key not in required and key not in optional:
            raise source.error((*path, key), f"unknown key{_hint(key, (*required, *optional))}")
    for key in required:
        if key not in value:
            raise source.error((*path, key), "is missing")
    return value


def _items(source: Source, value: Value, path: FieldPath) -> Iterator[tuple[Value, FieldPath]]:
    if not isinstance(value, list):
        raise source.error(path, "must be a list")
    for index, item in enumerate(value):
        yield item, (*path, index)


def _hint(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word[:100], list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _refuse_twins(source: Source, waivers: Sequence[Waiver]) -> None:
    first: dict[tuple[str, str, str, tuple[str, ...]], int] = {}
    for index, waiver in enumerate(waivers):
        key = (waiver.fingerprint, waiver.rule, waiver.unread, tuple(sorted(waiver.patterns)))
        same = first.setdefault(key, index)
        if same != index:
            raise source.error(("waivers", index), f"waives the same as waivers[{same}]")


def _refuse_many_globs(source: Source, waivers: Sequence[Waiver], limits: Limits) -> None:
    count = 0
    for index, waiver in enumerate(waivers):
        count += sum(map(is_glob, waiver.patterns))
        if count > limits.policy_globs:
            raise source.error(("waivers", index), f"more than {limits.policy_globs} globs in all waivers so far")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checker:
    source: Source
    known: tuple[str, ...]
    later: bool
    """Whether the policy is of version 2."""

    def selector(self, value: Value, path: FieldPath) -> Selector:
        optional = ("rules", "when", "unless_asked_by")
        entry = _object(self.source, value, path, required=("severity", "certainty"), optional=optional)
        rules = self._texts(entry, path, "rules")
        whens = self._texts(entry, path, "when")
        globs = self._texts(entry, path, "unless_asked_by")
        return Selector(
            severity=_SEVERITIES[self.word(entry["severity"], (*path, "severity"), _SEVERITIES)],
            certainty=_CERTAINTIES[self.word(entry["certainty"], (*path, "certainty"), _CERTAINTIES)],
            rules=tuple(self._rule(text, at) for text, at in rules),
            when=tuple(_WHENS[self.word(text, at, _WHENS)] for text, at in whens),
            unless_asked_by=tuple(self._base_name(text, at) for text, at in globs),
        )

    def waiver(self, value: Value, path: FieldPath) -> Waiver:
        later = ("paths", "unread") if self.later else ()
        optional = ("fingerprint", "rule", "path", "expires", *later)
        entry = _object(self.source, value, path, required=("reason",), optional=optional)
        self._refuse_mixture(entry, path)
        reason = self._text(entry, path, "reason").strip()
        if not reason:
            raise self.source.error((*path, "reason"), "must not be empty")
        gap = "unread" in entry
        return Waiver(
            reason=reason,
            fingerprint=self._fingerprint(entry, path),
            rule=self._rule(self._text(entry, path, "rule"), (*path, "rule")) if "rule" in entry else "",
            path=self._pattern(self._text(entry, path, "path"), (*path, "path"), gap=gap) if "path" in entry else "",
            expires=self._day(self._text(entry, path, "expires"), (*path, "expires")) if "expires" in entry else None,
            paths=tuple(self._pattern(text, at, gap=gap) for text, at in self._texts(entry, path, "paths")),
            unread=self._gap(self._text(entry, path, "unread"), (*path, "unread")) if gap else "",
        )

    def _refuse_mixture(self, entry: dict[str, Value], path: FieldPath) -> None:
        """A waiver is of one kind; a rule and a gap need paths, of which a fingerprint may do without."""
        kinds = [key for key in ("fingerprint", "rule", "unread") if key in entry]
        places = [key for key in ("path", "paths") if key in entry]
        fits = ([], ["paths"]) if kinds == ["fingerprint"] else (["path"], ["paths"])
        if len(kinds) != 1 or places not in fits:
            named = "must name a fingerprint, or a rule and a path"
            raise self.source.error(path, f"{named}, or unread and a path" if self.later else named)

    def _text(self, entry: dict[str, Value], path: FieldPath, key: str) -> str:
        value = entry[key]
        if not isinstance(value, str):
            raise self.source.error((*path, key), "must be text")
        return value

    def _texts(self, entry: dict[str, Value], path: FieldPath, key: str) -> list[tuple[str, FieldPath]]:
        """The texts of a list that may be absent, but not empty: nothing would match it."""
        if key not in entry:
            return []
        found: list[tuple[str, FieldPath]] = []
        for value, at in _items(self.source, entry[key], (*path, key)):
            if not isinstance(value, str):
                raise self.source.error(at, "must be text")
            found.append((value, at))
        if not found:
            raise self.source.error((*path, key), "must not be empty: it would select nothing")
        return found

    def word(self, value: Value, path: FieldPath, words: Mapping[str, object]) -> str:
        if not isinstance(value, str) or value not in words:
            raise self.source.error(path, "must be one of " + ", ".join(words))
        return value

    def _rule(self, text: str, path: FieldPath) -> str:
        if not _RULE.fullmatch(text):
            raise self.source.error(path, "must be a rule id as TLS001 or a family as TLS")
        names = {*self.known, *(rule[:3] for rule in self.known)}
        if self.known and text not in names:
            raise self.source.error(path, f"unknown rule {text}{_hint(text, sorted(names))}")
        return text

    def _gap(self, text: str, path: FieldPath) -> str:
        if not _GAP.fullmatch(text):
            raise self.source.error(path, "must be the reason of a gap as too-large, or any")
        return text

    def _fingerprint(self, entry: dict[str, Value], path: FieldPath) -> str:
        if "fingerprint" not in entry:
            return ""
        text = self._text(entry, path, "fingerprint")
        if not _FINGERPRINT.fullmatch(text):
            raise self.source.error((*path, "fingerprint"), "must be sixteen hex digits")
        return text

    def _base_name(self, text: str, path: FieldPath) -> str:
        if "/" in text or not text.strip():
            raise self.source.error(path, "must be a glob of one component, without a slash")
        return text

    def _pattern(self, text: str, path: FieldPath, *, gap: bool) -> str:
        """A pattern over names; names in it are escaped as everywhere, so that one can be copied from a report."""
        if gap and text == CONFIG:
            return text
        if not text.startswith("/"):
            raise self.source.error(path, "must begin with a slash" + (", or be config" if gap else ""))
        if ".." in text.split("/"):
            raise self.source.error(path, "must not hold ..")
        try:
            return unescaped(text)
        except ValueError:
            raise self.source.error(path, r"must be escaped: \\ for a backslash, \xNN for control bytes") from None

    def _day(self, text: str, path: FieldPath) -> date:
        try:
            if _DAY.fullmatch(text):
                return date.fromisoformat(text)
        except ValueError:
            pass
        raise self.source.error(path, "must be a day as 2030-12-31")
