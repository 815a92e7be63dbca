"""What was lost: two trees and two configs become one ImageDiff."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from xraydiff.facts import File
from xraydiff.paths import ImagePath


class ChangeKind(StrEnum):
    """What happened to a path between the original and the slim image."""

    REMOVED = "removed"
    ADDED = "added"
    CHANGED = "changed"
    MOVED = "moved"
    """Removed here and added elsewhere with the same content; listed under its old path."""


class Aspect(StrEnum):
    """What of a changed file differs."""

    CONTENT = "content"
    MODE = "mode"
    OWNER = "owner"
    XATTR = "xattr"
    TYPE = "type"
    TARGET = "target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One path that differs."""

    path: ImagePath
    kind: ChangeKind
    before: File | None = None
    """None for an added path."""
    after: File | None = None
    """None for a removed path."""
    aspects: tuple[Aspect, ...] = ()
    moved_to: ImagePath | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChange:
    """One field of the config, or one key of `env` and `labels` (`env.PATH`), that differs."""

    field: str
    before: str | None
    """Canonical JSON of the value (`["sh","-c","x"]`); None where it is absent."""
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDiff:
    """The difference of an image and its slimmed twin; every tuple sorted by path or field."""

    kept: tuple[ImagePath, ...]
    """Paths in both images, changed ones included."""
    removed: tuple[Change, ...]
    added: tuple[Change, ...]
    changed: tuple[Change, ...]
    moved: tuple[Change, ...]
    config: tuple[ConfigChange, ...]
    layers: tuple[int, int]
    files: tuple[int, int]
    """Paths in each image that are no directory."""
    bytes: tuple[int, int]
    """Bytes of regular files, each hard-linked file once."""
    identical: bool = False
    """The same image twice (same config digest, or nothing differs at all)."""
    not_a_pair: tuple[str, ...] = ()
    """Reasons why the second image cannot be the slimmed first one; the walk does not run then."""
