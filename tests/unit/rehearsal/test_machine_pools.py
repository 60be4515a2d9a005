from typing import Any

import pytest

from components.errors import SettingsError
from stacks.rehearsal.machine_pools import general_machine, node_pools
from stacks.settings.foundation import ClusterSettings, PoolSettings


class Settings:
    region = "eu-central-1"
    zones: tuple[str, ...] = ()

    def __init__(self, **pools: PoolSettings) -> None:
        self.pools = pools
        self.cluster = ClusterSettings(admins=("a",), system_machine_type="m7i.large", system_maximum=4)


def test_the_system_pool_is_spread_over_the_zones() -> None:
    pools = node_pools(Settings())
    assert [(pool.name, pool.count) for pool in pools] == [("system-a", 2), ("system-b", 1), ("system-c", 1)]
    assert (pools[0].cpu, pools[0].memory) == ("2", "8Gi")
    assert pools[1].labels["topology.kubernetes.io/zone"] == "eu-central-1b"
    assert pools[0].taints == ()


def test_a_gpu_pool_stands_at_its_most_nodes_with_labels_taint_and_disk() -> None:
    settings = Settings(small=PoolSettings(size="small", maximum=1, disk_gib=100, dedicated_to="big"))
    (pool,) = [pool for pool in node_pools(settings) if pool.gpus]
    assert (pool.name, pool.count, pool.gpus) == ("small-a", 1, 1)
    assert pool.labels["inferloop.io/pool"] == "small"
    assert pool.labels["inferloop.io/capacity"] == "on-demand"
    assert pool.labels["node.kubernetes.io/instance-type"] == "g4dn.xlarge"
    assert pool.allocatable == {"ephemeral-storage": "90Gi"}
    assert {taint.key for taint in pool.taints} == {"nvidia.com/gpu", "inferloop.io/dedicated"}


def test_a_spot_pool_has_its_fall_back_beside_it() -> None:
    settings = Settings(s=PoolSettings(size="small", maximum=2, spot=True, fallback_maximum=1))
    found = {pool.name: pool.labels["inferloop.io/capacity"] for pool in node_pools(settings) if pool.gpus}
    assert found == {"s-spot-a": "spot", "s-spot-b": "spot", "s-fallback-a": "on-demand"}


def test_a_pool_with_a_fabric_stands_in_its_zone_with_its_cards() -> None:
    settings = Settings(x=PoolSettings(size="xlarge", maximum=2, fabric=True, zone="eu-central-1b"))
    settings.region = "us-east-1"
    settings.pools["x"] = PoolSettings(size="xlarge", maximum=2, fabric=True, zone="us-east-1b")
    (pool,) = [pool for pool in node_pools(settings) if pool.gpus]
    assert (pool.name, pool.count) == ("x-b", 2)
    assert pool.allocatable["vpc.amazonaws.com/efa"] == "4"


def test_a_capacity_block_is_its_own_capacity() -> None:
    settings = Settings(x=PoolSettings(size="small", capacity_block="cr-1", zone="eu-central-1a"))
    (pool,) = [pool for pool in node_pools(settings) if pool.gpus]
    assert pool.labels["inferloop.io/capacity"] == "capacity-block"


def test_a_stack_without_pools_has_no_nodes() -> None:
    assert node_pools(object()) == ()


@pytest.mark.parametrize(
    ("name", "machine"),
    [
        ("m7i.large", (2, 8)),
        ("c7g.2xlarge", (8, 16)),
        ("r6i.xlarge", (4, 32)),
        ("t3.medium", (2, 4)),
        ("m5.medium", (1, 4)),
    ],
)
def test_a_machines_name_tells_its_size(name: str, machine: Any) -> None:
    assert general_machine(name) == machine


@pytest.mark.parametrize("name", ["z1d.large", "m7i", "m7i.metal"])
def test_a_name_that_does_not_tell_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be simulated"):
        general_machine(name)
