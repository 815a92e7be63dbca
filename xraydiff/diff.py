"""What was lost: two trees and two configs become one ImageDiff."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from xraydiff.conventions import ELF_MAGIC
from xraydiff.errors import LimitExceeded
from xraydiff.facts import File, FileType, ImageConfig
from xraydiff.image.config import canonical
from xraydiff.limits import DEFAULT, MIB, Limits
from xraydiff.paths import ImagePath
from xraydiff.tree import FileTree


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


def compare_trees(
    original: FileTree,
    slim: FileTree,
    original_config: ImageConfig,
    slim_config: ImageConfig,
    *,
    layers: tuple[int, int] = (0, 0),
    digests: tuple[str, str] = ("", ""),
    limits: Limits = DEFAULT,
) -> ImageDiff:
    """The difference of two images; `layers` are their counts of layers, `digests` those of their configs.

    A path stands in one of `removed`, `added` and `moved` at most, `changed` is part of `kept`. Content is compared
    only between regular files of equal size; files larger than `Limits.file`, which are a problem of their tree, count
    as changed. Raises `ImageError` where content cannot be read any more.
    """
    same_image = bool(digests[0]) and digests[0] == digests[1]
    kept = tuple(path for path in original.files if path in slim.files)
    removed = [path for path in original.files if path not in slim.files]
    added = [path for path in slim.files if path not in original.files]
    moved = _moved(original, slim, removed, added)
    arrived = set(moved.values())
    diff = ImageDiff(
        kept=kept,
        removed=tuple(
            Change(path=path, kind=ChangeKind.REMOVED, before=original.files[path])
            for path in removed
            if path not in moved
        ),
        added=tuple(
            Change(path=path, kind=ChangeKind.ADDED, after=slim.files[path]) for path in added if path not in arrived
        ),
        changed=() if same_image else tuple(_changed(original, slim, kept, limits)),
        moved=tuple(
            Change(path=old, kind=ChangeKind.MOVED, before=original.files[old], after=slim.files[new], moved_to=new)
            for old, new in moved.items()
        ),
        config=_config_changes(original_config, slim_config),
        layers=layers,
        files=(count_files(original), count_files(slim)),
        bytes=(count_bytes(original), count_bytes(slim)),
    )
    nothing = not (diff.removed or diff.added or diff.changed or diff.moved or diff.config)
    reasons = tuple(_not_a_pair(original, slim, original_config, slim_config, diff))
    return replace(diff, identical=same_image or nothing, not_a_pair=reasons)


# --- files ------------------------------------------------------------------------------------------------------------


def _changed(original: FileTree, slim: FileTree, kept: tuple[ImagePath, ...], limits: Limits) -> Iterator[Change]:
    contents = _Contents(original, slim, limits.file)
    for path in kept:
        before, after = original.files[path], slim.files[path]
        aspects = tuple(sorted(_aspects(before, after)))
        if Aspect.CONTENT not in aspects and contents.differ(path, before, after):
            aspects = tuple(sorted((*aspects, Aspect.CONTENT)))
        if aspects:
            yield Change(path=path, kind=ChangeKind.CHANGED, before=before, after=after, aspects=aspects)


def _aspects(before: File, after: File) -> Iterator[Aspect]:
    """What differs without a look at the content; a symlink's own mode means nothing (symlink(7))."""
    if before.type is not after.type:
        yield Aspect.TYPE
    elif before.target != after.target:
        yield Aspect.TARGET
    elif before.size != after.size or before.device != after.device:
        yield Aspect.CONTENT
    if before.mode & 0o7777 != after.mode & 0o7777 and FileType.SYMLINK not in (before.type, after.type):
        yield Aspect.MODE
    if (before.uid, before.gid) != (after.uid, after.gid):
        yield Aspect.OWNER
    if before.xattrs != after.xattrs:
        yield Aspect.XATTR


class _Contents:
    """Compares the bytes of one path in two trees; names of one inode in both are compared once.

    Comparing takes a third of the time of hashing both sides and ends at the first difference.
    """

    def __init__(self, original: FileTree, slim: FileTree, largest: int) -> None:
        self._original = original
        self._slim = slim
        self._largest = largest
        self._known: dict[tuple[int, int], bool] = {}

    def differ(self, path: ImagePath, before: File, after: File) -> bool:
        if before.type is not FileType.FILE or after.type is not FileType.FILE or not before.size:
            return False
        if before.size > self._largest:
            return True
        inodes = before.inode, after.inode
        known = self._known.get(inodes)
        if known is None:
            known = not self._equal(path, before.size)
            if all(inodes):
                self._known[inodes] = known
        return known

    def _equal(self, path: ImagePath, size: int) -> bool:
        for offset in range(0, size, MIB):
            if self._original.read_at(path, offset, MIB) != self._slim.read_at(path, offset, MIB):
                return False
        return True


