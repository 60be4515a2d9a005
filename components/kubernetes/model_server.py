"""A model server on Kubernetes: one Deployment whose replicas each hold the whole model, split over their GPUs.

It makes no weights, no nodes and no autoscaler: the object store, the node pools and autoscaling.py do.
"""

import math
from typing import ClassVar, Literal, Self

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, PositiveInt, model_validator

from components.contracts import ModelArtifact, ModelEndpoint, NodePool, WorkloadPrincipal
from components.kubernetes.api_object import ApiObject, ImageDigest
from components.kubernetes.labels import Role, labels_of, selector_of
from components.kubernetes.pods import Resources, container, placement, pod_template, spread
from components.kubernetes.service_account import service_account
from components.kubernetes.serving_engines import SETTINGS_FILE, RenderedServer, render
from components.kubernetes.serving_plan import ServingPlan
from components.kubernetes.serving_spec import ServingSpec
from components.kubernetes.settings_file import SettingsFile
from components.kubernetes.traffic import Surroundings, from_role, network_policy

_MODELS = "/models"
_PROBE_PERIOD_S = 10
_PORT_NAME = "http"

# Before SIGTERM reaches it a pod must have left every proxy's list of endpoints.
_LEAVE_ENDPOINTS_S = 10

# Compiled kernels and the like, below /tmp.
_SCRATCH_MIB = 8192


class ModelServerArgs(BaseModel):
    """The image of the engine, what it serves, and how many replicas there are.

    `image` must run as user 10001: for TGI that is the target `tgi` of runtime/Containerfile. `runtime_image` prepares
    the weights. `rollout` "in_place" ends an old replica before its successor starts, for pools without a spare GPU.
    `autoscaled` leaves the number of replicas to an autoscaler.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    image: ImageDigest
    runtime_image: ImageDigest
    serving: ServingSpec
    plan: ServingPlan
    surroundings: Surroundings
    replicas: PositiveInt = 1
    autoscaled: bool = False
    rollout: Literal["surge", "in_place"] = "surge"
    cpu_millicores_per_shard: PositiveInt = 2000

    @model_validator(mode="after")
    def _match_the_plan(self) -> Self:
        if self.serving.shards != self.plan.tensor_parallel:
            raise ValueError(
                f"serving.shards is {self.serving.shards}, and the plan is for {self.plan.tensor_parallel}; "
                "give both the same degree"
            )
        if self.serving.max_total_tokens > self.plan.context_tokens:
            raise ValueError(
                f"serving.max_total_tokens is {self.serving.max_total_tokens}, and the plan holds contexts of "
                f"{self.plan.context_tokens} tokens; plan with a longer context (`inferloop plan --context-tokens`)"
            )
        if (self.serving.device == "cuda") != bool(self.plan.gpus):
            raise ValueError(f"serving.device is {self.serving.device}, and the plan is for {self.plan.accelerator}")
        return self


class ModelServer(pulumi.ComponentResource):
    """Run one model on any engine, with weights in a cache that outlives the container.

    Outputs: url, model_id. `workload` is the Deployment's name, for autoscalers. The cache is the claim
    `weights_claim`, or else a part of the node's disk that lives as long as the pod.
    """

    Args: ClassVar[type[ModelServerArgs]] = ModelServerArgs
    endpoint: ModelEndpoint
    server: RenderedServer
    workload: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: ModelServerArgs,
        *,
        namespace: pulumi.Input[str],
        artifact: ModelArtifact,
        pool: NodePool | None = None,
        identity: WorkloadPrincipal | None = None,
        priority_class: pulumi.Input[str] | None = None,
        weights_claim: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:kubernetes:ModelServer", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self)
        labels, selector = labels_of(Role.MODEL_SERVER, name), selector_of(Role.MODEL_SERVER, name)
        metadata: ApiObject = {"name": name, "namespace": namespace, "labels": labels}
        spec, plan = args.serving, args.plan
        self.server = render(spec, f"/etc/inferloop/{SETTINGS_FILE}")
        account = service_account(name, namespace=namespace, labels=labels, identity=identity, opts=inside)
        settings = (
            SettingsFile(
                f"{name}-config", SETTINGS_FILE, self.server.settings, namespace=namespace, labels=labels, opts=inside
            )
            if self.server.settings
            else None
        )
        template = pod_template(
            labels=labels,
            service_account=account,
            annotations={"inferloop.dev/weights": artifact.revision},
            init_containers=[_weights(args, artifact)],
            containers=[_engine(args, artifact, self.server, settings)],
            temporary_mib=_SCRATCH_MIB + _cache_mib(plan),
            volumes=[
                {
                    "name": "weights",
                    **(
                        {"persistentVolumeClaim": {"claimName": weights_claim}}
                        if weights_claim is not None
                        else {"emptyDir": {"sizeLimit": f"{_cache_mib(plan)}Mi"}}
                    ),
                },
                {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": f"{plan.shared_memory_mib}Mi"}},
                *([settings.volume] if settings else []),
            ],
            topologySpreadConstraints=spread(selector),
            terminationGracePeriodSeconds=spec.drain_timeout_s + _LEAVE_ENDPOINTS_S,
            priority_class=priority_class,
            **placement(pool),
        )
        surge = {"maxSurge": 1, "maxUnavailable": 0}
        deployment_spec: ApiObject = {
            **({} if args.autoscaled else {"replicas": args.replicas}),
            "selector": {"matchLabels": selector},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": surge if args.rollout == "surge" else {"maxSurge": 0, "maxUnavailable": 1},
            },
            # The weights are fetched by the init container and loaded by the engine: each within the budget.
            "progressDeadlineSeconds": 2 * plan.start_budget_s,
            "template": template,
        }
        deployment = kubernetes.apps.v1.Deployment(
            f"{name}-deployment", metadata=metadata, spec=deployment_spec, opts=inside
        )
        service_spec: ApiObject = {
            "selector": selector,
            "ports": [{"name": _PORT_NAME, "port": spec.port, "targetPort": _PORT_NAME, "protocol": "TCP"}],
        }
        service = kubernetes.core.v1.Service(f"{name}-service", metadata=metadata, spec=service_spec, opts=inside)
        budget: ApiObject = {"maxUnavailable": 1, "selector": {"matchLabels": selector}}
        kubernetes.policy.v1.PodDisruptionBudget(
            f"{name}-disruption-budget", metadata=metadata, spec=budget, opts=inside
        )
        around = args.surroundings
        network_policy(
            f"{name}-traffic",
            selector,
            namespace=namespace,
            labels=labels,
            opts=inside,
            ingress=[from_role(Role.GATEWAY, spec.port), around.from_monitoring(spec.port)],
            egress=around.to_object_store(),
        )
        self.workload = deployment.metadata["name"]
        url = pulumi.Output.concat(
            "http://", service.metadata["name"], ".", pulumi.Output.from_input(namespace), f".svc:{spec.port}"
        )
        self.endpoint = ModelEndpoint(
            model_id=pulumi.Output.from_input(spec.model_id),
            # Whoever asks for the address waits for replicas that serve.
            url=pulumi.Output.all(deployment.id, url).apply(lambda known: str(known[1])),
            metrics_url=pulumi.Output.concat(url, self.server.metrics_path),
            shards=pulumi.Output.from_input(spec.shards),
            shard_plan=pulumi.Output.from_input(plan.model_dump()),
        )
        self.register_outputs({"url": self.endpoint.url, "model_id": spec.model_id})


def _cache_mib(plan: ServingPlan) -> int:
    """Return the room for the weights, with a tenth more for the tokenizer and a download's unfinished files."""
    return math.ceil(plan.weights_mib * 1.1) + 512


