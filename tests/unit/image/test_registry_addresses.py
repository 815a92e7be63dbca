from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from xraydiff.errors import ImageError
from xraydiff.image.names import Named, split_name
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
        "https://a.localhost/",
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
