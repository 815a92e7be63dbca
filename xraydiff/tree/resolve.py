"""How paths resolve inside an image: path_resolution(7) over a mapping of real paths, iterative and remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xraydiff.errors import LimitExceeded
from xraydiff.facts import File, FileType
from xraydiff.limits import DEFAULT, Limits
from xraydiff.paths import ROOT, ImagePath, image_path

_MEMO = 1 << 16
"""Directories and links remembered before the memory is emptied: names come from file content, without bound."""
_MEMO_NAME = 512
"""Longer names are not remembered, which bounds the memory in bytes too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """How a path resolves inside the image, as a kernel would find it (path_resolution(7))."""

    requested: ImagePath
    path: ImagePath | None
    """The real path: no component of it is a symlink. None where it does not resolve."""
    file: File | None
    hops: tuple[ImagePath, ...] = ()
    """The symlinks walked through, each by its own real path, in order."""
    error: str = ""
    """absent, loop, not-a-directory, or empty."""
    missing: ImagePath | None = None
    """Where it does not resolve: the first path that is not there."""


@dataclass(slots=True)
class _Walk:
    """Where a resolution stands: a real path (empty for the root), the links walked through, and why it ended."""

    at: str = ""
    hops: tuple[ImagePath, ...] = ()
    error: str = ""
    missing: ImagePath | None = None


@dataclass(slots=True)
class _Frame:
    """The components of one link text, or of the path itself, that are still to be walked, last first."""

    link: ImagePath | None
    before: int
    """Hops at the time when the link was entered, itself not counted."""
    todo: list[str]


class Resolver:
    """Resolves paths in a mapping that holds every real path of an image.

    `..` is taken physically, after links, and stays at the root as in a chroot. Hops are counted over the whole
    resolution. Directories and links are remembered, so that many look-ups cost
    what their last components cost.
    """

    def __init__(self, files: Mapping[ImagePath, File], *, limits: Limits = DEFAULT) -> None:
        self._files = files
        self._limits = limits
        self._directories: dict[str, _Walk] = {}
        self._links: dict[ImagePath, tuple[str, tuple[ImagePath, ...]]] = {}
        self._steps = 0

    def resolve(self, path: str, *, follow: bool = True) -> Resolution:
        """Resolve a path as any file may spell it; a relative one counts from the root."""
        file = self._files.get(ImagePath(path))
        if file is not None and not (follow and file.type is FileType.SYMLINK):
            # A key of the mapping is a real path already.
            return Resolution(requested=ImagePath(path), path=ImagePath(path), file=file)
        if not path:
            return Resolution(requested=ROOT, path=None, file=None, error="empty")
        requested = image_path(path)
        if len(path) > self._limits.path:
            # No kernel opens it (ENAMETOOLONG), so nothing can be there.
            return Resolution(requested=requested, path=None, file=None, error="absent", missing=requested)
        head, _, last = path.rpartition("/")
        walk = self._walk(self._directory(head), [last], follow=follow)
        if walk.error:
            return Resolution(
                requested=requested, path=None, file=None, hops=walk.hops, error=walk.error, missing=walk.missing
            )
        real = ImagePath(walk.at or "/")
        return Resolution(requested=requested, path=real, file=self._files.get(real), hops=walk.hops)

    def _directory(self, head: str) -> _Walk:
        """Where everything before the last component leads."""
        file = self._files.get(ImagePath(head))
        if file is not None and file.type is FileType.DIRECTORY:
            return _Walk(head if head != ROOT else "")
        walk = self._directories.get(head)
        if walk is None:
            walk = self._walk(_Walk(), head.split("/")[::-1], follow=True)
            if len(self._directories) >= _MEMO:
                self._directories.clear()
            if len(head) <= _MEMO_NAME:
                self._directories[head] = walk
        return walk

    def _walk(self, start: _Walk, todo: list[str], *, follow: bool) -> _Walk:
        """Walk on from `start`; a link text is walked once and remembered."""
        if start.error:
            return start
        files, links, most = self._files, self._links, self._limits.symlink_hops
        at, hops = start.at, list(start.hops)
        frames = [_Frame(link=None, before=len(hops), todo=todo)]
        while frames:
            frame = frames[-1]
            if not frame.todo:
                frames.pop()
                if frame.link is not None:
                    self._remember(frame.link, at, hops[frame.before :])
                continue
            part = frame.todo.pop()
            if at and files[ImagePath(at)].type is not FileType.DIRECTORY:
                missing = at if part in ("", ".", "..") else f"{at}/{part}"
                return _Walk(at, tuple(hops), "not-a-directory", ImagePath(missing))
            if part in ("", "."):
                continue
            if part == "..":
                at = at.rpartition("/")[0]
                continue
            here = ImagePath(f"{at}/{part}")
            file = files.get(here)
            if file is None:
                return _Walk(at, tuple(hops), "absent", here)
            if file.type is not FileType.SYMLINK or not (follow or frame.todo or len(frames) > 1):
                at = here
                continue
            known = links.get(here)
            hops.extend((here,) if known is None else known[1])
            if len(hops) > most:
                return _Walk(at, tuple(hops[:most]), "loop")
            if known is not None:
                at = known[0]
                continue
            if not file.target:
                return _Walk(at, tuple(hops), "absent", here)
            frames.append(_Frame(here, len(hops) - 1, self._text(file.target)))
            if file.target.startswith("/"):
                at = ""
        return _Walk(at, tuple(hops))

    def _text(self, target: str) -> list[str]:
        """The components of a link text, last first. Raises `LimitExceeded` where all together have too many."""
        parts = target.split("/")[::-1]
        self._steps += len(parts)
        if self._steps > self._limits.resolution_steps:
            raise LimitExceeded(f"its links take more than {self._limits.resolution_steps} steps to follow")
        return parts

    def _remember(self, link: ImagePath, at: str, hops: list[ImagePath]) -> None:
        if len(self._links) > _MEMO:
            self._links.clear()
        self._links[link] = (at, tuple(hops))


def resolve(files: Mapping[ImagePath, File], path: str, *, follow: bool = True, limits: Limits = DEFAULT) -> Resolution:
    """Resolve one path in a plain mapping of real paths; keep a `Resolver` where there are many."""
    return Resolver(files, limits=limits).resolve(path, follow=follow)
