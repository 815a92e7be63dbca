"""An OCI layout on disk: its blobs are opened without following symlinks, and must be regular files."""

from __future__ import annotations

import stat
from contextlib import ExitStack
from pathlib import Path

from xraydiff.errors import ImageError
from xraydiff.image.oci_layout import INDEX, LAYOUT
from xraydiff.layers.content import Content
from xraydiff.layers.spool import FileContent

__all__ = ["DirectoryStore", "is_layout"]


def is_layout(directory: Path) -> bool:
    """Whether a directory has a file of an OCI layout."""
    return any(_kind(directory / name) is not None for name in (INDEX, LAYOUT))


class DirectoryStore:
    """A layout in a directory. Files that it opens are closed with `opened`."""

    lazy = False

    def __init__(self, directory: Path, opened: ExitStack) -> None:
        self._directory = directory
        self._opened = opened
        self._files: dict[str, FileContent] = {}

    def document(self, name: str) -> Content | None:
        """`index.json` or `oci-layout`, None where it is absent."""
        return self._open(self._directory / name, name)

    def blob(self, digest: str) -> Content | None:
        """A blob by its digest, None where it is absent. Raises `ImageError` (`bad-blob-file`) for links, devices."""
        algorithm, _, digits = digest.partition(":")
        place = self._directory
        for part in ("blobs", algorithm):
            place /= part
            kind = _kind(place)
            if kind is None:
                return None
            if kind != "directory":
                raise ImageError(f"is a {kind}, not a directory", code="bad-blob-file", path=f"blobs/{algorithm}")
        return self._open(place / digits, f"blobs/{algorithm}/{digits}")

    def verify(self) -> None:
        """Raises `ImageError` where a file was changed since it was opened."""
        for file in self._files.values():
            file.verify()

    def paths(self) -> tuple[str, ...]:
        """Host paths of the directory and of every file of it that was opened."""
        return (str(self._directory), *(str(self._directory / name) for name in sorted(self._files)))

    def _open(self, path: Path, name: str) -> Content | None:
        if name not in self._files:
            kind = _kind(path)
            if kind is None:
                return None
            if kind != "regular file":
                raise ImageError(f"is a {kind}, not a regular file", code="bad-blob-file", path=name)
            try:
                file = FileContent(path, follow=False)
            except ImageError as error:
                # It was a regular file a moment ago, or may not be read.
                raise ImageError(error.message, code="bad-blob-file", path=name) from error
            self._files[name] = self._opened.enter_context(file)
        return self._files[name]


def _kind(path: Path) -> str | None:
    """What lies at a path, symlinks not followed; None for nothing."""
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ImageError(f"cannot be opened: {error.strerror}", code="bad-blob-file", path=path.name) from error
    kinds = (
        (stat.S_ISREG, "regular file"),
        (stat.S_ISDIR, "directory"),
        (stat.S_ISLNK, "symlink"),
        (stat.S_ISFIFO, "FIFO"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISBLK, "block device"),
    )
    return next((kind for test, kind in kinds if test(mode)), "character device")
