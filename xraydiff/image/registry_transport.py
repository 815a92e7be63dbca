"""Connections that end at a deadline whatever the other side does, and the authorities that they trust."""

from __future__ import annotations

import socket  # noqa: TID251  cuts connections to a registry that the user named
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from xraydiff.errors import ImageError
from xraydiff.image.registry_addresses import Gate

__all__ = ["Deadline", "Watch", "open_session"]


_LOOK = 0.25
"""Seconds between two looks at the clock."""
_ADDRESSES = 8
"""Addresses of one name that are tried: each may take the whole of a timeout."""


class Deadline:
    """A time that passes unless it is renewed; what is to happen then is done by a thread of its own."""

    def __init__(self, expire: Callable[[], None]) -> None:
        self.passed = False
        self.reason = ""
        """What did not happen in time."""
        self._expire = expire
        self._until: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def renew(self, seconds: float, reason: str) -> None:
        """So many seconds from now."""
        self.reason = reason
        self._until = time.monotonic() + seconds

    def pause(self) -> None:
        """No time passes until it is renewed: nothing is waited for."""
        self._until = None

    def start(self) -> None:
        """Begin to look at the clock."""
        self._thread.start()

    def end(self) -> None:
        """Look at it no more."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            until = self._until
            left = _LOOK if until is None else min(_LOOK, until - time.monotonic())
            if left <= 0:
                self.passed = True
                self._expire()
                return
            if self._ended.wait(left):
                return


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
        """Cut every connection when so many seconds have passed inside, or those of the last renewal."""
        deadline = self.current = Deadline(self.cut)
        deadline.renew(seconds, f"nothing whole within {seconds:.0f} s")
        deadline.start()
        try:
            yield deadline
        finally:
            deadline.end()
            self.current = None

    def release(self) -> None:
        """Close the descriptors of its own."""
        with self.lock:
            for each in self.sockets:
                each.close()
            self.sockets.clear()


class _Adapter(HTTPAdapter):
    """Opens connections that a watch knows and a gate lets through, with a context of ours."""

    def __init__(self, watch: Watch, gate: Gate, context: ssl.SSLContext) -> None:
        self._watch = watch
        self._gate = gate
        self._context = context
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: object) -> None:  # noqa: FBT001, FBT002  as in requests
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._context, **options)
        self.poolmanager.pool_classes_by_scheme = _pools(self._watch, self._gate)

    def proxy_manager_for(self, proxy: str, **options: object) -> object:
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, **options)
        # The connection is to the proxy, which the user named; it looks the other names up itself.
        manager.pool_classes_by_scheme = _pools(self._watch, None)
        return manager

    def close(self) -> None:
        super().close()
        self._watch.release()


def _connected(connection: HTTPConnection, connect: Callable[[], socket.socket], gate: Gate | None) -> socket.socket:
    """Connect to an address of the connection's host that the gate lets through: it is looked up once, here."""
    host = connection.host
    if gate is None:
        return connect()
    try:
        found = socket.getaddrinfo(host.strip("[]"), connection.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise NewConnectionError(connection, f"{host} is not known: {error}") from error
    addresses = dict.fromkeys(_written(place) for *_, place in found)
    failed: Exception | None = None
    for address in list(addresses)[:_ADDRESSES]:
        gate.check(host, address)
        connection.host = address
        try:
            connected = connect()
        except NewConnectionError as error:
            failed = error
            continue
        finally:
            connection.host = host
        try:
            gate.connected(host, _written(connected.getpeername()), _written(connected.getsockname()))
        except BaseException:
            connected.close()
            raise
        return connected
    raise failed or NewConnectionError(connection, f"{host} has no address")


def _written(place: Sequence[object]) -> str:
    """The address of a socket's end, with the link where it is one of a link."""
    address, *_ = place
    scope = place[3] if len(place) > 3 else 0
    return f"{address}%{scope}" if scope and "%" not in str(address) else str(address)


def _pools(watch: Watch, gate: Gate | None) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            connected = _connected(self, super()._new_conn, gate)
            watch.add(connected)
            return connected

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            connected = _connected(self, super()._new_conn, gate)
            watch.add(connected)
            return connected

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def open_session(authorities: Sequence[Path], gate: Gate) -> tuple[requests.Session, Watch]:
    """A session that trusts what this machine trusts (`SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE`), and `authorities`.

    Every connection passes the gate. Proxies come from the environment, as for every tool: where there is one, names
    are looked up by it, and only hosts that are written as addresses can be refused. Raises `ImageError` where a
    certificate cannot be read.
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
        session.mount(prefix, _Adapter(watch, gate, context))
    return session, watch
