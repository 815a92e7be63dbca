"""PAX extended headers (POSIX.1-2001, pax, "pax Extended Header"): records and the numbers in them, read strictly."""

from __future__ import annotations

from xraydiff.errors import LimitExceeded
from xraydiff.limits import Limits

__all__ = ["XATTR", "BadName", "parse", "seconds", "whole"]


class BadName(ValueError):  # noqa: N818  the name says what is wrong
    """A path or link target that no file system can hold."""


XATTR = b"SCHILY.xattr."
"""What stands before the name of an extended attribute; the only one of several spellings that engines read."""

_LENGTH_DIGITS = 8
"""A length that fits `Limits.extended_header` has at most seven; more would only be searched for a space."""
_NUMBER_DIGITS = 18
_OFFSET, _NUMBYTES, _MAP = b"GNU.sparse.offset", b"GNU.sparse.numbytes", b"GNU.sparse.map"
_NAMES = (b"path", b"linkpath", b"uname", b"gname")


def parse(body: bytes, limits: Limits) -> dict[bytes, bytes]:
    """The records of one header; a later one of the same key wins, an empty value says "as in the plain header".

    The pairs of a sparse map in format 0.0, which repeat their keys, are gathered as one `GNU.sparse.map` as in format
    0.1. Raises `ValueError` for a malformed header, `BadName` for a name with a NUL, `LimitExceeded` for
    too many records.
    """
    records: dict[bytes, bytes] = {}
    pairs: list[bytes] = []
    start = count = 0
    while start < len(body):
        count += 1
        if count > limits.pax_records:
            raise LimitExceeded(
                f"an extended header has more than {limits.pax_records} records", hint="limit pax_records"
            )
        key, value, start = _record(body, start)
        if key in (_OFFSET, _NUMBYTES):
            if key != (_NUMBYTES if len(pairs) % 2 else _OFFSET):
                raise ValueError("the pairs of its sparse map are out of order")
            pairs.append(value)
        else:
            records[key] = value
    if pairs:
        records[_MAP] = b",".join(pairs)
    return records


def _record(body: bytes, start: int) -> tuple[bytes, bytes, int]:
    r"""Key and value of the record at `start` ("LENGTH KEY=VALUE\n"), and where the next one starts."""
    space = body.find(b" ", start, start + _LENGTH_DIGITS)
    digits = body[start:space] if space >= 0 else b""
    if not digits.isdigit():
        raise ValueError("a record does not start with its length")
    end = start + int(digits)
    if end > len(body) or end < space + 4:
        raise ValueError("the length of a record is wrong")
    if body[end - 1] != 10:
        raise ValueError("a record does not end with a newline")
    equals = body.find(b"=", space + 1, end - 1)
    if equals <= space + 1:
        raise ValueError("a record has no key")
    key, value = body[space + 1 : equals], body[equals + 1 : end - 1]
    if 0 in key:
        raise ValueError("a key has a NUL in it")
    if 0 in value and key in _NAMES:
        raise BadName(f"the {key.decode()} of an extended header has a NUL in it")
    return key, value, end


def whole(value: bytes, what: str) -> int:
    """A decimal number that is not negative. Raises `ValueError` for anything else and beyond 18 digits."""
    if value[:1] == b"-" and value[1:].isdigit():
        raise ValueError(f"the value of {what} is negative")
    if not value.isdigit() or len(value.lstrip(b"0")) > _NUMBER_DIGITS:
        raise ValueError(f"the value of {what} is no decimal number")
    return int(value.lstrip(b"0") or b"0")


def seconds(value: bytes) -> int:
    """A time in decimal seconds, possibly negative and with a fraction, rounded down. Raises `ValueError`."""
    negative = value[:1] == b"-"
    before, _, after = value[negative:].partition(b".")
    if not before.isdigit() or len(before) > _NUMBER_DIGITS or (after and not after.isdigit()):
        raise ValueError("the value of mtime is no time")
    if not negative:
        return int(before)
    return -int(before) - (1 if after.strip(b"0") else 0)
