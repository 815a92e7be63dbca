"""What a reference means: a file, a directory, a stream or an engine; distinguished by content, never by suffix."""

from __future__ import annotations

import os  # noqa: TID251  only for the type os.PathLike of a reference
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from xraydiff.errors import ImageError, UsageError, XraydiffError
from xraydiff.facts import Platform, Problem
from xraydiff.image import Image, Progress
from xraydiff.image.archive import Archive, refuse_early
from xraydiff.image.blobs import compression_of
from xraydiff.image.directory import DirectoryStore, is_layout
from xraydiff.image.docker_archive import MANIFEST, lists_images, read_docker_archive
from xraydiff.image.json_text import shown
from xraydiff.image.oci_layout import INDEX, LAYOUT, ArchiveStore, holds_config, read_oci_layout
from xraydiff.image.parts import Parts, to_image
from xraydiff.image.platforms import parse_platform
from xraydiff.image.rootfs import pack, rootfs_parts
from xraydiff.layers import Note
from xraydiff.layers.compression import Compression, decompress, sniff
from xraydiff.layers.content import Content
from xraydiff.layers.spool import FileContent, Filling, StreamEnded
from xraydiff.limits import DEFAULT, MIB, Limits

__all__ = ["Readable", "open_image", "open_or_keep"]

STANDARD_INPUT = "-"
ENGINE = "docker:"
REGISTRY = "registry:"
_MAGIC = 6
"""Bytes that tell a compression."""


class Readable(Protocol):
    """A binary stream."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What is asked for, besides where it lies."""

    reference: str
    """For messages and reports: no directories of the host."""
    selector: str = ""
    platform: Platform | None
    limits: Limits
    progress: Progress | None
    rootfs: bool = False


def open_image(
    reference: str | os.PathLike[str] | Readable,
    *,
    platform: str | None = None,
    limits: Limits = DEFAULT,
    progress: Progress | None = None,
    rootfs: bool = False,
) -> Image:
    """Open an image without running or extracting anything; close it when done, it is a context manager.

    `reference` is a path (docker-archive, OCI archive, each plain or compressed, or OCI layout directory),
    `PATH#NAME:TAG` where it holds several images, `-` for standard input, `docker:NAME` for an image of the Docker
    Engine, `registry:HOST/NAME:TAG` or `registry:HOST/NAME@DIGEST` for one of a registry; or a path object; or a
    binary stream, which is read to its end. `platform` is `os/architecture[/variant]`. With `rootfs` a path or stream
    is no image but a file system without config: the tar that `docker export` writes, or an unpacked directory tree.

    Raises `UsageError` for a malformed reference or platform and for an image where `rootfs` was said, `ImageError` and
    its children for what is no readable image. Layers are verified while they are read: see `Layer.operations`.
    """
    wanted = parse_platform(platform) if platform is not None else None
    wish = _Wish(reference="", platform=wanted, limits=limits, progress=progress, rootfs=rootfs)
    if rootfs and wanted is not None:
        raise UsageError("a file system without config has no platform to choose")
    if isinstance(reference, str):
        return _open_text(reference, wish)
    if isinstance(reference, os.PathLike):
        return _open_path(os.fsdecode(reference), wish)
    return _open_chunks(_chunks(reference), replace(wish, reference="stream"))


def open_or_keep(
    reference: str | os.PathLike[str] | Image,
    opened: ExitStack,
    *,
    platform: str | None = None,
    limits: Limits = DEFAULT,
    progress: Progress | None = None,
) -> Image:
    """An image that closes with `opened`; one that is open already belongs to whoever opened it."""
    if isinstance(reference, Image):
        return reference
    return opened.enter_context(open_image(reference, platform=platform, limits=limits, progress=progress))


def _open_text(reference: str, wish: _Wish) -> Image:
    if reference == STANDARD_INPUT:
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError("no image comes from standard input, which is a terminal")
        return _open_chunks(_chunks(sys.stdin.buffer), replace(wish, reference=STANDARD_INPUT))
    if wish.rootfs and reference.startswith((ENGINE, REGISTRY)):
        raise UsageError(f"{shown(reference)} is an image and no bare file system", hint="leave --rootfs out")
    if reference.startswith(ENGINE):
        return _open_engine(reference.removeprefix(ENGINE), wish)
    if reference.startswith(REGISTRY):
        return _open_registry(reference.removeprefix(REGISTRY), wish)
    return _open_path(reference, wish)


def _open_path(reference: str, wish: _Wish) -> Image:
    path, selector = _split(reference, whole=wish.rootfs)
    name = shown(path.name or "/")
    wish = replace(wish, reference=f"{name}#{shown(selector)}" if selector else name, selector=selector)
    with _named(wish), ExitStack() as opened:
        if _is_directory(path):
            return _open_tree(path, wish, opened) if wish.rootfs else _open_directory(path, wish, opened)
        file = opened.enter_context(_regular(path))
        return _open_content(file, wish, opened, check=file.verify, paths=(str(path),))


