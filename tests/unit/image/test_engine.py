"""The engine's API, answered by a server on the loopback interface that says what an engine says, or worse."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.image_archives import docker_archive, names
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
    for name in ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONFIG"):
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
