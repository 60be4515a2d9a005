"""GPUs made usable and watched: NVIDIA's device plugin and DCGM's exporter on every GPU node, and alerts.

Drivers and the container toolkit come with the nodes' image. GPUs are shared by time only where that is asked for.
"""

import json
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from components.kubernetes.api_object import ApiObject, ObjectName
from components.kubernetes.chart_release import ChartRelease, ChartReleaseArgs
from components.kubernetes.gpu_alerts import counters, gpu_rules
from components.kubernetes.labels import ACCELERATOR_RESOURCE, Role, labels_of
from components.kubernetes.monitoring import RELEASE_LABEL
from components.kubernetes.operator_namespace import OperatorNamespace, OperatorNamespaceArgs
from components.kubernetes.operator_values import requests

GPU_LABEL = "inferloop.io/gpu-kind"
"""The label that every pool of GPU nodes has, whichever cloud or node autoscaler made it."""

_METRICS_PORT = 9400
_PRIORITY = "system-node-critical"
_CONFIG = "default"


class GpuOperationsArgs(BaseModel):
    """How GPUs are offered, and the limits that alerts have.

    `time_slices` lets that many pods share a GPU in turns, with no wall between their memories; None gives each pod
    whole GPUs. `mig` offers the parts that a GPU was split into. Nodes are those with `node_label`; every taint in
    `tolerated` is tolerated. `monitored` needs the Prometheus operator.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    time_slices: PositiveInt | None = Field(default=None, ge=2)
    mig: Literal["none", "single", "mixed"] = "none"
    node_label: str = GPU_LABEL
    tolerated: tuple[str, ...] = (ACCELERATOR_RESOURCE, "inferloop.io/dedicated")
    monitored: bool = True
    scrape_interval_s: PositiveInt = 15
    temperature_c: PositiveInt = Field(default=85, le=120)
    idle_percent: PositiveInt = Field(default=5, le=100)
    idle_hours: PositiveInt = 6
    monitoring_namespace: ObjectName = "monitoring"

    @model_validator(mode="after")
    def _share_in_one_way(self) -> Self:
        if self.time_slices is not None and self.mig != "none":
            raise ValueError("time_slices and mig exclude each other; parts of a GPU are not shared further")
        return self


class GpuOperations(pulumi.ComponentResource):
    """Install both charts on GPU nodes. Outputs: device_plugin, exporter (names of the releases)."""

    Args: ClassVar[type[GpuOperationsArgs]] = GpuOperationsArgs
    ready: Sequence[pulumi.Resource]

    def __init__(self, name: str, args: GpuOperationsArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferloop:kubernetes:GpuOperations", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self)
        plugin_space = OperatorNamespace(
            f"{name}-plugin-space",
            OperatorNamespaceArgs(
                namespace="nvidia-device-plugin",
                security="privileged",
                privileged_because="the device plugin registers itself at the kubelet's socket and opens GPU devices",
            ),
            opts=inside,
        )
        plugin = ChartRelease(
            f"{name}-plugin",
            ChartReleaseArgs(chart="nvidia-device-plugin"),
            namespace=plugin_space.namespace,
            values=plugin_values(args),
            opts=inside,
        )
        exporter_space = OperatorNamespace(
            f"{name}-exporter-space",
            OperatorNamespaceArgs(
                namespace="dcgm-exporter",
                security="privileged",
                privileged_because="the exporter reads GPU counters as an administrator, and the kubelet's pod list",
                served_to={args.monitoring_namespace: (_METRICS_PORT,)},
            ),
            opts=inside,
        )
        exporter = ChartRelease(
            f"{name}-exporter",
            ChartReleaseArgs(chart="dcgm-exporter"),
            namespace=exporter_space.namespace,
            values=exporter_values(args),
            opts=inside,
        )
        if args.monitored:
            rules = gpu_rules(
                temperature_c=args.temperature_c, idle_percent=args.idle_percent, idle_hours=args.idle_hours
            )
            kubernetes.apiextensions.CustomResource(
                f"{name}-alerts",
                api_version="monitoring.coreos.com/v1",
                kind="PrometheusRule",
                metadata={
                    "name": f"{name}-alerts",
                    "namespace": exporter_space.namespace,
                    "labels": {**labels_of(Role.OPERATORS, name), **RELEASE_LABEL},
                },
                spec={"groups": [{"name": "gpus", "rules": rules}]},
                opts=inside,
            )
        self.ready = [plugin.release]
        self.register_outputs({"device_plugin": plugin.name, "exporter": exporter.name})


def plugin_values(args: GpuOperationsArgs) -> ApiObject:
    """Return the values of https://github.com/NVIDIA/k8s-device-plugin#configuring-the-nvidia-device-plugin-binary."""
    sharing: ApiObject = {}
    if args.time_slices is not None:
        shared = {
            # A pod that asks for two slices would get no more than for one: it is refused instead.
            "failRequestsGreaterThanOne": True,
            "resources": [{"name": ACCELERATOR_RESOURCE, "replicas": args.time_slices}],
        }
        config = {"version": "v1", "sharing": {"timeSlicing": shared}}
        # JSON is YAML too.
        sharing = {"config": {"map": {_CONFIG: json.dumps(config, sort_keys=True)}, "default": _CONFIG}}
    return {
        **sharing,
        "migStrategy": args.mig,
        "gfd": {"enabled": False},
        "resources": requests(10, 64),
        "priorityClassName": _PRIORITY,
        **_placement(args),
    }


def exporter_values(args: GpuOperationsArgs) -> ApiObject:
    """Return the values of https://github.com/NVIDIA/dcgm-exporter/tree/main/deployment."""
    return {
        "customMetrics": counters(),
        "resources": requests(50, 512),
        "priorityClassName": _PRIORITY,
        "serviceMonitor": {
            "enabled": args.monitored,
            "interval": f"{args.scrape_interval_s}s",
            "additionalLabels": dict(RELEASE_LABEL),
        },
        **_placement(args),
    }


def _placement(args: GpuOperationsArgs) -> Mapping[str, ApiObject]:
    matching = {"matchExpressions": [{"key": args.node_label, "operator": "Exists"}]}
    return {
        "affinity": {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [matching]}}
        },
        "tolerations": [{"key": taint, "operator": "Exists"} for taint in args.tolerated],
    }
