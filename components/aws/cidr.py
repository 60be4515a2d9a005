"""Address planning: which block each subnet of a network gets, as pure functions.

A network is cut into four quarters. Private subnets, where nodes and pods take an address each, share the first two;
isolated and public subnets take the third; the fourth stays free for zones and tiers that come later. A plan has
room for four zones from the start, and eight beyond, so that growing from one zone to four moves nothing.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.contracts import SubnetTier
from components.errors import SettingsError

# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html; addresses that AWS keeps in each subnet:
# https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
LARGEST_PREFIX, SMALLEST_PREFIX = 16, 28
RESERVED_ADDRESSES = 5
# Smaller networks leave private subnets with fewer addresses than one node and its pods need.
_SMALLEST_NETWORK = 20
_MAX_ZONES = 8


@dataclass(frozen=True, kw_only=True)
class SubnetPlan:
    """The block of every subnet, one a zone, in the order of the zones."""

    network: str
    tiers: Mapping[SubnetTier, tuple[str, ...]]


def plan_subnets(network: str, *, zones: int) -> SubnetPlan:
    """Cut a network into one public, one private and one isolated subnet for each of `zones` zones.

    Raises SettingsError for a block that is no private network, is too small or too large, or for a number of zones
    out of 1 to 8.
    """
    block = parse_network(network)
    if not 1 <= zones <= _MAX_ZONES:
        raise SettingsError(f"{zones} zones cannot be planned; give between 1 and {_MAX_ZONES}")
    # Four zones' room from the start, so that the usual growth of one to four zones moves no subnet.
    bits = max(2, (zones - 1).bit_length())
    halves = list(block.subnets(prefixlen_diff=1))
    third = next(iter(halves[1].subnets(prefixlen_diff=1)))
    isolated, public = third.subnets(prefixlen_diff=1)
    parents = {SubnetTier.PUBLIC: public, SubnetTier.PRIVATE: halves[0], SubnetTier.ISOLATED: isolated}
    return SubnetPlan(
        network=str(block),
        tiers={
            tier: tuple(str(subnet) for subnet in list(parent.subnets(prefixlen_diff=bits))[:zones])
            for tier, parent in parents.items()
        },
    )


def parse_network(network: str) -> ipaddress.IPv4Network:
    """Return a network's block; raises SettingsError that says which blocks are possible."""
    try:
        block = ipaddress.IPv4Network(network)
    except ValueError as error:
        raise SettingsError(f"{network!r} is no IPv4 network ({error}); write it like 10.40.0.0/16") from None
    if not any(block.subnet_of(private) for private in _PRIVATE_NETWORKS):
        raise SettingsError(
            f"{network} is not private; take a block of {', '.join(map(str, _PRIVATE_NETWORKS))} (RFC 1918)"
        )
    if not LARGEST_PREFIX <= block.prefixlen <= _SMALLEST_NETWORK:
        raise SettingsError(
            f"{network} has a prefix of {block.prefixlen}; take one from /{LARGEST_PREFIX} to /{_SMALLEST_NETWORK}"
        )
    return block


def usable_addresses(subnet: str) -> int:
    """Return how many addresses of a subnet are left once AWS has taken its own."""
    return ipaddress.IPv4Network(subnet).num_addresses - RESERVED_ADDRESSES


def check_disjoint(networks: Sequence[str]) -> None:
    """Refuse networks that overlap, since those can never be joined. Raises SettingsError that names the two."""
    blocks = [parse_network(network) for network in networks]
    for index, one in enumerate(blocks):
        for other in blocks[index + 1 :]:
            if one.overlaps(other):
                raise SettingsError(f"networks {one} and {other} overlap; move one of them")


_PRIVATE_NETWORKS = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
