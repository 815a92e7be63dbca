"""The engine's API, answered by a server on the loopback interface that says what an engine says, or worse."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.image_archives import ONE, TWO, Json, Layout, as_json, config_of, docker_archive, names, sha256, tar_of
from xraydiff.errors import ImageError, LimitExceeded, UsageError
from xraydiff.image.sources import open_image
from xraydiff.limits import Limits

IMAGE: dict[str, object] = {
    "Id": "sha256:" + "1" * 64,
    "RepoTags": ["app:1", "app:latest"],
    "Os": "linux",
    "Architecture": "amd64",
}


@dataclass
class Engine:
    """What the server answers and what it was asked."""

    api: str = "1.41"
    images: dict[str, dict[str, object]] = field(default_factory=lambda: {"app:1": dict(IMAGE), "app": dict(IMAGE)})
    export: bytes = field(default_factory=docker_archive)
    status: int = 200
    announced: int | None = None
    """Content-Length of the export, where it is not true."""
    asked: list[str] = field(default_factory=list)
    stall: threading.Event | None = None


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    said = Engine()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            # Clients hang up in the middle of what they refuse.
            with suppress(ConnectionError):
                super().handle()

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            said.asked.append(self.path)
            if url.path == "/version":
                self.answer(200, {"ApiVersion": said.api, "MinAPIVersion": "1.12"})
                return
            what, _, name = unquote(url.path).removeprefix(f"/v{said.api}/").partition("/")
            name, _, verb = name.rpartition("/")
            if what == "images" and verb == "json":
                found = said.images.get(name)
                self.answer(200 if found else 404, found or {"message": f"No such image: {name}"})
            elif what == "images" and verb == "get":
                if said.stall is not None:
                    said.stall.wait(10)
                self.send(said.status, said.export, said.announced)
            else:
                self.answer(500, {"message": "unexpected"})

        def answer(self, status: int, body: object) -> None:
            self.send(status, json.dumps(body).encode(), None)

        def send(self, status: int, body: bytes, announced: int | None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/x-tar" if status == 200 else "application/json")
            self.send_header("Content-Length", str(len(body) if announced is None else announced))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                return
            self.close_connection = announced is not None

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_port}")
    for name in ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONFIG", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    yield said
    if said.stall is not None:
        said.stall.set()
    server.shutdown()
    thread.join()
    server.server_close()


def refused(reference: str, **more: object) -> ImageError:
    with pytest.raises(ImageError) as caught:
        open_image(reference, **more)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(reference)
    return caught.value


def test_an_image(engine: Engine) -> None:
    with open_image("docker:app:1") as image:
        assert image.reference == "docker:app:1"
        assert image.paths == ()
        assert names(image.layers[0].operations()) == ["etc/hostname"]
    assert engine.asked[-1] == "/v1.41/images/app:1/get"


def test_a_name_without_a_tag_is_one_image_and_not_all_tags(engine: Engine) -> None:
    open_image("docker:app").close()
    assert engine.asked[-1] == "/v1.41/images/app:latest/get"


def test_an_id_is_exported_by_id(engine: Engine) -> None:
    engine.images["111111111111"] = IMAGE | {"RepoTags": []}
    open_image("docker:111111111111").close()
    assert engine.asked[-1] == f"/v1.41/images/sha256:{'1' * 64}/get"


def test_progress(engine: Engine) -> None:
    seen: list[tuple[str, int, int]] = []
    open_image("docker:app:1", progress=lambda *said: seen.append(said)).close()
    assert seen[-1] == ("docker:app:1", len(engine.export), 0)


def test_unknown_name(engine: Engine) -> None:
    assert refused("docker:other:1").code == "no-such-image"


@pytest.mark.parametrize(
    "name", ["", "--", "--all", "../x", "a/../../info", "app?x=1", "app\n", "app\r\nX: y", "APP", "a" * 9999]
)
def test_engine_image_name_injection(engine: Engine, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_image(f"docker:{name}")
    assert "\n" not in str(caught.value)
    assert engine.asked == []


def test_platform_that_the_image_has(engine: Engine) -> None:
    open_image("docker:app:1", platform="linux/amd64").close()
    assert engine.asked[-1] == "/v1.41/images/app:1/get"


def test_platform_that_an_old_engine_cannot_be_asked_for(engine: Engine) -> None:
    error = refused("docker:app:1", platform="linux/arm64")
    assert error.code == "no-such-platform"
    assert "linux/amd64" in str(error)
    assert not engine.asked[-1].endswith("/get")


def test_platform_that_a_new_engine_is_asked_for(engine: Engine) -> None:
    engine.api = "1.48"
    # What the engine sends is believed no more than anything else: it is the wrong platform here.
    assert refused("docker:app:1", platform="linux/arm/v7").code == "no-such-platform"
    query = parse_qs(urlsplit(engine.asked[-1]).query)
    assert json.loads(query["platform"][0]) == {"os": "linux", "architecture": "arm", "variant": "v7"}
    open_image("docker:app:1", platform="linux/amd64").close()


def test_engine_http_500(engine: Engine) -> None:
    engine.status, engine.export = 500, json.dumps({"message": "disk\x1b[31m full\n" + "x" * 10_000}).encode()
    error = refused("docker:app:1")
    assert error.code == "engine-error"
    assert r"disk\x1b[31m full\x0a" in str(error)
    assert len(str(error)) < 500


def test_engine_error_body_is_read_to_a_bound(engine: Engine) -> None:
    engine.status, engine.export = 500, b"x" * 2_000_000
    assert refused("docker:app:1", limits=Limits(engine_message=100)).code == "engine-error"


def test_engine_truncated_export(engine: Engine) -> None:
    engine.announced = len(engine.export) + 5_000
    error = refused("docker:app:1")
    assert error.code == "engine-error"
    assert "broke off" in str(error)


@pytest.mark.parametrize("export", [b"", docker_archive()[:700], docker_archive()[:1600], b"not a tar" * 100])
def test_engine_eof(engine: Engine, export: bytes) -> None:
    engine.export = export
    assert refused("docker:app:1").code == "engine-error"


def test_engine_tar_no_manifest(engine: Engine) -> None:
    engine.export = docker_archive(drop=("manifest.json",))
    assert refused("docker:app:1").code == "engine-error"


def test_engine_error_behind_the_export(engine: Engine) -> None:
    engine.export = (
        docker_archive()[:1536] + b'{"errorDetail":{"message":"open /var/lib: no such file"},"error":"open: gone"}\r\n'
    )
    error = refused("docker:app:1")
    assert error.code == "engine-error"
    assert "open: gone" in str(error)


def test_engine_error_of_many_words_behind_the_export(engine: Engine) -> None:
    """Longer than a header of the tar that it follows."""
    words = json.dumps({"errorDetail": {"message": "gone"}, "error": "open: gone " + 900 * "x"}).replace(" ", "")
    engine.export = docker_archive()[:1536] + words.encode()
    error = refused("docker:app:1")
    assert error.code == "engine-error"
    assert "open:gone" in str(error)


def test_engine_that_exports_a_file_system(engine: Engine) -> None:
    engine.export = tar_of(("usr/a", bytes(1 << 20)))
    error = refused("docker:app:1")
    assert error.code == "engine-error"
    assert "a tar of a file system" in str(error)


@pytest.mark.parametrize("announced", [None, 10_000_000], ids=["chunked", "by its length"])
def test_engine_that_drips(announced: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that come one by one keep every timeout of a socket away."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if not self.path.endswith("/get"):
                body = as_json({"ApiVersion": "1.41", "MinAPIVersion": "1.24", **IMAGE})
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                return
            self.send_response(200)
            length = ("Content-Length", str(announced)) if announced else ("Transfer-Encoding", "chunked")
            self.send_header(*length)
            self.end_headers()
            with suppress(OSError):
                while not stop.wait(0.05):
                    self.wfile.write(b"\0" if announced else b"1\r\n\0\r\n")

        def log_message(self, *_: object) -> None:
            """Nothing."""

    stop = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_port}")
    try:
        error = refused("docker:app:1", limits=Limits(engine_seconds=1))
    finally:
        stop.set()
        server.shutdown()
        thread.join()
        server.server_close()
    assert error.code == "engine-error"
    assert "too slow" in str(error)


def test_engine_that_falls_silent(engine: Engine) -> None:
    engine.stall = threading.Event()
    error = refused("docker:app:1", limits=Limits(engine_seconds=1))
    assert error.code == "engine-error"
    assert "timed out" in str(error).lower()


def test_engine_that_sends_too_much(engine: Engine) -> None:
    assert isinstance(refused("docker:app:1", limits=Limits(layer_bytes=1024, image_bytes=1024)), LimitExceeded)


@pytest.mark.parametrize("answer", [{"Id": 5}, {"RepoTags": "app:1"}, {"RepoTags": [1]}])
def test_engine_that_says_nonsense(engine: Engine, answer: dict[str, object]) -> None:
    engine.images["app:1"] = answer
    assert refused("docker:app:1").code == "bad-json"


def test_no_engine(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    error = refused("docker:app:1")
    assert error.code == "engine-error"
    assert "no Docker Engine answers" in str(error)
    monkeypatch.setenv("DOCKER_HOST", "nonsense://x:y:z")
    assert refused("docker:app:1").code == "engine-error"


def in_context(host: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = hashlib.sha256(b"other").hexdigest()
    meta = folder / "contexts" / "meta" / identity / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": "other", "Metadata": {}, "Endpoints": {"docker": {"Host": host}}}))
    (folder / "config.json").write_text('{"currentContext": "other"}')
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))


def test_the_engine_of_the_current_context(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_context(os.environ["DOCKER_HOST"], tmp_path, monkeypatch)
    monkeypatch.delenv("DOCKER_HOST")
    with open_image("docker:app:1") as image:
        assert names(image.layers[0].operations()) == ["etc/hostname"]
    assert engine.asked[-1] == "/v1.41/images/app:1/get"


def test_a_context_whose_engine_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_context("tcp://127.0.0.1:1", tmp_path, monkeypatch)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    assert "is docker's context other right?" in str(refused("docker:app:1"))


def test_a_context_that_is_not_there_asks_no_other_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    monkeypatch.delenv("DOCKER_HOST")
    with pytest.raises(UsageError, match="context gone is not there"):
        open_image("docker:app:1")
    assert engine.asked == []


# --- engines whose store is containerd's: the Id is that of an index, and the export is an OCI layout as well ---------


def containerd_export(*, tag: str = "1", layers: tuple[bytes, ...] = (ONE, TWO), lost: int = 0) -> tuple[str, bytes]:
    """The digest of the index, and what such an engine exports, in the shape that its users show in moby#47065.

    The index names a second platform and an attestation whose blobs the engine never pulled; layers stay packed;
    without a tag (by id) nothing names it. So many layers as are `lost` are missing, as in moby#49473.
    """
    layout = Layout()
    packed = tuple(gzip.compress(layer, mtime=0) for layer in layers)
    kind = "application/vnd.oci.image.layer.v1.tar+gzip"
    here = layout.image(
        packed, config=config_of(layers), layer_type=kind, platform={"os": "linux", "architecture": "amd64"}
    )
    absent = {"mediaType": here["mediaType"], "size": 500}
    about = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": here["digest"]}
    others: list[Json] = [
        {**absent, "digest": f"sha256:{'a' * 64}", "platform": {"os": "linux", "architecture": "arm64"}},
        {**absent, "digest": f"sha256:{'b' * 64}", "annotations": about,
         "platform": {"os": "unknown", "architecture": "unknown"}},
    ]  # fmt: skip
    names = {"io.containerd.image.name": f"docker.io/library/app:{tag}", "org.opencontainers.image.ref.name": tag}
    top = layout.index([here, *others])
    layout.manifests = [{**top, **({"annotations": names} if tag else {})}]
    for layer in packed[:lost]:
        del layout.blobs[sha256(layer)]
    config = sha256(config_of(layers)).replace(":", "/")
    manifest = {
        "Config": f"blobs/{config}",
        "RepoTags": [f"app:{tag}"] if tag else None,
        "Layers": [f"blobs/{sha256(layer).replace(':', '/')}" for layer in packed],
    }
    files = {**layout.files(), "manifest.json": as_json([manifest])}
    return str(top["digest"]), tar_of(*sorted(files.items()))


def of_containerd(engine: Engine, name: str, digest: str) -> None:
    engine.api = "1.48"
    engine.images[name] = IMAGE | {
        "Id": digest,
        "RepoTags": ["app:1"],
        "RepoDigests": [f"app@{digest}"],
        "Descriptor": {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": 900},
    }


def test_an_engine_with_the_store_of_containerd(engine: Engine) -> None:
    digest, engine.export = containerd_export()
    of_containerd(engine, "app:1", digest)
    with open_image("docker:app:1") as image, open_image("docker:app:1", platform="linux/amd64") as chosen:
        # The id of such an engine is that of the index; ours is that of the config, which is the image's own.
        assert image.digest == chosen.digest == sha256(config_of((ONE, TWO)))
        assert [names(layer.operations()) for layer in image.layers] == [["etc/hostname"], ["etc/motd"]]
        assert not [problem for problem in image.problems if problem.fatal]


def test_such_an_image_by_its_id(engine: Engine) -> None:
    digest, engine.export = containerd_export(tag="")
    engine.images[digest] = IMAGE | {"Id": digest, "RepoTags": []}
    with open_image(f"docker:{digest}") as image:
        assert [names(layer.operations()) for layer in image.layers] == [["etc/hostname"], ["etc/motd"]]
    assert engine.asked[-1] == f"/v1.41/images/{digest}/get"


@pytest.mark.parametrize("lost", [1, 2])
def test_such_an_export_without_some_layers_is_no_image(engine: Engine, lost: int) -> None:
    digest, engine.export = containerd_export(lost=lost)
    of_containerd(engine, "app:1", digest)
    assert refused("docker:app:1").code == "missing-blob"


def test_a_platform_that_such_an_engine_never_pulled(engine: Engine) -> None:
    digest, engine.export = containerd_export()
    of_containerd(engine, "app:1", digest)
    assert refused("docker:app:1", platform="linux/arm64").code in ("no-such-platform", "missing-blob")


def test_the_save_of_docker_25_from_an_engine(engine: Engine, corpus: Path) -> None:
    """A real one, by `docker save`, which is what the engine's export writes too."""
    engine.export = (corpus / "google+go-containerregistry/pkg/v1/tarball/testdata/hello-world-v25.tar").read_bytes()
    engine.images["hello-world"] = IMAGE | {"RepoTags": ["hello-world:latest"]}
    with open_image("docker:hello-world") as image:
        assert image.digest == "sha256:ee301c921b8aadc002973b2e0c3da17d701dcd994b606769a7e6eaa100b81d44"
        assert [names(layer.operations()) for layer in image.layers] == [["hello"]]
