"""The database's migrations as a Job that finishes before anything reads a table; it makes no database."""

from typing import ClassVar

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, PositiveInt

from components.contracts import DatabaseEndpoint, SchemaState
from components.kubernetes.api_object import ApiObject, ImageDigest
from components.kubernetes.jobs import job_spec, suffix_of
from components.kubernetes.labels import Role, labels_of, selector_of
from components.kubernetes.pods import Resources, container, pod_template
from components.kubernetes.secret_files import secret_mounts, secret_path, secret_volumes
from components.kubernetes.service_account import service_account
from components.kubernetes.traffic import Surroundings, network_policy


class MigrationsArgs(BaseModel):
    """The image that holds the migrations, and the revision to reach."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    runtime_image: ImageDigest
    surroundings: Surroundings
    revision: str = "head"
    deadline_s: PositiveInt = 900


class Migrations(pulumi.ComponentResource):
    """Migrate the database once for each image and revision, and keep what needs the tables waiting until then.

    Output: revision, which is known only when the Job has completed: who is given `state` waits for it.
    """

    Args: ClassVar[type[MigrationsArgs]] = MigrationsArgs
    state: SchemaState

    def __init__(
        self,
        name: str,
        args: MigrationsArgs,
        *,
        namespace: pulumi.Input[str],
        database: DatabaseEndpoint,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:kubernetes:Migrations", name, {}, opts)
        labels = labels_of(Role.MIGRATIONS, name)
        account = service_account(name, namespace=namespace, labels=labels, opts=pulumi.ResourceOptions(parent=self))
        policy = network_policy(
            f"{name}-traffic",
            selector_of(Role.MIGRATIONS, name),
            namespace=namespace,
            labels=labels,
            opts=pulumi.ResourceOptions(parent=self),
            egress=[args.surroundings.to_database()],
        )
        secrets = {"dsn": database.dsn}
        migrate = container(
            "migrate",
            args.runtime_image,
            command=("/opt/inferloop/bin/inferloop-runtime", "migrate", "up"),
            args=("--dsn-file", secret_path("dsn"), "--revision", args.revision),
            mounts=secret_mounts(tuple(secrets)),
            resources=Resources(cpu_millicores=100, memory_mib=512),
        )
        template = pod_template(
            labels=labels, service_account=account, containers=[migrate], volumes=secret_volumes(secrets)
        )
        metadata: ApiObject = {
            "name": f"{name}-{suffix_of(args.runtime_image, args.revision)}",
            "namespace": namespace,
            "labels": labels,
        }
        job = kubernetes.batch.v1.Job(
            f"{name}-job",
            metadata=metadata,
            spec=job_spec(template, deadline_s=args.deadline_s, retries=3),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        reached = f"{args.revision}@{suffix_of(args.runtime_image, args.revision)}"
        self.state = SchemaState(revision=job.id.apply(lambda _: reached))
        self.register_outputs({"revision": self.state.revision})
