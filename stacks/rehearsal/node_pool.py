"""Simulated nodes: what the scheduler sees of a pool's machines."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

GPU = "nvidia.com/gpu"


class Taint(BaseModel):
    """Keep pods away that do not tolerate it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    key: str
    value: str = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"


class NodePool(BaseModel):
    """Equal nodes, named `<pool>-<number>`; `allocatable` is what pods may ask for, in Kubernetes quantities."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?$")
    count: NonNegativeInt = 1
    cpu: str = "8"
    memory: str = "32Gi"
    gpus: NonNegativeInt = 0
    pods: NonNegativeInt = 110
    allocatable: dict[str, str] = {}
    labels: dict[str, str] = {}
    taints: tuple[Taint, ...] = ()

    def nodes(self) -> Iterator[dict[str, Any]]:
        """Yield the pool's nodes as Kubernetes objects."""
        resources = {"cpu": self.cpu, "memory": self.memory, "pods": str(self.pods), **self.allocatable}
        if self.gpus:
            resources[GPU] = str(self.gpus)
        for number in range(self.count):
            name = f"{self.name}-{number}"
            labels = {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "type": "kwok",
                **self.labels,
            }
            yield {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
                "spec": {"taints": [taint.model_dump() for taint in self.taints]},
                "status": {"allocatable": resources, "capacity": resources},
            }
