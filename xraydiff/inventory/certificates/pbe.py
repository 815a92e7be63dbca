"""Password-based encryption of PKCS#12 stores: PBES2 (RFC 8018) and the older schemes of RFC 7292, decryption only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xraydiff.inventory.certificates import der

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm

__all__ = ["Rounds", "Scheme", "decrypt", "read_scheme"]

_PBES2, _PBKDF2 = "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12"
_HASHES = {
    "1.2.840.113549.2.7": "sha1",
    "1.2.840.113549.2.8": "sha224",
    "1.2.840.113549.2.9": "sha256",
    "1.2.840.113549.2.10": "sha384",
    "1.2.840.113549.2.11": "sha512",
}
_CIPHERS = {
    "2.16.840.1.101.3.4.1.2": ("aes", 16),
    "2.16.840.1.101.3.4.1.22": ("aes", 24),
    "2.16.840.1.101.3.4.1.42": ("aes", 32),
    "1.2.840.113549.3.7": ("3des", 24),
}
_OLD = {
    "1.2.840.113549.1.12.1.3": ("3des", 24),
    "1.2.840.113549.1.12.1.5": ("rc2", 16),
    "1.2.840.113549.1.12.1.6": ("rc2", 5),
}
"""pbeWithSHAAnd3-KeyTripleDES-CBC, ...128BitRC2-CBC, ...40BitRC2-CBC (RFC 7292, appendix C)."""
_SHA1_BLOCK, _IV = 64, 8
_KEY, _VECTOR = b"\x01", b"\x02"
"""What a derivation of RFC 7292 is for (appendix B.3)."""


@dataclass(slots=True)
class Rounds:
    """Rounds of key derivation that may still be spent on the stores of an image."""

    left: int

    def spend(self, rounds: int) -> bool:
        """Whether so many are left; then they are taken."""
        if rounds > self.left:
            return False
        self.left -= rounds
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """How something is encrypted; `hash` is empty for the schemes of RFC 7292, which derive the vector too."""

    cipher: str
    key_size: int
    salt: bytes
    rounds: int
    hash: str = ""
    vector: bytes = b""


def read_scheme(data: bytes, algorithm: der.Element) -> Scheme:
    """What an AlgorithmIdentifier says. Raises `ValueError` for a malformed one or a scheme that is not known."""
    name, parameters = der.first(data, algorithm, 2)
    kind = der.oid(data, name)
    if kind == _PBES2:
        return _pbes2(data, parameters)
    if kind not in _OLD:
        raise ValueError(f"encryption {kind}")
    salt, rounds = der.first(data, parameters, 2)
    cipher, size = _OLD[kind]
    return Scheme(cipher=cipher, key_size=size, salt=der.value(data, salt), rounds=_rounds(data, rounds))


def _pbes2(data: bytes, parameters: der.Element) -> Scheme:
    """PBES2-params ::= SEQUENCE { keyDerivationFunc, encryptionScheme } (RFC 8018, A.4)."""
    derivation, encryption = der.first(data, parameters, 2)
    name, how = der.first(data, derivation, 2)
    cipher, vector = der.first(data, encryption, 2)
    if der.oid(data, name) != _PBKDF2 or der.oid(data, cipher) not in _CIPHERS:
        raise ValueError("a key derivation or cipher of PBES2 that is not known")
    salt, rounds, *others = list(der.elements(data, how))[:4]
    prf = next((other for other in others if other.tag == der.SEQUENCE), None)
    prf_name = "1.2.840.113549.2.7" if prf is None else der.oid(data, der.only(data, prf, der.OBJECT_IDENTIFIER))
    if prf_name not in _HASHES:
        raise ValueError(f"a hash {prf_name} of PBKDF2 that is not known")
    kind, size = _CIPHERS[der.oid(data, cipher)]
    return Scheme(
        cipher=kind,
        key_size=size,
        salt=der.value(data, salt),
        rounds=_rounds(data, rounds),
        hash=_HASHES[prf_name],
        vector=der.value(data, vector),
    )


def _rounds(data: bytes, of: der.Element) -> int:
    rounds = der.integer(data, of)
    if rounds < 1:
        raise ValueError("a key derivation of no rounds")
    return rounds


def decrypt(scheme: Scheme, encrypted: bytes, password: str | None) -> bytes | None:
    """The plain bytes, or None where the padding says that the password is wrong (or, one time in 256, nothing).

    `None` as password is the absence of one, which the old schemes tell from an empty one.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.ciphers import Cipher, modes

    if scheme.hash:
        raw = (password or "").encode()
        key = hashlib.pbkdf2_hmac(scheme.hash, raw, scheme.salt, scheme.rounds, scheme.key_size)
        vector = scheme.vector
    else:
        old = b"" if password is None else f"{password}\0".encode("utf-16-be")
        key = _derived(old, scheme, _KEY, scheme.key_size)
        vector = _derived(old, scheme, _VECTOR, _IV)
    try:
        opened = Cipher(_algorithm(scheme.cipher, key), modes.CBC(vector)).decryptor()
        plain = opened.update(encrypted) + opened.finalize()
    except (ValueError, UnsupportedAlgorithm):
        return None
    size = plain[-1] if plain else 0
    return plain[:-size] if 1 <= size <= len(vector) and plain.endswith(bytes([size]) * size) else None


def _algorithm(cipher: str, key: bytes) -> BlockCipherAlgorithm:
    from cryptography.hazmat.decrepit.ciphers.algorithms import RC2, TripleDES
    from cryptography.hazmat.primitives.ciphers.algorithms import AES

    match cipher:
        case "aes":
            return AES(key)
        case "3des":
            return TripleDES(key)
        case _:
            return RC2(key)


def _derived(password: bytes, scheme: Scheme, purpose: bytes, size: int) -> bytes:
    """RFC 7292, appendix B.2, with SHA-1."""
    block = _SHA1_BLOCK
    filled = _filled(scheme.salt, block) + _filled(password, block)
    result = b""
    while True:
        digest = hashlib.sha1(purpose * block + filled, usedforsecurity=False).digest()
        for _ in range(scheme.rounds - 1):
            digest = hashlib.sha1(digest, usedforsecurity=False).digest()
        result += digest
        if len(result) >= size:
            return result[:size]
        add = int.from_bytes(_filled(digest, block)[:block], "big") + 1
        parts = (filled[at : at + block] for at in range(0, len(filled), block))
        top = 1 << (8 * block)
        filled = b"".join(((int.from_bytes(part, "big") + add) % top).to_bytes(block, "big") for part in parts)


def _filled(data: bytes, block: int) -> bytes:
    """Copies of the data up to a whole number of blocks; nothing of nothing."""
    size = -(-len(data) // block) * block
    return (data * (size // len(data) + 1))[:size] if data else b""
