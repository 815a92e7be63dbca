"""A file system without an image's config, as `docker export` writes it or as an unpacked tree: an image of one layer.

A directory is walked by descriptors from its root: no symlink is followed, no device or pipe is opened, and what is
mounted inside is left out and said. It becomes a tar in a spool, which is read like every other layer, so that what
changes on disk afterwards changes nothing any more.
"""

from __future__ import annotations

import errno
import hashlib
import os  # noqa: TID251  walks the directory that the user names, by descriptors
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from xraydiff.errors import ImageError, LimitExceeded
from xraydiff.facts import FileType, Problem
from xraydiff.image.config import parse_config
from xraydiff.image.json_text import canonical_json
from xraydiff.image.parts import Parts, StoredLayer
from xraydiff.layers.content import Content
from xraydiff.layers.spool import Digester, SpoolContent
from xraydiff.layers.writer import TarWriter
from xraydiff.limits import MIB, Limits
from xraydiff.paths import decoded, escaped

__all__ = ["pack", "rootfs_parts"]

_TYPE = "application/vnd.oci.image.layer.v1.tar"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_KINDS = {
    stat.S_IFREG: FileType.FILE,
    stat.S_IFDIR: FileType.DIRECTORY,
    stat.S_IFLNK: FileType.SYMLINK,
    stat.S_IFCHR: FileType.CHARACTER,
    stat.S_IFBLK: FileType.BLOCK,
    stat.S_IFIFO: FileType.FIFO,
}
_OF_THE_HOST = ("security.selinux", "security.ima", "security.evm", "system.")
"""Extended attributes that the host's own policy puts on files, whatever archive they came from."""


