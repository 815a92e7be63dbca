"""Rows 152 and 153: certificates made to crash, to stall or to hide, and the real bundle with a negative serial."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import PrivateFormat

from tests.certificate_files import certificate, pem, private_key, rebuilt, sha256
from tests.patience import SLOW
from xraydiff.facts import Certificate, PrivateKey, Problem, Scope, TrustStore
from xraydiff.image.sources import open_image
from xraydiff.inventory.certificates import read_certificates
from xraydiff.inventory.certificates.pem import blocks, decoded_body
from xraydiff.limits import MIB, Limits
from xraydiff.testing import ImageBuilder
from xraydiff.tree import squash

GOOD = certificate("good")
Answer = tuple[tuple[Certificate, ...], tuple[PrivateKey, ...], tuple[TrustStore, ...], tuple[Problem, ...]]


def read(content: bytes, limits: Limits | None = None, path: str = "/etc/ssl/cert.pem") -> Answer:
    """The answer, within two seconds."""
    tree = ImageBuilder().file(path, content).tree()
    started = time.process_time()
    answer = read_certificates(tree, limits=limits or Limits())
    assert time.process_time() - started < 2 * SLOW
    return answer


def test_152_cert_negative_serial() -> None:
    bad = rebuilt(GOOD, serial=b"\x02\x02\xee\x2b")
    certificates, _, stores, problems = read(pem(GOOD) + pem(bad))
    assert {one.sha256: one.problem for one in certificates} == {
        sha256(GOOD): "",
        sha256(bad): "a negative serial number",
    }
    assert {one.subject for one in certificates} == {"CN=good,C=DE"}
    assert stores[0].count == 2
    assert problems == ()


def test_152_alpine_310_real_bundle(corpus: Path) -> None:
    with open_image(str(corpus / "aquasecurity+trivy/pkg/fanal/test/testdata/alpine-310.tar.gz")) as image:
        tree = squash(image)
        certificates, keys, stores, problems = read_certificates(tree)
        data = tree.content(tree.resolve("/etc/ssl/cert.pem").path or pytest.fail("it is not there"))
    assert len(certificates) == 149
    assert stores == (TrustStore(path="/etc/ssl/cert.pem", kind="bundle", count=149),)
    (odd,) = [one for one in certificates if one.problem]
    assert odd.problem == "a negative serial number"
    assert "CN=EC-ACC" in odd.subject
    assert (keys, problems) == ((), ())
    oracle: dict[str, tuple[str, str, str]] = {}
    for block in blocks(data):
        der = decoded_body(block)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = x509.load_der_x509_certificate(der)
            times = [
                when.strftime("%Y-%m-%dT%H:%M:%SZ")
                for when in (parsed.not_valid_before_utc, parsed.not_valid_after_utc)
            ]
            oracle[sha256(der)] = (parsed.subject.rfc4514_string(), times[0], times[1])
    assert {one.sha256: (one.subject, one.not_before, one.not_after) for one in certificates} == oracle


def test_152_cert_v1() -> None:
    (one,) = read(pem(rebuilt(GOOD, drop_version=True)))[0]
    assert (one.subject, one.problem) == ("CN=good,C=DE", "")


def test_152_cert_bad_der() -> None:
    bad = [GOOD[:-40], b"", b"\x30\x80" + GOOD[4:], bytes(300), b"\x30\x03\x02\x01\x05"]
    certificates, _, stores, problems = read(b"".join(map(pem, [*bad, GOOD])))
    assert {one.sha256 for one in certificates} == {sha256(data) for data in [*bad, GOOD]}
    assert [bool(one.problem) for one in certificates if one.sha256 != sha256(GOOD)] == [True] * len(bad)
    assert stores[0].count == len(bad) + 1
    (problem,) = problems
    assert (problem.code, problem.scope, problem.fatal) == ("certificate-malformed", Scope.ANALYSIS, False)
    assert problem.message == "5 of 6 certificates cannot be read"


def test_152_bad_base64_is_listed_by_the_digest_of_its_text() -> None:
    (one,) = read(b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n")[0]
    assert (one.sha256, one.problem) == (sha256(b"\n!!!\n"), "not in base64")


def test_152_pem_trusted() -> None:
    (one,) = read(pem(GOOD + bytes.fromhex("300c300a06082b06010505070301"), "TRUSTED CERTIFICATE"))[0]
    assert (one.sha256, one.problem) == (sha256(GOOD), "")


def test_152_pem_100k_blocks() -> None:
    certificates, _, _, problems = read(pem(b"x") * 100_000)
    assert len(certificates) == 10_000
    assert "more certificates and keys than are read from one file" in {problem.message for problem in problems}


def test_152_pem_100k_begin_lines() -> None:
    certificates, _, _, problems = read(b"-----BEGIN CERTIFICATE-----\n" * 100_000 + pem(GOOD))
    assert certificates == ()
    assert any(problem.code == "certificate-malformed" for problem in problems)


def test_152_pem_nested() -> None:
    certificates, _, _, problems = read(
        b"-----BEGIN CERTIFICATE-----\nAAAA\n" + pem(GOOD) + b"-----END CERTIFICATE-----\n"
    )
    assert [one.sha256 for one in certificates] == [sha256(GOOD)]
    assert [problem.message for problem in problems] == ["PEM blocks without their end: 1"]


@pytest.mark.parametrize("filler", [b"A", b"-", b" ", b"-----BEGIN CERTIFICATE", b"-----BEGIN A"])
def test_152_pem_5mb_line(filler: bytes) -> None:
    line = filler * (5 * MIB // len(filler))
    certificates, _, _, _ = read(b"-----BEGIN CERTIFICATE-----\n" + line + b"\n-----END CERTIFICATE-----\n" + pem(GOOD))
    assert sha256(GOOD) in {one.sha256 for one in certificates}


def test_152_a_file_over_the_bound_is_said() -> None:
    certificates, _, _, problems = read(pem(GOOD), Limits(certificate_file=100))
    assert certificates == ()
    assert [(one.code, one.scope, one.fatal) for one in problems] == [
        ("certificate-file-too-large", Scope.ANALYSIS, False)
    ]


def test_152_more_than_the_image_may_hold_is_not_read_whole() -> None:
    builder = ImageBuilder()
    for number in range(10):
        builder.file(f"/c{number}.pem", pem(GOOD) * 2)
    tree = builder.tree()
    for limits in (Limits(certificates_per_image=5), Limits(certificate_bytes=3 * len(pem(GOOD)))):
        certificates, _, _, problems = read_certificates(tree, limits=limits)
        assert 0 < len(certificates) <= 5
        assert [(one.code, one.scope, one.fatal) for one in problems] == [("limit-exceeded", Scope.READING, True)]


def test_152_a_file_of_many_hard_links_is_parsed_once() -> None:
    builder = ImageBuilder().file("/a.pem", pem(GOOD) * 1000)
    for number in range(90):
        builder.hardlink(f"/l{number:02}.pem", "/a.pem")
    tree = builder.tree()
    started = time.process_time()
    assert len(read_certificates(tree)[0]) == 91_000
    assert time.process_time() - started < 2 * SLOW


def test_152_warnings_of_the_library_reach_nobody() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read(pem(rebuilt(GOOD, serial=b"\x02\x01\xff")) + pem(rebuilt(GOOD, serial=b"\x02\x01\x00")))
    assert caught == []


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL, PrivateFormat.OpenSSH])
@pytest.mark.parametrize("password", [b"", b"secret"])
def test_153_cert_key_in_image(form: PrivateFormat, password: bytes) -> None:
    content = private_key(form, password)
    answer = read(content, path="/srv/tls.key")
    (key,) = answer[1]
    assert (key.path, key.encrypted) == ("/srv/tls.key", bool(password))
    assert key.kind.endswith("PRIVATE KEY")
    assert not any(line and line in repr(answer) for line in content.decode().splitlines()[1:-1])
