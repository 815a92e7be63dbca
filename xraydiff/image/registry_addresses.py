"""Whose network an address belongs to, however it is written, and where a registry may lead a client.

A name says nothing about where it leads, and its answer may change between two questions: what counts is the address
that is connected to. `Gate.check` is asked for it before the connection is made.
"""

from __future__ import annotations

import ipaddress
import socket  # noqa: TID251  reads addresses as the resolver does; opens nothing
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address

from xraydiff.errors import ImageError
from xraydiff.image.json_text import shown

__all__ = ["Gate", "Reach", "address_of", "is_local_name", "reach_of"]

Address = IPv4Address | IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: the IPv4 address stands in the last four bytes."""
_TRANSLATED = ipaddress.IPv6Network("64:ff9b:1::/48")
"""RFC 8215: the same for networks of one's own, where the address may stand elsewhere."""
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16")))
"""Where clouds tell a machine its secrets, besides 169.254.169.254."""


class Reach(IntEnum):
    """How far from the open network an address is; whoever may reach one may reach those before it."""

    PUBLIC = 0
    PRIVATE = 1
    """Of a private network, or of none that is known to be public."""
    MACHINE = 2
    """Of this very machine."""
    LINK = 3
    """Of the link alone, where clouds keep the credentials of a machine."""


def address_of(host: str) -> Address | None:
    """The address that a host is written as, also in the forms of inet_aton(3) (`127.1`, `0x7f000001`); else None."""
    plain = host.strip("[]").partition("%")[0].rstrip(".")
    try:
        return ipaddress.ip_address(plain)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(plain))
    except (OSError, ValueError):
        return None


def is_local_name(host: str) -> bool:
    """Whether a name is this machine's own wherever it is asked for (RFC 6761, 6.3)."""
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def reach_of(address: Address) -> Reach:
    """The reach of an address, and of an IPv4 address inside it."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return _own_reach(address.ipv4_mapped)
    return max(map(_own_reach, (address, *_inside(address))))


def _own_reach(address: Address) -> Reach:
    if address.is_link_local or address in _METADATA or address.is_multicast:
        return Reach.LINK
    if address.is_loopback or address.is_unspecified or (address.version == 4 and address.packed[0] == 0):
        return Reach.MACHINE
    unique = isinstance(address, IPv6Address) and (address.is_site_local or address in _TRANSLATED)
    if unique or not address.is_global:
        return Reach.PRIVATE
    return Reach.PUBLIC


def _inside(address: Address) -> list[IPv4Address]:
    """The IPv4 addresses to which a host or a gateway may send what is meant for an IPv6 address."""
    if not isinstance(address, IPv6Address):
        return []
    found = [address.sixtofour, *(address.teredo or ())]
    last = IPv4Address(address.packed[-4:])
    if address in _NAT64 or address in _TRANSLATED or (address in _COMPATIBLE and int(last) > 1):
        found.append(last)
    if address.packed[8:12] in (b"\0\0\x5e\xfe", b"\x02\0\x5e\xfe"):
        # ISATAP, RFC 5214.
        found.append(last)
    return [each for each in found if each is not None]


class Gate:
    """Where the connections of one registry's client may lead.

    The registry itself was named by the user and may be anywhere, but stays there: an answer of a name server that
    later leads nearer to this machine is refused. Elsewhere, a registry leads to the open network, and to private ones
    if it is in one; to this machine only if it was written as an address or name of this machine.
    """

    def __init__(self, host: str) -> None:
        self._host = _plain(host)
        address = address_of(host)
        self._written = reach_of(address) if address is not None else Reach.PUBLIC
        if is_local_name(host):
            self._written = Reach.MACHINE
        self._own: Reach | None = None

    def check_written(self, host: str, what: str) -> None:
        """Refuse a host that is written as an address nearer than the registry. Raises `ImageError`."""
        address = address_of(host)
        reach = Reach.MACHINE if is_local_name(host) else Reach.PUBLIC if address is None else reach_of(address)
        if reach > self._written and _plain(host) != self._host:
            raise _refused(what, host, "")

    def check(self, host: str, address: str) -> None:
        """Refuse a connection to an address to which a host's name leads. Raises `ImageError`."""
        self._judge(host, address, _reach(address))

    def connected(self, host: str, address: str, own: str) -> None:
        """Judge a socket by its other end before anything is sent, and remember where the registry is.

        `own` is the address of this end: where both are the same, the other end is this machine, whatever its address.
        Raises `ImageError`.
        """
        reach = max(_reach(address), Reach.MACHINE if address == own else Reach.PUBLIC)
        self._judge(host, address, reach)
        if _plain(host) == self._host and self._own is None:
            self._own = reach

    def _judge(self, host: str, address: str, reach: Reach) -> None:
        if _plain(host) == self._host:
            if self._own is not None and reach > self._own:
                raise _refused("its own name", host, address)
        elif reach > max(self._written, min(self._own or Reach.PUBLIC, Reach.PRIVATE)):
            raise _refused("a connection", host, address)


def _reach(address: str) -> Reach:
    found = address_of(address)
    return Reach.LINK if found is None else reach_of(found)


def _plain(host: str) -> str:
    return host.strip("[]").lower().rstrip(".")


def _refused(what: str, host: str, address: str) -> ImageError:
    leads = f" ({address})" if address and address != host else ""
    message = f"the registry sends {what} to {shown(host)}{leads}, an address of this machine or its network"
    return ImageError(message, code="registry-error")
