"""Addresses: what may be called, in every way to write it, and what wins over what."""

import ipaddress
import socket

import pytest

from catalog.wire.addresses import AddressRefused, Policy, resolve

pytestmark = pytest.mark.anyio

PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "2002:808:808::1", "64:ff9b::8.8.8.8"]
PRIVATE = ["127.0.0.1", "127.8.8.8", "10.0.0.1", "172.31.255.1", "192.168.1.1", "::1", "fd12::1", "::ffff:10.0.0.1"]
NEVER = [
    *("0.0.0.0", "::", "0.1.2.3"),  # this host, under another name
    *("169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "fd00:ec2::254", "fd20:ce::254"),  # credentials of clouds
    "168.63.129.16",
    *("100.64.0.1", "100.100.100.200", "192.0.0.192", "192.88.99.1", "198.18.0.1"),  # CGNAT and networks of providers
    *("224.0.0.1", "239.1.1.1", "ff02::1", "255.255.255.255", "240.0.0.1"),
    *("192.0.2.1", "2001:db8::1", "3fff::1"),  # documentation
    *("fec0::1", "2001::1", "4000::1", "100::1"),  # site-local, Teredo, and what was never handed out
    *("64:ff9b::169.254.169.254", "64:ff9b:1::8.8.8.8", "2002:a9fe:a9fe::1", "::169.254.169.254"),
]


def check(address: str, policy: Policy) -> None:
    policy.check("host.example", ipaddress.ip_address(address))


def refused(address: str, policy: Policy) -> str:
    with pytest.raises(AddressRefused) as caught:
        check(address, policy)
    return str(caught.value)


def listed(**env: str) -> Policy:
    return Policy.from_env({f"ENDPOINT_{name.upper()}": value for name, value in env.items()})


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called(address):
    check(address, Policy())


@pytest.mark.parametrize("address", [*PRIVATE, *NEVER, "64:ff9b::10.0.0.1", "2002:a00:1::1", "::10.0.0.1"])
def test_no_other_address_may_be_called(address):
    assert "no public address" in refused(address, Policy())


@pytest.mark.parametrize("address", [*PUBLIC, *PRIVATE])
def test_an_endpoint_in_development_may_be_on_loopback_and_in_private_networks(address):
    check(address, Policy(private=True))


@pytest.mark.parametrize("address", NEVER)
def test_not_even_an_endpoint_in_development_is_anywhere_else(address):
    refused(address, Policy(private=True))


def test_a_listed_network_may_be_called_and_none_beside_it():
    policy = listed(allow="10.1.0.0/16, fe80::/10")

    check("10.1.2.3", policy)
    check("::ffff:10.1.2.3", policy)
    check("fe80::1", policy)
    refused("10.2.0.1", policy)
    refused("fd00::1", policy)


@pytest.mark.parametrize(
    ("deny", "address"),
    [
        ("8.8.8.0/24", "8.8.8.8"),
        ("8.8.8.0/24", "::ffff:8.8.8.8"),
        ("8.8.8.0/24", "2002:808:808::1"),
        ("8.8.8.0/24", "64:ff9b::8.8.8.8"),
        ("8.8.8.0/24", "::8.8.8.8"),
        ("2002::/16", "2002:808:808::1"),
        ("::ffff:0:0/96", "::ffff:8.8.8.8"),
        ("127.0.0.0/8", "127.0.0.1"),
        ("::1/128", "::1"),
    ],
)
def test_a_denied_network_stays_closed_whatever_else_is_said(deny, address):
    policy = Policy(allow=listed(allow="0.0.0.0/0, ::/0").allow, deny=listed(deny=deny).deny, private=True)

    assert "ENDPOINT_DENY forbids" in refused(address, policy)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "loopback", "10.0.0.0/33", "10.0.0.0/8;::1"])
@pytest.mark.parametrize("name", ["ENDPOINT_ALLOW", "ENDPOINT_DENY"])
def test_a_list_that_is_none_allows_nothing(name, text):
    with pytest.raises(AddressRefused, match=f"{name} must list networks"):
        Policy.from_env({name: text})


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "localhost.", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0"),
        *("::1", "::ffff:127.0.0.1", "fe80::1%lo", "[::1]", "169.254.169.254", "2852039166", "0xa9.0xfe.0xa9.0xfe"),
    ],
)
async def test_a_host_is_judged_by_where_it_leads_however_it_is_written(host):
    with pytest.raises((AddressRefused, OSError, UnicodeError)):
        await resolve(host, 80, Policy())


def answers(monkeypatch, *addresses):
    found = [
        (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 80))
        for each in addresses
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: found)


async def test_the_addresses_of_a_name_keep_their_order(monkeypatch):
    answers(monkeypatch, "2606:4700::1111", "8.8.8.8", "8.8.8.8")

    assert await resolve("host.example", 80, Policy()) == ("2606:4700::1111", "8.8.8.8")


@pytest.mark.parametrize("inner", ["127.0.0.1", "10.0.0.1", "::1", "169.254.169.254"])
async def test_a_name_with_one_address_inside_is_refused_as_a_whole(monkeypatch, inner):
    for order in [("8.8.8.8", inner), (inner, "8.8.8.8")]:
        answers(monkeypatch, *order)
        with pytest.raises(AddressRefused):
            await resolve("host.example", 80, Policy())