def _split(reference: str, *, whole: bool) -> tuple[Path, str]:
    """A path and the image that is meant in it; `whole` where none can be. An existing file with a `#` wins."""
    if not reference or "\0" in reference:
        raise UsageError("an image reference cannot be empty or hold a NUL")
    if whole or "#" not in reference or _exists(Path(reference)):
        return Path(reference), ""
    path, _, selector = reference.rpartition("#")
    if not path or not selector:
        raise UsageError(f"malformed image reference: {shown(reference)}", hint="PATH#NAME:TAG")
    return Path(path), selector


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _regular(path: Path) -> FileContent:
    try:
        return FileContent(path)
    except ImageError as error:
        error.path = None  # The reference of the image names it already.
        if _exists(path) and not path.is_file():
            error.hint = "pipe a stream into standard input and name it -"
        raise


def _open_directory(path: Path, wish: _Wish, opened: ExitStack) -> Image:
    if not is_layout(path):
        hint = "an unpacked docker-archive must be packed again" if (path / MANIFEST).exists() else _offer(path)
        message = "a directory that is no OCI layout: it has neither index.json nor oci-layout"
        raise ImageError(message, code="not-an-image", hint=hint)
    store = DirectoryStore(path, opened)
    parts = read_oci_layout(
        store, name=wish.reference.partition("#")[0], selector=wish.selector, platform=wish.platform, limits=wish.limits
    )
    return to_image(
        parts,
        reference=wish.reference,
        limits=wish.limits,
        opened=opened,
        check=store.verify,
        paths=store.paths(),
    )


def _offer(path: Path) -> str | None:
    """What to do with a directory that looks like the root of a file system."""
    looks = any((path / name).is_dir() or (path / name).is_symlink() for name in ("etc", "usr", "bin"))
    return "--rootfs reads it as a file system without config" if looks else None


def _open_tree(path: Path, wish: _Wish, opened: ExitStack) -> Image:
    """A directory tree that is a file system, packed into a spool."""
    content, problems = pack(path, limits=wish.limits)
    opened.callback(content.close)
    _refuse_image(content, wish)
    parts = rootfs_parts(content, problems=problems, limits=wish.limits)
    return to_image(
        parts, reference=wish.reference, limits=wish.limits, opened=opened, check=_unchanged, paths=(str(path),)
    )


def _refuse_image(content: Content, wish: _Wish) -> None:
    """Raise `UsageError` where a tar of a file system is an image.

    Compared as it lies there, its layers would be files that hold no program, and nothing would be missed.
    """
    try:
        archive = Archive(content, limits=wish.limits)
    except ImageError:
        return
    if (INDEX in archive and LAYOUT in archive) or lists_images(archive, limits=wish.limits):
        raise UsageError("an image and no bare file system", hint="leave --rootfs out")


def _open_engine(name: str, wish: _Wish) -> Image:
    from xraydiff.image.engine import export_error, refuse_export, saved_image

    wish = replace(wish, reference=f"{ENGINE}{shown(name)}")
    with _named(wish), ExitStack() as opened:
        with saved_image(name, platform=wish.platform, limits=wish.limits) as chunks:
            filling = _filling(chunks, wish, opened)
            try:
                content = _finished(filling, wish)
            except ImageError as error:
                if _is_no_archive(error):
                    raise refuse_export(shown(export_error(filling.content)) or error.message) from error
                raise
        if reason := export_error(content):
            raise refuse_export(shown(reason))
        try:
            return _open_content(content, wish, opened, check=_unchanged)
        except ImageError as error:
            if _is_no_archive(error):
                raise refuse_export(error.message) from error
            raise


def _is_no_archive(error: ImageError) -> bool:
    return error.code == "not-an-image" or error.code.startswith("tar-")


def _open_registry(name: str, wish: _Wish) -> Image:
    from xraydiff.image.registry import open_registry_image

    wish = replace(wish, reference=f"{REGISTRY}{shown(name)}")
    with _named(wish), ExitStack() as opened:
        return open_registry_image(
            name, platform=wish.platform, limits=wish.limits, progress=wish.progress, opened=opened
        )


def _open_chunks(chunks: Iterable[bytes], wish: _Wish) -> Image:
    """An image that comes as a stream: kept in an anonymous temporary file while the image is open."""
    with _named(wish), ExitStack() as opened:
        return _open_content(_spooled(chunks, wish, opened), wish, opened, check=_unchanged)


def _spooled(chunks: Iterable[bytes], wish: _Wish, opened: ExitStack) -> Content:
    return _finished(_filling(chunks, wish, opened), wish)


