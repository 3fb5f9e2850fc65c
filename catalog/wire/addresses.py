"""Addresses: which hosts may be called. URLs are the word of users, and may point into the platform's own network.

The name is looked up once and the connection goes to the address that was checked, so that no second answer of a name
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

TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
"""IPv6 addresses that stand for IPv4 ones (RFC 6052, RFC 8215); what they lead to is not ours to know."""


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
        """Raise AddressRefused unless a host with this address may be called."""
        plain = _plain(address)
        if _in(plain, self.deny):
            raise AddressRefused(f"{host} is {plain}, which {DENY} forbids")
        if _in(plain, self.allow) or _is_public(plain):
            return
        if self.private and (plain.is_loopback or plain.is_private) and not plain.is_link_local:
            return
        raise AddressRefused(f"{host} is {plain}, which is no public address; {ALLOW} may list its network")


async def resolve(host: str, port: int, policy: Policy) -> str:
    """Return an address of a host that may be called. Every address of its name must be allowed.

    Raises: AddressRefused; OSError where the name leads nowhere.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    for address in addresses:
        policy.check(host, address)
    return str(addresses[0])


def _networks(env: Mapping[str, str], name: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(each.strip()) for each in env.get(name, "").split(",") if each.strip())
    except ValueError as error:
        raise AddressRefused(f"{name} must list networks such as 10.1.0.0/16: {error}") from None


def _plain(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one only wraps, else the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast and not _in(address, TRANSLATED)
