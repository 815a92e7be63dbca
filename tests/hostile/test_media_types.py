"""Row 50: a layer is what its bytes say, as for engines; what its media type says otherwise is told."""

from __future__ import annotations

import gzip
import sys

import pytest

from tests.image_archives import LAYER, ONE, config_of, names, one_image, opened, read

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STORED = {"tar": ONE, "gzip": gzip.compress(ONE, mtime=0), "zstd": zstd.compress(ONE)}
SAID = {"tar": LAYER, "gzip": f"{LAYER}+gzip", "zstd": f"{LAYER}+zstd"}


@pytest.mark.parametrize("said", sorted(SAID))
@pytest.mark.parametrize("stored", sorted(STORED))
def test_media_gzip_bytes_tar_and_the_like(said: str, stored: str) -> None:
    image = opened(one_image(layers=(STORED[stored],), config=config_of((ONE,)), layer_type=SAID[said]).archive())
    expected = [] if said == stored else [("media-type-mismatch", False)]
    assert [(problem.code, problem.fatal) for problem in image.problems] == expected
    assert [names(layer) for layer in read(image)] == [["etc/hostname"]]


@pytest.mark.parametrize(
    "alias",
    [
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
        "application/vnd.docker.image.rootfs.diff.tar+zstd",
        "application/vnd.oci.image.layer.v1.tar+zstd",
    ],
)
def test_spellings_of_the_wild(alias: str) -> None:
    image = opened(one_image(layers=(STORED["zstd"],), config=config_of((ONE,)), layer_type=alias).archive())
    assert not image.problems
    assert read(image)
