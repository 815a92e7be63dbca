"""What a certificate says; `cryptography` is the oracle for names."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.certificate_files import certificate, made, name, rebuilt
from xraydiff.inventory.certificates import der
from xraydiff.inventory.certificates.x509 import Said, read_certificate
from xraydiff.limits import DEFAULT, Limits


def read(data: bytes) -> Said:
    return read_certificate(data, DEFAULT)


def named(subject: bytes) -> str:
    said = read(rebuilt(certificate(), subject=subject))
    assert said.problem == ""
    return said.subject


def attribute(tag: int, value: bytes, oid: bytes = b"\x55\x04\x03") -> bytes:
    pair = der.encoded(der.OBJECT_IDENTIFIER, oid) + der.encoded(tag, value)
    return der.encoded(der.SEQUENCE, der.encoded(der.SET, der.encoded(der.SEQUENCE, pair)))


def test_a_certificate() -> None:
    assert read(certificate()) == Said(
        subject="CN=Test CA,C=DE",
        not_before="2020-01-02T03:04:05Z",
        not_after="2030-01-02T03:04:05Z",
        self_signed=True,
        parsed=True,
    )
    assert not read(certificate("leaf", "Test CA")).self_signed


def test_version_1_has_no_version() -> None:
    assert read(rebuilt(certificate(), drop_version=True)) == read(certificate())


@pytest.mark.parametrize(
    ("serial", "problem"),
    [
        (b"\x02\x01\x00", ""),
        (b"\x02\x01\xff", "a negative serial number"),
        (b"\x02\x10\xee" + bytes(15), "a negative serial number"),
        (b"\x02\x00", "an empty serial number"),
        (b"\x02\x15\x01" + bytes(20), ""),
    ],
)
def test_odd_serial_numbers_hide_nothing_and_warn_of_nothing(serial: bytes, problem: str) -> None:
    said = read(rebuilt(certificate(), serial=serial))
    assert (said.subject, said.not_after) == ("CN=Test CA,C=DE", "2030-01-02T03:04:05Z")
    assert (said.problem, said.parsed) == (problem, True)


@pytest.mark.parametrize(
    "subject",
    [
        name((NameOID.COMMON_NAME, 'a,b+c"d\\e<f>g;h=i')),
        name((NameOID.COMMON_NAME, " both ")),
        name((NameOID.COMMON_NAME, "#hash")),
        name((NameOID.COMMON_NAME, " ")),
        name((NameOID.ORGANIZATION_NAME, "Tÿpe Ünï 証明書"), (NameOID.LOCALITY_NAME, "x")),
        name((NameOID.DOMAIN_COMPONENT, "org"), (NameOID.USER_ID, "u"), (NameOID.STREET_ADDRESS, "s 1")),
        name((NameOID.EMAIL_ADDRESS, "a@example.org"), (NameOID.ORGANIZATION_IDENTIFIER, "VAT-1")),
        x509.Name(
            [
                x509.RelativeDistinguishedName(
                    [x509.NameAttribute(NameOID.COMMON_NAME, "a"), x509.NameAttribute(NameOID.SURNAME, "b")]
                )
            ]
        ),
        x509.Name([]),
    ],
)
def test_names_are_written_as_cryptography_writes_them(subject: x509.Name) -> None:
    assert named(subject.public_bytes()) == subject.rfc4514_string()


def test_names_that_cryptography_warns_of_or_refuses() -> None:
    assert named(attribute(0x0C, b"x" * 100)) == f"CN={'x' * 100}"
    assert named(attribute(0x13, b"DEU", b"\x55\x04\x06")) == "C=DEU"
    assert named(attribute(0x0C, b"")) == "CN="


def test_control_characters_are_escaped() -> None:
    assert named(attribute(0x0C, b"a\n\x00\x1b[31m")) == r"CN=a\0A\00\1B[31m"
    assert named(attribute(0x0C, "\x85".encode())) == r"CN=\C2\85"


def test_strings_of_every_kind() -> None:
    assert named(attribute(0x1E, "ä証".encode("utf-16-be"))) == "CN=ä証"
    assert named(attribute(0x1C, "ä".encode("utf-32-be"))) == "CN=ä"
    assert named(attribute(0x14, b"\xe4")) == "CN=ä"
    assert named(attribute(0x0C, b"\xff")) == "CN=#0c01ff"
    assert named(attribute(0x03, b"\x00\x01")) == "CN=#03020001"


def test_a_subject_over_its_bound() -> None:
    data = rebuilt(certificate(), subject=attribute(0x0C, b"x" * 100))
    said = read_certificate(data, Limits(certificate_subject=50))
    assert (said.subject, said.parsed) == ("", False)
    assert "more than 50 characters" in said.problem


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x80\x00\x00",
        b"\x30\x00",
        b"\x30\x02\x30\x00",
        b"\x31" + certificate()[1:],
        b"\x30\x84\xff\xff\xff\xff",
        rebuilt(certificate(), serial=b"\x04\x01\x01"),
        rebuilt(certificate(), subject=b"\x30\x04\x30\x02\x05\x00"),
        rebuilt(certificate(), subject=b"\x30\x02\x31\x05"),
    ],
)
def test_what_is_no_certificate(data: bytes) -> None:
    said = read(data)
    assert said.problem.startswith("not a certificate")
    assert not said.parsed


def test_every_prefix_and_every_flipped_byte_is_answered() -> None:
    data = certificate()
    for at in range(len(data)):
        assert not read(data[:at]).parsed
        read(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])


def test_the_oracle_agrees_about_the_whole_certificate() -> None:
    oracle = made("x", "y")
    said = read(certificate("x", "y"))
    assert said.subject == oracle.subject.rfc4514_string()
    assert said.not_before == oracle.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
