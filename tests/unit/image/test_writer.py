from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from tests.image_archives import ONE, TWO, names, read, sha256, tar_of
from xraydiff.errors import UsageError
from xraydiff.image.sources import open_image
from xraydiff.image.writer import (
    LayerBytes,
    config_bytes,
    diff_id,
    write_docker_archive,
    write_oci_archive,
    write_oci_layout,
)

Write = Callable[[io.BytesIO, bytes, list[LayerBytes]], None]


def docker(out: io.BytesIO, config: bytes, layers: list[LayerBytes]) -> None:
    write_docker_archive(out, config, layers, tags=["app:1"])


def oci(out: io.BytesIO, config: bytes, layers: list[LayerBytes]) -> None:
    write_oci_archive(out, config, layers, name="app:1")


@pytest.mark.parametrize("write", [docker, oci])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress])
def test_what_is_written_is_read(tmp_path: Path, write: Write, pack: Callable[[bytes], bytes]) -> None:
    on_disk = tmp_path / "two.tar"
    on_disk.write_bytes(pack(TWO))
    layers: list[LayerBytes] = [pack(ONE), on_disk, pack(ONE)]
    config = config_bytes({"config": {"Cmd": ["/app"]}, "rootfs": "wrong"}, layers)
    out = io.BytesIO()
    write(out, config, layers)
    path = tmp_path / "app.tar"
    path.write_bytes(out.getvalue())
    listing = []
    for reference in (str(path), f"{path}#app:1"):
        with open_image(reference) as image:
            assert image.digest == sha256(config)
            assert image.config_json == config
            assert image.config.cmd == ("/app",)
            assert image.config.diff_ids == (sha256(ONE), sha256(TWO), sha256(ONE))
            assert image.problems == []
            listing = [names(layer.operations()) for layer in image.layers]
    assert listing == [["etc/hostname"], ["etc/motd"], ["etc/hostname"]]


@pytest.mark.parametrize("write", [docker, oci])
def test_same_image_same_bytes(write: Write) -> None:
    config = config_bytes({}, [ONE, TWO])
    one, other = io.BytesIO(), io.BytesIO()
    write(one, config, [ONE, TWO])
    write(other, config, [ONE, TWO])
    assert one.getvalue() == other.getvalue()
    with tarfile.open(fileobj=io.BytesIO(one.getvalue())) as tar:
        assert {(member.mtime, member.uid, member.uname) for member in tar} == {(0, 0, "")}


def test_layers_of_an_open_image_are_written_again(tmp_path: Path) -> None:
    first = tmp_path / "first.tar"
    out = io.BytesIO()
    write_docker_archive(out, config_bytes({}, [gzip.compress(ONE)]), [gzip.compress(ONE)])
    first.write_bytes(out.getvalue())
    with open_image(first) as image:
        read_before = list(image.layers[0].operations())
        layers: list[LayerBytes] = [image.layers[0].content, TWO]
        again = io.BytesIO()
        write_docker_archive(again, config_bytes(json.loads(image.config_json), layers), layers)
    repaired = read(open_image(io.BytesIO(again.getvalue())))
    assert repaired[0] == read_before
    assert names(repaired[1]) == ["etc/motd"]


def test_layout_directory(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "layout"
    config = config_bytes({}, [ONE])
    write_oci_layout(directory, config, [ONE], name="v1")
    with open_image(f"{directory}#v1") as image:
        assert image.digest == sha256(config)
        assert image.problems == []
        assert names(image.layers[0].operations()) == ["etc/hostname"]
    with pytest.raises(UsageError, match="no empty directory"):
        write_oci_layout(directory, config, [ONE])
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError):
        write_oci_layout(tmp_path / "file", config, [ONE])


def test_diff_id_is_of_the_uncompressed_tar() -> None:
    large = tar_of(("zeros", bytes(3 << 20)))
    assert diff_id(gzip.compress(large)) == diff_id(large) == sha256(large)


def test_no_layers() -> None:
    for write in (docker, oci):
        out = io.BytesIO()
        write(out, config_bytes({}, []), [])
        assert read(open_image(io.BytesIO(out.getvalue()))) == []
