"""Archives of images made member by member, so that tests can make each of them wrong in one place."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xraydiff.image import Image
from xraydiff.image.sources import open_image
from xraydiff.layers import Operation, Put
from xraydiff.limits import DEFAULT, Limits

Member = tuple[str, bytes] | tarfile.TarInfo
Json = dict[str, object]

OCI = "application/vnd.oci.image."
MANIFEST, INDEX, CONFIG, LAYER = (
    f"{OCI}{kind}" for kind in ("manifest.v1+json", "index.v1+json", "config.v1+json", "layer.v1.tar")
)
LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


def tar_of(*members: Member) -> bytes:
    """A tar of files and of whatever else is given as a header."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return out.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A member without content: a link, a directory, a FIFO."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def config_of(layers: Iterable[bytes], **fields: object) -> bytes:
    """A config whose diff_ids are those of uncompressed layers."""
    rootfs = {"type": "layers", "diff_ids": [sha256(layer) for layer in layers]}
    return as_json({"os": "linux", "architecture": "amd64", "rootfs": rootfs, "config": {}} | fields)


ONE = tar_of(("etc/hostname", b"one\n"))
TWO = tar_of(("etc/motd", b"two\n"))


def docker_archive(
    layers: tuple[bytes, ...] = (ONE,),
    *,
    config: bytes | None = None,
    manifest: object | bytes | None = None,
    tags: tuple[str, ...] = ("app:1",),
    drop: tuple[str, ...] = (),
    extra: tuple[Member, ...] = (),
) -> bytes:
    """A docker-archive with `config.json` and `0/layer.tar`, `1/layer.tar`...; `extra` members come last."""
    if config is None:
        config = config_of(layers)
    names = [f"{index}/layer.tar" for index in range(len(layers))]
    if manifest is None:
        manifest = [{"Config": "config.json", "RepoTags": list(tags), "Layers": names}]
    members: list[Member] = [("config.json", config), *zip(names, layers, strict=True)]
    members.append(("manifest.json", manifest if isinstance(manifest, bytes) else as_json(manifest)))
    return tar_of(
        *(member for member in members if isinstance(member, tarfile.TarInfo) or member[0] not in drop), *extra
    )


@dataclass
class Layout:
    """An OCI layout in the making: blobs, and the descriptors of its index."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: list[Json] = field(default_factory=list)

    def put(self, data: bytes, media_type: str, **more: object) -> Json:
        """Store a blob and give its descriptor."""
        digest = sha256(data)
        self.blobs[digest] = data
        return {"mediaType": media_type, "digest": digest, "size": len(data)} | more

    def image(
        self,
        layers: tuple[bytes, ...] = (ONE,),
        *,
        config: bytes | None = None,
        layer_type: str = LAYER,
        config_type: str = CONFIG,
        **more: object,
    ) -> Json:
        """Store an image and give the descriptor of its manifest; `more` goes into the descriptor."""
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.put(config_of(layers) if config is None else config, config_type),
            "layers": [self.put(layer, layer_type) for layer in layers],
        }
        return self.put(as_json(manifest), MANIFEST, **more)

    def index(self, manifests: Iterable[Mapping[str, object]], **more: object) -> Json:
        """Store an index and give its descriptor."""
        return self.put(as_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(manifests)}), INDEX, **more)

    def files(self) -> dict[str, bytes]:
        """The files of the layout."""
        index = as_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": self.manifests})
        blobs = {f"blobs/{digest.replace(':', '/')}": data for digest, data in self.blobs.items()}
        return {"oci-layout": LAYOUT, "index.json": index} | blobs

    def archive(self, **changed: bytes | None) -> bytes:
        """The layout as a tar; `index_json=b""` and `oci_layout=None` change or drop one of its documents."""
        files: dict[str, bytes | None] = {**self.files()}
        files |= {name.replace("index_json", "index.json").replace("_", "-"): data for name, data in changed.items()}
        return tar_of(*((name, data) for name, data in files.items() if data is not None))

    def write(self, directory: Path) -> Path:
        """The layout as a directory."""
        for name, data in self.files().items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_bytes(data)
        return directory


def one_image(**more: object) -> Layout:
    """A layout with one image."""
    layout = Layout()
    layout.manifests.append(layout.image(**more))  # type: ignore[arg-type]
    return layout


def opened(
    data: bytes, *, selector: str = "", platform: str | None = None, limits: Limits = DEFAULT, path: Path | None = None
) -> Image:
    """An archive opened as a stream, or as the file `path` where something of it is to be selected."""
    if path is None:
        return open_image(io.BytesIO(data), platform=platform, limits=limits)
    path.write_bytes(data)
    return open_image(f"{path}#{selector}" if selector else path, platform=platform, limits=limits)


def read(image: Image) -> list[list[Operation]]:
    """Every layer read to its end, which verifies it; closes the image."""
    with image:
        return [list(layer.operations()) for layer in image.layers]


def names(operations: Iterable[Operation]) -> list[str]:
    return [operation.name for operation in operations if isinstance(operation, Put)]


def flipped(data: bytes, at: int = 0) -> bytes:
    """The same bytes with one bit changed."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


Open = Callable[[], Image]
