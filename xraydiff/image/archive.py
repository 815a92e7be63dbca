"""The tar that holds an image, as a store of named members; links are resolved inside it and lead nowhere else."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator

from xraydiff.errors import ImageError, LimitExceeded
from xraydiff.facts import FileType, Problem
from xraydiff.image.json_text import shown
from xraydiff.layers import Note
from xraydiff.layers.content import Content
from xraydiff.layers.reader import Member, read_members
from xraydiff.layers.spool import Region
from xraydiff.limits import MIB, Limits

__all__ = ["Archive"]

_MARKS = frozenset({"manifest.json", "index.json", "oci-layout"})


class Archive:
    """The members of a tar by name. `problems` holds what its reading found."""

    def __init__(self, content: Content, *, limits: Limits) -> None:
        """Read every header. Raises `ImageError`: `not-an-image` for what is no tar, else what the reader raises."""
        self._content = content
        self._members: dict[str, list[Member]] = {}
        self._regions: dict[int, Region] = {}
        self.problems: list[Problem] = []
        notes: Counter[tuple[str, bool]] = Counter()
        try:
            for member in read_members(content, limits=limits):
                if isinstance(member, Note):
                    notes[member.code, member.fatal] += 1
                    if notes[member.code, member.fatal] <= limits.problems:
                        self.problems.append(_problem(member))
                else:
                    self._add(member)
        except LimitExceeded:
            # A container's whole file system has more entries than any archive of an image.
            if _MARKS.isdisjoint(self._members):
                raise self.no_image() from None
            raise
        except ImageError as error:
            if error.code == "tar-bad-header" and not error.offset:
                message = "neither an image archive nor an OCI layout: not a tar file"
                raise ImageError(message, code="not-an-image") from error
            raise
        for (code, fatal), count in sorted(notes.items()):
            if count > limits.problems:
                message = f"archive: {count - limits.problems} more of these"
                self.problems.append(Problem(code=code, message=message, fatal=fatal))

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def names(self) -> Iterator[str]:
        """The names of all members."""
        return iter(self._members)

    def no_image(self) -> ImageError:
        """The error that says what a tar without manifest.json and index.json is instead."""
        code = "not-an-image"
        if any(name.endswith("/layer.tar") for name in self._members):
            return ImageError(
                "an archive with layers and without manifest.json", code=code, hint="cut off, or older than Docker 1.10"
            )
        if not _MARKS.isdisjoint(posixpath.basename(name) for name in self._members):
            message = "manifest.json or index.json is not at the top of the archive"
            return ImageError(message, code=code, hint="pack the content of the directory, not the directory")
        if {"etc", "usr", "bin", ".dockerenv"} & {name.partition("/")[0] for name in self._members}:
            message = "a tar of a file system, as docker export writes it, no image: layers and config are lost"
            hint = "docker save keeps them; --rootfs reads the file system alone"
            return ImageError(message, code=code, hint=hint)
        return ImageError("a tar without manifest.json and index.json: no image", code=code)

    def open(self, name: str, *, wrong_type: str = "bad-blob-file") -> Region:
        """The bytes of a regular member, links followed inside the archive.

        Raises `ImageError`: `missing-blob` where there is none or a link leads out of the archive, `link-cycle`,
        `ambiguous-image` where members of one name differ, and `wrong_type` for directories and devices.
        """
        seen: set[str] = set()
        at = name
        while True:
            members = self._members.get(at)
            if not members:
                through = f", to which {shown(name)} links" if at != name else ""
                raise ImageError(f"{shown(at)} is not in the archive{through}", code="missing-blob")
            if at in seen:
                raise ImageError(f"{shown(name)} is a link that leads back to itself", code="link-cycle")
            seen.add(at)
            member = self._the_one(at, members)
            if member.hardlink:
                at = self._target(at, "", member.target)
            elif member.type is FileType.SYMLINK:
                at = self._target(at, posixpath.dirname(at), member.target)
            elif member.type is FileType.FILE and member.extents is None:
                # One object for one place, so that a layer with two names is read once.
                return self._regions.setdefault(member.header, Region(self._content, member.offset, member.size))
            else:
                kind = "sparse file" if member.type is FileType.FILE else member.type.value
                raise ImageError(f"{shown(at)} is a {kind} in the archive, not a regular file", code=wrong_type)

    def _add(self, member: Member) -> None:
        name = _normal(member.name)
        if name:
            self._members.setdefault(name, []).append(member)

    def _the_one(self, name: str, members: list[Member]) -> Member:
        """The member of a name. Some readers take the first of several, others the last: they must be the same."""
        last = members[-1]
        for other in members[:-1]:
            if not self._same(other, last):
                message = f"{shown(name)} stands in the archive more than once, with different content"
                raise ImageError(message, code="ambiguous-image")
        return last

    def _same(self, one: Member, other: Member) -> bool:
        if (one.type, one.hardlink, one.target, one.size) != (other.type, other.hardlink, other.target, other.size):
            return False
        if one.type is not FileType.FILE or one.hardlink:
            return True
        if one.extents is not None or other.extents is not None:
            return False
        for offset in range(0, one.size, MIB):
            length = min(MIB, one.size - offset)
            if self._content.read_at(one.offset + offset, length) != self._content.read_at(
                other.offset + offset, length
            ):
                return False
        return True

    def _target(self, name: str, directory: str, target: str) -> str:
        joined = posixpath.join(directory, target)
        normal = _normal(joined)
        if not normal:
            message = f"{shown(name)} links to {shown(target)}, outside the archive"
            raise ImageError(message, code="missing-blob")
        return normal


def _normal(name: str) -> str:
    """A member's name without `./` and the like; empty for the root and for what lies outside the archive."""
    normal = posixpath.normpath(name) if name else ""
    return "" if normal in (".", "..") or normal.startswith(("/", "../")) else normal


def _problem(note: Note) -> Problem:
    return Problem(
        path=note.path, offset=note.offset, code=note.code, message=f"archive: {note.message}", fatal=note.fatal
    )
