"""PEM as real files hold it."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat

from tests.certificate_files import pem, private_key
from xraydiff.inventory.certificates.pem import blocks, decoded_body, is_encrypted, is_private_key


def test_blocks_with_text_between_them() -> None:
    data = b"\xef\xbb\xbf# one\n" + pem(b"first") + b"\nSubject: x\n" + pem(b"second", newline=b"\r\n") + b"end"
    assert [(block.label, decoded_body(block)) for block in blocks(data)] == [
        ("CERTIFICATE", b"first"),
        ("CERTIFICATE", b"second"),
    ]


def test_markers_count_only_at_the_start_of_a_line() -> None:
    assert list(blocks(b'x = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"')) == []


def test_blocks_that_do_not_end() -> None:
    begin = b"-----BEGIN CERTIFICATE-----\n"
    found = list(blocks(begin + b"AAAA\n" + pem(b"inner") + begin + b"AAAA\n-----END RSA PRIVATE KEY-----\n" + begin))
    assert [(block.whole, block.body[:1]) for block in found] == [
        (False, b""),
        (True, b"\n"),
        (False, b""),
        (False, b""),
    ]


@pytest.mark.parametrize("body", [b"A", b"AA=A", b"A-_A", b"AAA\xff", b"=AAA"])
def test_what_is_no_base64_is_an_error(body: bytes) -> None:
    (block,) = blocks(b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----\n")
    with pytest.raises(ValueError, match=r".+"):
        decoded_body(block)


@pytest.mark.parametrize(
    ("form", "label"),
    [
        (PrivateFormat.PKCS8, "PRIVATE KEY"),
        (PrivateFormat.TraditionalOpenSSL, "EC PRIVATE KEY"),
        (PrivateFormat.OpenSSH, "OPENSSH PRIVATE KEY"),
    ],
)
def test_private_keys_with_and_without_a_password(form: PrivateFormat, label: str) -> None:
    (plain,) = blocks(private_key(form))
    assert (plain.label, is_encrypted(plain)) == (label, False)
    (locked,) = blocks(private_key(form, b"secret"))
    assert is_private_key(locked.label)
    assert is_encrypted(locked)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("RSA PRIVATE KEY", True),
        ("ENCRYPTED PRIVATE KEY", True),
        ("PGP PRIVATE KEY BLOCK", True),
        ("ENCRYPTED SIGSTORE PRIVATE KEY", True),
        ("PUBLIC KEY", False),
        ("CERTIFICATE REQUEST", False),
        ("PRIVATE KEYS", False),
    ],
)
def test_labels(label: str, expected: object) -> None:
    assert is_private_key(label) is expected
