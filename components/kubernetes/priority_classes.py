"""Which workload gives way when a cluster is full; made once for a cluster, not for a namespace."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict

from components.kubernetes.labels import Role, labels_of


class Priority(StrEnum):
    """Importance, the highest first: without the gateway nobody is served; a capture may wait."""

    GATEWAY = "gateway"
    SERVING = "serving"
    BATCH = "batch"


# Ordinary pods have 0; system classes begin at 2,000,000,000.
_VALUES: Mapping[Priority, int] = {Priority.GATEWAY: 1_000_000, Priority.SERVING: 900_000, Priority.BATCH: -100}


class PriorityClassesArgs(BaseModel):
    """What the classes' names begin with."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    prefix: str = "inferloop"


class PriorityClasses(pulumi.ComponentResource):
    """Make one class for each Priority. Batch work is never a reason to end other pods.

    Output: names, by priority.
    """

    Args: ClassVar[type[PriorityClassesArgs]] = PriorityClassesArgs
    names: Mapping[Priority, pulumi.Output[str]]

    def __init__(self, name: str, args: PriorityClassesArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferloop:kubernetes:PriorityClasses", name, {}, opts)
        names: dict[Priority, pulumi.Output[str]] = {}
        for priority, value in _VALUES.items():
            made = kubernetes.scheduling.v1.PriorityClass(
                f"{name}-{priority}",
                metadata={"name": f"{args.prefix}-{priority}", "labels": labels_of(Role.BASELINE, name)},
                value=value,
                global_default=False,
                preemption_policy="Never" if priority is Priority.BATCH else "PreemptLowerPriority",
                description=f"Inferloop: {priority}",
                opts=pulumi.ResourceOptions(parent=self),
            )
            names[priority] = made.metadata.apply(lambda metadata: str(metadata.name))
        self.names = names
        self.register_outputs({"names": {str(priority): output for priority, output in names.items()}})
