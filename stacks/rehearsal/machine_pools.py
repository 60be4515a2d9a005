"""The simulated nodes of a rehearsal, made from the pools and the cluster of a stack's settings."""

import re
from collections.abc import Iterator
from typing import Any

from components.catalog.availability import load_availability
from components.errors import SettingsError
from stacks.rehearsal.node_pool import NodePool, Taint

_LABEL = "inferloop.io"
_GPU_TAINT = Taint(key="nvidia.com/gpu", value="present")
_FABRIC = "vpc.amazonaws.com/efa"
_ZONES = ("a", "b", "c")
_DISK = "ephemeral-storage"
# Where the settings say nothing of it: components/aws/cluster.py.
_SYSTEM_DISK_GIB = 50
# What a kubelet leaves to pods of its disk, in percent; it evicts them at 10 % free
# (https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/).
_FOR_PODS_PERCENT = 90
# Sizes and families of general-purpose machines:
# https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
_TYPE = re.compile(r"^(?P<family>[a-z]+)\d[a-z0-9-]*\.(?P<multiple>\d*)(?P<size>medium|large|xlarge)$")
_VCPUS = {"medium": 1, "large": 2, "xlarge": 4}
_GIB_PER_VCPU = {"c": 2, "m": 4, "r": 8}
_SMALLEST_BURSTABLE_VCPUS = 2


def node_pools(settings: Any) -> tuple[NodePool, ...]:
    """Return the nodes that a stack's autoscaled pools may grow to, spread over the zones; none for a local stack.

    `settings` are those of a cloud's phase (stacks/settings/cloud.py). Every group stands at its most nodes, because
    nothing adds simulated ones. Raises SettingsError for a machine that the region lacks or whose size is not known.
    """
    if not hasattr(settings, "pools"):
        return ()
    return (
        *_system_pool(settings),
        *(group for name, pool in settings.pools.items() for group in _gpu_pool(name, pool, settings)),
    )


def general_machine(machine_type: str) -> tuple[int, int]:
    """Return the processors and the memory in GiB of a machine without a GPU, by its name.

    Raises SettingsError for a name that does not tell.
    """
    found = _TYPE.match(machine_type)
    family = found["family"][0] if found else ""
    if found is None or (family not in _GIB_PER_VCPU and family != "t"):
        raise SettingsError(
            f"machine type {machine_type!r} cannot be simulated; take one of the families c, m, r or t, like m7i.large"
        )
    vcpus = _VCPUS[found["size"]] * int(found["multiple"] or 1)
    if family == "t":
        gib = {"medium": 4, "large": 8, "xlarge": 16}[found["size"]] * int(found["multiple"] or 1)
        return max(_SMALLEST_BURSTABLE_VCPUS, vcpus), gib
    return vcpus, vcpus * _GIB_PER_VCPU[family]


def _system_pool(settings: Any) -> Iterator[NodePool]:
    cluster = settings.cluster
    vcpus, gib = general_machine(cluster.system_machine_type)
    labels = {f"{_LABEL}/pool": "system"}
    disk = getattr(cluster, "system_disk_gib", _SYSTEM_DISK_GIB)
    yield from _spread("system", cluster.system_maximum, settings, cpu=vcpus, gib=gib, disk=disk, labels=labels)


def _gpu_pool(name: str, pool: Any, settings: Any) -> Iterator[NodePool]:
    machine = load_availability().machine_in(settings.region, pool.size)
    labels = {f"{_LABEL}/pool": name, f"{_LABEL}/gpu-kind": machine.accelerator, f"{_LABEL}/size": pool.size}
    taints: tuple[Taint, ...] = (_GPU_TAINT,)
    if pool.dedicated_to is not None:
        taints += (Taint(key=f"{_LABEL}/dedicated", value=pool.dedicated_to),)
    cards = load_availability().offering(machine.type).fabric_interfaces if pool.fabric else 0
    for suffix, capacity, nodes in _groups(pool):
        yield from _spread(
            f"{name}{suffix}",
            nodes,
            settings,
            cpu=machine.vcpus,
            gib=machine.memory_gib,
            disk=pool.disk_gib,
            gpus=machine.count,
            zone=pool.zone,
            allocatable={_FABRIC: str(cards)} if cards else {},
            labels={**labels, f"{_LABEL}/capacity": capacity, "node.kubernetes.io/instance-type": machine.type},
            taints=taints,
        )


def _groups(pool: Any) -> Iterator[tuple[str, str, int]]:
    if pool.capacity_block is not None:
        yield "-block", "capacity-block", pool.maximum
    elif pool.spot:
        yield "-spot", "spot", pool.maximum
        if pool.fallback_maximum:
            yield "-fallback", "on-demand", pool.fallback_maximum
    else:
        yield "", "on-demand", pool.maximum


def _spread(
    name: str,
    nodes: int,
    settings: Any,
    *,
    cpu: int,
    gib: int,
    disk: int,
    labels: dict[str, str],
    gpus: int = 0,
    zone: str | None = None,
    allocatable: dict[str, str] | None = None,
    taints: tuple[Taint, ...] = (),
) -> Iterator[NodePool]:
    zones = [zone] if zone else list(settings.zones) or [f"{settings.region}{letter}" for letter in _ZONES]
    for index, chosen in enumerate(zones):
        count = nodes // len(zones) + (index < nodes % len(zones))
        if count:
            yield NodePool(
                name=f"{name}-{chosen.removeprefix(settings.region) or index}",
                count=count,
                cpu=str(cpu),
                memory=f"{gib}Gi",
                gpus=gpus,
                allocatable={_DISK: f"{disk * _FOR_PODS_PERCENT // 100}Gi", **(allocatable or {})},
                labels={
                    **labels,
                    "topology.kubernetes.io/region": settings.region,
                    "topology.kubernetes.io/zone": chosen,
                },
                taints=taints,
            )
