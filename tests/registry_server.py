"""A registry on loopback that misbehaves as a test tells it; every request is kept, with its headers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.image_archives import MANIFEST, Layout, as_json, one_image

REPOSITORY = "team/app"


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


class Answer(BaseHTTPRequestHandler):
    """One answer of the server; a test's function writes it."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.asked.append(Asked(self.command, self.path, dict(self.headers.items()), body))
        with suppress(BrokenPipeError, ConnectionResetError):
            self.server.respond(self)

    do_HEAD = do_POST = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the test looks at `asked`."""

    def give(self, body: bytes = b"", status: int = 200, **headers: str) -> None:
        """A whole answer; `_` in a header's name stands for a dash."""
        self.send_response(status)
        lengths = {} if "Content_Length" in headers else {"Content-Length": str(len(body))}
        for name, value in {**lengths, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def endless(self, chunk: bytes, status: int = 200) -> None:
        """A chunked body without end, until the other side leaves."""
        self.send_response(status)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while not self.server.stopping.is_set():
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            self.server.sent += len(chunk)

    def drip(self, data: bytes, *, every: float) -> None:
        """Bytes one by one, raw: headers or a body."""
        for byte in data:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server.stopping.wait(every):
                return


class Server(ThreadingHTTPServer):
    """Answers by `respond`."""

    daemon_threads = True

    def __init__(self, respond: Callable[[Answer], None]) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.respond = respond
        self.asked: list[Asked] = []
        self.stopping = threading.Event()
        self.sent = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    @property
    def name(self) -> str:
        """What to open."""
        return f"registry:{self.host}/{REPOSITORY}:1"

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: clients that leave are what the tests are about."""

    def sent_authorization(self) -> list[str]:
        """Every `Authorization` that came."""
        return [one.headers["Authorization"] for one in self.asked if "Authorization" in one.headers]


@contextmanager
def serving(respond: Callable[[Answer], None]) -> Iterator[Server]:
    """A server for the block."""
    server = Server(respond)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Repository:
    """A well-behaved repository with one image, whose answers a test changes one by one."""

    layout: Layout = field(default_factory=one_image)
    changed: dict[str, Callable[[Answer], None]] = field(default_factory=dict)
    """By the end of the path."""

    def __call__(self, answer: Answer) -> None:
        for end, change in self.changed.items():
            if answer.path.endswith(end):
                change(answer)
                return
        kind, _, name = answer.path.removeprefix(f"/v2/{REPOSITORY}/").partition("/")
        if answer.path == "/v2/":
            answer.give(b"{}")
        elif kind == "manifests" and (found := self.manifest(name)) is not None:
            digest, data = found
            answer.give(data, Content_Type=MANIFEST, Docker_Content_Digest=digest)
        elif kind == "blobs" and name in self.layout.blobs:
            answer.give(self.layout.blobs[name])
        else:
            answer.give(as_json({"errors": [{"code": "UNKNOWN", "message": "unknown to registry"}]}), 404)

    @property
    def top(self) -> str:
        """The digest of the image's manifest."""
        return str(self.layout.manifests[0]["digest"])

    def manifest(self, name: str) -> tuple[str, bytes] | None:
        digest = self.top if name == "1" else name
        return (digest, self.layout.blobs[digest]) if digest in self.layout.blobs else None
