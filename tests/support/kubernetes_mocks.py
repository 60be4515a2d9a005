"""Components of Kubernetes composed against recorded answers of the engine, and the objects that they would make."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import SETTINGS

from components.contracts import (
    DatabaseEndpoint,
    ModelArtifact,
    ModelEndpoint,
    NodePool,
    SchemaState,
    SecretHandle,
    Taint,
    VolumeHandle,
    WorkloadPrincipal,
)
from components.kubernetes.serving_plan import ServingPlan
from components.kubernetes.traffic import Surroundings
from tests.support.shallow_stack import run_in_thread

RELEASE = "kubernetes:helm.sh/v3:Release"
DIGEST = "sha256:" + "0123456789abcdef" * 4
ENGINE_IMAGE = f"registry.example/inferloop-tgi@{DIGEST}"
RUNTIME_IMAGE = f"registry.example/inferloop-cpu@{DIGEST}"
SURROUNDINGS = Surroundings(
    database_cidrs=("10.0.32.0/20",), identity_cidrs=("169.254.170.23/32",), edge_namespace="edge"
)
PLAN = ServingPlan(
    model="owner/model",
    accelerator="A10G",
    dtype="bfloat16",
    tensor_parallel=2,
    context_tokens=8192,
    weights_bytes_per_shard=8 * 2**30,
    memory_bytes_per_shard=22 * 2**30,
    cold_start_s=40.0,
)


@dataclass
class Made:
    """Everything that was registered. `objects` are in the API's form, with their `apiVersion` and `kind`."""

    result: Any = None
    resources: list[pulumi.runtime.MockResourceArgs] = field(default_factory=list)
    dependencies: dict[str, list[str]] = field(default_factory=dict)

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [plain(it.inputs) for it in self.resources if it.typ.startswith("kubernetes:") and it.typ != RELEASE]

    @property
    def releases(self) -> dict[str, dict[str, Any]]:
        """Each Helm release by its name."""
        return {it.inputs["name"]: plain(it.inputs) for it in self.resources if it.typ == RELEASE}

    def waits_for(self, name: str) -> set[str]:
        """Return the names in the program of everything that a resource is made after, near and far."""
        found: set[str] = set()
        pending = [name]
        while pending:
            for other in self.dependencies.get(pending.pop(), ()):
                if other not in found:
                    found.add(other)
                    pending.append(other)
        return found

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [it for it in self.objects if it["kind"] == kind]

    def only(self, kind: str) -> dict[str, Any]:
        (found,) = self.of_kind(kind)
        return found

    def named(self, kind: str, name: str) -> dict[str, Any]:
        (found,) = [it for it in self.of_kind(kind) if it["metadata"]["name"] == name]
        return found

    def pods(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return each workload with its pod template."""
        return [(it, template) for it in self.objects if (template := template_of(it)) is not None]


class _Mocks(pulumi.runtime.Mocks):
    def __init__(self, made: Made) -> None:
        self._made = made

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        self._made.resources.append(args)
        return f"{args.name}-id", args.inputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        return {}


class _Monitor(MockMonitor):
    def __init__(self, made: Made) -> None:
        super().__init__(_Mocks(made))
        self._made = made

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        self._made.dependencies[request.name] = [urn.rpartition("::")[2] for urn in request.dependencies]
        return super().RegisterResource(request)


def compose(program: Callable[[], Any]) -> Made:
    """Run a program against mocks; `result` is its answer, with the outputs of a mapping resolved."""
    made = Made()

    async def run() -> Any:
        pulumi.runtime.set_mocks(_Mocks(made), project="inferloop", stack="test", preview=False, monitor=_Monitor(made))
        answer = program()
        while pending := [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]:
            await asyncio.gather(*pending)
        if isinstance(answer, Mapping):
            return {key: await pulumi.Output.from_input(value).future() for key, value in answer.items()}
        return answer

    try:
        made.result = run_in_thread(run())
    finally:
        # What a program that failed left behind belongs to a loop that is closed.
        SETTINGS.rpc_manager.clear()
        SETTINGS.outputs.clear()
    return made


def template_of(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the pod template of a workload, None for other objects."""
    spec = item.get("spec") or {}
    if item["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec.get("template") if item["kind"] in ("Deployment", "Job", "CronJob", "StatefulSet") else None


def plain(value: Any) -> Any:
    """Return a mock's inputs as JSON values: secrets unwrapped, whole numbers as integers again."""
    if isinstance(value, Mapping):
        if value.get("4dabf18193072939515e22adb298388d") is not None:
            return plain(value.get("value"))
        return {key: plain(it) for key, it in value.items() if it is not None}
    if isinstance(value, list):
        return [plain(it) for it in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def settings_in(config_map: Mapping[str, Any]) -> Any:
    """Return the one JSON file of a ConfigMap."""
    (text,) = config_map["data"].values()
    return json.loads(text)


def output(value: Any) -> pulumi.Output[Any]:
    return pulumi.Output.from_input(value)


def secret(name: str) -> SecretHandle:
    return SecretHandle(reference=output(name), value=pulumi.Output.secret("hidden"), revision=output("r1"))


def database() -> DatabaseEndpoint:
    return DatabaseEndpoint(
        host=output("db.internal"),
        port=output(5432),
        database=output("inferloop"),
        user=output("inferloop"),
        dsn=secret("database-dsn"),
    )


def schema() -> SchemaState:
    return SchemaState(revision=output("m0001"))


def artifact() -> ModelArtifact:
    return ModelArtifact(
        model_id=output("owner/model"), uri=output("s3://weights/owner/model"), revision=output("sha256:feed")
    )


def volume(name: str) -> VolumeHandle:
    return VolumeHandle(uri=output(f"s3://{name}"))


def identity(workload: str, namespace: str) -> WorkloadPrincipal:
    return WorkloadPrincipal(
        id=output(f"role/{workload}"), namespace=namespace, service_account=f"{workload}-account", annotations={}
    )


def model_endpoint() -> ModelEndpoint:
    return ModelEndpoint(
        model_id=output("owner/model"),
        url=output("http://model.serving.svc:8080"),
        metrics_url=output("http://model.serving.svc:8080/metrics"),
        shards=output(2),
        shard_plan=output({}),
    )


def gpu_pool() -> NodePool:
    return NodePool(
        name=output("large"),
        machine_type="g5.12xlarge",
        gpu_kind="A10G",
        gpus_per_node=4,
        minimum=0,
        maximum=4,
        spot=False,
        fabric=False,
        labels={"inferloop.dev/pool": "large"},
        taints=(Taint(key="nvidia.com/gpu", value="", effect="NoSchedule"),),
    )
