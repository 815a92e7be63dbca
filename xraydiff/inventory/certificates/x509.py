"""What one X.509 certificate says of itself (RFC 5280): subject, validity, whether it signed itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from xraydiff.inventory.certificates import der
from xraydiff.limits import Limits

__all__ = ["Said", "read_certificate"]

_SERIAL = der.encoded(der.INTEGER, b"\x01")
_ALGORITHM = der.encoded(der.SEQUENCE, der.encoded(der.OBJECT_IDENTIFIER, bytes.fromhex("2a8648ce3d040302")))
"""ecdsa-with-SHA256, which has no parameters."""
_SIGNATURE = der.encoded(der.BIT_STRING, b"\x00")

_TYPES = {
    "2.5.4.3": "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
}
"""RFC 4514, section 3; other attributes are named by their object identifier."""
_ENCODINGS = {
    0x0C: "utf-8",  # UTF8String
    0x12: "ascii",  # NumericString
    0x13: "ascii",  # PrintableString
    0x14: "latin-1",  # TeletexString, as everybody has used it
    0x16: "ascii",  # IA5String
    0x1A: "ascii",  # VisibleString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}
_SPECIAL = frozenset('\\"+,;<>')


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a certificate says; `problem` where it says it wrongly or nothing at all."""

    subject: str = ""
    not_before: str = ""
    not_after: str = ""
    self_signed: bool = False
    problem: str = ""
    parsed: bool = False


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields of a TBSCertificate, as bytes with their tags; `rest` is everything behind the subject."""

    version: bytes
    serial: bytes
    issuer: bytes
    validity: bytes
    subject: bytes
    rest: bytes


def read_certificate(data: bytes, limits: Limits) -> Said:
    """What the DER of one certificate says; never raises and never warns.

    A negative serial number is a problem, and everything else is read all the same; one of zero is not, for several
    authorities that everybody trusts have it (RFC 5280, 4.1.2.2, asks readers to bear both).
    """
    from cryptography import x509

    try:
        fields = _fields(data)
        subject = _name(fields.subject, limits.certificate_subject)
    except ValueError as error:
        return Said(problem=f"not a certificate: {error}")
    try:
        certificate = x509.load_der_x509_certificate(_neutral(fields))
        not_before, not_after = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (ValueError, x509.InvalidVersion):
        # The words of `cryptography` differ from version to version, and a report must not.
        return Said(problem="not a certificate of RFC 5280")
    return Said(
        subject=subject,
        not_before=_time(not_before),
        not_after=_time(not_after),
        self_signed=fields.issuer == fields.subject,
        problem=_serial_problem(fields.serial),
        parsed=True,
    )


def _fields(data: bytes) -> _Fields:
    inner = der.only(data, der.expect(data, 0, len(data), der.SEQUENCE), der.SEQUENCE)
    parts = der.first(data, inner, 6)
    version = parts[0]
    if version.tag == der.EXPLICIT_0:
        del parts[0]
    else:
        parts.pop()
    if tuple(part.tag for part in parts) != (der.INTEGER, *(der.SEQUENCE,) * 4):
        raise ValueError("serial number, algorithm, issuer, validity and subject are not where they belong")
    serial, _, issuer, validity, subject = (data[part.start : part.end] for part in parts)
    return _Fields(
        data[inner.content : parts[0].start], serial, issuer, validity, subject, data[parts[4].end : inner.end]
    )


def _neutral(fields: _Fields) -> bytes:
    """The certificate with a plain serial number, algorithm and signature, which nothing here looks at.

    About odd ones `cryptography` warns, through filters that the whole process shares, and threads cannot silence it
    each for itself; a host that turns warnings into errors would see other certificates than its neighbour.
    """
    inner = (fields.version, _SERIAL, _ALGORITHM, fields.issuer, fields.validity, fields.subject, fields.rest)
    return der.encoded(der.SEQUENCE, der.encoded(der.SEQUENCE, b"".join(inner)) + _ALGORITHM + _SIGNATURE)


def _serial_problem(serial: bytes) -> str:
    content = serial[der.element(serial, 0, len(serial)).content :]
    if not content:
        return "an empty serial number"
    return "a negative serial number" if content[0] & 0x80 else ""


def _time(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


# --- names, RFC 4514 --------------------------------------------------------------------------------------------------


def _name(raw: bytes, most: int) -> str:
    """A Name as text, its last part first. Raises `ValueError` for one that is malformed or too long.

    `cryptography` would give the same text, but warns of values that are longer than RFC 5280 allows.
    """
    parts: list[str] = []
    size = 0
    for relative in der.elements(raw, der.expect(raw, 0, len(raw), der.SEQUENCE)):
        part = "+".join(_attributes(raw, relative))
        size += len(part) + 1
        if size > most + 1:
            raise ValueError(f"a subject of more than {most} characters")
        parts.append(part)
    return ",".join(reversed(parts))


def _attributes(raw: bytes, relative: der.Element) -> Iterator[str]:
    if relative.tag != der.SET:
        raise ValueError("a name that is no sequence of sets")
    for pair in der.elements(raw, relative):
        kind = der.only(raw, pair, der.OBJECT_IDENTIFIER)
        element = der.element(raw, kind.end, pair.end)
        oid = der.oid(raw, kind)
        yield f"{_TYPES.get(oid, oid)}={_value(raw, element)}"


def _value(raw: bytes, element: der.Element) -> str:
    """The string of an attribute; `#` and its DER in hexadecimal where it is no valid string (RFC 4514, 2.4)."""
    content = der.value(raw, element)
    encoding = _ENCODINGS.get(element.tag)
    if encoding is None:
        return "#" + raw[element.start : element.end].hex()
    try:
        return _escaped(content.decode(encoding))
    except UnicodeDecodeError:
        return "#" + raw[element.start : element.end].hex()


def _escaped(text: str) -> str:
    """RFC 4514, 2.4: special characters behind a backslash, control characters as pairs of hexadecimal digits."""
    pieces: list[str] = []
    last = len(text) - 1
    for index, char in enumerate(text):
        if char in _SPECIAL or (index == 0 and char in " #") or (index == last and char == " "):
            pieces.append(f"\\{char}")
        elif char < " " or "\x7f" <= char <= "\x9f":
            pieces.append("".join(f"\\{byte:02X}" for byte in char.encode()))
        else:
            pieces.append(char)
    return "".join(pieces)
