"""What an archive, a layout or a manifest may say to mislead a reader: the rows of section D4, by name."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import time
from pathlib import Path

import pytest

from tests.image_archives import (
    CONFIG,
    INDEX,
    LAYER,
    LAYOUT,
    MANIFEST,
    ONE,
    TWO,
    Json,
    Layout,
    as_json,
    config_of,
    docker_archive,
    flipped,
    names,
    one_image,
    opened,
    read,
    sha256,
    special,
    tar_of,
)
from tests.patience import SLOW
from xraydiff.errors import ImageError, IntegrityError, LimitExceeded, UnsupportedImage, XraydiffError
from xraydiff.image.config import canonical
from xraydiff.image.sources import open_image
from xraydiff.layers.content import Content
from xraydiff.layers.spool import FileContent, Unpacked, unpack
from xraydiff.limits import KIB, MIB, Limits

GCR = Path("google+go-containerregistry/pkg/v1/tarball/testdata")


def refused(data: bytes, *, limits: Limits | None = None, platform: str | None = None) -> XraydiffError:
    """The error of opening an image and reading all its layers."""
    started = time.process_time()
    with pytest.raises(ImageError) as caught:
        read(opened(data, limits=limits or Limits(), platform=platform))
    assert time.process_time() - started < 5 * SLOW
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("stream: ") or caught.value.layer is not None
    return caught.value


# --- docker-archive ---------------------------------------------------------------------------------------------------


def test_da_v25_null_index(corpus: Path) -> None:
    with open_image(corpus / GCR / "hello-world-v25.tar") as image:
        assert image.digest == "sha256:ee301c921b8aadc002973b2e0c3da17d701dcd994b606769a7e6eaa100b81d44"
        (layer,) = image.layers
        (hello,) = names(layer.operations())
    assert hello == "hello"


def test_da_layer_symlink(corpus: Path) -> None:
    with open_image(f"{corpus / GCR / 'test_link.tar'}#bazel/v1/tarball:test_image_3") as image:
        assert image.reference == "test_link.tar#bazel/v1/tarball:test_image_3"
        assert image.layers[0].diff_id.startswith("sha256:8897395f")
        first, second = (list(layer.operations()) for layer in image.layers)
        assert image.layers[0].content.size == 10240
    assert first
    assert second


def test_da_two_images(corpus: Path) -> None:
    with pytest.raises(ImageError) as caught:
        open_image(corpus / GCR / "test_bundle.tar")
    assert caught.value.code == "ambiguous-image"
    assert "test_bundle.tar#test_image_1, test_bundle.tar#test_image_2" in str(caught.value)


@pytest.mark.parametrize("tag", ["test_image_1", "test_image_2:latest", "docker.io/library/test_image_2"])
def test_da_two_images_selected(corpus: Path, tag: str) -> None:
    image = open_image(f"{corpus / GCR / 'test_bundle.tar'}#{tag}")
    assert len(read(image)) == 1


def test_da_null_manifest(corpus: Path) -> None:
    with pytest.raises(ImageError, match="lists no image") as caught:
        open_image(corpus / GCR / "null_manifest.tar")
    assert caught.value.code == "bad-manifest"


def test_da_empty_list() -> None:
    assert refused(docker_archive(manifest=[])).code == "bad-manifest"


@pytest.mark.parametrize("text", [b"", b"not json", b"[{]", b"\xff\xfe[]", b'[{"Config": 1}]', b"[1]"])
def test_da_not_json(text: bytes) -> None:
    assert refused(docker_archive(manifest=text)).code == "bad-json"


def test_da_missing(corpus: Path) -> None:
    with pytest.raises(ImageError) as caught:
        open_image(corpus / "wagoodman+dive/.data/test-estargz-image.tar")
    assert caught.value.code == "not-an-image"
    assert refused(docker_archive(drop=("manifest.json",))).code == "not-an-image"


def test_da_link_cycle() -> None:
    links = [
        special("manifest.json", tarfile.SYMTYPE, "config.json"),
        special("config.json", tarfile.SYMTYPE, "manifest.json"),
    ]
    assert refused(tar_of(*links)).code == "link-cycle"
    assert refused(tar_of(special("manifest.json", tarfile.LNKTYPE, "manifest.json"))).code == "link-cycle"


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "../../../../../etc/passwd", "nowhere", ".."])
def test_da_link_outside(monkeypatch: pytest.MonkeyPatch, kind: bytes, target: str) -> None:
    def never(*_: object, **__: object) -> None:
        pytest.fail("the host was asked for a file")

    data = docker_archive(drop=("0/layer.tar",), extra=(special("0/layer.tar", kind, target),))
    monkeypatch.setattr(FileContent, "__init__", never)
    assert refused(data).code == "missing-blob"


def test_da_layer_hardlink() -> None:
    data = docker_archive(
        (ONE, ONE), drop=("1/layer.tar",), extra=(special("1/layer.tar", tarfile.LNKTYPE, "0/layer.tar"),)
    )
    assert [names(layer) for layer in read(opened(data))] == [["etc/hostname"], ["etc/hostname"]]


def test_da_dup_manifest() -> None:
    other = [{"Config": "config.json", "RepoTags": ["evil:1"], "Layers": ["0/layer.tar"]}]
    error = refused(docker_archive(extra=(("./manifest.json", as_json(other)),)))
    assert error.code == "ambiguous-image"
    same = docker_archive()
    with tarfile.open(fileobj=io.BytesIO(same)) as tar:
        stored = tar.extractfile("manifest.json")
        assert stored is not None
        text = stored.read()
    assert read(opened(docker_archive(extra=(("manifest.json", text),))))


def test_da_two_tables_of_contents() -> None:
    """One image for readers of manifest.json, another for readers of index.json."""
    other = one_image(layers=(TWO,)).files()
    error = refused(docker_archive(extra=tuple(other.items())))
    assert error.code == "ambiguous-image"


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "", ".", "a/../../config.json"])
def test_da_config_path_traversal(name: str) -> None:
    manifest = [{"Config": name, "RepoTags": ["app:1"], "Layers": ["0/layer.tar"]}]
    assert refused(docker_archive(manifest=manifest)).code == ("missing-blob" if name else "bad-manifest")


def test_da_diffids_more() -> None:
    assert refused(docker_archive((ONE,), config=config_of((ONE, TWO)))).code == "layer-count-mismatch"


def test_da_diffids_fewer() -> None:
    assert refused(docker_archive((ONE, TWO), config=config_of((ONE,)))).code == "layer-count-mismatch"


@pytest.mark.parametrize("rootfs", [None, {}, {"type": "layers"}, {"type": "layers", "diff_ids": None}])
def test_da_diffids_none(rootfs: object) -> None:
    assert refused(docker_archive(config=config_of((), rootfs=rootfs))).code == "layer-count-mismatch"


def test_da_diffids_wrong() -> None:
    error = refused(docker_archive((ONE, TWO), config=config_of((ONE, ONE))))
    assert (error.code, error.layer) == ("digest-mismatch", 1)
    assert isinstance(error, IntegrityError)


def test_da_diffids_wrong_of_a_compressed_layer() -> None:
    assert refused(docker_archive((gzip.compress(ONE),), config=config_of((TWO,)))).code == "digest-mismatch"
    assert read(opened(docker_archive((gzip.compress(ONE),), config=config_of((ONE,)))))


def test_da_manifest_2mb() -> None:
    assert isinstance(refused(docker_archive(manifest=b"[" + b" " * (2 * MIB) + b"]")), LimitExceeded)


def test_config_5mb() -> None:
    config = config_of((ONE,), comment="x" * (5 * MIB))
    assert isinstance(refused(docker_archive(config=config)), LimitExceeded)
    assert isinstance(refused(one_image(config=config).archive()), LimitExceeded)


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_da_layer_is_fifo_or_dir(kind: bytes) -> None:
    error = refused(docker_archive(drop=("0/layer.tar",), extra=(special("0/layer.tar", kind),)))
    assert (error.code, error.layer) == ("bad-layer-entry", 0)


def test_da_same_layer_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = gzip.compress(ONE)
    manifest = [{"Config": "config.json", "RepoTags": None, "Layers": ["0/layer.tar", "0/layer.tar"]}]
    data = docker_archive((stored,), config=config_of((ONE, ONE)), manifest=manifest)
    unpacked: list[Content] = []

    def counting(content: Content, *, limits: Limits) -> Unpacked:
        unpacked.append(content)
        return unpack(content, limits=limits)

    monkeypatch.setattr("xraydiff.image.blobs.unpack", counting)
    assert [names(layer) for layer in read(opened(data))] == [["etc/hostname"], ["etc/hostname"]]
    assert len(unpacked) == 1


# --- OCI --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", range(3))
def test_oci_missing_blob(which: int) -> None:
    layout = one_image()
    del layout.blobs[sorted(layout.blobs)[which]]
    assert refused(layout.archive()).code == "missing-blob"


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("at", [0, -1])
def test_oci_flip_byte(which: int, at: int) -> None:
    layout = one_image()
    digest = sorted(layout.blobs)[which]
    layout.blobs[digest] = flipped(layout.blobs[digest], len(layout.blobs[digest]) - 1 if at else 0)
    error = refused(layout.archive())
    # A layer that is no tar any more says so before it is hashed to the end.
    assert error.code in ("digest-mismatch", "tar-bad-header", "tar-truncated", "bad-json")
    if error.code == "bad-json":
        pytest.fail("a document was parsed before it was verified")


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("change", [1, -1])
def test_oci_size_plus1(which: int, change: int) -> None:
    layout = one_image()
    digest = sorted(layout.blobs)[which]
    layout.blobs[digest] = layout.blobs[digest] + b"\0" if change > 0 else layout.blobs[digest][:-1]
    assert refused(layout.archive()).code == "size-mismatch"


@pytest.mark.parametrize("size", [-1, None, "12", 1.5, True, 2**63, -(2**80)])
def test_oci_size_negative_or_missing(size: object) -> None:
    layout = one_image()
    layout.manifests[0]["size"] = size
    assert refused(layout.archive()).code in ("bad-descriptor", "bad-json")
    if size in (-1, None):
        assert refused(layout.archive()).code == "bad-descriptor"


@pytest.mark.parametrize(
    ("digest", "code"),
    [
        ("sha256:../../../etc/passwd", "bad-descriptor"),
        ("sha256:" + "A" * 64, "bad-descriptor"),
        ("sha256:" + "a" * 63, "bad-descriptor"),
        ("sha256:" + "a" * 64 + "\n", "bad-descriptor"),
        ("sha512:" + "a" * 64, "bad-descriptor"),
        ("", "bad-descriptor"),
        ("../x", "bad-descriptor"),
        ("md5:d41d8cd98f00b204e9800998ecf8427e", "unsupported-digest"),
        ("a+" * 100_000, "bad-descriptor"),
    ],
)
def test_oci_digest_traversal(digest: str, code: str) -> None:
    layout = one_image()
    layout.manifests[0]["digest"] = digest
    assert refused(layout.archive()).code == code


def test_oci_sha512() -> None:
    layout = Layout()
    config = config_of((), rootfs={"type": "layers", "diff_ids": ["sha512:" + hashlib.sha512(ONE).hexdigest()]})

    def put(data: bytes, media_type: str) -> Json:
        digest = f"sha512:{hashlib.sha512(data).hexdigest()}"
        layout.blobs[digest] = data
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    manifest = {"schemaVersion": 2, "config": put(config, CONFIG), "layers": [put(ONE, LAYER)]}
    layout.manifests.append(put(as_json(manifest), MANIFEST))
    assert [names(layer) for layer in read(opened(layout.archive()))] == [["etc/hostname"]]
    layer = f"sha512:{hashlib.sha512(ONE).hexdigest()}"
    layout.blobs[layer] = flipped(ONE, 600)
    assert refused(layout.archive()).code == "digest-mismatch"


def test_oci_type_confusion() -> None:
    layout = Layout()
    image = layout.image()
    both = json.loads(layout.blobs[str(image["digest"])]) | {"manifests": [image]}
    layout.manifests = [layout.put(as_json(both), MANIFEST)]
    assert refused(layout.archive()).code == "ambiguous-manifest"
    layout.manifests = [layout.put(as_json({"schemaVersion": 2, "manifests": [image]}), MANIFEST)]
    assert refused(layout.archive()).code == "ambiguous-manifest"
    layout.manifests = [image | {"mediaType": INDEX}]
    assert refused(layout.archive()).code == "ambiguous-manifest"


def nested(depth: int) -> Layout:
    layout = Layout()
    inner = layout.image()
    for _ in range(depth):
        inner = layout.index([inner])
    layout.manifests = [inner]
    return layout


def test_oci_index_depth_5() -> None:
    assert isinstance(refused(nested(5).archive()), LimitExceeded)
    assert read(opened(nested(4).archive()))


def test_oci_index_10k_children() -> None:
    layout = Layout()
    image = layout.image()
    layout.manifests = [image] * 10_000
    assert isinstance(refused(layout.archive()), LimitExceeded)
    layout.manifests = [layout.index([image] * 400), layout.index([image] * 401), layout.index([image] * 402)]
    assert isinstance(refused(layout.archive()), LimitExceeded)


def test_oci_index_diamond_2e20() -> None:
    layout = Layout()
    inner = layout.image()
    for _ in range(20):
        inner = layout.index([inner, inner])
    layout.manifests = [inner]
    assert read(opened(layout.archive(), limits=Limits(index_depth=30)))
    assert isinstance(refused(layout.archive()), LimitExceeded)


def attestation(layout: Layout) -> Json:
    platform = {"os": "unknown", "architecture": "unknown"}
    annotations = {"vnd.docker.reference.type": "attestation-manifest"}
    return layout.image((TWO,), layer_type="application/vnd.in-toto+json", platform=platform, annotations=annotations)


def test_oci_attestation_only() -> None:
    layout = Layout()
    layout.manifests = [layout.index([attestation(layout)])]
    assert refused(layout.archive()).code == "no-image-in-index"
    layout.manifests = []
    assert refused(layout.archive()).code == "no-image-in-index"


def test_oci_attestation_first() -> None:
    layout = Layout()
    layout.manifests = [layout.index([attestation(layout), layout.image()])]
    assert [names(layer) for layer in read(opened(layout.archive()))] == [["etc/hostname"]]


def test_oci_multi_platform(corpus: Path) -> None:
    path = corpus / "anchore+stereoscope/pkg/image/oci/testdata/multiplatform_oci_dir.oci-layout.tar"
    with pytest.raises(ImageError) as caught:
        open_image(path)
    assert caught.value.code == "ambiguous-image"
    assert "linux/amd64" in str(caught.value)
    assert "linux/arm64" in str(caught.value)
    with pytest.raises(ImageError) as caught:
        open_image(path, platform="linux/s390x")
    assert caught.value.code == "no-such-platform"
    for architecture in ("amd64", "arm64"):
        with open_image(path, platform=f"linux/{architecture}") as image:
            assert image.config.platform.architecture == architecture


def test_oci_multi_platform_chosen() -> None:
    layout = Layout()
    for architecture, layer in (("amd64", ONE), ("arm64", TWO)):
        platform = {"os": "linux", "architecture": architecture}
        image = layout.image((layer,), config=config_of((layer,), architecture=architecture), platform=platform)
        layout.manifests.append(image)
    assert refused(layout.archive()).code == "ambiguous-image"
    with opened(layout.archive(), platform="linux/arm64/v8") as arm:
        assert str(arm.config.platform) == "linux/arm64"
        assert names(arm.layers[0].operations()) == ["etc/motd"]
    assert refused(layout.archive(), platform="linux/arm64/v9").code == "no-such-platform"


def test_oci_embedded_data_bad() -> None:
    import base64

    layout = one_image()
    (manifest,) = layout.manifests
    stored = layout.blobs[str(manifest["digest"])]
    manifest["data"] = base64.b64encode(stored).decode()
    assert read(opened(layout.archive()))
    for data in (flipped(stored), stored + b" "):
        manifest["data"] = base64.b64encode(data).decode()
        assert isinstance(refused(layout.archive()), IntegrityError)
    manifest["data"] = "%%%"
    assert refused(layout.archive()).code == "bad-descriptor"


def test_oci_unknown_media_sibling() -> None:
    layout = one_image()
    layout.manifests.append(layout.put(b"<xml/>", "application/xml"))
    assert read(opened(layout.archive()))


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ],
)
def test_oci_nondistributable_missing(media_type: str) -> None:
    layout = Layout()
    layout.manifests = [layout.image((ONE,), layer_type=media_type)]
    assert read(opened(layout.archive()))
    del layout.blobs[sha256(ONE)]
    with opened(layout.archive()) as image:
        assert [(problem.code, problem.fatal) for problem in image.problems] == [("missing-foreign-layer", True)]
        assert image.layers == ()


def test_oci_artifact(corpus: Path) -> None:
    testrepo = corpus / "regclient+regclient/testdata/testrepo.oci-layout.tar"
    with pytest.raises(ImageError, match=r"application/vnd\.oci\.empty\.v1") as caught:
        open_image(f"{testrepo}#a1")
    assert caught.value.code == "not-an-image"


def test_oci_loop_ref(corpus: Path) -> None:
    testrepo = corpus / "regclient+regclient/testdata/testrepo.oci-layout.tar"
    with pytest.raises(ImageError):
        open_image(f"{testrepo}#loop")
    assert len(read(open_image(f"{testrepo}#v1", platform="linux/amd64"))) == 2


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("kind", ["symlink", "fifo", "directory", "dev_zero"])
def test_oci_dir_bad_blob(tmp_path: Path, kind: str, which: int) -> None:
    layout = one_image()
    directory = layout.write(tmp_path / "layout")
    blob = directory / "blobs" / sorted(layout.blobs)[which].replace(":", "/")
    stored = blob.rename(tmp_path / "elsewhere")
    match kind:
        case "symlink":
            blob.symlink_to(stored)
        case "fifo":
            os.mkfifo(blob)
        case "directory":
            blob.mkdir()
        case _:
            blob.symlink_to("/dev/zero")
    with pytest.raises(ImageError) as caught:
        read(open_image(directory))
    assert caught.value.code == "bad-blob-file"
    assert str(tmp_path) not in str(caught.value)


def test_oci_dir_symlinked_blobs(tmp_path: Path) -> None:
    directory = one_image().write(tmp_path / "layout")
    (directory / "blobs").rename(tmp_path / "elsewhere")
    (directory / "blobs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ImageError) as caught:
        open_image(directory)
    assert caught.value.code == "bad-blob-file"


@pytest.mark.parametrize("text", [b'{"imageLayoutVersion":"2.0.0"}', b"{}"])
def test_oci_layout_version(text: bytes) -> None:
    assert refused(one_image().archive(oci_layout=text)).code == "bad-layout"


def test_oci_missing_oci_layout() -> None:
    with opened(one_image().archive(oci_layout=None)) as image:
        assert [(problem.code, problem.fatal) for problem in image.problems] == [("missing-oci-layout", False)]
        assert all(list(layer.operations()) for layer in image.layers)
    assert refused(tar_of(("oci-layout", LAYOUT))).code == "not-an-image"


# --- JSON -------------------------------------------------------------------------------------------------------------

BAD_JSON = {
    "depth_100k": b"[" * 100_000 + b"]" * 100_000,
    "depth_objects": b'{"a":' * 1_000 + b"1" + b"}" * 1_000,
    "dup_keys": b'{"os":"linux","os":"windows"}',
    "other_case": b'{"os":"linux","OS":"plan9"}',
    "5000_digits": b'{"created":' + b"9" * 5_000 + b"}",
    "long_fraction": b'{"created":0.' + b"9" * 5_000 + b"}",
    "infinite": b'{"created":1e999}',
    "bom": b"\xef\xbb\xbf{}",
    "utf16": '{"a":1}'.encode("utf-16"),
    "nan": b'{"a":NaN}',
    "minus_infinity": b'{"a":-Infinity}',
    "latin1": b'{"a":"\xe9"}',
    "two_values": b"{}{}",
    "unterminated": b'{"a":"' + b'\\"' * 100_000,
    "control": b'{"a":"\x01"}',
}


@pytest.mark.parametrize("name", BAD_JSON)
def test_json_bad(name: str) -> None:
    text = BAD_JSON[name]
    assert refused(docker_archive(config=text)).code == "bad-json"
    assert refused(docker_archive(manifest=text)).code in ("bad-json", "bad-manifest")
    assert refused(one_image(config=text).archive()).code == "bad-json"
    assert refused(one_image().archive(index_json=text)).code in ("bad-json", "bad-manifest")


def test_json_surrogate() -> None:
    config = config_of((ONE,), config={"Labels": {"note": "\ud800 lone", "byte": "\udcff"}})
    assert b"\\ud800" in config
    with opened(docker_archive(config=config)) as image:
        fields = dict(canonical(image.config))
    assert fields["labels.note"] == '"\\ud800 lone"'
    assert fields["labels.byte"] == '"\\udcff"'
    "".join(fields.values()).encode("utf-8")


def test_history_hostile() -> None:
    history = [
        {"created_by": "HEALTHCHECK &{["},
        {"created_by": "x" * MIB, "empty_layer": True},
        {"created_by": "\x1b[31mred", "comment": "a\nb", "empty_layer": True},
    ]
    with opened(docker_archive(config=config_of((ONE,), history=history))) as image:
        assert len(image.config.history) == 3
        assert image.problems == []
    with opened(docker_archive(config=config_of((ONE,), history=history[1:]))) as image:
        assert [(problem.code, problem.fatal) for problem in image.problems] == [("history-mismatch", False)]
    many = [{"empty_layer": True}] * 10_001
    assert isinstance(refused(docker_archive(config=config_of((ONE,), history=many))), LimitExceeded)


# --- what is not read -------------------------------------------------------------------------------------------------


def test_windows_image() -> None:
    config = config_of((ONE,), os="windows", **{"os.version": "10.0.17763"})
    assert isinstance(refused(docker_archive(config=config)), UnsupportedImage)
    assert "Windows" in str(refused(one_image(config=config).archive()))


def test_schema1() -> None:
    schema1 = as_json({"schemaVersion": 1, "name": "app", "fsLayers": [{"blobSum": sha256(ONE)}], "history": []})
    layout = Layout()
    for media_type in (MANIFEST, ""):
        layout.manifests = [layout.put(schema1, media_type)]
        error = refused(layout.archive())
        assert isinstance(error, UnsupportedImage)
        assert "schema 1" in str(error)


def test_encrypted_layer() -> None:
    layout = Layout()
    layout.manifests = [layout.image(layer_type=f"{LAYER}+gzip+encrypted")]
    error = refused(layout.archive())
    assert isinstance(error, UnsupportedImage)
    assert "encrypted" in str(error)


def test_same_file_twice(tmp_path: Path) -> None:
    path = tmp_path / "app.tar"
    path.write_bytes(docker_archive())
    with open_image(path) as one, open_image(path) as other:
        assert one.digest == other.digest
        assert read(one) == read(other)


# --- the archive itself -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 100, 512, 700, 1024, 1536, 3000])
def test_archive_cut(cut: int) -> None:
    assert refused(docker_archive((ONE, TWO))[:cut]).code in ("tar-truncated", "not-an-image")


def test_archive_compressed_twice() -> None:
    assert refused(gzip.compress(gzip.compress(docker_archive()))).code == "tar-bad-header"


def test_archive_trailing_garbage() -> None:
    with opened(gzip.compress(docker_archive()) + b"garbage") as image:
        assert [(problem.code, problem.fatal) for problem in image.problems] == [("compressed-trailing-data", True)]


def test_archive_with_many_members() -> None:
    many = tuple((f"{index}", b"") for index in range(300))
    assert isinstance(refused(docker_archive(extra=many), limits=Limits(archive_members=200)), LimitExceeded)
    # A tar of a file system has more members than any archive of an image, and is told all the same.
    error = refused(tar_of(("etc/passwd", b""), *many), limits=Limits(archive_members=200))
    assert error.code == "not-an-image"
    assert "docker export" in str(error)


def test_a_flood_of_notes_is_counted() -> None:
    unknown = [special(f"odd{index}", b"Z") for index in range(30)]
    with opened(docker_archive(extra=tuple(unknown)), limits=Limits(problems=10)) as image:
        assert len(image.problems) == 11
        assert image.problems[-1].message == "archive: 20 more of these"
        assert {(problem.code, problem.fatal) for problem in image.problems} == {("unknown-entry-type", True)}


def test_layer_bounds() -> None:
    large = tar_of(("zeros", bytes(200 * KIB)))
    for layer in (large, gzip.compress(large)):
        data = docker_archive((layer,), config=config_of((large,)))
        assert isinstance(refused(data, limits=Limits(layer_bytes=100 * KIB, image_bytes=MIB)), LimitExceeded)
    other = tar_of(("zeros", bytes(201 * KIB)))
    data = docker_archive((gzip.compress(large), gzip.compress(other)), config=config_of((large, other)))
    assert isinstance(refused(data, limits=Limits(layer_bytes=300 * KIB, image_bytes=400 * KIB)), LimitExceeded)
