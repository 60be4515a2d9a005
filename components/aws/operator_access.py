"""What a cluster's operators may do on AWS, each by a role of its own, and how they are told of its services.

Operators are installed by components/kubernetes; a role that nobody takes does nothing. Permissions are those that the
operators' own documentation asks for, narrowed to this stack's resources.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict

from components.aws.account import Account
from components.aws.pod_role import pod_role
from components.aws.policy import Statement, allow, document
from components.contracts import (
    AlertRoute,
    BucketHandle,
    ClusterHandle,
    EdgeEndpoint,
    KeyHandle,
    SecretHandle,
    TelemetryEndpoint,
    WorkloadPrincipal,
)
from components.contracts.operator_facts import OperatorFacts, ServiceAccountName


class OperatorAccessArgs(BaseModel):
    """Whether load balancers that the cluster makes are reached from the internet."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    internet_facing: bool = True


class OperatorAccess(pulumi.ComponentResource):
    """Make one role for each operator that speaks to AWS. Outputs: roles (ARNs by operator).

    `accounts` are the operators' service accounts: `external-secrets`, `prometheus`, `backup`, and, where there is an
    edge or alerts, `cert-manager` and `alertmanager`. `secrets` are all that the cluster may read.
    """

    Args: ClassVar[type[OperatorAccessArgs]] = OperatorAccessArgs
    facts: OperatorFacts

    def __init__(
        self,
        name: str,
        args: OperatorAccessArgs,
        *,
        platform: Account,
        cluster: ClusterHandle,
        accounts: Mapping[str, ServiceAccountName],
        secrets: Sequence[SecretHandle],
        secret_key: KeyHandle,
        telemetry: TelemetryEndpoint,
        backups: BucketHandle,
        disk_key: KeyHandle,
        edge: EdgeEndpoint | None = None,
        alerts: AlertRoute | None = None,
        alert_key: KeyHandle | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:aws:OperatorAccess", name, {}, opts)
        self._name, self._platform, self._cluster = name, platform, cluster
        wanted: dict[str, list[Statement]] = {
            "external-secrets": _secrets(secrets, secret_key),
            "prometheus": [allow("WriteMeasurements", ("aps:RemoteWrite",), [telemetry.id])],
            "backup": _backups(backups),
        }
        if edge is not None:
            wanted["cert-manager"] = _names(platform, edge)
        if alerts is not None and alert_key is not None:
            wanted["alertmanager"] = _alerts(alerts, alert_key)
        identities = {
            operator: self._identity(operator, accounts[operator], statements)
            for operator, statements in wanted.items()
        }
        region = platform.region
        # https://docs.aws.amazon.com/eks/latest/userguide/network-load-balancing.html
        prefix = "service.beta.kubernetes.io/aws-load-balancer"
        self.facts = OperatorFacts(
            # https://external-secrets.io/latest/provider/aws-secrets-manager/
            secret_provider={"aws": {"service": "SecretsManager", "region": region}},
            # https://cert-manager.io/docs/configuration/acme/dns01/route53/
            dns_solver=None if edge is None else {"route53": {"region": region, "hostedZoneID": edge.zone}},
            # https://prometheus.io/docs/alerting/latest/configuration/#sns_config
            receivers={
                severity: {"sns_configs": [{"topic_arn": topic, "sigv4": {"region": region}}]}
                for severity, topic in (alerts.routes if alerts is not None else {}).items()
            },
            remote_write_url=telemetry.remote_write_url,
            remote_write={"sigv4": {"region": region}},
            # https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/parameters.md
            volume_provisioner="ebs.csi.aws.com",
            volume_parameters={"type": "gp3", "encrypted": "true", "kmsKeyId": disk_key.id},
            entrance_annotations={
                f"{prefix}-type": "nlb",
                f"{prefix}-{'scheme' if args.internet_facing else 'internal'}": (
                    "internet-facing" if args.internet_facing else "true"
                ),
            },
            backup_provider="aws",
            backup_bucket=backups.name,
            # https://github.com/vmware-tanzu/velero-plugin-for-aws/blob/main/backupstoragelocation.md
            backup_location={"region": region, "kmsKeyId": backups.key.id},
            identities=identities,
        )
        self.register_outputs({"roles": {operator: it.id for operator, it in identities.items()}})

    def _identity(
        self, operator: str, account: ServiceAccountName, statements: Sequence[Statement]
    ) -> WorkloadPrincipal:
        name, platform = f"{self._name}-{operator}", self._platform
        role = pod_role(
            name,
            parent=self,
            platform=platform,
            cluster=self._cluster.name,
            namespace=account.namespace,
            service_account=account.service_account,
            description=f"The operator {operator}",
        )
        aws.iam.RolePolicy(f"{name}-policy", role=role.id, policy=document(statements), opts=platform.options(self))
        aws.eks.PodIdentityAssociation(
            f"{name}-pods",
            cluster_name=self._cluster.name,
            namespace=account.namespace,
            service_account=account.service_account,
            role_arn=role.arn,
            tags=platform.tags(f"{name}-pods"),
            opts=platform.options(self),
        )
        return WorkloadPrincipal(
            id=role.arn, namespace=account.namespace, service_account=account.service_account, annotations={}
        )


def _secrets(secrets: Sequence[SecretHandle], key: KeyHandle) -> list[Statement]:
    references: list[Any] = [secret.reference for secret in secrets]
    return [
        allow("ReadSecrets", ("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"), references),
        allow("DecryptSecrets", ("kms:Decrypt",), [key.id]),
    ]


def _backups(bucket: BucketHandle) -> list[Statement]:
    """https://github.com/vmware-tanzu/velero-plugin-for-aws#set-permissions-for-velero, without volumes' snapshots."""
    objects = (
        "s3:GetObject",
        "s3:DeleteObject",
        "s3:PutObject",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
    )
    return [
        allow("FindBackups", ("s3:ListBucket",), [bucket.id]),
        allow("KeepBackups", objects, [pulumi.Output.concat(bucket.id, "/*")]),
        allow("EncryptBackups", ("kms:Decrypt", "kms:GenerateDataKey"), [bucket.key.id]),
    ]


def _names(platform: Account, edge: EdgeEndpoint) -> list[Statement]:
    """https://cert-manager.io/docs/configuration/acme/dns01/route53/#set-up-an-iam-policy."""
    zone = pulumi.Output.concat(f"arn:{platform.partition}:route53:::hostedzone/", edge.zone)
    return [
        allow("WaitForRecords", ("route53:GetChange",), [f"arn:{platform.partition}:route53:::change/*"]),
        allow("ProveNames", ("route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"), [zone]),
    ]


def _alerts(alerts: AlertRoute, key: KeyHandle) -> list[Statement]:
    return [
        allow("SendAlerts", ("sns:Publish",), list(alerts.routes.values())),
        allow("EncryptAlerts", ("kms:Decrypt", "kms:GenerateDataKey"), [key.id]),
    ]
