"""Images of a real Docker Engine: what it exports is what `docker save` writes, and nothing is left behind."""

from __future__ import annotations

import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.image_archives import ONE, TWO, names
from xraydiff.errors import ImageError
from xraydiff.image.sources import open_image
from xraydiff.image.writer import config_bytes, write_docker_archive
from xraydiff.pipeline import compare
from xraydiff.report.codec import dump_report
from xraydiff.testing import ImageBuilder, elf

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("engine")]


def descriptors() -> set[str]:
    """The file descriptors that this process has open."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


@pytest.fixture(scope="session")
def loaded(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A small image of our own in the engine, under a name that nobody else has."""
    name = f"xraydiff-test-{uuid.uuid4().hex[:12]}:1"
    path = tmp_path_factory.mktemp("engine") / "app.tar"
    with path.open("wb") as out:
        config = config_bytes({"config": {"Cmd": ["/app"], "Healthcheck": {"Test": ["CMD", "/app"]}}}, [ONE, TWO])
        write_docker_archive(out, config, [ONE, TWO], tags=[name])
    with path.open("rb") as archive:
        engine.images.load(archive)
    yield name
    engine.images.remove(name)


def test_an_engine_loads_what_the_writer_writes(engine: docker.DockerClient, loaded: str) -> None:
    assert engine.images.get(loaded).attrs["Config"]["Cmd"] == ["/app"]


def test_the_image_of_an_engine(engine: docker.DockerClient, loaded: str, tmp_path: Path) -> None:
    saved = tmp_path / "saved.tar"
    with saved.open("wb") as out:
        out.writelines(engine.images.get(loaded).save(named=loaded))
    with open_image(f"docker:{loaded}") as image, open_image(saved) as other:
        assert image.reference == f"docker:{loaded}"
        assert image.digest == other.digest
        assert image.config == other.config
        assert image.config.healthcheck is not None
        assert [names(layer.operations()) for layer in image.layers] == [["etc/hostname"], ["etc/motd"]]
        assert all(list(layer.operations()) for layer in other.layers)


def test_what_docker_save_pipes(loaded: str) -> None:
    with subprocess.Popen(["docker", "save", loaded], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        with open_image(process.stdout) as image:
            assert [names(layer.operations()) for layer in image.layers] == [["etc/hostname"], ["etc/motd"]]


def test_by_id(engine: docker.DockerClient, loaded: str) -> None:
    identity = engine.images.get(loaded).id
    assert identity is not None
    with open_image(f"docker:{identity}") as image, open_image(f"docker:{loaded}") as other:
        assert image.digest == other.digest


def test_platform(loaded: str) -> None:
    open_image(f"docker:{loaded}", platform="linux/amd64").close()
    with pytest.raises(ImageError) as caught:
        open_image(f"docker:{loaded}", platform="linux/s390x")
    assert caught.value.code in ("no-such-platform", "engine-error")


def test_unknown_name(engine: docker.DockerClient) -> None:
    with pytest.raises(ImageError) as caught:
        open_image(f"docker:xraydiff-test-{uuid.uuid4().hex}:1")
    assert caught.value.code == "no-such-image"


def test_nothing_is_left_behind(
    engine: docker.DockerClient, loaded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    containers = {container.id for container in engine.containers.list(all=True)}
    before = descriptors()
    with open_image(f"docker:{loaded}") as image:
        assert all(list(layer.operations()) for layer in image.layers)
        assert list(tmp_path.iterdir()) == []
    assert descriptors() == before
    assert {container.id for container in engine.containers.list(all=True)} == containers


@pytest.fixture
def pair(engine: docker.DockerClient) -> Iterator[tuple[str, str]]:
    """An image and its slimmed twin in the engine."""
    run = elf(needed=["liba.so"], interpreter="/lib/ld.so", executable=True)
    names = (f"xraydiff-pair-{uuid.uuid4().hex[:12]}:original", f"xraydiff-pair-{uuid.uuid4().hex[:12]}:slim")
    for name, whole in zip(names, (True, False), strict=True):
        builder = ImageBuilder(name=name).config(
            cmd=["/app"], healthcheck=["CMD", "/app", "--check"] if whole else None
        )
        builder.file("/app", run, mode=0o755).file("/lib/ld.so", elf(soname="ld.so"), mode=0o755)
        if whole:
            builder.layer().file("/lib/liba.so", elf(soname="liba.so")).file("/usr/share/doc/a", "x")
            builder.layer().whiteout("/usr/share/doc/a").directory("/opt/empty").opaque("/opt/empty")
        engine.images.load(builder.build())
    yield names
    for name in names:
        engine.images.remove(name)


def test_the_report_of_an_engine_is_that_of_its_archives(
    engine: docker.DockerClient, pair: tuple[str, str], tmp_path: Path
) -> None:
    saved = []
    for name in pair:
        path = tmp_path / f"{name.partition(':')[2]}.tar"
        with path.open("wb") as out:
            out.writelines(engine.images.get(name).save(named=name))
        saved.append(path)
    with compare(f"docker:{pair[0]}", f"docker:{pair[1]}") as there, compare(*saved) as here:
        live, stored = dump_report(there.report), dump_report(here.report)
    for name, path in zip(pair, saved, strict=True):
        live = live.replace(f"docker:{name}", path.name)
    assert there.report.findings
    assert live == stored
