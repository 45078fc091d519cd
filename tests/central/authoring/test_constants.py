"""Constants that functions read: what each kind takes, and in which form it is kept."""

from __future__ import annotations

import ipaddress
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.authoring.constants import CHECKS, ConstantError
from central.authoring.signatures import FUNCTIONS, METHODS


def test_every_role_in_the_table_of_signatures_has_a_check_and_no_check_is_left_over() -> None:
    overloads = [one for function in (*FUNCTIONS.values(), *METHODS.values()) for one in function.overloads]
    assert {param.role for one in overloads for param in one.params} - {""} == CHECKS.keys()


def test_every_zone_that_tzdata_knows_is_one() -> None:
    names = files("tzdata").joinpath("zones").read_text("utf-8").split()
    assert len(names) > 500
    assert all(CHECKS["zone"](name) == name for name in names)


@pytest.mark.parametrize(
    "zone", ["", "Z", "utc", "+1:00", "01:00", "+24:00", "+00:60", "+0100", "Europe", "../etc", "Europe/"]
)
def test_what_the_engine_would_not_know_is_no_zone(zone: str) -> None:
    with pytest.raises(ConstantError):
        CHECKS["zone"](zone)


@given(st.ip_addresses(), st.data())
def test_a_network_is_kept_in_its_canonical_form(address: ipaddress.IPv4Address, data: st.DataObject) -> None:
    network = ipaddress.ip_network((address, data.draw(st.integers(0, address.max_prefixlen))), strict=False)
    assert CHECKS["network"](str(network)) == str(network)
    assert CHECKS["network"](network.exploded.upper()) == str(network)
    if network.network_address != address:
        with pytest.raises(ConstantError) as caught:
            CHECKS["network"](f"{address}/{network.prefixlen}")
        assert caught.value.nearest == str(network)


@pytest.mark.parametrize(
    "text", ["", "/", "10.0.0.0/", "10.0.0.0/255.0.0.0", "10.0.0.0/08x", "010.0.0.0/8", "::1%eth0/64", "x/8"]
)
def test_what_is_not_in_cidr_notation_is_no_network(text: str) -> None:
    with pytest.raises(ConstantError):
        CHECKS["network"](text)
    with pytest.raises(ConstantError):
        CHECKS["address"](text)


@given(st.text(max_size=20), st.sampled_from(sorted(CHECKS)))
def test_whatever_text_comes_it_is_taken_or_refused_with_a_place_in_it(text: str, role: str) -> None:
    refused = _refusal(text, role)
    assert refused is None or (refused.message and 0 <= refused.at <= len(text))


def _refusal(text: str, role: str) -> ConstantError | None:
    try:
        CHECKS[role](text)
    except ConstantError as error:
        return error
    return None
