"""PKCS#12 stores (RFC 7292): the certificates in them, and whether they hold private keys."""

from __future__ import annotations

from dataclasses import dataclass, field

from xraydiff.inventory.certificates import der
from xraydiff.inventory.certificates.keystores import Store
from xraydiff.inventory.certificates.pbe import Rounds, decrypt, read_scheme
from xraydiff.limits import Limits

__all__ = ["is_pkcs12", "read_pkcs12"]

_PASSWORDS = ("changeit", "", None)
"""Java's default for its certificate authorities, and the two ways to have none."""
_DERIVATIONS = 3
"""Runs of a key derivation for one password: the old schemes need two for a long key and one for the vector."""

_DATA, _ENCRYPTED = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.6"
_BAG = "1.2.840.113549.1.12.10.1."
_KEY_BAG, _SHROUDED_KEY_BAG, _CERTIFICATE_BAG = f"{_BAG}1", f"{_BAG}2", f"{_BAG}3"
_X509_CERTIFICATE = "1.2.840.113549.1.9.22.1"
_VERSION = bytes((der.INTEGER, 1, 3))


@dataclass(slots=True)
class _Found:
    """What the bags of a store say."""

    certificates: list[bytes] = field(default_factory=list)
    plain_key: bool = False
    shrouded_key: bool = False


def is_pkcs12(data: bytes) -> bool:
    """Whether this is a SEQUENCE that begins with the version of a PKCS#12 store."""
    try:
        outer = der.expect(data, 0, len(data), der.SEQUENCE)
    except ValueError:
        return False
    return data[outer.content : outer.content + 3] == _VERSION


def read_pkcs12(data: bytes, limits: Limits, rounds: Rounds) -> Store:
    """A PKCS#12 store: plain parts as they stand, encrypted ones where a default password opens them.

    Newer Java keeps its certificate authorities in plain ones (JDK-8231107). Private keys are never decrypted, and the
    integrity of the store is not looked at. Passwords are tried only while rounds of key derivation are left: a store
    may ask for four billion.
    """
    store = Store(kind="pkcs12")
    found = _Found()
    try:
        _read_parts(data, store, found, limits, rounds)
    except ValueError as error:
        store.problem = f"a key store that is not understood: {error}"
    store.certificates = found.certificates
    store.private_key = found.plain_key or found.shrouded_key
    store.encrypted = store.private_key and not found.plain_key
    return store


def _read_parts(data: bytes, store: Store, found: _Found, limits: Limits, rounds: Rounds) -> None:
    """PFX ::= SEQUENCE { version, authSafe ContentInfo, macData OPTIONAL }."""
    _, safe = der.first(data, der.expect(data, 0, len(data), der.SEQUENCE), 2)
    kind, content = _tagged(data, safe)
    if kind != _DATA:
        raise ValueError("it is signed with a public key")
    octets = der.only(data, content, der.OCTET_STRING)
    for part in der.elements(data, der.only(data, octets, der.SEQUENCE)):
        kind, content = _tagged(data, part)
        if kind == _DATA:
            _read_bags(der.value(data, der.only(data, content, der.OCTET_STRING)), found, limits)
        elif kind == _ENCRYPTED:
            _, info = der.first(data, der.only(data, content, der.SEQUENCE), 2)
            store.hidden = not _open(data, info, found, limits, rounds) or store.hidden
        else:
            raise ValueError("a part of it is encrypted with a public key")


def _open(data: bytes, info: der.Element, found: _Found, limits: Limits, rounds: Rounds) -> bool:
    """EncryptedContentInfo ::= SEQUENCE { contentType, algorithm, [0] content }, where a default password opens it."""
    _, algorithm, encrypted = der.first(data, info, 3)
    scheme = read_scheme(data, algorithm)
    for password in _PASSWORDS:
        if not rounds.spend(scheme.rounds * _DERIVATIONS):
            raise ValueError(f"its key derivation takes {scheme.rounds} rounds, too many to try default passwords")
        plain = decrypt(scheme, der.value(data, encrypted), password)
        if plain is None:
            continue
        inside = _Found()
        try:
            _read_bags(plain, inside, limits)
        except ValueError:
            # One wrong password in 256 leaves something that looks like padding.
            continue
        found.certificates += inside.certificates
        found.plain_key |= inside.plain_key
        found.shrouded_key |= inside.shrouded_key
        return True
    return False


def _read_bags(data: bytes, found: _Found, limits: Limits) -> None:
    """SafeContents ::= SEQUENCE OF SafeBag { bagId, [0] bagValue, bagAttributes OPTIONAL }."""
    for bag in der.elements(data, der.expect(data, 0, len(data), der.SEQUENCE)):
        kind, content = _tagged(data, bag)
        if kind == _KEY_BAG:
            found.plain_key = True
        elif kind == _SHROUDED_KEY_BAG:
            found.shrouded_key = True
        elif kind == _CERTIFICATE_BAG:
            what, held = _tagged(data, der.only(data, content, der.SEQUENCE))
            if len(found.certificates) >= limits.certificates:
                raise ValueError(f"more than {limits.certificates} certificates")
            if what == _X509_CERTIFICATE:
                found.certificates.append(der.value(data, der.only(data, held, der.OCTET_STRING)))
        else:
            raise ValueError(f"a bag of kind {kind}")


def _tagged(data: bytes, of: der.Element) -> tuple[str, der.Element]:
    """The kind of a SEQUENCE { OBJECT IDENTIFIER, [0] content } and the wrapper of its content."""
    kind, content = der.first(data, of, 2)
    if of.tag != der.SEQUENCE or content.tag != der.EXPLICIT_0:
        raise ValueError("content without its kind or its tag")
    return der.oid(data, kind), content
