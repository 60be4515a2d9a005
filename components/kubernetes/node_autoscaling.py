"""Nodes made for pods that wait, and taken away when nobody needs them, by Karpenter.

https://karpenter.sh/docs/concepts/nodepools/. What a node is made of (image, disks, network) is its cloud's, and is
handed in as data.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator

from components.contracts import NodePool, Taint
from components.contracts.node_autoscaler import NodeAutoscalerFacts, NodeClass
from components.kubernetes.api_object import ApiObject, ObjectName
from components.kubernetes.chart_release import ChartRelease, ChartReleaseArgs
from components.kubernetes.gpu_operations import GPU_LABEL
from components.kubernetes.labels import ACCELERATOR_RESOURCE, Role, labels_of
from components.kubernetes.monitoring import RELEASE_LABEL
from components.kubernetes.operator_account import ACCOUNTS, Operator, account_values
from components.kubernetes.operator_values import requests
from components.kubernetes.ordering import after

_NODE_CLASS = "default"
_GPU_TAINT = Taint(key=ACCELERATOR_RESOURCE, value="present", effect="NoSchedule")
_CAPACITY_LABEL = "karpenter.sh/capacity-type"
# The heavier pool is tried first.
_FIRST, _STAND_IN = 50, 10
_DURATION = r"^([0-9]+(s|m|h))+$"
Duration = Annotated[str, Field(pattern=_DURATION)]


class AutoscaledPoolArgs(BaseModel):
    """Nodes of some kinds of machines, up to limits over all of them together.

    `gpu_kind` makes it a GPU pool: its nodes carry the GPU taint, and `max_gpus` must be set. A spot pool falls back on
    on-demand nodes, up to `fallback_gpus` (or `fallback_cpus` where it has no GPUs); zero takes only spot.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    machine_types: tuple[str, ...] = ()
    machine_families: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    architecture: Literal["amd64", "arm64"] = "amd64"
    gpu_kind: str | None = None
    gpus_per_node: NonNegativeInt = 0
    max_gpus: NonNegativeInt = 0
    max_cpus: PositiveInt = 512
    max_memory_gib: PositiveInt = 4096
    spot: bool = False
    fallback_gpus: NonNegativeInt = 0
    fallback_cpus: NonNegativeInt = 0
    labels: Mapping[str, str] = Field(default_factory=dict)
    dedicated_to: ObjectName | None = None
    idle: Duration = "10m"
    expire_after: Duration = "720h"
    drain: Duration = "30m"

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if not self.machine_types and not self.machine_families:
            raise ValueError("no machines to choose from; name machine_types or machine_families")
        if (self.gpu_kind is None) != (self.max_gpus == 0):
            raise ValueError("gpu_kind and max_gpus belong together; set both or none")
        if (self.fallback_gpus or self.fallback_cpus) and not self.spot:
            raise ValueError("a fall-back needs spot: true; remove it, or make the pool a spot pool")
        if self.fallback_gpus and self.gpu_kind is None:
            raise ValueError("fallback_gpus needs gpu_kind; use fallback_cpus for a pool without GPUs")
        return self


class NodeAutoscalingArgs(BaseModel):
    """The pools by name, and how many of their nodes may be taken at once to save money.

    `calm_schedule` is a cron line at which a time of `calm_duration` begins in which no node is taken for that.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    pools: Mapping[ObjectName, AutoscaledPoolArgs]
    install: bool = True
    replicas: PositiveInt = 2
    disrupted: Annotated[str, Field(pattern=r"^((100|[0-9]{1,2})%|[0-9]+)$")] = "10%"
    calm_schedule: str | None = None
    calm_duration: Duration = "8h"
    monitored: bool = True


class NodeAutoscaling(pulumi.ComponentResource):
    """Install Karpenter and make its pools. Outputs: pools (names). `ready` is what pods that wait are made after.

    `pools` are as the cloud's own pools (components.contracts.GpuPools); `minimum` is 0, and `maximum` counts nodes
    where `gpus_per_node` is known, else GPUs or processors.
    """

    Args: ClassVar[type[NodeAutoscalingArgs]] = NodeAutoscalingArgs
    pools: Mapping[str, Sequence[NodePool]]
    ready: Sequence[pulumi.Resource]

    def __init__(
        self,
        name: str,
        args: NodeAutoscalingArgs,
        *,
        facts: NodeAutoscalerFacts,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:kubernetes:NodeAutoscaling", name, {}, opts)
        self._name = name
        needs: list[pulumi.Resource] = list(facts.dependencies)
        if args.install:
            release = ChartRelease(
                f"{name}-controller",
                ChartReleaseArgs(chart="karpenter"),
                namespace=ACCOUNTS[Operator.NODE_AUTOSCALER].namespace,
                values=controller_values(args, facts),
                opts=pulumi.ResourceOptions.merge(after(needs), pulumi.ResourceOptions(parent=self)),
            )
            needs.append(release.release)
        described = facts.node_class
        node_class = self._custom(
            "node-class", described.api_version, described.kind, _NODE_CLASS, described.spec, needs
        )
        pools: dict[str, list[NodePool]] = {}
        made: list[pulumi.Resource] = []
        for pool, wanted in args.pools.items():
            pools[pool] = []
            for variant in _variants(pool, wanted):
                spec = pool_spec(args, pool, wanted, variant, described)
                nodes = self._custom(variant.name, "karpenter.sh/v1", "NodePool", variant.name, spec, [node_class])
                made.append(nodes)
                pools[pool].append(_as_pool(pool, wanted, variant, nodes))
        self.pools = pools
        self.ready = made
        self.register_outputs({"pools": {pool: [it.name for it in variants] for pool, variants in pools.items()}})

    def _custom(
        self, child: str, api: str, kind: str, object_name: str, spec: ApiObject, needs: Sequence[pulumi.Resource]
    ) -> pulumi.Resource:
        return kubernetes.apiextensions.CustomResource(
            f"{self._name}-{child}",
            api_version=api,
            kind=kind,
            metadata={"name": object_name, "labels": labels_of(Role.OPERATORS, self._name)},
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(needs)),
        )


@dataclass(frozen=True, kw_only=True)
class _Variant:
    """One NodePool of a pool: its capacity, its limits and its turn."""

    name: str
    capacity: str
    gpus: int
    cpus: int
    weight: int


def _variants(pool: str, wanted: AutoscaledPoolArgs) -> Iterator[_Variant]:
    capacity = "spot" if wanted.spot else "on-demand"
    yield _Variant(name=pool, capacity=capacity, gpus=wanted.max_gpus, cpus=wanted.max_cpus, weight=_FIRST)
    if wanted.fallback_gpus or wanted.fallback_cpus:
        yield _Variant(
            name=f"{pool}-fallback",
            capacity="on-demand",
            gpus=wanted.fallback_gpus,
            cpus=wanted.fallback_cpus or wanted.max_cpus,
            weight=_STAND_IN,
        )


def controller_values(args: NodeAutoscalingArgs, facts: NodeAutoscalerFacts) -> ApiObject:
    """Return the values of https://github.com/aws/karpenter-provider-aws/tree/main/charts/karpenter."""
    identities = {} if facts.identity is None else {Operator.NODE_AUTOSCALER: facts.identity}
    return {
        "replicas": args.replicas,
        "serviceAccount": account_values(Operator.NODE_AUTOSCALER, identities),
        "settings": dict(facts.settings),
        "controller": {"resources": requests(500, 1024)},
        "serviceMonitor": {"enabled": args.monitored, "additionalLabels": dict(RELEASE_LABEL)},
    }