def _filling(chunks: Iterable[bytes], wish: _Wish, opened: ExitStack) -> Filling:
    filling = Filling(_counted(chunks, wish), limits=_whole(wish.limits))
    opened.callback(filling.content.close)
    return filling


def _finished(filling: Filling, wish: _Wish) -> Content:
    """A stream in its spool. A tar that is no image is refused before most of it is written."""
    if not wish.rootfs and _is_plain(filling):
        refuse_early(filling, limits=wish.limits)
    return filling.finish()


def _is_plain(filling: Filling) -> bool:
    try:
        return sniff(filling.read_at(0, _MAGIC)) is Compression.NONE
    except StreamEnded:
        return False


def _open_content(
    content: Content, wish: _Wish, opened: ExitStack, *, check: Callable[[], None], paths: tuple[str, ...] = ()
) -> Image:
    """The image that an archive holds; `check` and `paths` are those of the host's file."""
    plain, problems = _plain(content, wish, opened)
    limits = wish.limits if plain is content else _nested(wish.limits, content.size)
    if wish.rootfs:
        _refuse_image(plain, wish)
        parts = rootfs_parts(plain, problems=problems, limits=limits)
    else:
        parts = _read_archive(Archive(plain, limits=limits), wish)
        parts = replace(parts, problems=(*problems, *parts.problems))
    return to_image(parts, reference=wish.reference, limits=limits, opened=opened, check=check, paths=paths)


def _plain(content: Content, wish: _Wish, opened: ExitStack) -> tuple[Content, tuple[Problem, ...]]:
    """The archive itself: a compressed one is decompressed once."""
    if not content.size:
        raise ImageError("empty: no image", code="not-an-image")
    if compression_of(content) is Compression.NONE:
        return content, ()
    notes: list[Note] = []
    plain = _spooled(decompress(content, notes, limits=_whole(wish.limits)), wish, opened)
    problems = tuple(
        Problem(offset=note.offset, code=note.code, message=f"archive: {note.message}", fatal=note.fatal)
        for note in notes
    )
    return plain, problems


def _read_archive(archive: Archive, wish: _Wish) -> Parts:
    """docker-archive or OCI archive. Docker 25 and later write both tables of contents into one archive."""
    name = wish.reference.partition("#")[0]
    store = ArchiveStore(archive)
    if MANIFEST in archive:
        parts = read_docker_archive(
            archive, name=name, selector=wish.selector, platform=wish.platform, limits=wish.limits
        )
        _check_agreement(store, archive, parts, wish.limits)
        return parts
    if INDEX in archive:
        parts = read_oci_layout(store, name=name, selector=wish.selector, platform=wish.platform, limits=wish.limits)
        return replace(parts, problems=(*archive.problems, *parts.problems))
    raise archive.no_image()


def _check_agreement(store: ArchiveStore, archive: Archive, parts: Parts, limits: Limits) -> None:
    """An archive that shows one image to readers of manifest.json and another to readers of index.json is refused."""
    if INDEX not in archive:
        return
    try:
        agreed = holds_config(store, parts.digest, limits=limits)
    except ImageError:
        # Release candidates of Docker 25 wrote wrong sizes there; nobody can load an image from it.
        return
    if not agreed:
        message = "manifest.json and index.json of the archive name different images"
        raise ImageError(message, code="ambiguous-image")


def _chunks(stream: Readable) -> Iterator[bytes]:
    while True:
        try:
            chunk = stream.read(MIB)
        except OSError as error:
            raise ImageError(f"the stream cannot be read: {error.strerror}", code="unreadable") from error
        if not chunk:
            return
        if not isinstance(chunk, bytes):
            raise UsageError("the stream gives no bytes")
        yield chunk


def _counted(chunks: Iterable[bytes], wish: _Wish) -> Iterator[bytes]:
    done = 0
    for chunk in chunks:
        yield chunk
        done += len(chunk)
        if wish.progress is not None:
            wish.progress(wish.reference, done, 0)


def _whole(limits: Limits) -> Limits:
    """The limits for a whole archive, which holds all layers of an image."""
    return replace(limits, layer_bytes=max(limits.layer_bytes, limits.image_bytes))


def _nested(limits: Limits, stored: int) -> Limits:
    """The limits for the layers of a compressed archive of so many bytes: compressed ones are compressed twice."""
    most = max(limits.ratio_after, limits.spool_ratio * stored)
    return replace(limits, spool_bytes=min(limits.spool_bytes, most))


def _unchanged() -> None:
    """Nobody else can change an anonymous file."""


@contextmanager
def _named(wish: _Wish) -> Iterator[None]:
    """Says in every error which image it is about, and at the start which one is opened."""
    if wish.progress is not None:
        wish.progress(wish.reference, 0, 0)
    try:
        yield
    except XraydiffError as error:
        error.image = error.image or wish.reference
        raise