def _moved(
    original: FileTree, slim: FileTree, removed: list[ImagePath], added: list[ImagePath]
) -> dict[ImagePath, ImagePath]:
    """Old to new path of the regular files that both images hold under different names, where there is one choice."""
    sizes = {file.size for path in added if _has_content(file := slim.files[path])}
    old = _by_digest(original, removed, sizes)
    new = _by_digest(slim, added, {original.files[path].size for paths in old.values() for path in paths})
    return {
        paths[0]: new[digest][0] for digest, paths in old.items() if len(paths) == 1 and len(new.get(digest, ())) == 1
    }


def _by_digest(tree: FileTree, paths: list[ImagePath], sizes: set[int]) -> dict[str, list[ImagePath]]:
    found: dict[str, list[ImagePath]] = defaultdict(list)
    for path in paths:
        file = tree.files[path]
        if file.size in sizes and _has_content(file):
            digest = _digest(tree, path)
            if digest:
                found[digest].append(path)
    return found


def _digest(tree: FileTree, path: ImagePath) -> str:
    """The digest, or nothing for a file that is too large to be read, which equals no other then."""
    try:
        return tree.digest(path)
    except LimitExceeded:
        return ""


def _has_content(file: File) -> bool:
    return file.type is FileType.FILE and file.size > 0


def count_files(tree: FileTree) -> int:
    """Paths that are no directory."""
    return sum(file.type is not FileType.DIRECTORY for file in tree.files.values())


def count_bytes(tree: FileTree) -> int:
    """Bytes of regular files, each hard-linked file once."""
    sizes = {file.inode or path: file.size for path, file in tree.files.items() if file.type is FileType.FILE}
    return sum(sizes.values())


# --- configs ----------------------------------------------------------------------------------------------------------


def _config_changes(original: ImageConfig, slim: ImageConfig) -> tuple[ConfigChange, ...]:
    before: Mapping[str, str] = dict(canonical(original))
    after: Mapping[str, str] = dict(canonical(slim))
    return tuple(
        ConfigChange(field=field, before=before.get(field), after=after.get(field))
        for field in sorted(before.keys() | after.keys())
        if before.get(field) != after.get(field)
    )


# --- is it a pair at all ----------------------------------------------------------------------------------------------


def _not_a_pair(
    original: FileTree, slim: FileTree, original_config: ImageConfig, slim_config: ImageConfig, diff: ImageDiff
) -> Iterator[str]:
    """Reasons why the second image cannot be the slimmed first one (DESIGN.md section 1)."""
    if diff.files[1] == 0:
        yield "the slim image holds no file"
    if diff.bytes[1] > diff.bytes[0]:
        yield f"the slim image is larger than the original ({diff.bytes[1]} bytes, {diff.bytes[0]}): arguments swapped?"
    mine, other = original_config.platform, slim_config.platform
    for part in ("os", "architecture", "variant"):
        before, after = getattr(mine, part), getattr(other, part)
        if before and after and before != after:
            yield f"the platforms contradict: {mine}, {other}"
            break
    programs = [path for path in slim.files if _is_program(slim, path)]
    known = _known_programs(original, slim, programs)
    if 2 * known < len(programs):
        yield f"the original knows {known} of the {len(programs)} ELF files and scripts of the slim image"


def _is_program(tree: FileTree, path: ImagePath) -> bool:
    if not _has_content(tree.files[path]):
        return False
    start = tree.read_at(path, 0, 4)
    return start == ELF_MAGIC or start[:2] == b"#!"


def _known_programs(original: FileTree, slim: FileTree, programs: list[ImagePath]) -> int:
    """How many programs of the slim image the original has, by path or else by content under any name."""
    strange = [path for path in programs if path not in original.files]
    known = len(programs) - len(strange)
    if not strange or 2 * known >= len(programs):
        return known
    sizes = {slim.files[path].size for path in strange}
    twins = _by_digest(original, list(original.files), sizes)
    return known + sum(_digest(slim, path) in twins for path in strange)
