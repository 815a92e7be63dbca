"""What one file holds: certificates and private keys in PEM, in DER, or in a key store, detected by its first bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from xraydiff.inventory.certificates import der, pem
from xraydiff.inventory.certificates.keystores import Store, is_jks, read_jks
from xraydiff.inventory.certificates.pbe import Rounds
from xraydiff.inventory.certificates.pkcs12 import is_pkcs12, read_pkcs12
from xraydiff.inventory.certificates.x509 import Said, read_certificate
from xraydiff.limits import Limits

__all__ = ["Content", "ContentReader"]

_BEGIN = b"-----BEGIN "
_PKCS8_VERSIONS = (bytes((der.INTEGER, 1, 0)), bytes((der.INTEGER, 1, 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a file holds, without any byte of a private key."""

    kind: str = ""
    """pem, der, pkcs12, jks, or empty for none of them."""
    certificates: tuple[tuple[str, Said], ...] = ()
    """SHA-256 of each, in the order of the file, and what it says."""
    keys: frozenset[tuple[str, bool]] = frozenset()
    """Kind and whether encrypted."""
    hidden: bool = False
    """A password hides certificates."""
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class _Collected:
    """What is gathered while a file is read."""

    certificates: list[tuple[str, Said]] = field(default_factory=list)
    keys: set[tuple[str, bool]] = field(default_factory=set)
    broken: int = 0
    more: bool = False

    def content(self, kind: str) -> Content:
        bad = sum(not said.parsed for _, said in self.certificates)
        problems = [f"{bad} of {len(self.certificates)} certificates cannot be read"] if bad else []
        if self.broken:
            problems.append(f"PEM blocks without their end: {self.broken}")
        if self.more:
            problems.append("more certificates and keys than are read from one file")
        return Content(
            kind=kind, certificates=tuple(self.certificates), keys=frozenset(self.keys), problems=tuple(problems)
        )


class ContentReader:
    """Reads files; a certificate that stands in several is parsed once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rounds = Rounds(limits.keystore_iterations)
        self._known: dict[str, Said] = {}

    def read(self, data: bytes) -> Content:
        """What the bytes of a file hold; never raises."""
        if is_jks(data):
            return self._store(read_jks(data, self._limits))
        if data[:1] == bytes((der.SEQUENCE,)):
            return self._der(data)
        return self._pem(data) if _BEGIN in data else Content()

    def _pem(self, data: bytes) -> Content:
        collected = _Collected()
        seen = 0
        for block in pem.blocks(data):
            certificate = pem.is_certificate(block.label)
            if not certificate and not pem.is_private_key(block.label):
                continue
            if seen >= self._limits.certificates:
                collected.more = True
                break
            seen += 1
            if not block.whole:
                collected.broken += 1
            elif certificate:
                collected.certificates.append(self._block(block))
            else:
                collected.keys.add((block.label, pem.is_encrypted(block)))
        return collected.content("pem")

    def _block(self, block: pem.Block) -> tuple[str, Said]:
        """The certificate of a block; of one that is no base64 the digest is that of its text."""
        try:
            data = pem.decoded_body(block)
        except ValueError:
            return hashlib.sha256(block.body).hexdigest(), Said(problem="not in base64")
        return self._certificate(data, trusted=block.label.startswith("TRUSTED"))

    def _der(self, data: bytes) -> Content:
        if is_pkcs12(data):
            return self._store(read_pkcs12(data, self._limits, self._rounds))
        try:
            outer = der.expect(data, 0, len(data), der.SEQUENCE)
            inner = der.element(data, outer.content, outer.end)
        except ValueError:
            # It only begins like DER.
            return Content()
        collected = _Collected()
        if inner.tag == der.SEQUENCE and outer.end == len(data):
            collected.certificates.append(self._certificate(data))
        elif data[inner.start : inner.end] in _PKCS8_VERSIONS:
            collected.keys.add(("DER", False))
        return collected.content("der" if collected.certificates or collected.keys else "")

    def _store(self, store: Store) -> Content:
        collected = _Collected(certificates=[self._certificate(data) for data in store.certificates])
        if store.private_key:
            collected.keys.add(({"jks": "JKS", "pkcs12": "PKCS#12"}[store.kind], store.encrypted))
        content = collected.content(store.kind)
        return Content(
            kind=content.kind,
            certificates=content.certificates,
            keys=content.keys,
            hidden=store.hidden or bool(store.problem and not store.certificates),
            problems=(*((store.problem,) if store.problem else ()), *content.problems),
        )

    def _certificate(self, data: bytes, *, trusted: bool = False) -> tuple[str, Said]:
        """Digest and meaning of one certificate, the trust settings behind it left out."""
        if trusted:
            try:
                data = data[: der.expect(data, 0, len(data), der.SEQUENCE).end]
            except ValueError:
                # Then all of it is the digest of something that is no certificate.
                trusted = False
        digest = hashlib.sha256(data).hexdigest()
        said = self._known.get(digest)
        if said is None:
            said = self._known[digest] = read_certificate(data, self._limits)
        return digest, said
