"""How an image is written: docker-archive, OCI archive and OCI layout, the same bytes for the same image."""

from __future__ import annotations

import hashlib
import os  # noqa: TID251  only for the type os.PathLike of an output
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from xraydiff.errors import UsageError
from xraydiff.facts import FileType
from xraydiff.image.blobs import compression_of
from xraydiff.image.json_text import canonical_json
from xraydiff.image.manifest import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from xraydiff.image.oci_layout import REF_NAME
from xraydiff.layers.compression import Compression, decompress
from xraydiff.layers.content import Content
from xraydiff.layers.spool import FileContent, MemoryContent
from xraydiff.layers.writer import Sink, TarWriter
from xraydiff.limits import DEFAULT, MIB, Limits

__all__ = ["LayerBytes", "config_bytes", "diff_id", "write_docker_archive", "write_oci_archive", "write_oci_layout"]

LayerBytes = bytes | os.PathLike[str] | Content
"""A layer's tar, plain or compressed: in memory, in a file, or as the content of an open image's layer."""

_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"


def diff_id(layer: LayerBytes, *, limits: Limits = DEFAULT) -> str:
    """The digest of a layer's uncompressed tar. Raises what decompression raises."""
    with ExitStack() as opened:
        content = _content(layer, opened)
        sha256 = hashlib.sha256()
        for chunk in _plain(content, limits):
            sha256.update(chunk)
        return f"sha256:{sha256.hexdigest()}"


def config_bytes(config: Mapping[str, object], layers: Sequence[LayerBytes], *, limits: Limits = DEFAULT) -> bytes:
    """The config as canonical JSON with the diff_ids of these layers; what it says itself of `rootfs` is replaced."""
    rootfs = {"type": "layers", "diff_ids": [diff_id(layer, limits=limits) for layer in layers]}
    whole: dict[str, object] = {"architecture": "amd64", "os": "linux", **config, "rootfs": rootfs}
    return canonical_json(whole).encode()


def write_docker_archive(out: Sink, config: bytes, layers: Sequence[LayerBytes], *, tags: Sequence[str] = ()) -> None:
    """Write what `docker load` reads. `config` is the stored JSON, with one diff_id for each layer.

    Layers are stored as they are given. Raises `OSError` of the sink, `ImageError` where a layer cannot be read.
    """
    with ExitStack() as opened:
        blobs = [_blob(layer, opened) for layer in layers]
        name = hashlib.sha256(config).hexdigest()
        manifest = [
            {"Config": f"{name}.json", "RepoTags": list(tags) or None, "Layers": [f"{each.hex}.tar" for each in blobs]}
        ]
        tar = TarWriter(out)
        _add(tar, f"{name}.json", [config], len(config))
        for hexdigest, content in _distinct(blobs):
            _add(tar, f"{hexdigest}.tar", _chunks(content), content.size)
        text = canonical_json(manifest).encode()
        _add(tar, "manifest.json", [text], len(text))
        tar.close()


def write_oci_archive(out: Sink, config: bytes, layers: Sequence[LayerBytes], *, name: str = "") -> None:
    """Write an OCI layout as a tar; `name` becomes the image's reference name. Raises as `write_docker_archive`."""
    with ExitStack() as opened:
        tar = TarWriter(out)
        directories: set[str] = set()
        for path, chunks, size in _layout(config, [_blob(layer, opened) for layer in layers], name):
            for directory in [path[:at] for at, char in enumerate(path) if char == "/"]:
                if directory not in directories:
                    directories.add(directory)
                    tar.add(directory, FileType.DIRECTORY, mode=0o755)
            _add(tar, path, chunks, size)
        tar.close()


def write_oci_layout(
    directory: str | os.PathLike[str], config: bytes, layers: Sequence[LayerBytes], *, name: str = ""
) -> None:
    """Write an OCI layout into a directory that is empty or not yet there. Raises `UsageError` where it is neither."""
    root = Path(directory)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UsageError(f"{root.name} is there already and is no empty directory")
    with ExitStack() as opened:
        for path, chunks, _ in _layout(config, [_blob(layer, opened) for layer in layers], name):
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                for chunk in chunks:
                    file.write(chunk)


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredBlob:
    """A layer as it will be stored."""

    hex: str
    """SHA-256 of the stored bytes."""
    content: Content
    compression: Compression


def _layout(config: bytes, blobs: Sequence[_StoredBlob], name: str) -> Iterator[tuple[str, Iterable[bytes], int]]:
    """The files of a layout in the order in which they are written: path, chunks, size."""
    config_hex = hashlib.sha256(config).hexdigest()
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _descriptor(OCI_CONFIG, config_hex, len(config)),
        "layers": [_descriptor(_media_type(blob), blob.hex, blob.content.size) for blob in blobs],
    }
    manifest_text = canonical_json(manifest).encode()
    manifest_hex = hashlib.sha256(manifest_text).hexdigest()
    entry = _descriptor(OCI_MANIFEST, manifest_hex, len(manifest_text))
    if name:
        entry["annotations"] = {REF_NAME: name}
    index = canonical_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()
    yield "oci-layout", [_LAYOUT], len(_LAYOUT)
    yield "index.json", [index], len(index)
    yield f"blobs/sha256/{manifest_hex}", [manifest_text], len(manifest_text)
    yield f"blobs/sha256/{config_hex}", [config], len(config)
    for hexdigest, content in _distinct(blobs):
        yield f"blobs/sha256/{hexdigest}", _chunks(content), content.size


def _descriptor(media_type: str, hexdigest: str, size: int) -> dict[str, object]:
    return {"mediaType": media_type, "digest": f"sha256:{hexdigest}", "size": size}


def _media_type(blob: _StoredBlob) -> str:
    return _LAYER_TYPE if blob.compression is Compression.NONE else f"{_LAYER_TYPE}+{blob.compression}"


def _blob(layer: LayerBytes, opened: ExitStack) -> _StoredBlob:
    content = _content(layer, opened)
    sha256 = hashlib.sha256()
    for chunk in _chunks(content):
        sha256.update(chunk)
    return _StoredBlob(hex=sha256.hexdigest(), content=content, compression=compression_of(content))


def _distinct(blobs: Sequence[_StoredBlob]) -> Iterator[tuple[str, Content]]:
    """Every blob once, in the order of the layers."""
    yield from {blob.hex: blob.content for blob in blobs}.items()


def _content(layer: LayerBytes, opened: ExitStack) -> Content:
    if isinstance(layer, bytes):
        return MemoryContent(layer)
    if isinstance(layer, os.PathLike):
        return opened.enter_context(FileContent(layer))
    return layer


def _chunks(content: Content) -> Iterator[bytes]:
    for offset in range(0, content.size, MIB):
        yield content.read_at(offset, min(MIB, content.size - offset))


def _plain(content: Content, limits: Limits) -> Iterator[bytes]:
    return _chunks(content) if compression_of(content) is Compression.NONE else decompress(content, [], limits=limits)


def _add(tar: TarWriter, name: str, chunks: Iterable[bytes], size: int) -> None:
    tar.add(name, mode=0o644, size=size, data=chunks)
