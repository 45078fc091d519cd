"""Networks hold the addresses that `ipaddress` says they hold, and nothing else is an address."""

from __future__ import annotations

import ctypes
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rulecore.capi import Text, c_function, text

_cidr_valid = c_function("_address", "cidr_valid", ctypes.c_int, ctypes.c_char_p)
_cidr_contains = c_function("_address", "cidr_contains", ctypes.c_int, ctypes.c_char_p, Text)


def packed(network: str) -> bytes:
    parsed_network = ipaddress.ip_network(network)
    address = parsed_network.network_address.packed
    return bytes([parsed_network.version, parsed_network.prefixlen]) + address.ljust(16, b"\0")


def expected_contains(network: str, address: str) -> int:
    try:
        parsed_address = ipaddress.ip_address(address)
    except ValueError:
        return -1
    if isinstance(parsed_address, ipaddress.IPv6Address) and (
        parsed_address.scope_id is not None or parsed_address.ipv4_mapped is not None
    ):
        return -1
    return int(parsed_address in ipaddress.ip_network(network))


networks = st.one_of(
    st.ip_addresses(v=4).flatmap(
        lambda ip: st.integers(0, 32).map(lambda n: str(ipaddress.ip_network((ip, n), strict=False)))
    ),
    st.ip_addresses(v=6).flatmap(
        lambda ip: st.integers(0, 128).map(lambda n: str(ipaddress.ip_network((ip, n), strict=False)))
    ),
)


@given(networks, st.data())
def test_networks_contain_what_ipaddress_says(network: str, data: st.DataObject) -> None:
    assert _cidr_valid(packed(network))
    known = ipaddress.ip_network(network)
    inside = str(known[data.draw(st.integers(0, known.num_addresses - 1))])
    outside = str(data.draw(st.ip_addresses()))
    for address in (inside, outside, inside.upper(), ipaddress.ip_address(inside).exploded):
        assert _cidr_contains(packed(network), text(address)) == expected_contains(network, address), address


groups = st.sampled_from(("", "0", "1", "ff", "FFFF", "abcd", "12345", "g", "1.2.3.4", "::", ":", "%eth0", ".", "01"))


@given(st.lists(groups, max_size=12), st.sampled_from((":", "", ".")))
def test_odd_addresses_are_judged_as_ipaddress_judges_them(parts: list[str], separator: str) -> None:
    address = separator.join(parts)
    for network in ("::/0", "0.0.0.0/0", "::/64"):
        assert _cidr_contains(packed(network), text(address)) == expected_contains(network, address), address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "1.2.3.04",
        "01.2.3.4",
        "1.2.3.4 ",
        "1.2.3.4/32",
        "0x1.2.3.4",
        "1.2.3.\u0664",
        "::ffff:1.2.3.4",
        "::ffff:102:304",
        "0:0:0:0:0:ffff:1.2.3.4",
        "fe80::1%eth0",
        "::1::",
        ":::",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "1::2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:1.2.3.4",
        "::1.2.3.4:1",
        "12345::",
        ":1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:",
        "[::1]",
        "::1\0",
    ],
)
def test_what_is_no_address_is_an_error(address: str) -> None:
    assert _cidr_contains(packed("::/0"), text(address)) == -1
    assert _cidr_contains(packed("0.0.0.0/0"), text(address)) == -1


def test_an_address_of_the_other_family_is_outside() -> None:
    assert _cidr_contains(packed("::/0"), text("1.2.3.4")) == 0
    assert _cidr_contains(packed("0.0.0.0/0"), text("::102:304")) == 0


@pytest.mark.parametrize(
    "network",
    [
        bytes([5, 0]) + bytes(16),
        bytes([4, 33]) + bytes(16),
        bytes([6, 129]) + bytes(16),
        bytes([4, 8, 10, 0, 0, 1]) + bytes(12),
        bytes([4, 32, 10, 0, 0, 1, 1]) + bytes(11),
        bytes([6, 127]) + bytes(15) + b"\1",
    ],
)
def test_a_network_with_bits_out_of_place_is_refused(network: bytes) -> None:
    assert not _cidr_valid(network)
