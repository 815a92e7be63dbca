"""What little input may write to the disk: compressed archives and layers, streams, archives inside archives."""

from __future__ import annotations

import gzip
import io
import os
import random
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.image_archives import ONE, as_json, config_of, docker_archive, one_image, read, tar_of
from xraydiff.errors import ImageError, LimitExceeded
from xraydiff.image.sources import open_image
from xraydiff.layers import holes, spool
from xraydiff.layers.spool import SpoolContent
from xraydiff.limits import KIB, MIB, Limits

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LETTERS = b"a" * MIB


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes of every write into a temporary file."""
    sizes: list[int] = []
    pwrite = os.pwrite

    def counted(descriptor: int, data: memoryview, at: int) -> int:
        sizes.append(len(data))
        return pwrite(descriptor, data, at)

    monkeypatch.setattr(spool.os, "pwrite", counted)  # type: ignore[attr-defined]  # the module as it is used there
    return sizes


def tar_with(name: str, megabytes: int, first: bytes = b"") -> Iterator[bytes]:
    """A tar with one large file, a chunk at a time; `first` is a whole tar without its end before it."""
    info = tarfile.TarInfo(name)
    info.size = megabytes * MIB
    yield first + info.tobuf()
    for _ in range(megabytes):
        yield LETTERS
    yield bytes(1024)


def gzipped(chunks: Iterator[bytes]) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(chunk) for chunk in chunks) + packer.flush()


def in_members(chunks: Iterator[bytes]) -> bytes:
    return b"".join(gzip.compress(chunk) for chunk in chunks)


def in_frames(chunks: Iterator[bytes]) -> bytes:
    return b"".join(zstd.compress(chunk) for chunk in chunks)


def plain(chunks: Iterator[bytes]) -> bytes:
    return b"".join(chunks)


WRITERS = [gzipped, in_members, in_frames, plain]


def refused(data: bytes, limits: Limits | None = None) -> ImageError:
    with pytest.raises(ImageError) as caught, open_image(io.BytesIO(data), limits=limits or Limits()) as image:
        read(image)
    assert "\n" not in str(caught.value)
    return caught.value


def start_of(*members: tuple[str, bytes]) -> bytes:
    """A tar without its end blocks."""
    return tar_of(*members)[: sum(512 + (len(data) + 511) // 512 * 512 for _, data in members)]


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", ["zero", "usr/share/zero", "./etc/zero", "data/zero.bin"])
def test_a_tar_that_is_no_image_is_not_written(
    writer: Callable[[Iterator[bytes]], bytes], name: str, written: list[int]
) -> None:
    """Known by the first name, long before the end: neither the 90 MiB of it nor what follows."""
    data = writer(tar_with(name, 90))
    error = refused(data)
    assert error.code == "not-an-image"
    assert sum(written) <= 2 * MIB + (len(data) if writer in (gzipped, in_members, in_frames) else 0)


@pytest.mark.parametrize("writer", WRITERS)
def test_many_members_that_no_image_has(writer: Callable[[Iterator[bytes]], bytes], written: list[int]) -> None:
    def members() -> Iterator[bytes]:
        for number in range(30):
            yield start_of((f"part{number}", LETTERS))
        yield bytes(1024)

    data = writer(members())
    assert refused(data, Limits(ratio_after=5 * MIB, spool_ratio=50_000, zstd_ratio=50_000)).code == "not-an-image"
    assert sum(written) <= 7 * MIB + len(data)


def test_what_is_no_tar_is_not_written(written: list[int]) -> None:
    data = gzipped(iter([b"no tar at all" * 100, *[LETTERS] * 60]))
    assert "not a tar file" in str(refused(data))
    assert sum(written) <= 2 * MIB + len(data)


def test_the_manifest_may_come_last() -> None:
    """Writers put it behind the layers, whatever these are called."""
    layers = (tar_of(("a", LETTERS * 3)), tar_of(("b", os.urandom(3 * MIB))))
    limits = Limits(ratio_after=MIB, spool_ratio=50_000, zstd_ratio=50_000)
    stored = [tar_of(("a", LETTERS * 3)), gzip.compress(layers[1])]
    names = ["first", "second"]
    manifest = as_json([{"Config": "it", "RepoTags": [], "Layers": names}])
    members = [*zip(names, stored, strict=True), ("it", config_of(layers)), ("manifest.json", manifest)]
    for data in (tar_of(*members), gzip.compress(tar_of(*members)), zstd.compress(tar_of(*members))):
        with open_image(io.BytesIO(data), limits=limits) as image:
            assert len(read(image)) == 2


@pytest.mark.parametrize("writer", WRITERS)
def test_every_kind_of_archive_is_still_read(writer: Callable[[Iterator[bytes]], bytes]) -> None:
    for archive in (docker_archive(), one_image().archive()):
        data = writer(iter([archive[:700], archive[700:]]))
        with open_image(io.BytesIO(data)) as image:
            assert len(read(image)) == 1


@pytest.mark.parametrize("pack", [gzipped, in_frames])
@pytest.mark.parametrize("mark", ["manifest.json", "oci-layout"])
def test_an_archive_that_looks_like_an_image(
    mark: str, pack: Callable[[Iterator[bytes]], bytes], written: list[int]
) -> None:
    """Its names say nothing against it, so the disk that it may take is that of its own bytes."""
    data = pack(tar_with("0/layer.tar", 120, start_of((mark, b"{}"))))
    error = refused(data, Limits(ratio_after=20 * MIB, zstd_ratio=100_000))
    assert isinstance(error, LimitExceeded)
    assert error.hint == "limit spool_ratio"
    assert sum(written) < 40 * MIB


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_a_layer_of_letters(pack: Callable[[bytes], bytes], written: list[int]) -> None:
    layer = tar_of(("a", LETTERS * 60))
    manifest = [{"Config": "config.json", "RepoTags": [], "Layers": ["0/layer.tar"]}]
    archive = tar_of(
        ("config.json", config_of((layer,))), ("0/layer.tar", pack(layer)), ("manifest.json", as_json(manifest))
    )
    limits = Limits(ratio_after=20 * MIB, zstd_ratio=100_000)
    assert refused(archive, limits).hint == "limit spool_ratio"
    assert sum(written) < 40 * MIB


def test_a_layer_of_zeros_is_read_and_takes_no_disk(written: list[int]) -> None:
    layer = tar_of(("a", bytes(60 * MIB)))
    manifest = [{"Config": "config.json", "RepoTags": [], "Layers": ["0/layer.tar"]}]
    archive = tar_of(
        ("config.json", config_of((layer,))),
        ("0/layer.tar", gzip.compress(layer)),
        ("manifest.json", as_json(manifest)),
    )
    with open_image(io.BytesIO(archive), limits=Limits(ratio_after=20 * MIB)) as image:
        assert len(read(image)) == 1
    assert sum(written) < 2 * MIB


def test_compressed_layers_of_a_compressed_archive(written: list[int]) -> None:
    """The two ratios do not multiply: what all layers take is bounded by the file that was given."""
    layers = tuple(tar_of((str(number), LETTERS * 30)) for number in range(6))
    stored = [gzip.compress(layer, mtime=0) for layer in layers]
    names = [f"{number}/layer.tar" for number in range(6)]
    manifest = as_json([{"Config": "config.json", "RepoTags": [], "Layers": names}])
    members = [("config.json", config_of(layers)), *zip(names, stored, strict=True), ("manifest.json", manifest)]
    archive = gzip.compress(tar_of(*members))
    assert len(archive) < 60 * KIB
    limits = Limits(ratio_after=40 * MIB, spool_ratio=200)
    assert refused(archive, limits).hint == "limit spool_bytes"
    assert sum(written) < 80 * MIB


def test_a_file_system_from_a_compressed_tar(tmp_path: Path, written: list[int]) -> None:
    path = tmp_path / "root.tar.gz"
    path.write_bytes(gzipped(tar_with("usr/zero", 120)))
    with pytest.raises(LimitExceeded, match="200 times"):
        open_image(path, rootfs=True, limits=Limits(ratio_after=20 * MIB))
    assert sum(written) < 50 * MIB


@pytest.mark.parametrize("size", [0, 1, 16 * KIB - 1, 16 * KIB, 16 * KIB + 1, 100_001])
def test_runs(size: int) -> None:
    """What is left out is zeros, whatever the rest is."""
    source = random.Random(size)  # noqa: S311  the same places in every run
    for _ in range(20):
        data = bytearray(size)
        for at in source.sample(range(size), min(size, source.randrange(4))):
            data[at] = 1
        found = holes.runs(bytes(data))
        assert found == sorted(found)
        left = bytearray(size)
        for start, end in found:
            left[start:end] = data[start:end]
        assert left == data
        assert holes.occupied(bytes(data)) == sum(end - start for start, end in found)


def test_a_spool_counts_what_it_writes() -> None:
    content = SpoolContent()
    content.fill([bytes(MIB), b"x", bytes(MIB)], limits=Limits())
    assert (content.size, content.occupied) == (2 * MIB + 1, 1)
    assert content.read_at(0, content.size) == bytes(MIB) + b"x" + bytes(MIB)
    content.close()
    content = SpoolContent()
    with pytest.raises(LimitExceeded, match="spool_bytes"):
        content.fill([bytes(MIB), LETTERS, bytes(MIB), LETTERS], limits=Limits(spool_bytes=MIB))
    content.close()


def test_a_tar_ends_where_it_does() -> None:
    """One that breaks off anywhere is told as it was before."""
    whole = docker_archive((ONE,))
    for length in (1, 511, 512, 513, 1024, 1500, 3000, len(whole) - 10240):
        data = whole[:length]
        kinds = {refused(form).code for form in (data, gzip.compress(data), zstd.compress(data))}
        assert len(kinds) == 1
