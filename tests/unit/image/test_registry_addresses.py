from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from xraydiff.errors import ImageError
from xraydiff.image import registry_transport
from xraydiff.image.names import Named, split_name
from xraydiff.image.registry_addresses import Gate, Reach, address_of, reach_of
from xraydiff.image.registry_client import RegistryClient, _same_site
from xraydiff.limits import DEFAULT

DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://registry.example.com/", "https://auth.example.com/token", True),
        ("https://example.com/", "https://auth.example.com/", True),
        ("https://registry.example.com/", "https://example.com.evil.org/", False),
        ("https://registry.example.com/", "https://evilexample.com/", False),
        ("https://a.co.uk/", "https://b.co.uk/", False),
        ("https://r.a.co.uk/", "https://t.a.co.uk/", True),
        ("https://r.example.com:5000/", "https://r.example.com/", True),
        ("https://r.example.com/", "http://r.example.com/", False),
        ("https://10.0.0.1/", "https://10.0.0.2/", False),
        ("http://127.0.0.1:1/", "http://127.0.0.1:2/", False),
        ("http://127.0.0.1:1/", "http://127.0.0.1:1/token", True),
        ("https://[2001:db8::1]/", "https://[2001:db8::2]/", False),
        ("https://com/", "https://evil.com/", False),
        ("https://localhost/", "https://localhost:1/", False),
    ],
)
def test_same_site(one: str, other: str, *, same: bool) -> None:
    assert _same_site(urlsplit(one), urlsplit(other)) is same
    assert _same_site(urlsplit(other), urlsplit(one)) is same


@pytest.mark.parametrize(
    "target",
    [
        "http://registry.example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost/",
        "https://localhost./",
        "https://a.localhost/",
        "https://127.1/",
        "https://127.0.0.1./",
        "https://0x7f000001/",
        "https://017700000001/",
        "https://2130706433/",
        "https://0/",
        "https://[::ffff:7f00:1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[64:ff9b:1::1]/",
        "https://[2002:a00:1::]/",
        "https://[fe80::1%25eth0]/",
        "https://[fd00:ec2::254]/",
        "file:///etc/passwd",
        "https:///x",
        "https://user:pw@example.com/",
    ],
)
def test_where_a_registry_of_the_network_may_not_lead(target: str) -> None:
    client = RegistryClient("registry.example.com", "app", limits=DEFAULT)
    with pytest.raises(ImageError, match="the registry sends"):
        client._check_target(urlsplit(target), urlsplit("https://registry.example.com/v2/"), "a redirect")


def test_where_it_may() -> None:
    client = RegistryClient("registry.example.com", "app", limits=DEFAULT)
    here = urlsplit("https://registry.example.com/v2/")
    client._check_target(urlsplit("https://store.example.org/blob?signed=1"), here, "a redirect")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("h.example/a", ("h.example", "a", "", "")),
        ("h.example:5000/a/b:1", ("h.example:5000", "a/b", "1", "")),
        ("localhost/a", ("localhost", "a", "", "")),
        ("[::1]:5000/a:x", ("[::1]:5000", "a", "x", "")),
        (f"h.example/a:1@{DIGEST}", ("h.example", "a", "1", DIGEST)),
        ("team/app:1", ("", "team/app", "1", "")),
        ("app", ("", "app", "", "")),
    ],
)
def test_split_name(text: str, parts: tuple[str, str, str, str]) -> None:
    host, repository, tag, digest = parts
    assert split_name(text) == Named(host=host, repository=repository, tag=tag, digest=digest)


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        ("93.184.216.34", Reach.PUBLIC),
        ("2606:2800:220:1::1", Reach.PUBLIC),
        ("::ffff:93.184.216.34", Reach.PUBLIC),
        ("64:ff9b::5db8:d822", Reach.PUBLIC),
        ("10.0.0.1", Reach.PRIVATE),
        ("172.16.0.1", Reach.PRIVATE),
        ("192.168.1.1", Reach.PRIVATE),
        ("100.64.0.1", Reach.PRIVATE),
        ("fd00::1", Reach.PRIVATE),
        ("fec0::1", Reach.PRIVATE),
        ("64:ff9b::a00:1", Reach.PRIVATE),
        ("2002:c0a8:101::", Reach.PRIVATE),
        ("64:ff9b:1::5db8:d822", Reach.PRIVATE),
        ("127.0.0.1", Reach.MACHINE),
        ("127.8.8.8", Reach.MACHINE),
        ("0.0.0.0", Reach.MACHINE),  # noqa: S104  nothing is bound
        ("0.1.2.3", Reach.MACHINE),
        ("::", Reach.MACHINE),
        ("::1", Reach.MACHINE),
        ("::127.0.0.1", Reach.MACHINE),
        ("::ffff:127.0.0.1", Reach.MACHINE),
        ("64:ff9b::7f00:1", Reach.MACHINE),
        ("2002:7f00:1::", Reach.MACHINE),
        ("fe80::1", Reach.LINK),
        ("fe80::1%3", Reach.LINK),
        ("169.254.169.254", Reach.LINK),
        ("::ffff:169.254.169.254", Reach.LINK),
        ("64:ff9b::a9fe:a9fe", Reach.LINK),
        ("fd00:ec2::254", Reach.LINK),
        ("100.100.100.200", Reach.LINK),
        ("224.0.0.1", Reach.LINK),
        ("ff02::1", Reach.LINK),
        ("2606:2800:220:1:0:5efe:7f00:1", Reach.MACHINE),
    ],
)
def test_reach(address: str, reach: Reach) -> None:
    found = address_of(address)
    assert found is not None
    assert reach_of(found) is reach


