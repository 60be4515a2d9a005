"""What workloads may do in AWS, by EKS Pod Identity: reading and writing named buckets, secrets and measurements.

A workload asks for access in words of the suite; the statements are written here, on named resources only.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.aws.account import Account
from components.aws.pod_role import pod_role
from components.aws.policy import Statement, allow, document
from components.contracts import BucketHandle, ClusterHandle, KeyHandle, SecretHandle, WorkloadPrincipal
from components.errors import SettingsError

KubernetesName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
_READ_OBJECTS = ("s3:GetObject", "s3:GetObjectVersion")
_WRITE_OBJECTS = ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")


class WorkloadArgs(BaseModel):
    """One workload's service account, and the roles of the buckets and the names of the secrets that it needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    namespace: KubernetesName
    service_account: KubernetesName
    read_buckets: tuple[str, ...] = ()
    write_buckets: tuple[str, ...] = ()
    read_secrets: tuple[str, ...] = ()


class WorkloadIdentityArgs(BaseModel):
    """The workloads by name; no two may share a service account."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    workloads: Mapping[KubernetesName, WorkloadArgs]

    @model_validator(mode="after")
    def _are_apart(self) -> "WorkloadIdentityArgs":
        owners: dict[tuple[str, str], str] = {}
        for name, it in self.workloads.items():
            first = owners.setdefault((it.namespace, it.service_account), name)
            if first != name:
                raise ValueError(
                    f"{first} and {name} share the service account {it.namespace}/{it.service_account}; "
                    "give each its own"
                )
        return self


class WorkloadIdentity(pulumi.ComponentResource):
    """Make one role for each workload and tie it to its service account. Outputs: roles (ARNs by workload).

    Service accounts need no annotation. Raises SettingsError for a bucket or secret that is not wired in.
    """

    Args: ClassVar[type[WorkloadIdentityArgs]] = WorkloadIdentityArgs
    identities: Mapping[str, WorkloadPrincipal]

    def __init__(
        self,
        name: str,
        args: WorkloadIdentityArgs,
        *,
        platform: Account,
        cluster: ClusterHandle,
        buckets: Mapping[str, BucketHandle],
        secrets: Mapping[str, SecretHandle],
        secret_key: KeyHandle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:aws:WorkloadIdentity", name, {}, opts)
        identities: dict[str, WorkloadPrincipal] = {}
        for workload, wanted in args.workloads.items():
            _check_wired(workload, "bucket", (*wanted.read_buckets, *wanted.write_buckets), buckets)
            _check_wired(workload, "secret", wanted.read_secrets, secrets)
            role = pod_role(
                f"{name}-{workload}",
                parent=self,
                platform=platform,
                cluster=cluster.name,
                namespace=wanted.namespace,
                service_account=wanted.service_account,
                description=f"The workload {workload}",
            )
            statements = _statements(wanted, buckets, secrets, secret_key)
            if statements:
                aws.iam.RolePolicy(
                    f"{name}-{workload}-policy",
                    role=role.id,
                    policy=document(statements),
                    opts=platform.options(self),
                )
            aws.eks.PodIdentityAssociation(
                f"{name}-{workload}-pods",
                cluster_name=cluster.name,
                namespace=wanted.namespace,
                service_account=wanted.service_account,
                role_arn=role.arn,
                tags=platform.tags(f"{name}-{workload}-pods"),
                opts=platform.options(self),
            )
            identities[workload] = WorkloadPrincipal(
                id=role.arn, namespace=wanted.namespace, service_account=wanted.service_account, annotations={}
            )
        self.identities = identities
        self.register_outputs({"roles": {workload: it.id for workload, it in identities.items()}})


def _check_wired(workload: str, what: str, names: tuple[str, ...], known: Mapping[str, object]) -> None:
    if missing := sorted(set(names) - set(known)):
        raise SettingsError(
            f"workload {workload} asks for the {what} {', '.join(missing)}; there are {', '.join(known)}"
        )


def _statements(
    wanted: WorkloadArgs,
    buckets: Mapping[str, BucketHandle],
    secrets: Mapping[str, SecretHandle],
    secret_key: KeyHandle,
) -> list[Statement]:
    statements: list[Statement] = []
    readable = [buckets[role] for role in dict.fromkeys((*wanted.read_buckets, *wanted.write_buckets))]
    writable = [buckets[role] for role in wanted.write_buckets]
    if readable:
        objects = [pulumi.Output.concat(bucket.id, "/*") for bucket in readable]
        statements += [
            allow("ListBuckets", ("s3:ListBucket", "s3:GetBucketLocation"), [bucket.id for bucket in readable]),
            allow("ReadObjects", _READ_OBJECTS, objects),
            allow("DecryptObjects", ("kms:Decrypt",), _keys(readable)),
        ]
    if writable:
        objects = [pulumi.Output.concat(bucket.id, "/*") for bucket in writable]
        statements += [
            allow("WriteObjects", _WRITE_OBJECTS, objects),
            allow("EncryptObjects", ("kms:GenerateDataKey",), _keys(writable)),
        ]
    if wanted.read_secrets:
        references = [secrets[name].reference for name in wanted.read_secrets]
        statements += [
            allow("ReadSecrets", ("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"), references),
            allow("DecryptSecrets", ("kms:Decrypt",), [secret_key.id]),
        ]
    return statements


def _keys(buckets: Sequence[BucketHandle]) -> list[pulumi.Output[str]]:
    """Return each key once; handles of one key are one object."""
    return [key.id for key in {id(bucket.key): bucket.key for bucket in buckets}.values()]
