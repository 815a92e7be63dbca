"""Connections that end at a deadline whatever the other side does, and the authorities that they trust."""

from __future__ import annotations

import socket  # noqa: TID251  cuts connections to a registry that the user named
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from xraydiff.errors import ImageError

__all__ = ["Deadline", "Watch", "open_session"]


@dataclass(slots=True, eq=False)
class Deadline:
    """A time that has passed or not."""

    passed: bool = False


@dataclass(slots=True, eq=False)
class Watch:
    """The sockets of one session, which are shut when a deadline passes.

    A timeout of a socket counts from its last byte, so one byte a second would hold us for ever: in the handshake, in
    headers, in a body. Shutting the socket ends whatever waits for it.
    """

    sockets: list[socket.socket] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    current: Deadline | None = None

    def add(self, connected: socket.socket) -> None:
        """Watch a further connection, through a descriptor of its own: TLS takes the other one over."""
        with self.lock:
            self.sockets.append(connected.dup())
        if self.current is not None and self.current.passed:
            self.cut()

    def cut(self) -> None:
        """End every connection."""
        with self.lock:
            for each in self.sockets:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[Deadline]:
        """Cut every connection when so many seconds have passed inside."""
        deadline = self.current = Deadline()

        def expire() -> None:
            deadline.passed = True
            self.cut()

        timer = threading.Timer(seconds, expire)
        timer.daemon = True
        timer.start()
        try:
            yield deadline
        finally:
            timer.cancel()
            self.current = None

    def release(self) -> None:
        """Close the descriptors of its own."""
        with self.lock:
            for each in self.sockets:
                each.close()
            self.sockets.clear()


class _Adapter(HTTPAdapter):
    """Opens connections that a watch knows, with a context of ours."""

    def __init__(self, watch: Watch, context: ssl.SSLContext) -> None:
        self._watch = watch
        self._context = context
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: object) -> None:  # noqa: FBT001, FBT002  as in requests
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._context, **options)
        self.poolmanager.pool_classes_by_scheme = _pools(self._watch)

    def proxy_manager_for(self, proxy: str, **options: object) -> object:
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, **options)
        manager.pool_classes_by_scheme = _pools(self._watch)
        return manager

    def close(self) -> None:
        super().close()
        self._watch.release()


def _pools(watch: Watch) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            connected = super()._new_conn()
            watch.add(connected)
            return connected

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            connected = super()._new_conn()
            watch.add(connected)
            return connected

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def open_session(authorities: Sequence[Path]) -> tuple[requests.Session, Watch]:
    """A session that trusts what this machine trusts (`SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE`), and `authorities`.

    Proxies come from the environment, as for every tool. Raises `ImageError` where a certificate cannot be read.
    """
    context = ssl.create_default_context()
    for path in authorities:
        try:
            context.load_verify_locations(path)
        except (OSError, ssl.SSLError) as error:
            raise ImageError(f"{path.name} of docker's certs.d is no certificate", code="registry-error") from error
    watch = Watch()
    session = requests.Session()
    for prefix in ("http://", "https://"):
        session.mount(prefix, _Adapter(watch, context))
    return session, watch