def rootfs_parts(content: Content, *, problems: tuple[Problem, ...] = (), limits: Limits) -> Parts:
    """The image of one layer that a plain tar of a file system is; its config says nothing but the layer.

    The digest is that of the config which `docker import` would need for it.
    """
    diff_id = Digester(content).result()
    config = {"os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [diff_id]}}
    data = canonical_json(config).encode()
    message = "a file system without an image's config: start command, environment and user are not known"
    odd = Problem(code="no-config", message=message, fatal=False)
    return Parts(
        digest=f"sha256:{hashlib.sha256(data).hexdigest()}",
        config=parse_config(data, limits=limits),
        config_json=data,
        layers=(StoredLayer(content=content, digest="", media_type=_TYPE),),
        problems=(odd, *problems),
    )


def pack(directory: Path, *, limits: Limits) -> tuple[SpoolContent, tuple[Problem, ...]]:
    """A tar of a directory tree in a spool, entries sorted, and what was left out of it.

    Raises `ImageError` with the path where something cannot be read or changes meanwhile, `LimitExceeded`.
    """
    content = SpoolContent()
    try:
        packer = _Packer(content, limits)
        packer.walk(directory)
        content.grow()
    except BaseException:
        content.close()
        raise
    return content, tuple(packer.problems)


class _Packer:
    """Writes what it walks over."""

    def __init__(self, content: SpoolContent, limits: Limits) -> None:
        self.problems: list[Problem] = []
        self._content = content
        self._limits = limits
        self._tar = TarWriter(self)
        self._seen: dict[tuple[int, int], bytes] = {}
        self._count = 0
        self._device = 0

    def write(self, data: bytes, /) -> None:
        """As a sink: into the spool, as far as a layer may grow."""
        if self._content.size + len(data) > self._limits.layer_bytes:
            raise LimitExceeded(f"more than {self._limits.layer_bytes} bytes", hint="limit layer_bytes")
        self._content.write(data)

    def walk(self, directory: Path) -> None:
        """Every entry below a directory, parents first."""
        with ExitStack() as opened:
            root = _opened(str(directory), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, None, b"")
            opened.callback(os.close, root)
            info = os.fstat(root)
            self._device = info.st_dev
            self._add(b"./", info, root)
            waiting = [b""]
            while waiting:
                folder = waiting.pop()
                found = list(self._directory(root, folder))
                waiting += reversed(found)
            self._tar.close()

    def _directory(self, root: int, folder: bytes) -> Iterator[bytes]:
        """Write the entries of one directory; gives its directories."""
        with ExitStack() as opened:
            here = self._descend(root, folder, opened)
            with _named(folder):
                names = sorted(os.fsencode(name) for name in os.listdir(here))  # noqa: PTH208  by descriptor
            for name in names:
                path = folder + b"/" + name if folder else name
                with _named(path):
                    info = os.lstat(name, dir_fd=here)
                if self._entry(path, name, info, here):
                    yield path

    def _descend(self, root: int, folder: bytes, opened: ExitStack) -> int:
        """A descriptor of a directory below the root, each step taken without following a link."""
        here = root
        for part in folder.split(b"/") if folder else ():
            here = _opened(part, _DIRECTORY, here, folder)
            opened.callback(os.close, here)
        if folder.count(b"/") > self._limits.components:
            raise LimitExceeded(f"more than {self._limits.components} directories in a path", hint="limit components")
        return here

    def _entry(self, path: bytes, name: bytes, info: os.stat_result, here: int) -> bool:
        """Write one entry; whether it is a directory to walk into."""
        self._count += 1
        if self._count > self._limits.entries_per_layer:
            raise LimitExceeded(f"more than {self._limits.entries_per_layer} entries", hint="limit entries_per_layer")
        kind = _KINDS.get(stat.S_IFMT(info.st_mode))
        if kind is None:
            self._left_out(path, "socket", "a socket, which no layer holds", fatal=False)
        elif kind in (FileType.FILE, FileType.DIRECTORY):
            flags = _FILE if kind is FileType.FILE else _DIRECTORY
            descriptor = _opened(name, flags, here, path)
            try:
                now = os.fstat(descriptor)
                if (now.st_dev, now.st_ino, now.st_mode) != (info.st_dev, info.st_ino, info.st_mode):
                    raise _changed(path)
                self._add(path, now, descriptor)
            finally:
                os.close(descriptor)
            if kind is FileType.DIRECTORY and info.st_dev != self._device:
                self._left_out(path, "mount-point", "another file system is mounted here, and is left out", fatal=True)
                return False
            return kind is FileType.DIRECTORY
        else:
            with _named(path):
                target = os.readlink(name, dir_fd=here) if kind is FileType.SYMLINK else b""
            self._add(path, info, None, target=target)
        return False

    def _add(self, path: bytes, info: os.stat_result, descriptor: int | None, *, target: bytes = b"") -> None:
        kind = _KINDS[stat.S_IFMT(info.st_mode)]
        first = self._seen.get((info.st_dev, info.st_ino)) if kind is not FileType.DIRECTORY else None
        if info.st_nlink > 1 and kind is FileType.FILE:
            self._seen.setdefault((info.st_dev, info.st_ino), path)
        device = (os.major(info.st_rdev), os.minor(info.st_rdev))
        size = info.st_size if kind is FileType.FILE and first is None else 0
        self._tar.add(
            decoded(path),
            kind,
            mode=stat.S_IMODE(info.st_mode),
            uid=info.st_uid,
            gid=info.st_gid,
            size=size,
            mtime=info.st_mtime_ns // 1_000_000_000,
            target=decoded(first if first is not None else target),
            hardlink=first is not None,
            device=device if kind in (FileType.CHARACTER, FileType.BLOCK) else None,
            xattrs=_attributes(descriptor) if descriptor is not None and first is None else (),
            data=_content(descriptor, size, path) if descriptor is not None and size else (),
        )

    def _left_out(self, path: bytes, code: str, message: str, *, fatal: bool) -> None:
        self.problems.append(Problem(path=f"/{decoded(path)}", code=code, message=message, fatal=fatal))


def _content(descriptor: int, size: int, path: bytes) -> Iterator[bytes]:
    """Exactly `size` bytes; holes are not read. Raises `ImageError` where a file has fewer or more by now."""
    at = 0
    while at < size:
        data = min(_data_behind(descriptor, at, path), size)
        while at < data:
            hole = min(MIB, data - at)
            yield bytes(hole)
            at += hole
        if at < size:
            with _named(path):
                chunk = os.pread(descriptor, min(MIB, size - at), at)
            if not chunk:
                raise _changed(path)
            at += len(chunk)
            yield chunk
    if os.fstat(descriptor).st_size != size:
        raise _changed(path)


def _data_behind(descriptor: int, at: int, path: bytes) -> int:
    """Where the next bytes stand that the file system stores (lseek(2), SEEK_DATA); beyond any file where none do."""
    with _named(path):
        try:
            return os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return sys.maxsize
            if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
                return at
            raise


def _attributes(descriptor: int) -> list[tuple[str, bytes]]:
    """Extended attributes, as far as the host lets us read them."""
    found: list[tuple[str, bytes]] = []
    with suppress(OSError):
        for name in sorted(os.listxattr(descriptor)):
            if not name.startswith(_OF_THE_HOST) and "=" not in name:
                with suppress(OSError):
                    found.append((name, os.getxattr(descriptor, name)))
    return found


def _opened(name: str | bytes, flags: int, folder: int | None, path: bytes) -> int:
    with _named(path):
        return os.open(name, flags, dir_fd=folder)


class _named:  # noqa: N801  reads as a statement
    """Turns an error of the system into one that names the path."""

    def __init__(self, path: bytes) -> None:
        self._path = path

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, OSError):
            return
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ESTALE):
            raise _changed(self._path) from error
        message = f"cannot be read: {error.strerror}"
        raise ImageError(message, code="unreadable", path=_place(self._path)) from error


def _changed(path: bytes) -> ImageError:
    return ImageError("changed while it was read", code="changed-while-read", path=_place(path))


def _place(path: bytes) -> str:
    return escaped(f"/{decoded(path)}")[:4_096]
