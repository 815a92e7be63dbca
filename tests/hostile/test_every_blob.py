"""For every blob of an image, in every container: a flipped byte, a cut, a longer or a missing one is always found.

umoci's hardening tests do the same. A blob is damaged where it lies, so that all that names it still names the old one.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.registry_server import Answer, Repository, serving
from xraydiff.errors import ImageError
from xraydiff.image.sources import open_image
from xraydiff.testing import Compression, ImageBuilder
from xraydiff.tree import squash
from xraydiff.tree.listing import listing

Damage = Callable[[bytes], bytes | None]


def flipped(where: float) -> Damage:
    def damage(data: bytes) -> bytes:
        at = int(where * (len(data) - 1))
        return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]

    return damage


def _gone(_data: bytes) -> None:
    return None


DAMAGE: dict[str, Damage] = {
    "first byte": flipped(0),
    "middle byte": flipped(0.5),
    "last byte": flipped(1),
    "one byte less": lambda data: data[:-1],
    "half": lambda data: data[: len(data) // 2],
    "one byte more": lambda data: data + b"\0",
    "a block more": lambda data: data + bytes(512),
    "twice": lambda data: data * 2,
    "nothing": lambda data: data[:0],
    "gone": _gone,
}


def builder() -> ImageBuilder:
    """Two layers and a config."""
    made = ImageBuilder(name="app:1").config(cmd=["/a"], labels={"k": "v"}).file("/a", bytes(range(256)) * 9)
    return made.layer().file("/b", "b" * 700).whiteout("/a")


def members(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {info.name: file.read() for info in tar if (file := tar.extractfile(info)) is not None}


def packed(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def with_damage(files: dict[str, bytes], name: str, damage: Damage) -> dict[str, bytes]:
    changed = damage(files[name])
    return {key: data if key != name else changed for key, data in files.items() if key != name or changed is not None}  # type: ignore[misc]  # the missing one is left out


def read(reference: str | Path | io.BytesIO) -> None:
    """Everything of an image: a tree that is whole, or an error."""
    with open_image(reference) as image:
        tree = squash(image)
        problem = next((one for one in (*image.problems, *tree.problems) if one.fatal), None)
        if problem is not None:
            raise ImageError(problem.message, code=problem.code)


def tree_of(data: bytes) -> list[str]:
    with open_image(io.BytesIO(data)) as image:
        return list(listing(squash(image), digests=True))


def blobs(files: dict[str, bytes]) -> list[str]:
    """Blobs, and not the tables of contents, which nothing promises a digest for."""
    return [name for name in files if name not in ("manifest.json", "index.json", "oci-layout", "repositories")]


COMPRESSIONS: list[Compression] = ["none", "gzip", "zstd"]


def rows() -> Iterator[tuple[str, Compression, str]]:
    for compression in COMPRESSIONS:
        made = builder()
        for form, data in (
            ("docker", made.build(compression=compression)),
            ("oci", made.oci_archive(compression=compression)),
        ):
            for name in blobs(members(data)):
                yield form, compression, name


@pytest.mark.parametrize("how", sorted(DAMAGE))
@pytest.mark.parametrize(("form", "compression", "name"), list(rows()))
def test_blob_of_an_archive(form: str, compression: Compression, name: str, how: str) -> None:
    data = (
        builder().build(compression=compression) if form == "docker" else builder().oci_archive(compression=compression)
    )
    files = members(data)
    read(io.BytesIO(packed(files)))
    damaged = packed(with_damage(files, name, DAMAGE[how]))
    if form == "docker" and compression != "none" and name.endswith("layer.tar") and how.endswith("more"):
        # Zeros behind a compressed layer of which only the diff_id is promised: it holds what it held.
        assert tree_of(damaged) == tree_of(packed(files))
        return
    with pytest.raises(ImageError) as caught:
        read(io.BytesIO(damaged))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("how", sorted(DAMAGE))
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_blob_of_a_directory(tmp_path: Path, compression: Compression, how: str) -> None:
    whole = builder().write(tmp_path / "whole", format="oci-layout", compression=compression)
    read(whole)
    found = 0
    for path in sorted((whole / "blobs" / "sha256").iterdir()):
        copy = tmp_path / path.name
        shutil.copytree(whole, copy)
        changed = DAMAGE[how](path.read_bytes())
        if changed is None:
            (copy / "blobs" / "sha256" / path.name).unlink()
        else:
            (copy / "blobs" / "sha256" / path.name).write_bytes(changed)
        with pytest.raises(ImageError):
            read(copy)
        found += 1
    assert found == 4


@pytest.mark.parametrize("how", sorted(DAMAGE))
def test_blob_of_a_registry(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    repository = Repository()
    wanted = repository.top
    with serving(repository) as server:
        name = server.name.rpartition(":")[0] + f"@{wanted}"
        read(name)
        for digest, data in repository.layout.blobs.items():
            repository.changed = {digest: answering(DAMAGE[how](data))}
            with pytest.raises(ImageError):
                read(name)


def answering(data: bytes | None) -> Callable[[Answer], None]:
    return lambda answer: answer.give(data or b"", 404 if data is None else 200)


@pytest.mark.parametrize("by", [-1, 1, 1 << 40, -(1 << 20)])
def test_sizes_of_descriptors(by: int) -> None:
    """The second half of umoci's: the size of each descriptor is wrong, everything above is right."""
    files = members(builder().oci_archive())
    index = json.loads(files["index.json"])
    index["manifests"][0]["size"] += by
    with pytest.raises(ImageError):
        read(io.BytesIO(packed({**files, "index.json": json.dumps(index).encode()})))
