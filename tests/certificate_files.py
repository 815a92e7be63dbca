"""Certificates and key stores for tests, made on the spot; keytool is not needed."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import struct
from collections.abc import Sequence
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from xraydiff.inventory.certificates import der

KEY = ec.derive_private_key(12345, ec.SECP256R1())
SERIAL_1 = b"\x02\x01\x07"
"""How the serial number of `certificate` stands in its DER, once."""


def name(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


@cache
def made(common_name: str = "Test CA", issuer: str = "") -> x509.Certificate:
    """A certificate of ten years from 2020, serial number 7."""
    subject = name((NameOID.COUNTRY_NAME, "DE"), (NameOID.COMMON_NAME, common_name))
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(name((NameOID.COMMON_NAME, issuer)) if issuer else subject)
        .public_key(KEY.public_key())
        .serial_number(7)
        .not_valid_before(dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2030, 1, 2, 3, 4, 5, tzinfo=dt.UTC))
        .sign(KEY, hashes.SHA256(), ecdsa_deterministic=True)
    )


def certificate(common_name: str = "Test CA", issuer: str = "") -> bytes:
    return made(common_name, issuer).public_bytes(serialization.Encoding.DER)


def rebuilt(data: bytes, *, drop_version: bool = False, serial: bytes = SERIAL_1, subject: bytes = b"") -> bytes:
    """The certificate with other fields; its signature no longer fits, which nobody looks at."""
    outer = der.expect(data, 0, len(data), der.SEQUENCE)
    inner, *signature = der.elements(data, outer)
    parts = [data[part.start : part.end] for part in der.elements(data, inner)]
    parts[1] = serial
    if subject:
        parts[5] = subject
    rest = b"".join(data[part.start : part.end] for part in signature)
    return der.encoded(der.SEQUENCE, der.encoded(der.SEQUENCE, b"".join(parts[drop_version:])) + rest)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def pem(data: bytes, label: str = "CERTIFICATE", *, newline: bytes = b"\n") -> bytes:
    text = base64.b64encode(data)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return newline.join([f"-----BEGIN {label}-----".encode(), *lines, f"-----END {label}-----".encode(), b""])


def private_key(form: serialization.PrivateFormat, password: bytes = b"") -> bytes:
    if form is serialization.PrivateFormat.OpenSSH and password:
        # `cryptography` encrypts these only with a further package; what counts is the name of the cipher.
        head = b"openssh-key-v1\0" + struct.pack(">I", 10) + b"aes256-ctr" + struct.pack(">I", 6) + b"bcrypt"
        return pem(head + bytes(300), "OPENSSH PRIVATE KEY")
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return KEY.private_bytes(serialization.Encoding.PEM, form, how)


def jks(
    certificates: Sequence[bytes], *, chains: Sequence[Sequence[bytes]] = (), version: int = 2, magic: int = 0xFEEDFEED
) -> bytes:
    """A store of trusted certificates and of private keys with their chains (sun.security.provider.JavaKeyStore)."""

    def one(data: bytes) -> bytes:
        kind = struct.pack(">H", 5) + b"X.509" if version == 2 else b""
        return kind + struct.pack(">I", len(data)) + data

    def head(tag: int, alias: bytes) -> bytes:
        return struct.pack(">IH", tag, len(alias)) + alias + struct.pack(">Q", 0)

    entries = [head(2, b"ca%d" % number) + one(data) for number, data in enumerate(certificates)]
    for number, chain in enumerate(chains):
        key = struct.pack(">I", 9) + b"encrypted"
        entries.append(head(1, b"key%d" % number) + key + struct.pack(">I", len(chain)) + b"".join(map(one, chain)))
    return struct.pack(">III", magic, version, len(entries)) + b"".join(entries) + bytes(20)


def p12(
    certificates: Sequence[x509.Certificate],
    *,
    password: bytes = b"",
    scheme: pkcs12.PBES | None = None,
    rounds: int = 1000,
    key: bool = False,
) -> bytes:
    """A PKCS#12 store; plain where no password is given."""
    how: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        builder = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(rounds)
        if scheme is not None:
            builder = builder.key_cert_algorithm(scheme).hmac_hash(hashes.SHA256())
        how = builder.build(password)
    own = certificates[0] if key else None
    return pkcs12.serialize_key_and_certificates(
        b"x", KEY if key else None, own, certificates[1:] if key else certificates, how
    )
