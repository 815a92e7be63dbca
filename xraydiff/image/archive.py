"""The tar that holds an image, as a store of named members; links are resolved inside it and lead nowhere else."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Collection, Iterator

from xraydiff.errors import ImageError, LimitExceeded
from xraydiff.facts import FileType, Problem
from xraydiff.image.json_text import shown
from xraydiff.layers import Note
from xraydiff.layers.compression import Compression, sniff
from xraydiff.layers.content import Content
from xraydiff.layers.headers import BLOCK, FIELDS, checksum_matches
from xraydiff.layers.reader import Member, read_members
from xraydiff.layers.spool import Filling, Region, StreamEnded
from xraydiff.limits import MIB, Limits

__all__ = ["Archive", "refuse_early"]

_MARKS = frozenset({"manifest.json", "index.json", "oci-layout"})
_FILE_SYSTEM = frozenset("etc usr bin sbin lib lib64 dev proc sys var root home tmp opt run srv .dockerenv".split())
"""What stands at the top of a container's file system, and never of an image."""


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
            raise _judged(error) from error
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
        return _no_image(self._members)

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


def refuse_early(stream: Filling, *, limits: Limits) -> None:
    """Refuse a tar on its way into a spool as soon as it can be no archive of an image, before the rest is written.

    `manifest.json` and `index.json` may come last, behind all layers, so what counts are the other members: the top of
    a file system, and large ones that are neither layers nor blobs. Ends at the first name that only images have.
    Raises `ImageError` (`not-an-image`, or what is wrong with the tar).
    """
    names: set[str] = set()
    strange = 0
    try:
        for member in read_members(stream, limits=limits):
            if isinstance(member, Note):
                continue
            name = _normal(member.name)
            names.add(name)
            if name in _MARKS:
                return
            if member.size >= BLOCK and not _may_be_layer(stream, name, member):
                strange += member.size
            if strange > limits.ratio_after or name.partition("/")[0] in _FILE_SYSTEM:
                raise _no_image(names)
    except StreamEnded:
        # The whole archive is there, and judged as one.
        return
    except LimitExceeded as error:
        if error.hint != "limit archive_members":
            raise
        raise _no_image(names) from None
    except ImageError as error:
        raise _judged(error) from error


def _may_be_layer(stream: Content, name: str, member: Member) -> bool:
    """Whether a member is stored like a blob, or starts like a layer."""
    if name.startswith("blobs/") or member.type is not FileType.FILE:
        return True
    start = stream.read_at(member.offset, BLOCK)
    if sniff(start) is not Compression.NONE:
        return True
    return start == bytes(BLOCK) or checksum_matches(start, FIELDS.unpack_from(start)[6])


def _judged(error: ImageError) -> ImageError:
    """What is wrong with a tar, or that it is none."""
    if error.code == "tar-bad-header" and not error.offset:
        return ImageError("neither an image archive nor an OCI layout: not a tar file", code="not-an-image")
    return error


def _no_image(names: Collection[str]) -> ImageError:
    """The error that says what a tar without manifest.json and index.json is instead."""
    code = "not-an-image"
    if any(name.endswith("/layer.tar") for name in names):
        return ImageError(
            "an archive with layers and without manifest.json", code=code, hint="cut off, or older than Docker 1.10"
        )
    if not _MARKS.isdisjoint(posixpath.basename(name) for name in names):
        message = "manifest.json or index.json is not at the top of the archive"
        return ImageError(message, code=code, hint="pack the content of the directory, not the directory")
    if not _FILE_SYSTEM.isdisjoint(name.partition("/")[0] for name in names):
        message = "a tar of a file system, as docker export writes it, no image: layers and config are lost"
        hint = "docker save keeps them; --rootfs reads the file system alone"
        return ImageError(message, code=code, hint=hint)
    return ImageError("a tar without manifest.json and index.json: no image", code=code)


def _normal(name: str) -> str:
    """A member's name without `./` and the like; empty for the root and for what lies outside the archive."""
    normal = posixpath.normpath(name) if name else ""
    return "" if normal in (".", "..") or normal.startswith(("/", "../")) else normal


def _problem(note: Note) -> Problem:
    return Problem(
        path=note.path, offset=note.offset, code=note.code, message=f"archive: {note.message}", fatal=note.fatal
    )
