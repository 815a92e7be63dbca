"""Key stores of Java's own formats, JKS and JCEKS: the certificates in them, and whether they hold private keys."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from xraydiff.limits import Limits

__all__ = ["Store", "is_jks", "read_jks"]

_JKS, _JCEKS = b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce"
_PRIVATE_ENTRY, _TRUSTED_ENTRY = 1, 2


@dataclass(slots=True, kw_only=True)
class Store:
    """What a key store holds; certificates as DER."""

    kind: str
    certificates: list[bytes] = field(default_factory=list)
    hidden: bool = False
    """A password hides certificates."""
    private_key: bool = False
    encrypted: bool = False
    """Of the private keys."""
    problem: str = ""
    """Why the store, or the end of it, could not be read."""


def is_jks(data: bytes) -> bool:
    """Whether this is a store of Java's own formats, JKS or JCEKS."""
    return data[:4] in (_JKS, _JCEKS)


def read_jks(data: bytes, limits: Limits) -> Store:
    """A store of Java's own formats (sun.security.provider.JavaKeyStore): its trusted certificates need no password."""
    store = Store(kind="jks")
    try:
        _read_entries(data, store, limits)
    except (ValueError, struct.error) as error:
        store.problem = f"a key store that ends in the middle: {error}"
    return store


def _read_entries(data: bytes, store: Store, limits: Limits) -> None:
    version, entries = struct.unpack_from(">II", data, 4)
    if version not in (1, 2):
        raise ValueError(f"version {version}")
    at = 12
    for _ in range(entries):
        (tag,) = struct.unpack_from(">I", data, at)
        at = _skip(data, at + 4, ">H") + 8
        if tag == _PRIVATE_ENTRY:
            store.private_key = store.encrypted = True
            at = _skip(data, at, ">I")
            (chain,) = struct.unpack_from(">I", data, at)
            at += 4
        elif tag == _TRUSTED_ENTRY:
            chain = 1
        else:
            # A secret key is a serialized Java object, whose end nobody knows without reading all of it.
            raise ValueError(f"an entry of kind {tag}")
        for _ in range(chain):
            if len(store.certificates) >= limits.certificates:
                raise ValueError(f"more than {limits.certificates} certificates")
            at = _skip(data, at, ">H") if version == 2 else at
            end = _skip(data, at, ">I")
            store.certificates.append(data[at + 4 : end])
            at = end


def _skip(data: bytes, at: int, length: str) -> int:
    """Where a text or bytes that carry their length end."""
    (size,) = struct.unpack_from(length, data, at)
    end = at + struct.calcsize(length) + int(size)
    if end > len(data):
        raise ValueError("a length beyond the end")
    return end
