"""Certificates, keys and trust stores of a tree: places, links, formats."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat

from tests.certificate_files import certificate, jks, made, p12, pem, private_key, sha256
from xraydiff.facts import PrivateKey, TrustStore
from xraydiff.inventory.certificates import read_certificates
from xraydiff.inventory.certificates.candidates import BUNDLES
from xraydiff.testing import ImageBuilder

A, B = certificate("a"), certificate("b")
BUNDLE = pem(A) + pem(B)


@pytest.mark.parametrize("path", [path for path in BUNDLES if not path.endswith("cacerts")])
def test_every_known_bundle(path: str) -> None:
    certificates, _, stores, problems = read_certificates(ImageBuilder().file(path, BUNDLE).tree())
    assert stores == (TrustStore(path=path, kind="bundle", count=2),)
    assert sorted(one.sha256 for one in certificates) == sorted((sha256(A), sha256(B)))
    assert {one.path for one in certificates} == {path}
    assert problems == ()


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [
        ("/opt/venv/lib/python3.11/site-packages/certifi/cacert.pem", BUNDLE, "bundle"),
        ("/usr/lib/python3/dist-packages/httplib2/cacerts.txt", BUNDLE, "bundle"),
        ("/opt/java/lib/security/cacerts", jks([A, B]), "jks"),
        ("/opt/java/lib/security/cacerts", p12((made("a"), made("b"))), "pkcs12"),
    ],
)
def test_bundles_by_name_anywhere(path: str, content: bytes, kind: str) -> None:
    _, _, stores, _ = read_certificates(ImageBuilder().file(path, content).tree())
    assert stores == (TrustStore(path=path, kind=kind, count=2),)


def test_debian_s_layout() -> None:
    tree = (
        ImageBuilder()
        .file("/usr/share/ca-certificates/mozilla/A.crt", pem(A))
        .file("/usr/share/ca-certificates/mozilla/B.crt", pem(B))
        .file("/etc/ssl/certs/ca-certificates.crt", BUNDLE)
        .symlink("/etc/ssl/certs/A.pem", "/usr/share/ca-certificates/mozilla/A.crt")
        .symlink("/etc/ssl/certs/B.pem", "/usr/share/ca-certificates/mozilla/B.crt")
        .symlink("/etc/ssl/certs/0a1b2c3d.0", "A.pem")
        .symlink("/etc/ssl/certs/ffffffff.0", "B.pem")
        .symlink("/etc/ssl/certs/ffffffff.1", "B.pem")
        .symlink("/usr/lib/ssl/certs", "/etc/ssl/certs")
        .symlink("/usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt")
        .tree()
    )
    certificates, keys, stores, problems = read_certificates(tree)
    assert [one.path for one in certificates] == [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/ssl/certs/ca-certificates.crt",
        "/usr/share/ca-certificates/mozilla/A.crt",
        "/usr/share/ca-certificates/mozilla/B.crt",
    ]
    assert stores == (
        TrustStore(path="/etc/ssl/certs", kind="hashed-directory", count=2),
        TrustStore(path="/etc/ssl/certs/ca-certificates.crt", kind="bundle", count=2),
        TrustStore(path="/usr/lib/ssl/cert.pem", kind="link", count=2),
        TrustStore(path="/usr/lib/ssl/certs", kind="link", count=2),
    )
    assert (keys, problems) == ((), ())


def test_a_link_whose_bundle_is_gone() -> None:
    tree = ImageBuilder().symlink("/usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt").tree()
    assert read_certificates(tree)[2] == (TrustStore(path="/usr/lib/ssl/cert.pem", kind="link", count=0),)


def test_a_bundle_behind_a_linked_directory_is_listed_by_its_real_path() -> None:
    tree = ImageBuilder().symlink("/etc/ssl", "/usr/ssl").file("/usr/ssl/cert.pem", BUNDLE).tree()
    assert read_certificates(tree)[2] == (TrustStore(path="/usr/ssl/cert.pem", kind="bundle", count=2),)


def test_a_link_to_a_file_of_another_name_is_followed() -> None:
    tree = ImageBuilder().symlink("/srv/tls.crt", "data.bin").file("/srv/data.bin", pem(A)).tree()
    assert [one.path for one in read_certificates(tree)[0]] == ["/srv/data.bin"]


def test_what_the_environment_names_is_a_store() -> None:
    tree = ImageBuilder().file("/app/trust", pem(A)).tree()
    assert read_certificates(tree)[2] == ()
    assert read_certificates(tree, named=("/app/trust", "/none"))[2] == (
        TrustStore(path="/app/trust", kind="bundle", count=1),
    )


def test_other_files_with_such_names_hold_nothing() -> None:
    tree = (
        ImageBuilder()
        .file("/a.key", b"PK\x03\x04" + bytes(100))
        .file("/b.pem", b"")
        .file("/c.crt", b"0 is how this text begins")
        .file("/log/12345678.0", b"a log")
        .directory("/d.pem")
        .fifo("/e.pem")
        .tree()
    )
    assert read_certificates(tree) == ((), (), (), ())


def test_private_keys_of_every_kind() -> None:
    tree = (
        ImageBuilder()
        .file("/root/.ssh/id_ed25519", private_key(PrivateFormat.OpenSSH))
        .file("/etc/ssh/ssh_host_ecdsa_key", private_key(PrivateFormat.OpenSSH, b"p"))
        .file("/etc/ssl/private/snakeoil", private_key(PrivateFormat.PKCS8))
        .file("/srv/both.pem", pem(A) + private_key(PrivateFormat.TraditionalOpenSSL))
        .file("/srv/locked.KEY", private_key(PrivateFormat.PKCS8, b"p"))
        .file("/srv/raw.der", bytes.fromhex("3003020100"))
        .file("/srv/store.p12", p12((made("a"),), key=True, password=b"p"))
        .file("/srv/store.jks", jks([], chains=[[A]]))
        .tree()
    )
    assert read_certificates(tree)[1] == (
        PrivateKey(path="/etc/ssh/ssh_host_ecdsa_key", kind="OPENSSH PRIVATE KEY", encrypted=True),
        PrivateKey(path="/etc/ssl/private/snakeoil", kind="PRIVATE KEY"),
        PrivateKey(path="/root/.ssh/id_ed25519", kind="OPENSSH PRIVATE KEY"),
        PrivateKey(path="/srv/both.pem", kind="EC PRIVATE KEY"),
        PrivateKey(path="/srv/locked.KEY", kind="ENCRYPTED PRIVATE KEY", encrypted=True),
        PrivateKey(path="/srv/raw.der", kind="DER"),
        PrivateKey(path="/srv/store.jks", kind="JKS", encrypted=True),
        PrivateKey(path="/srv/store.p12", kind="PKCS#12", encrypted=True),
    )


def test_hard_links_are_listed_by_every_name() -> None:
    tree = ImageBuilder().file("/a.pem", pem(A)).hardlink("/b.pem", "/a.pem").tree()
    assert [(one.path, one.sha256) for one in read_certificates(tree)[0]] == [
        ("/a.pem", sha256(A)),
        ("/b.pem", sha256(A)),
    ]


def test_a_store_that_a_password_hides_has_no_count() -> None:
    tree = ImageBuilder().file("/opt/lib/security/cacerts", p12((made("a"),), password=b"other")).tree()
    assert read_certificates(tree)[2] == (TrustStore(path="/opt/lib/security/cacerts", kind="pkcs12", count=-1),)
