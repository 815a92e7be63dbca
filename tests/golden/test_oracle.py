"""Listings of public images that skopeo and umoci made, reproduced byte by byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from xraydiff.errors import ImageError
from xraydiff.image.sources import open_image
from xraydiff.tree import squash
from xraydiff.tree.listing import listing

NAMES = [
    "almostempty.tar",
    "alpine-310.tar.gz",
    "hello-world-v25.tar",
    "overwritten_file.tar",
    "she-image_from_scratch-1.0.tar",
    "source_image_with_empty_layer_history.tar",
    "symlink-attack.tar",
    "symlink-cycle.tar",
    "symlink-dangling.tar",
    "symlink-depth-exceeded.tar",
    "test-docker-image.tar",
    "test-kaniko-image.tar",
    "test-oci-estargz-image.tar",
    "test-oci-gzip-image.tar",
    "test-oci-uncompressed-image.tar",
    "valid-oci.tar",
    "whiteout_dir.tar",
    "whiteout_image.tar",
]


def archive(corpus: Path, name: str) -> Path:
    (found,) = (path for path in corpus.rglob(name) if path.parent.name != "oracle")
    return found


@pytest.mark.parametrize("name", NAMES)
def test_listing_equals_the_independent_one(corpus: Path, name: str) -> None:
    expected = (corpus / "oracle" / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    with open_image(archive(corpus, name)) as image:
        tree = squash(image)
        assert list(listing(tree)) == expected
    assert tree.complete


def test_every_listing_is_checked(corpus: Path) -> None:
    assert sorted(path.name.removesuffix(".tsv") for path in (corpus / "oracle").glob("*.tsv")) == NAMES


def test_zstd_gives_the_same_file_as_gzip(corpus: Path) -> None:
    lines = []
    for name in ("test-oci-gzip-image.tar", "test-oci-zstd-image.tar"):
        with open_image(archive(corpus, name)) as image:
            lines.append(list(listing(squash(image))))
    assert lines[0] == lines[1]
    assert "f8b8addc" in lines[0][1]


def test_one_of_several_images_by_its_tag(corpus: Path) -> None:
    path = archive(corpus, "test_link.tar")
    with pytest.raises(ImageError) as caught:
        open_image(path)
    assert caught.value.code == "ambiguous-image"
    with open_image(f"{path}#bazel/v1/tarball:test_image_3") as image:
        assert len(image.layers) == 2
        tree = squash(image)
        assert tree.complete
        assert len(list(listing(tree))) > 1


def test_without_digests_the_column_is_empty(corpus: Path) -> None:
    with open_image(archive(corpus, "hello-world-v25.tar")) as image:
        tree = squash(image)
    assert list(listing(tree, digests=False))[1:] == ["/hello\tfile\t0o755\t9136\t-"]


def test_joined_archives_replace_a_link_by_a_directory(corpus: Path) -> None:
    from xraydiff.testing import ImageBuilder

    tree = ImageBuilder().raw_layer(archive(corpus, "concat.tar").read_bytes()).tree()
    assert tree.resolve("/run/logs/log.txt").error == ""
    assert tree.resolve("/var/run/console/algo.txt").hops == ()
    duplicates = [problem.path for problem in tree.problems if problem.code == "duplicate-entry"]
    assert duplicates == ["/", "/var", "/var/run"]
    assert tree.complete
