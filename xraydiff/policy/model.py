"""A policy as typed values: what blocks, what is accepted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from xraydiff.facts import Certainty, Severity, When

ANY = "any"
"""Instead of the reason of a gap: every reason."""
CONFIG = "config"
"""Instead of a path: the image config, whose gaps have none."""


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
    """Globs for the base name of the file that refers to the missing one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """What is accepted: missing paths of one finding or of a rule, or files that were not read whole."""

    reason: str
    fingerprint: str = ""
    rule: str = ""
    path: str = ""
    """A glob over ImagePaths, or `config`."""
    expires: date | None = None
    """The last day on which it holds."""
    paths: tuple[str, ...] = ()
    """ImagePaths, or globs over them, in place of `path`; of a fingerprint the only paths that are accepted."""
    unread: str = ""
    """Of a waiver of gaps: the stable word of their reason, or `any`."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """`path` or `paths`, whichever is given."""
        return (self.path,) if self.path else self.paths


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which findings and gaps block a merge, and which of these are accepted."""

    block: tuple[Selector, ...]
    waivers: tuple[Waiver, ...] = ()
    name: str = ""
    """Base name of its file, empty for the built-in one."""
    allow_unknown: bool = False
    """Whether a file that was reached and not read whole may pass (`unknown: allow`)."""
    allow_repair: bool = True
    """Whether a slim image that this policy blocks may be mended by the command that does so (`repair: allow`)."""
