"""A model's way from its source to the object store, as a Job that finishes before any server of it starts.

It makes no bucket and gives no right to write there: the cloud does, and hands in both.
"""

import hashlib
import math
import re
from typing import ClassVar, Self

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from components.contracts import ModelArtifact, SecretHandle, VolumeHandle, WorkloadPrincipal
from components.kubernetes.api_object import ApiObject, Cidr, ImageDigest
from components.kubernetes.jobs import job_spec, suffix_of
from components.kubernetes.labels import Role, labels_of, selector_of
from components.kubernetes.pods import Resources, container, pod_template
from components.kubernetes.secret_files import revisions, secret_mounts, secret_path, secret_volumes
from components.kubernetes.service_account import service_account
from components.kubernetes.traffic import Surroundings, network_policy, to_addresses

_SCRATCH = "/scratch"
_SCRATCH_RESERVE_GIB = 1
# Rises when the runtime makes other files of the same source, so that servers fetch those.
_FORMAT = 1
_HUB_COMMIT = re.compile(r"^[\w.-]+/[\w.-]+@[0-9a-f]{40}$")
_SHIPPED = re.compile(r"^(tiny|sample:[a-z0-9.-]+)$")


class WeightsArgs(BaseModel):
    """The source, pinned, and the room and time that bringing it takes.

    `source` is a hub id at a commit (`owner/name@<40 digits>`), or a model that ships in the image's packages
    (`sample:…`, `tiny`). `size_gb` is the size of the model's files. `hub_cidrs` are addresses that the hub answers at,
    and `hub_endpoint` a mirror of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    runtime_image: ImageDigest
    surroundings: Surroundings
    model_id: str = Field(pattern=r"^[A-Za-z0-9][\w./-]{0,95}$")
    source: str
    size_gb: PositiveFloat
    hub_cidrs: tuple[Cidr, ...] = ()
    hub_endpoint: str | None = Field(default=None, pattern=r"^https://[^/\s]+$")
    cpu_millicores: PositiveInt = 1000
    memory_mib: PositiveInt = 4096
    deadline_s: PositiveInt = 7200

    @model_validator(mode="after")
    def _can_be_fetched(self) -> Self:
        if not _HUB_COMMIT.match(self.source) and not _SHIPPED.match(self.source):
            raise ValueError(
                f"source {self.source!r} is not pinned; write a hub id with its commit, owner/name@<40 digits>, or a "
                "shipped model such as sample:smollm2-135m-instruct"
            )
        if _HUB_COMMIT.match(self.source) and not self.hub_cidrs:
            raise ValueError("a hub's model needs a way to the hub; name its addresses in hub_cidrs, or 0.0.0.0/0")
        if _SHIPPED.match(self.source) and (self.hub_cidrs or self.hub_endpoint):
            raise ValueError(f"{self.source} ships in the image and needs no hub; remove hub_cidrs and hub_endpoint")
        return self

    @property
    def revision(self) -> str:
        """A digest of what the files are made from, known before they are made."""
        return "sha256:" + hashlib.sha256(f"{self.source}\0{_FORMAT}".encode()).hexdigest()


class Weights(pulumi.ComponentResource):
    """Mirror one model to the object store, once for each source; do nothing where it lies there already.

    Outputs: uri, revision. Who is given `artifact` waits for the Job; its `revision` is a digest of the pinned source.
    `token` is the hub's, for models that are gated or private.
    """

    Args: ClassVar[type[WeightsArgs]] = WeightsArgs
    artifact: ModelArtifact

    def __init__(
        self,
        name: str,
        args: WeightsArgs,
        *,
        namespace: pulumi.Input[str],
        volume: VolumeHandle,
        identity: WorkloadPrincipal | None = None,
        token: SecretHandle | None = None,
        priority_class: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:kubernetes:Weights", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self)
        labels = labels_of(Role.WEIGHTS, name)
        account = service_account(name, namespace=namespace, labels=labels, identity=identity, opts=inside)
        around = args.surroundings
        policy = network_policy(
            f"{name}-traffic",
            selector_of(Role.WEIGHTS, name),
            namespace=namespace,
            labels=labels,
            opts=inside,
            egress=[*around.to_object_store(), *([to_addresses(args.hub_cidrs)] if args.hub_cidrs else [])],
        )
        target = pulumi.Output.concat(volume.uri, f"/models/{args.model_id}/{args.revision.replace(':', '-')}")
        secrets = {"hub-token": token} if token is not None else {}
        template = pod_template(
            labels=labels,
            service_account=account,
            annotations=revisions(secrets),
            containers=[_mirror(args, target, tuple(secrets))],
            volumes=[
                *secret_volumes(secrets),
                {"name": "scratch", "emptyDir": {"sizeLimit": f"{_scratch_mib(args)}Mi"}},
            ],
            priority_class=priority_class,
        )
        metadata: ApiObject = {
            "name": f"{name}-{suffix_of(*_inputs(args))}",
            "namespace": namespace,
            "labels": labels,
        }
        job = kubernetes.batch.v1.Job(
            f"{name}-job",
            metadata=metadata,
            spec=job_spec(template, deadline_s=args.deadline_s, retries=3),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.artifact = ModelArtifact(
            model_id=pulumi.Output.from_input(args.model_id),
            # Whoever asks for the place waits for the files.
            uri=pulumi.Output.all(job.id, target).apply(lambda known: str(known[1])),
            revision=pulumi.Output.from_input(args.revision),
        )
        self.register_outputs({"uri": self.artifact.uri, "revision": args.revision})


def _mirror(args: WeightsArgs, target: pulumi.Output[str], secrets: tuple[str, ...]) -> ApiObject:
    return container(
        "mirror",
        args.runtime_image,
        command=("/opt/inferloop/bin/inferloop-runtime", "weights", "mirror"),
        args=("--source", args.source, "--to", target, "--scratch", _SCRATCH),
        env={
            "XDG_CACHE_HOME": f"{_SCRATCH}/cache",
            "HF_HOME": f"{_SCRATCH}/hub",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            **({"HF_ENDPOINT": args.hub_endpoint} if args.hub_endpoint else {}),
            **({"HF_TOKEN_PATH": secret_path("hub-token")} if secrets else {}),
            **args.surroundings.object_store_environment(),
        },
        mounts=[*secret_mounts(secrets), {"name": "scratch", "mountPath": _SCRATCH}],
        resources=Resources(
            cpu_millicores=args.cpu_millicores,
            memory_mib=args.memory_mib,
            ephemeral_storage_mib=_scratch_mib(args) + 512,
        ),
    )


def _inputs(args: WeightsArgs) -> tuple[str, ...]:
    """Return what the Job is made from: another of it needs another Job."""
    environment = args.surroundings.object_store_environment()
    return args.model_dump_json(exclude={"surroundings"}), str(sorted(environment.items())), str(_FORMAT)


def _scratch_mib(args: WeightsArgs) -> int:
    """Return the room for the files twice: as they come, and as they are published."""
    return math.ceil(2 * args.size_gb * 1e9 / 2**20) + _SCRATCH_RESERVE_GIB * 1024
