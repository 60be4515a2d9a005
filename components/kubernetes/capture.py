"""A capture job on Kubernetes: once after every change of its declaration, and then on a schedule."""

from typing import Any, ClassVar

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from components.contracts import DatabaseEndpoint, SchemaState, SecretHandle, WorkloadPrincipal
from components.kubernetes.api_object import ApiObject, ImageDigest, ObjectName
from components.kubernetes.jobs import job_spec, suffix_of
from components.kubernetes.labels import Role, labels_of, selector_of
from components.kubernetes.pods import Resources, container, pod_template
from components.kubernetes.secret_files import revisions, secret_mounts, secret_path, secret_volumes
from components.kubernetes.service_account import service_account
from components.kubernetes.settings_file import SettingsFile
from components.kubernetes.traffic import Surroundings, network_policy

_DATASETS = "/var/lib/inferloop/datasets"


class CaptureArgs(BaseModel):
    """The data set, its source and its columns, as the capture framework declares them, and when it runs.

    `schedule` is a cron expression in `time_zone`; without one the job runs only when its declaration changes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    runtime_image: ImageDigest
    surroundings: Surroundings
    dataset: ObjectName
    source: dict[str, Any]
    columns: tuple[dict[str, Any], ...] = Field(min_length=1)
    max_quarantined_fraction: float = Field(default=0.1, ge=0, le=1)
    schedule: str | None = Field(default=None, pattern=r"^(\S+\s+){4}\S+$")
    time_zone: str = "Etc/UTC"
    cpu_millicores: PositiveInt = 1000
    memory_mib: PositiveInt = 2048
    deadline_s: PositiveInt = 3600


class Capture(pulumi.ComponentResource):
    """Capture one data set into the volume of a claim; runs of the same job never overlap.

    Outputs: dataset, folder (of the claim). Version and row count are in the catalog, which the Job writes.
    """

    Args: ClassVar[type[CaptureArgs]] = CaptureArgs
    dataset: pulumi.Output[str]
    folder: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: CaptureArgs,
        *,
        namespace: pulumi.Input[str],
        claim: pulumi.Input[str],
        database: DatabaseEndpoint,
        schema: SchemaState,
        privacy_key: SecretHandle,
        identity: WorkloadPrincipal | None = None,
        priority_class: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:kubernetes:Capture", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self)
        labels, selector = labels_of(Role.CAPTURE, name), selector_of(Role.CAPTURE, name)
        account = service_account(name, namespace=namespace, labels=labels, identity=identity, opts=inside)
        settings = SettingsFile(
            f"{name}-config",
            "capture.json",
            {
                "job": args.dataset,
                "dataset": args.dataset,
                "source": args.source,
                "columns": list(args.columns),
                "datasets_dir": _DATASETS,
                "state_dir": f"{_DATASETS}/.state",
                "dsn_file": secret_path("dsn"),
                "privacy_key_file": secret_path("privacy-key"),
                "max_quarantined_fraction": args.max_quarantined_fraction,
            },
            namespace=namespace,
            labels=labels,
            opts=inside,
        )
        policy = network_policy(
            f"{name}-traffic",
            selector,
            namespace=namespace,
            labels=labels,
            opts=inside,
            egress=[args.surroundings.to_database(), *args.surroundings.to_object_store()],
        )
        secrets = {"dsn": database.dsn, "privacy-key": privacy_key}
        run = container(
            "capture",
            args.runtime_image,
            command=("/opt/inferloop/bin/inferloop-runtime", "capture", "run"),
            args=("--config", settings.path, "--json"),
            mounts=[*secret_mounts(tuple(secrets)), settings.mount, {"name": "datasets", "mountPath": _DATASETS}],
            resources=Resources(cpu_millicores=args.cpu_millicores, memory_mib=args.memory_mib),
        )
        template = pod_template(
            labels=labels,
            service_account=account,
            annotations={**revisions(secrets), "inferloop.dev/schema": schema.revision},
            containers=[run],
            volumes=[
                *secret_volumes(secrets),
                settings.volume,
                {"name": "datasets", "persistentVolumeClaim": {"claimName": claim}},
            ],
            priority_class=priority_class,
        )
        spec = job_spec(template, deadline_s=args.deadline_s, retries=2)
        suffix = pulumi.Output.all(settings.revision, schema.revision, privacy_key.revision).apply(
            lambda known: suffix_of(args.runtime_image, *map(str, known))
        )
        first_name = pulumi.Output.concat(name, "-", suffix)
        metadata: ApiObject = {"name": first_name, "namespace": namespace, "labels": labels}
        first = kubernetes.batch.v1.Job(
            f"{name}-first-run",
            metadata=metadata,
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        if args.schedule is not None:
            cron: ApiObject = {
                "schedule": args.schedule,
                "timeZone": args.time_zone,
                "concurrencyPolicy": "Forbid",
                # A run that was missed by more than an hour is left to the next one.
                "startingDeadlineSeconds": 3600,
                "successfulJobsHistoryLimit": 3,
                "failedJobsHistoryLimit": 3,
                "jobTemplate": {"metadata": {"labels": labels}, "spec": spec},
            }
            kubernetes.batch.v1.CronJob(
                f"{name}-schedule",
                metadata={"name": name, "namespace": namespace, "labels": labels},
                spec=cron,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[first]),
            )
        self.dataset = first.id.apply(lambda _: args.dataset)
        self.folder = pulumi.Output.from_input(f"{_DATASETS}/{args.dataset}")
        self.register_outputs({"dataset": self.dataset, "folder": self.folder})
