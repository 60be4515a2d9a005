"""What there is in the rehearsed clouds, so that what a destroy leaves behind is seen."""

import time
from collections.abc import Callable
from pathlib import Path

from stacks.rehearsal.aws.emulation import EmulatedStore
from stacks.rehearsal.aws.inventory import inventory
from stacks.rehearsal.kubernetes.api import KubernetesApi
from stacks.rehearsal.kubernetes.objects import address, all_objects

CLUSTER = "kubernetes"
"""The word that begins what is in the cluster."""
Inventory = frozenset[str]
# Controllers remove what belonged to something a moment after it.
_PATIENCE_S = 10.0
_POLL_S = 0.5
# What helm leaves of a chart on purpose, with the group that it is served in
# (https://helm.sh/docs/chart_best_practices/custom_resource_definitions/).
_KEPT = frozenset({"CustomResourceDefinition", "APIService"})


def take_inventory(endpoint: str, region: str, state: Path, api: KubernetesApi | None) -> Inventory:
    """Return what is in moto, in the store of what is only checked, and in the cluster, one text a thing.

    Definitions of custom resources are left out: charts leave theirs behind.
    """
    found = [f"aws {item}" for item in inventory(endpoint, region)]
    found += [f"aws {item}" for item in EmulatedStore(state / "emulated-aws").inventory()]
    return cluster_inventory(api).union(found)


def cluster_inventory(api: KubernetesApi | None) -> Inventory:
    """Return what is in the cluster alone; a cluster has things from birth, an account has none that count."""
    if api is None:
        return frozenset()
    return frozenset(f"{CLUSTER} {address(item)}" for item in all_objects(api) if item["kind"] not in _KEPT)


def what_is_left(
    before: Inventory, now: Callable[[], Inventory], *, patience_s: float = _PATIENCE_S
) -> tuple[str, ...]:
    """Return, sorted, what is there now and was not before; controllers have `patience_s` to clean up."""
    deadline = time.monotonic() + patience_s
    while True:
        left = now() - before
        if not left or time.monotonic() > deadline:
            return tuple(sorted(left))
        time.sleep(_POLL_S)