def pool_spec(
    args: NodeAutoscalingArgs, pool: str, wanted: AutoscaledPoolArgs, variant: _Variant, node_class: NodeClass
) -> ApiObject:
    """Return the `spec` of one NodePool."""
    asked: dict[str, Sequence[str]] = {
        _CAPACITY_LABEL: (variant.capacity,),
        "kubernetes.io/arch": (wanted.architecture,),
        "kubernetes.io/os": ("linux",),
        "node.kubernetes.io/instance-type": wanted.machine_types,
        node_class.family_label: wanted.machine_families,
        "topology.kubernetes.io/zone": wanted.zones,
    }
    return {
        "weight": variant.weight,
        "limits": {
            "cpu": str(variant.cpus),
            "memory": f"{wanted.max_memory_gib}Gi",
            **({ACCELERATOR_RESOURCE: str(variant.gpus)} if wanted.gpu_kind else {}),
        },
        "disruption": {
            # A model takes minutes to load: its replica is not moved to save a part of a node.
            "consolidationPolicy": "WhenEmptyOrUnderutilized" if wanted.gpu_kind is None else "WhenEmpty",
            "consolidateAfter": wanted.idle,
            "budgets": _budgets(args),
        },
        "template": {
            "metadata": {"labels": _labels(pool, wanted, variant)},
            "spec": {
                "nodeClassRef": {
                    "group": node_class.api_version.partition("/")[0],
                    "kind": node_class.kind,
                    "name": _NODE_CLASS,
                },
                "expireAfter": wanted.expire_after,
                "terminationGracePeriod": wanted.drain,
                "taints": [{"key": it.key, "value": it.value, "effect": it.effect} for it in _taints(wanted)],
                "requirements": [
                    {"key": key, "operator": "In", "values": list(values)} for key, values in asked.items() if values
                ],
            },
        },
    }


def _budgets(args: NodeAutoscalingArgs) -> list[ApiObject]:
    budgets: list[ApiObject] = [{"nodes": args.disrupted}]
    if args.calm_schedule is not None:
        reasons = ["Empty", "Underutilized"]
        budgets.append(
            {"nodes": "0", "reasons": reasons, "schedule": args.calm_schedule, "duration": args.calm_duration}
        )
    return budgets


def _labels(pool: str, wanted: AutoscaledPoolArgs, variant: _Variant) -> dict[str, str]:
    kind = {GPU_LABEL: wanted.gpu_kind} if wanted.gpu_kind else {}
    return {"inferloop.io/pool": pool, "inferloop.io/capacity": variant.capacity, **kind, **wanted.labels}


def _taints(wanted: AutoscaledPoolArgs) -> tuple[Taint, ...]:
    taints: tuple[Taint, ...] = (_GPU_TAINT,) if wanted.gpu_kind is not None else ()
    if wanted.dedicated_to is not None:
        taints += (Taint(key="inferloop.io/dedicated", value=wanted.dedicated_to, effect="NoSchedule"),)
    return taints


def _as_pool(pool: str, wanted: AutoscaledPoolArgs, variant: _Variant, nodes: pulumi.Resource) -> NodePool:
    amount = variant.gpus if wanted.gpu_kind is not None else variant.cpus
    return NodePool(
        name=pulumi.Output.from_input(nodes.urn).apply(lambda _: variant.name),
        machine_type=", ".join((*wanted.machine_types, *wanted.machine_families)),
        gpu_kind=wanted.gpu_kind,
        gpus_per_node=wanted.gpus_per_node,
        minimum=0,
        maximum=amount // wanted.gpus_per_node if wanted.gpus_per_node else amount,
        spot=variant.capacity == "spot",
        fabric=False,
        labels={key: value for key, value in _labels(pool, wanted, variant).items() if key != "inferloop.io/capacity"},
        taints=_taints(wanted),
    )
