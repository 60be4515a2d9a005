"""Managed Prometheus for measurements, and log groups for what workloads print; both encrypted by the stack's keys.

Collectors run in the cluster and write by their own Pod Identity; dashboards are not made here.
"""

from typing import Annotated, ClassVar

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, Field

from components.aws.account import Account
from components.aws.retention import Retention
from components.contracts import KeyHandle, TelemetryEndpoint

LogName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]


class TelemetryArgs(BaseModel):
    """The log groups by name, and how long they are kept; measurements are kept for 150 days by the service."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    logs: tuple[LogName, ...] = ("workloads",)
    log_retention_days: Retention = 90


class Telemetry(pulumi.ComponentResource):
    """Make one Prometheus workspace and the log groups. Outputs: remote_write_url, query_url, logs (names)."""

    Args: ClassVar[type[TelemetryArgs]] = TelemetryArgs
    endpoint: TelemetryEndpoint

    def __init__(
        self,
        name: str,
        args: TelemetryArgs,
        *,
        platform: Account,
        key: KeyHandle,
        log_key: KeyHandle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:aws:Telemetry", name, {}, opts)
        groups = {
            role: aws.cloudwatch.LogGroup(
                f"{name}-{role}",
                name=f"/inferloop/{platform.args.tags.stack}/{role}",
                kms_key_id=log_key.id,
                retention_in_days=args.log_retention_days,
                tags=platform.tags(f"{name}-{role}"),
                opts=platform.options(self),
            )
            for role in ("prometheus", *args.logs)
        }
        workspace = aws.amp.Workspace(
            f"{name}-prometheus-workspace",
            alias=platform.args.tags.stack,
            kms_key_arn=key.id,
            logging_configuration=aws.amp.WorkspaceLoggingConfigurationArgs(
                log_group_arn=pulumi.Output.concat(groups["prometheus"].arn, ":*")
            ),
            tags=platform.tags(f"{name}-prometheus-workspace"),
            opts=platform.options(self),
        )
        # The endpoint ends in a slash.
        self.endpoint = TelemetryEndpoint(
            id=workspace.arn,
            remote_write_url=pulumi.Output.concat(workspace.prometheus_endpoint, "api/v1/remote_write"),
            query_url=pulumi.Output.concat(workspace.prometheus_endpoint, "api/v1/query"),
            logs={role: group.name for role, group in groups.items()},
        )
        self.register_outputs(
            {
                "remote_write_url": self.endpoint.remote_write_url,
                "query_url": self.endpoint.query_url,
                "logs": self.endpoint.logs,
            }
        )
