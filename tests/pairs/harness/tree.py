"""The flattened files of an image, as the engine exports them, and what is written of them: layers and listings."""

from __future__ import annotations

import hashlib
import io
import stat
import subprocess
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tests.pairs.harness.engine import container

ENGINE_FILES = frozenset("/.dockerenv /etc/hosts /etc/hostname /etc/resolv.conf /etc/mtab".split())
"""The engine makes these in every container; an export cannot tell them from those of the image."""
MAX_LINKS = 40
TYPE_BITS = {
    tarfile.DIRTYPE: stat.S_IFDIR,
    tarfile.SYMTYPE: stat.S_IFLNK,
    tarfile.REGTYPE: stat.S_IFREG,
    tarfile.FIFOTYPE: stat.S_IFIFO,
    tarfile.CHRTYPE: stat.S_IFCHR,
    tarfile.BLKTYPE: stat.S_IFBLK,
}


@dataclass(frozen=True, slots=True)
class Tree:
    """Every path of an image with its tar header; the bytes stay in the exported tar."""

    archive: Path
    entries: Mapping[str, tarfile.TarInfo]

    def resolve(self, path: str) -> tuple[list[str], str]:
        """The links on the way to a path, and its final target, each by its real name."""
        hops: list[str] = []
        done, todo = "", [part for part in path.split("/") if part]
        while todo and len(hops) < MAX_LINKS:
            part = todo.pop(0)
            if part in (".", ".."):
                done = done.rpartition("/")[0] if part == ".." else done
                continue
            done = f"{done}/{part}"
            entry = self.entries.get(done)
            if entry is not None and entry.issym():
                hops.append(done)
                done = "" if entry.linkname.startswith("/") else done.rpartition("/")[0]
                todo = [word for word in entry.linkname.split("/") if word] + todo
        return hops, done or "/"

    def inode(self, path: str) -> str:
        """One name for all the hard links of a file."""
        for _ in range(MAX_LINKS):
            entry = self.entries.get(path)
            if entry is None or not entry.islnk():
                break
            path = "/" + entry.linkname.removeprefix("./").strip("/")
        return path

    def size(self, path: str) -> int:
        entry = self.entries.get(self.inode(path))
        return entry.size if entry is not None and entry.isreg() else 0

    def data(self, path: str, limit: int = -1) -> bytes:
        """The bytes of a file, or the first of them; nothing for what is none."""
        entry = self.entries.get(self.inode(path))
        if entry is None or not entry.isreg():
            return b""
        with self.archive.open("rb") as file:
            file.seek(entry.offset_data)
            return file.read(entry.size if limit < 0 else min(limit, entry.size))

    def is_file(self, path: str) -> bool:
        entry = self.entries.get(path)
        return entry is not None and (entry.isreg() or entry.islnk())

    def with_parents(self, paths: Iterable[str]) -> set[str]:
        """The paths that exist, and the directories above them."""
        existing = {path for path in paths if path in self.entries}
        return existing | {
            str(above) for path in existing for above in PurePosixPath(path).parents if str(above) != "/"
        }

    def layer(self, paths: Iterable[str]) -> bytes:
        """A tar of these paths and no others, owners and modes as they are."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path in sorted(paths):
                info = self.header(path)
                tar.addfile(info, io.BytesIO(self.data(path)) if info.isreg() else None)
        return out.getvalue()

    def header(self, path: str) -> tarfile.TarInfo:
        """The header of one path; a hard link becomes a file of its own."""
        known = self.entries[path]
        info = tarfile.TarInfo(path.lstrip("/"))
        info.type = tarfile.REGTYPE if known.islnk() else known.type
        info.mode, info.uid, info.gid = known.mode, known.uid, known.gid
        info.linkname = known.linkname if known.issym() else ""
        info.devmajor, info.devminor = known.devmajor, known.devminor
        info.size = self.size(path) if info.isreg() else 0
        return info

    def row(self, path: str) -> dict[str, object]:
        """The line of a listing: the raw mode with its type bits, and the first digits of the SHA-256 of a file."""
        info = self.header(path)
        digest = hashlib.sha256(self.data(path)).hexdigest()[:16] if info.isreg() else None
        return {
            "path": path,
            "type": info.type.decode(),
            "mode": info.mode | TYPE_BITS[info.type],
            "uid": info.uid,
            "gid": info.gid,
            "size": info.size,
            "link": info.linkname,
            "sha": digest,
        }


def tree_of(image: str, work: Path) -> Tree:
    """Export an image into `work` and read its headers."""
    archive = work / f"{image.replace('/', '_').replace(':', '_')}.export.tar"
    with container(image, "none") as one, archive.open("wb") as out:
        subprocess.run(["docker", "export", one.id], stdout=out, check=True)
    return read_tree(archive)


def read_tree(archive: Path) -> Tree:
    """The headers of an exported tar."""
    entries = {}
    with tarfile.open(archive) as tar:
        for info in tar:
            path = "/" + info.name.removeprefix("./").strip("/")
            if path != "/" and path not in ENGINE_FILES:
                entries[path] = info
    return Tree(archive, entries)
