"""A squashed image as a read-only mapping: look-ups, hard links, lazy content and lazy digests."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType

from xraydiff.errors import ImageError, LimitExceeded
from xraydiff.facts import File, FileType, Problem, Scope
from xraydiff.image import Layer, LayerContent
from xraydiff.limits import DEFAULT, MIB, Limits
from xraydiff.paths import ROOT, ImagePath, escaped
from xraydiff.tree.resolve import Resolution, Resolver

_EMPTY = hashlib.sha256().hexdigest()


class Tree:
    """What one image holds, by real path; satisfies `FileTree`.

    Content stays in the image's layers, so reading it needs the image open; everything else does not.
    """

    def __init__(
        self,
        files: Mapping[ImagePath, File],
        *,
        layers: Sequence[Layer] = (),
        problems: tuple[Problem, ...] = (),
        reference: str = "",
        limits: Limits = DEFAULT,
    ) -> None:
        """Take over the files of an image: every directory above a path is a key too, and so is the root."""
        self._files = {path: files[path] for path in sorted(files)}
        self._order = tuple(self._files)
        self._layers = tuple(layers)
        self._reference = reference
        self._limits = limits
        self._resolver = Resolver(self._files, limits=limits)
        self._names: dict[ImagePath, tuple[str, ...]] = {}
        self._digests: dict[int | ImagePath, str] = {}
        self._linked: dict[int, tuple[ImagePath, ...]] | None = None
        self.files: Mapping[ImagePath, File] = MappingProxyType(self._files)
        self.problems = problems

    @property
    def complete(self) -> bool:
        """Whether every layer was read whole."""
        return not any(problem.fatal and problem.scope is Scope.READING for problem in self.problems)

    def resolve(self, path: str, *, follow: bool = True) -> Resolution:
        """Resolve a path inside the image (path_resolution(7)); with `follow` false the last component is not followed.

        `requested` is the path with `..` taken lexically, for messages; the resolution itself takes it physically.
        Raises `LimitExceeded` where following the image's links takes more than `Limits.resolution_steps`.
        """
        return self._resolver.resolve(path, follow=follow)

    def children(self, path: ImagePath) -> tuple[str, ...]:
        """Sorted names in a directory given by its real path; empty for anything else."""
        names = self._names.get(path)
        if names is None:
            names = self._children(path)
            if names:
                self._names[path] = names
        return names

    def below(self, path: ImagePath) -> Iterator[ImagePath]:
        """Every path strictly below a real directory, sorted."""
        first, last = self._range(path)
        for index in range(first, last):
            yield self._order[index]

    def links(self, path: ImagePath) -> tuple[ImagePath, ...]:
        """All names of the same inode, sorted, this one included (hard links); just itself for a directory."""
        if self._linked is None:
            self._linked = self._hard_links()
        return self._linked.get(self._files[path].inode, (path,))

    def content(self, path: ImagePath, *, limit: int | None = None) -> bytes:
        """The bytes of a regular file by its real path; zeros where a sparse file stores nothing.

        Raises `LimitExceeded` where the file is larger than `limit` (default `Limits.file`), `ImageError` where it is
        no regular file or its bytes are missing, `ImageClosedError` after the image was closed.
        """
        file = self._regular(path)
        self._within(path, file, self._limits.file if limit is None else limit)
        return self._bytes(path, file, 0, file.size)

    def read_at(self, path: ImagePath, offset: int, length: int) -> bytes:
        """At most `length` bytes of a regular file from `offset`; short only at its end.

        Raises as `content` does; `LimitExceeded` where more than `Limits.file` bytes are asked for and there.
        """
        if offset < 0 or length < 0:
            raise ValueError("offset and length are never negative")
        file = self._regular(path)
        length = max(0, min(length, file.size - offset))
        if length > self._limits.file:
            self._within(path, file, self._limits.file)
        return self._bytes(path, file, offset, length)

    def digest(self, path: ImagePath) -> str:
        """SHA-256 of a regular file's content, 64 hex digits, remembered for the inode. Raises as `content` does."""
        file = self._regular(path)
        if file.size == 0:
            return _EMPTY
        known = self._digests.get(file.inode or path)
        if known is None:
            self._within(path, file, self._limits.file)
            sha = hashlib.sha256()
            for offset in range(0, file.size, MIB):
                sha.update(self._bytes(path, file, offset, min(MIB, file.size - offset)))
            known = self._digests[file.inode or path] = sha.hexdigest()
        return known

    def _children(self, path: ImagePath) -> tuple[str, ...]:
        """Names in a directory, found in the sorted paths; the inside of its directories is leapt over."""
        order = self._order
        index, last = self._range(path)
        start = 1 if path == ROOT else len(path) + 1
        found: list[str] = []
        while index < last:
            end = order[index].find("/", start)
            if end < 0:
                found.append(order[index][start:])
                index += 1
            else:
                # `0` is the character after `/`: the first path that is not below this child.
                index = bisect_left(order, order[index][:end] + "0", index, last)
        return tuple(found)

    def _range(self, path: ImagePath) -> tuple[int, int]:
        """Which part of the sorted paths lies below a directory."""
        if path == ROOT:
            return bisect_left(self._order, "/") + (ROOT in self._files), len(self._order)
        first = bisect_left(self._order, f"{path}/")
        return first, bisect_left(self._order, f"{path}0", first)

    def _hard_links(self) -> dict[int, tuple[ImagePath, ...]]:
        first: dict[int, ImagePath] = {}
        several: dict[int, list[ImagePath]] = {}
        for path, file in self._files.items():
            if file.type is FileType.DIRECTORY or not file.inode:
                continue
            other = first.setdefault(file.inode, path)
            if other is not path:
                several.setdefault(file.inode, [other]).append(path)
        return {inode: tuple(paths) for inode, paths in several.items()}

    def _regular(self, path: ImagePath) -> File:
        file = self._files.get(path)
        if file is None or file.type is not FileType.FILE:
            what = "is not in the image" if file is None else f"is a {file.type.value}, not a regular file"
            raise ImageError(what, code="not-a-file", image=self._reference or None, path=escaped(path))
        return file

    def _within(self, path: ImagePath, file: File, limit: int) -> None:
        if file.size > limit:
            message = f"has {file.size} bytes, more than the {limit} that are read"
            raise LimitExceeded(message, image=self._reference or None, layer=file.layer, path=escaped(path))

    def _content_of(self, layer: int) -> LayerContent:
        if not 0 <= layer < len(self._layers):
            raise ImageError("its layer is not at hand", code="no-content")
        return self._layers[layer].content

    def _bytes(self, path: ImagePath, file: File, offset: int, length: int) -> bytes:
        """Bytes that are known to lie inside the file."""
        if not length:
            return b""
        try:
            content = self._content_of(file.layer)
            if file.extents is None:
                return content.read_at(file.offset + offset, length)
            data = bytearray(length)
            # Extents are sorted and do not overlap; a file read in pieces must not look at all of them each time.
            index = bisect_right(file.extents, offset, key=lambda extent: extent.position + extent.length)
            for extent in islice(file.extents, index, None):
                start, end = max(extent.position, offset), min(extent.position + extent.length, offset + length)
                if start >= end:
                    break
                stored = content.read_at(extent.offset + start - extent.position, end - start)
                data[start - offset : end - offset] = stored
            return bytes(data)
        except ImageError as error:
            error.image = error.image or self._reference or None
            error.layer = file.layer if error.layer is None else error.layer
            error.path = error.path or escaped(path)
            raise
