"""Where requests may not go, however the address is written."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botyard.kit.addresses import refusal

ALWAYS_REFUSED = [
    *("0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "100.100.100.200", "168.63.129.16"),
    *("192.0.0.1", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.7", "192.88.99.1"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "fe80::1", "fe80::1%eth0", "ff02::1", "fec0::1", "fd00:ec2::254", "fd20:ce::254"),
    *("64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::1", "2002:808:808::1"),
    *("2001::1", "2001:db8::1", "3fff::1", "100::1", "::7f00:1", "5f00::1"),
    *("::ffff:169.254.169.254", "::ffff:0.0.0.0", "::ffff:a9fe:a9fe"),
]
PRIVATE = [
    *(
        "127.0.0.1",
        "127.255.255.254",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
    ),
    *(
        "100.127.255.255",
        "::1",
        "fc00::1",
        "fd12:3456::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:7f00:1",
    ),
]
PUBLIC = [
    *("8.8.8.8", "1.1.1.1", "93.184.215.14", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0"),
    *("11.0.0.1", "2606:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888", "::ffff:8.8.8.8"),
]


@pytest.mark.parametrize("address", ALWAYS_REFUSED)
def test_some_addresses_are_refused_even_where_private_ones_are_allowed(address: str) -> None:
    assert refusal(address, allow_private=True)
    assert refusal(address, allow_private=False)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_need_the_operators_leave(address: str) -> None:
    assert refusal(address, allow_private=False)
    assert refusal(address, allow_private=True) == ""


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_called(address: str) -> None:
    assert refusal(address, allow_private=False) == ""


@pytest.mark.parametrize(
    "spelling", ["0x7f.1", "2130706433", "127.1", "017700000001", "0177.0.0.1", "127.0.1", "0"]
)
def test_odd_spellings_are_refused_after_the_system_resolved_them(spelling: str) -> None:
    found = socket.getaddrinfo(spelling, 80, type=socket.SOCK_STREAM)
    assert all(refusal(str(sockaddr[0]), allow_private=False) for *_, sockaddr in found)


@given(st.ip_addresses())
def test_what_python_knows_as_not_global_is_refused(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    address = getattr(address, "ipv4_mapped", None) or address  # Python does not look into these
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert refusal(str(address), allow_private=False)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_fares_the_same_written_as_ipv6(address: ipaddress.IPv4Address) -> None:
    for allow_private in (True, False):
        plain = refusal(str(address), allow_private=allow_private)
        assert refusal(f"::ffff:{address}", allow_private=allow_private) == plain


@given(st.ip_addresses())
def test_allowing_private_networks_allows_nothing_else(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if refusal(str(address), allow_private=True):
        assert refusal(str(address), allow_private=False)
