"""PEM (RFC 7468) as real files hold it: text around blocks, CRLF, headers within, and blocks that never end."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Block", "blocks", "decoded_body", "is_certificate", "is_encrypted", "is_private_key"]

_MARKER = re.compile(rb"-----(BEGIN|END) ([A-Z0-9][A-Z0-9 #]{0,63})-----")
_BLANK = b" \t\r\n"
_CERTIFICATES = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
_PRIVATE = re.compile(r"(?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?")
_OPENSSH_MAGIC = b"openssh-key-v1\0"
_OPENSSH_HEAD = 60
"""Base64 characters of an OpenSSH key that are decoded: its magic and the name of its cipher; nothing secret."""


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between `-----BEGIN label-----` and its end: not decoded, headers included."""

    label: str
    offset: int
    body: bytes
    whole: bool = True
    """False where no matching end line follows, before the next block begins; then `body` is empty."""


def blocks(data: bytes) -> Iterator[Block]:
    """The blocks of a file in their order; one pass, whatever the file holds.

    Markers count only at the start of a line. A block within a block ends the outer one, which is then not whole.
    """
    opened: tuple[str, int, int] | None = None
    for match in _MARKER.finditer(data):
        if match.start() and data[match.start() - 1] not in b"\r\n":
            continue
        label = match[2].decode("ascii")
        if match[1] == b"BEGIN":
            if opened is not None:
                yield Block(opened[0], opened[1], b"", whole=False)
            opened = label, match.start(), match.end()
        elif opened is not None:
            if opened[0] == label:
                yield Block(label, opened[1], data[opened[2] : match.start()])
            else:
                yield Block(opened[0], opened[1], b"", whole=False)
            opened = None
    if opened is not None:
        yield Block(opened[0], opened[1], b"", whole=False)


def decoded_body(block: Block) -> bytes:
    """The bytes that a block stands for. Raises `ValueError` where it is no base64 from end to end."""
    return binascii.a2b_base64(block.body.translate(None, _BLANK), strict_mode=True)


def is_certificate(label: str) -> bool:
    """Whether blocks of this label hold a certificate; behind a `TRUSTED` one stand OpenSSL's trust settings."""
    return label in _CERTIFICATES


def is_private_key(label: str) -> bool:
    """Whether blocks of this label hold a private key: PKCS#8, traditional, OpenSSH, PGP, and tools' own."""
    return _PRIVATE.fullmatch(label) is not None


def is_encrypted(block: Block) -> bool:
    """Whether a password protects a private key; detected by label, PEM header or OpenSSH's name of the cipher.

    Of PGP keys it is not known, which counts as not encrypted.
    """
    if block.label.startswith("ENCRYPTED "):
        return True
    if block.label == "OPENSSH PRIVATE KEY":
        head = block.body[: 2 * _OPENSSH_HEAD].translate(None, _BLANK)[:_OPENSSH_HEAD]
        try:
            raw = binascii.a2b_base64(head)
        except binascii.Error:
            return False
        return raw.startswith(_OPENSSH_MAGIC) and raw[len(_OPENSSH_MAGIC) + 4 :][:4] != b"none"
    return b"\nProc-Type: 4,ENCRYPTED" in block.body[:200]