@pytest.mark.parametrize("name", ["example.com", "localhost", "1.2.3.4.5", "", "a:b", "127.0.0.1.example.com"])
def test_what_is_no_address(name: str) -> None:
    assert address_of(name) is None


@pytest.mark.parametrize(
    ("registry", "own", "allowed"),
    [
        ("registry.example", "93.184.216.34", {"public"}),
        ("registry.example", "10.0.0.1", {"public", "private"}),
        ("registry.example", "127.0.0.1", {"public", "private"}),
        ("registry.example", "169.254.1.1", {"public", "private"}),
        ("10.0.0.1", "10.0.0.1", {"public", "private"}),
        ("127.0.0.1", "127.0.0.1", {"public", "private", "machine"}),
        ("localhost", "::1", {"public", "private", "machine"}),
        ("169.254.1.1", "169.254.1.1", {"public", "private", "machine", "link"}),
    ],
)
def test_where_names_may_lead(registry: str, own: str, allowed: set[str]) -> None:
    gate = Gate(registry)
    gate.check(registry, own)
    gate.connected(registry, own, "192.0.2.9")
    places = {"public": "93.184.216.35", "private": "10.9.9.9", "machine": "127.0.0.9", "link": "169.254.169.254"}
    passed = set()
    for place, address in places.items():
        with suppress(ImageError):
            gate.check("other.example", address)
            passed.add(place)
    assert passed == allowed


def test_a_registry_stays_where_it_is() -> None:
    """Its name server answers otherwise the second time."""
    gate = Gate("registry.example")
    gate.check("registry.example", "93.184.216.34")
    gate.connected("registry.example", "93.184.216.34", "192.0.2.9")
    gate.check("REGISTRY.example.", "93.184.216.99")
    for address in ("127.0.0.1", "10.0.0.1", "::ffff:127.0.0.1", "169.254.169.254"):
        with pytest.raises(ImageError, match=r"its own name to registry\.example"):
            gate.check("registry.example", address)


def test_this_machine_by_its_public_address() -> None:
    gate = Gate("registry.example")
    gate.connected("registry.example", "93.184.216.34", "192.0.2.9")
    with pytest.raises(ImageError, match="this machine"):
        gate.connected("other.example", "93.184.216.50", "93.184.216.50")


class Line:
    """A connection in the making, as far as `_connected` looks at it."""

    def __init__(self, host: str, peer: str = "") -> None:
        self.host, self.port, self.peer = host, 443, peer
        self.tried: list[str] = []
        self.closed = False

    def connect(self) -> Line:
        self.tried.append(self.host)
        return self

    def getpeername(self) -> tuple[str, int]:
        return self.peer or self.tried[-1], 443

    def getsockname(self) -> tuple[str, int]:
        return "192.0.2.9", 50_000

    def close(self) -> None:
        self.closed = True


def connected(line: Line, gate: Gate, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """Connect by a name server that gives these answers, one for each question."""
    left = list(answers)

    def answer(*_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        return [(2, 1, 6, "", (address, 443)) for address in left.pop(0)]

    monkeypatch.setattr(registry_transport.socket, "getaddrinfo", answer)  # type: ignore[attr-defined]  # as it is used
    registry_transport._connected(line, line.connect, gate)  # type: ignore[arg-type]  # as far as it looks


def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate("registry.example")
    line = Line("registry.example")
    connected(line, gate, monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    assert (line.tried, line.host) == (["93.184.216.34"], "registry.example")
    line = Line("store.example")
    with pytest.raises(ImageError, match=r"store\.example \(127\.0\.0\.1\)"):
        connected(line, gate, monkeypatch, ["127.0.0.1"])
    assert not line.tried
    line = Line("store.example")
    with pytest.raises(ImageError, match="this machine"):
        connected(line, gate, monkeypatch, ["169.254.169.254", "93.184.216.34"])
    assert not line.tried


def test_the_socket_that_was_really_connected_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate("registry.example")
    connected(Line("registry.example"), gate, monkeypatch, ["93.184.216.34"])
    line = Line("store.example", peer="127.0.0.1")
    with pytest.raises(ImageError, match="this machine"):
        connected(line, gate, monkeypatch, ["93.184.216.34"])
    assert line.closed


def test_a_proxy_may_be_anywhere() -> None:
    """The user named it, and names are looked up by it."""
    line = Line("127.0.0.1")
    registry_transport._connected(line, line.connect, None)  # type: ignore[arg-type]  # as far as it looks
    assert line.tried == ["127.0.0.1"]