def _disk_mib(plan: ServingPlan) -> int:
    """Return the node's disk that a pod takes: the weights twice, because a download is verified before it is copied.

    A pod is evicted when its volumes together are larger than what its containers state.
    """
    return 2 * _cache_mib(plan) + _SCRATCH_MIB


def _weights_mount(artifact: ModelArtifact) -> ApiObject:
    """Return the mount of one revision's own folder, so that a new one never changes files that a replica reads."""
    return {
        "name": "weights",
        "mountPath": _MODELS,
        "subPath": artifact.revision.apply(lambda revision: revision.replace(":", "-")),
    }


def _weights(args: ModelServerArgs, artifact: ModelArtifact) -> ApiObject:
    return container(
        "weights",
        args.runtime_image,
        command=("/opt/inferloop/bin/inferloop-runtime", "weights", "prepare"),
        args=("--source", artifact.uri, "--to", args.serving.model_path),
        env=args.surroundings.object_store_environment(),
        mounts=[_weights_mount(artifact)],
        resources=Resources(cpu_millicores=1000, memory_mib=2048, ephemeral_storage_mib=_disk_mib(args.plan)),
    )


def _engine(
    args: ModelServerArgs, artifact: ModelArtifact, server: RenderedServer, settings: SettingsFile | None
) -> ApiObject:
    def probe(path: str, **more: ApiObject) -> ApiObject:
        return {
            "httpGet": {"path": path, "port": _PORT_NAME},
            "periodSeconds": _PROBE_PERIOD_S,
            "timeoutSeconds": 5,
            **more,
        }

    plan = args.plan
    return container(
        "engine",
        args.image,
        command=server.command,
        args=server.args,
        env=server.env,
        mounts=[
            {**_weights_mount(artifact), "readOnly": True},
            {"name": "shared-memory", "mountPath": "/dev/shm"},  # noqa: S108
            *([settings.mount] if settings else []),
        ],
        resources=Resources(
            cpu_millicores=args.cpu_millicores_per_shard * plan.tensor_parallel,
            memory_mib=plan.host_memory_mib,
            ephemeral_storage_mib=_disk_mib(plan),
            gpus=plan.gpus,
        ),
        ports=[{"name": _PORT_NAME, "containerPort": server.port, "protocol": "TCP"}],
        startupProbe=probe(server.ready_path, failureThreshold=math.ceil(plan.start_budget_s / _PROBE_PERIOD_S)),
        readinessProbe=probe(server.ready_path, failureThreshold=2),
        # A long prefill may keep an engine from answering for a while; half a minute of silence is a hang.
        livenessProbe=probe(server.live_path, failureThreshold=6),
        lifecycle={"preStop": {"sleep": {"seconds": _LEAVE_ENDPOINTS_S}}},
        **({"workingDir": server.working_dir} if server.working_dir else {}),
    )
