"""Addresses: which hosts may be called. URLs are the word of users, and may point into the platform's own network.

A name is looked up once and the connection goes to an address that was checked, so that no second answer of a name
server counts. A redirect is not followed; whoever follows one asks here again.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

ALLOW, DENY = "ENDPOINT_ALLOW", "ENDPOINT_DENY"
"""Variables with networks, separated by commas: `10.1.0.0/16, ::1/128`."""


class AddressRefused(Exception):
    """The address may not be called; the text says which and how to allow it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Public addresses may be called; others only where a network of `allow` holds them; none of `deny`, whatever else
    is said. `private`: loopback and private networks too, as for an endpoint on a developer's machine.
    """

    allow: tuple[Network, ...] = ()
    deny: tuple[Network, ...] = ()
    private: bool = False

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, private: bool = False) -> Self:
        """Read ENDPOINT_ALLOW and ENDPOINT_DENY. Raises: AddressRefused where one is no list of networks."""
        return cls(_networks(env, ALLOW), _networks(env, DENY), private)

    def check(self, host: str, address: Address) -> None:
        """Raise AddressRefused unless a host with this address may be called.

        An IPv6 address that carries an IPv4 one is judged as that one; `deny` holds for either.
        """
        target = _carried(address) or address
        if _in(target, self.deny) or _in(address, self.deny):
            raise AddressRefused(f"{host} is {target}, which {DENY} forbids")
        if _in(target, self.allow) or _is_public(target):
            return
        if self.private and _in(target, PRIVATE) and not _in(target, METADATA):
            return
        name = host if host == str(target) else f"{host} is {target}, which"
        raise AddressRefused(f"{name} is no public address; {ALLOW} may list its network{self._hint(target)}")

    def _hint(self, target: Address) -> str:
        reachable = not self.private and _in(target, PRIVATE) and not _in(target, METADATA)
        return ", and environments of type DEVELOPMENT may call it" if reachable else ""


async def resolve(host: str, port: int, policy: Policy) -> tuple[str, ...]:
    """Return the addresses of a host, in the order in which to try them. Each of them must be allowed.

    Raises: AddressRefused; OSError where the name leads nowhere.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = tuple(dict.fromkeys(ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found))
    for address in addresses:
        policy.check(host, address)
    return tuple(str(address) for address in addresses)


def _networks(env: Mapping[str, str], name: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(each.strip()) for each in env.get(name, "").split(",") if each.strip())
    except ValueError as error:
        raise AddressRefused(f"{name} must list networks such as 10.1.0.0/16: {error}") from None


def _these(*networks: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(each) for each in networks)


PRIVATE = _these("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
"""Loopback and private networks, and nothing else that is not public: 0.0.0.0 is this host as well, under a name that
a deny-list of loopback does not know.
"""

METADATA = _these("fd00:ec2::/32", "fd20:ce::/32")
"""Where clouds keep credentials, within private networks. Elsewhere they are link-local, and so never private here."""

GLOBAL_UNICAST = _these("2000::/3")
"""All of IPv6 that was ever handed out."""

SPECIAL = _these("192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "5f00::/16", "168.63.129.16/32")
"""Not public either. The last is Azure's platform, which each of its machines can reach; older Pythons do not know the
others.
"""

TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv6 addresses that stand for the IPv4 one in their last four bytes (RFC 6052)."""

COMPATIBLE = ipaddress.IPv6Network("::/96")
"""The oldest way to write an IPv4 address as an IPv6 one (RFC 4291); `::` and `::1` are not meant."""


def _carried(address: Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 one leads to, if that is what it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    if address in TRANSLATED or (address in COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def _in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def _is_public(address: Address) -> bool:
    if address.is_multicast or not address.is_global or _in(address, SPECIAL):
        return False
    return address.version == 4 or _in(address, GLOBAL_UNICAST)
