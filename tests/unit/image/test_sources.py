from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from backports import zstd

from tests.image_archives import ONE, TWO, Layout, config_of, docker_archive, names, one_image, opened, read, tar_of
from xraydiff.errors import ImageClosedError, ImageError, UsageError
from xraydiff.image.sources import open_image


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "app.tar"
    path.write_bytes(docker_archive())
    return path


def descriptors() -> set[str]:
    """The file descriptors that this process has open."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def code_of(reference: object, *, platform: str | None = None) -> str:
    with pytest.raises(ImageError) as caught:
        open_image(reference, platform=platform)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress])
@pytest.mark.parametrize("data", [docker_archive(), one_image().archive()])
def test_told_apart_by_content(tmp_path: Path, pack: object, data: bytes) -> None:
    assert callable(pack)
    path = tmp_path / "noise.zip"
    path.write_bytes(pack(data))
    with open_image(path) as image:
        assert image.reference == "noise.zip"
        assert image.paths == (str(path),)
        assert names(image.layers[0].operations()) == ["etc/hostname"]


def test_layout_directory(tmp_path: Path) -> None:
    layout = one_image()
    directory = layout.write(tmp_path / "deep" / "app")
    with open_image(str(directory)) as image:
        assert image.reference == "app"
        assert names(image.layers[0].operations()) == ["etc/hostname"]
        assert str(directory / "index.json") in image.paths
        assert len(image.paths) == 1 + 2 + 3


def test_selectors(tmp_path: Path) -> None:
    two = [
        {"Config": "config.json", "RepoTags": ["app:1", "app:new"], "Layers": ["0/layer.tar"]},
        {"Config": "two.json", "RepoTags": None, "Layers": ["two.tar"]},
    ]
    config = config_of((TWO,))
    path = tmp_path / "all.tar"
    path.write_bytes(docker_archive(manifest=two, extra=(("two.json", config), ("two.tar", TWO))))
    with pytest.raises(ImageError) as caught:
        open_image(path)
    assert caught.value.code == "ambiguous-image"
    choices = str(caught.value).partition("choose one: ")[2].split(", ")
    assert [choice.rpartition("#")[2][:7] for choice in choices] == ["app:1", "app:new", "sha256:"]
    for choice, expected in zip(choices, ("etc/hostname", "etc/hostname", "etc/motd"), strict=True):
        with open_image(f"{tmp_path}/{choice}") as image:
            assert image.reference == choice
            assert names(image.layers[0].operations()) == [expected]
    assert code_of(f"{path}#other:1") == "no-such-image"
    assert code_of(f"{path}#sha256:{'0' * 64}") == "no-such-image"


def test_selectors_of_a_layout(tmp_path: Path) -> None:
    layout = Layout()
    ref = "org.opencontainers.image.ref.name"
    layout.manifests = [
        layout.image((ONE,), annotations={ref: "v1"}),
        layout.image((TWO,), annotations={ref: "v2", "io.containerd.image.name": "docker.io/library/app:2"}),
    ]
    path = tmp_path / "oci.tar"
    with pytest.raises(ImageError, match=r"choose one of oci\.tar#docker\.io/library/app:2, oci\.tar#v1"):
        opened(layout.archive(), path=path)
    for selector in ("v2", "app:2", str(layout.manifests[1]["digest"])):
        with open_image(f"{path}#{selector}") as image:
            assert names(image.layers[0].operations()) == ["etc/motd"]
    assert code_of(f"{path}#v3") == "no-such-image"


def test_nested_manifest_by_digest(tmp_path: Path) -> None:
    layout = Layout()
    images = [layout.image((layer,)) for layer in (ONE, TWO)]
    layout.manifests = [layout.index(images)]
    path = tmp_path / "oci.tar"
    path.write_bytes(layout.archive())
    with pytest.raises(ImageError) as caught:
        open_image(path)
    choices = str(caught.value).partition("choose ")[2].split(", ")
    assert len([read(open_image(f"{tmp_path}/{choice}")) for choice in choices]) == 2


def test_blobs_of_other_platforms_left_out() -> None:
    """What a containerd store exports: the whole index, and the blobs of one platform."""
    layout = Layout()
    for architecture in ("amd64", "arm64"):
        platform = {"os": "linux", "architecture": architecture}
        layout.manifests.append(
            layout.image((ONE,), config=config_of((ONE,), architecture=architecture), platform=platform)
        )
    del layout.blobs[str(layout.manifests[1]["digest"])]
    with opened(layout.archive()) as image:
        assert str(image.config.platform) == "linux/amd64"
    with pytest.raises(ImageError) as caught:
        opened(layout.archive(), platform="linux/arm64")
    assert caught.value.code == "missing-blob"


def test_platform_of_a_single_image(archive: Path) -> None:
    open_image(archive, platform="linux/amd64").close()
    assert code_of(archive, platform="linux/arm64") == "no-such-platform"
    with pytest.raises(UsageError):
        open_image(archive, platform="arm64")


def test_a_hash_in_the_file_name(tmp_path: Path, archive: Path) -> None:
    odd = archive.rename(tmp_path / "app#1.tar")
    with open_image(str(odd)) as image:
        assert image.reference == "app#1.tar"
    with open_image(f"{odd}#app:1") as image:
        assert image.reference == "app#1.tar#app:1"


def test_names_that_no_file_can_have() -> None:
    assert code_of("a" * 5_000) == "unreadable"
    assert code_of("a" * 5_000 + "#app:1") == "unreadable"
    assert code_of(b"/no/such/file".decode()) == "unreadable"
    with pytest.raises(UsageError, match="no bytes"):
        open_image(io.StringIO("text"))  # type: ignore[arg-type]


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, xraydiff.image.sources; print(sorted({'docker', 'requests', 'networkx'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("reference", ["", "a\0b", "#app:1", "missing.tar#"])
def test_malformed_references(reference: str) -> None:
    with pytest.raises(UsageError):
        open_image(reference)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^no\.tar: cannot be opened: No such file or directory$"):
        open_image(tmp_path / "no.tar")
    with pytest.raises(ImageError, match=r"^no\.tar#app:1: cannot be opened"):
        open_image(f"{tmp_path}/no.tar#app:1")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty"])
def test_devices_do_not_hang(device: str) -> None:
    assert code_of(device) == "unreadable"


def test_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ImageError, match="standard input"):
        open_image(tmp_path / "pipe")


def test_directories_that_are_no_layout(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"neither index\.json nor oci-layout"):
        open_image(tmp_path)
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(ImageError, match="packed again"):
        open_image(tmp_path)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"hello world" * 100, "not a tar file"),
        (bytes(10240), "no image"),
        (tar_of(("etc/passwd", b"x"), ("bin/sh", b"x")), "docker export"),
        (tar_of(("app/manifest.json", b"[]")), "not at the top"),
        (tar_of(("0/layer.tar", ONE), ("repositories", b"{}")), "without manifest.json"),
        (tar_of(("README.md", b"x")), "without manifest.json and index.json"),
    ],
)
def test_not_an_image(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=says) as caught:
        open_image(path)
    assert caught.value.code == "not-an-image"
    assert str(tmp_path) not in str(caught.value)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(docker_archive())

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", Stdin())
    with open_image("-") as image:
        assert image.reference == "-"
        assert image.paths == ()
        assert names(image.layers[0].operations()) == ["etc/hostname"]


def test_standard_input_that_is_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Stdin())
    with pytest.raises(UsageError, match="terminal"):
        open_image("-")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError):
        open_image("-")


def test_a_name_without_a_registry() -> None:
    with pytest.raises(UsageError, match="registry:HOST/NAME:TAG"):
        open_image("registry:app:1")


def test_progress() -> None:
    seen: list[tuple[str, int, int]] = []
    data = docker_archive()
    open_image(io.BytesIO(data), progress=lambda *said: seen.append(said)).close()
    assert seen == [("stream", 0, 0), ("stream", len(data), 0)]


def test_closing_releases_everything(archive: Path) -> None:
    before = descriptors()
    image = open_image(archive)
    assert descriptors() != before
    list(image.layers[0].operations())
    content = image.layers[0].content
    assert content.read_at(0, 4) == ONE[:4]
    image.close()
    image.close()
    assert descriptors() == before
    with pytest.raises(ImageClosedError):
        content.read_at(0, 4)
    with pytest.raises(ImageClosedError):
        list(image.layers[0].operations())


def test_closing_in_the_middle_of_a_layer(tmp_path: Path) -> None:
    large = tar_of(*((f"f{index}", bytes(1 << 20)) for index in range(64)))
    path = tmp_path / "large.tar"
    path.write_bytes(docker_archive((large, ONE)))
    before = descriptors()
    with open_image(path) as image:
        next(iter(image.layers[0].operations()))
    assert descriptors() == before


def test_failing_leaves_nothing_open(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(gzip.compress(docker_archive(manifest=[])))
    before = descriptors()
    assert code_of(path) == "bad-manifest"
    assert descriptors() == before
    directory = one_image().write(tmp_path / "layout")
    (directory / "index.json").write_text("{}")
    assert code_of(directory) == "bad-manifest"
    assert descriptors() == before


def test_a_file_that_changes_while_it_is_read(archive: Path) -> None:
    with open_image(archive) as image:
        os.utime(archive, ns=(1, 1))
        with pytest.raises(ImageError) as caught:
            list(image.layers[0].operations())
        assert caught.value.code == "changed-while-read"


def test_a_file_that_shrinks(archive: Path) -> None:
    with open_image(archive) as image:
        os.truncate(archive, 600)
        with pytest.raises(ImageError) as caught:
            list(image.layers[0].operations())
        assert caught.value.code == "changed-while-read"


def test_content_is_not_given_before_it_is_verified(archive: Path) -> None:
    with open_image(archive) as image:
        operations = image.layers[0].operations()
        next(operations)
        with pytest.raises(ImageError) as caught:
            _ = image.layers[0].content
        assert caught.value.code == "unverified"


def test_an_edited_config_is_said(corpus: Path) -> None:
    name = "google+go-containerregistry/pkg/v1/mutate/testdata/source_image_with_empty_layer_history.tar"
    with open_image(corpus / name) as image:
        assert [(problem.code, problem.fatal) for problem in image.problems] == [("config-edited", False)]
        assert len(image.layers) == 1
        assert sum(line.empty_layer for line in image.config.history) > 0
        assert names(image.layers[0].operations())


@pytest.mark.parametrize(
    ("name", "layers", "digest"),
    [
        ("wagoodman+dive/.data/test-docker-image.tar", 14, "sha256:75ae28b8ebf8"),
        ("wagoodman+dive/.data/test-kaniko-image.tar", 14, "sha256:ae16a51058a7"),
        ("wagoodman+dive/.data/test-oci-gzip-image.tar", 1, "sha256:3eaccc100f86"),
        ("wagoodman+dive/.data/test-oci-zstd-image.tar", 1, ""),
        ("wagoodman+dive/.data/test-oci-estargz-image.tar", 1, ""),
        ("wagoodman+dive/.data/test-oci-uncompressed-image.tar", 1, ""),
        ("anchore+stereoscope/pkg/image/oci/testdata/valid-oci.tar", 1, "sha256:61ee19e869a5"),
        ("containers+image/docker/archive/fixtures/almostempty.tar", 1, ""),
        ("aboutcode-org+container-inspector/tests/data/cli/she-image_from_scratch-1.0.tar", 4, "sha256:6d190579c3d7"),
        ("google+go-containerregistry/pkg/v1/mutate/testdata/whiteout_dir.tar", 4, ""),
        ("google+go-containerregistry/pkg/v1/mutate/testdata/whiteout_image.tar", 3, ""),
        ("aquasecurity+trivy/pkg/fanal/test/testdata/alpine-310.tar.gz", 1, "sha256:af341ccd2df8"),
    ],
)
def test_real_images(corpus: Path, name: str, layers: int, digest: str) -> None:
    with open_image(corpus / name) as image:
        assert image.digest.startswith(digest or "sha256:")
        assert [layer.index for layer in image.layers] == list(range(layers))
        assert [layer.diff_id for layer in image.layers] == list(image.config.diff_ids)
        assert sum(len(list(layer.operations())) for layer in image.layers)
        assert all(layer.content.size for layer in image.layers)
