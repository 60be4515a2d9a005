import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.aws.cidr import check_disjoint, plan_subnets, usable_addresses
from components.contracts import SubnetTier
from components.errors import SettingsError


@st.composite
def private_networks(draw: st.DrawFn) -> str:
    parent = ipaddress.IPv4Network(draw(st.sampled_from(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"])))
    prefix = draw(st.integers(16, 20))
    offset = draw(st.integers(0, 2 ** (prefix - parent.prefixlen) - 1))
    return str(ipaddress.IPv4Network((int(parent.network_address) + (offset << (32 - prefix)), prefix)))


@given(network=private_networks(), zones=st.integers(1, 8))
def test_subnets_lie_in_the_network_and_never_overlap(network: str, zones: int) -> None:
    plan = plan_subnets(network, zones=zones)
    subnets = [ipaddress.IPv4Network(block) for blocks in plan.tiers.values() for block in blocks]
    assert len(subnets) == 3 * zones
    assert all(subnet.subnet_of(ipaddress.IPv4Network(network)) for subnet in subnets)
    assert not any(one.overlaps(other) for index, one in enumerate(subnets) for other in subnets[index + 1 :])
    assert all(subnet.prefixlen <= 28 for subnet in subnets)


@given(network=private_networks(), zones=st.integers(1, 8))
def test_a_quarter_of_the_network_stays_free(network: str, zones: int) -> None:
    block = ipaddress.IPv4Network(network)
    free = list(block.subnets(prefixlen_diff=2))[3]
    plan = plan_subnets(network, zones=zones)
    assert not any(free.overlaps(ipaddress.IPv4Network(it)) for blocks in plan.tiers.values() for it in blocks)


@given(network=private_networks(), fewer=st.integers(1, 4), more=st.integers(1, 4))
def test_growing_up_to_four_zones_moves_no_subnet(network: str, fewer: int, more: int) -> None:
    few, many = sorted((fewer, more))
    before, after = plan_subnets(network, zones=few), plan_subnets(network, zones=many)
    assert all(after.tiers[tier][:few] == before.tiers[tier] for tier in SubnetTier)


def test_private_subnets_are_the_largest_and_of_a_known_size() -> None:
    plan = plan_subnets("10.40.0.0/16", zones=3)
    assert plan.tiers[SubnetTier.PRIVATE] == ("10.40.0.0/19", "10.40.32.0/19", "10.40.64.0/19")
    assert usable_addresses(plan.tiers[SubnetTier.PRIVATE][0]) == 8187
    assert usable_addresses(plan.tiers[SubnetTier.PUBLIC][0]) == 2043


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("172.20.0.0", r"/32; take one from /16 to /20|prefix of 32"),
        ("10.40.0.1/16", "write it like"),
        ("somewhere", "is no IPv4 network"),
        ("8.8.0.0/16", "is not private; take a block of 10"),
        ("10.0.0.0/8", "prefix of 8; take one from /16 to /20"),
        ("10.0.0.0/24", "prefix of 24"),
    ],
)
def test_a_network_that_cannot_be_planned_is_refused(network: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        plan_subnets(network, zones=3)


@pytest.mark.parametrize("zones", [0, 9])
def test_an_impossible_number_of_zones_is_refused(zones: int) -> None:
    with pytest.raises(SettingsError, match="between 1 and 8"):
        plan_subnets("10.40.0.0/16", zones=zones)


def test_networks_that_overlap_are_named() -> None:
    check_disjoint(["10.40.0.0/16", "10.41.0.0/16"])
    with pytest.raises(SettingsError, match=r"10\.40\.0\.0/16 and 10\.40\.16\.0/20 overlap"):
        check_disjoint(["10.40.0.0/16", "10.41.0.0/16", "10.40.16.0/20"])
