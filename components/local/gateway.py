"""The gateway as a supervised process on loopback, with the stack's first API key and its usage journal."""

from typing import ClassVar, Literal

import pulumi
from pydantic import BaseModel, ConfigDict, PositiveInt

from components.contracts import (
    DatabaseEndpoint,
    GatewayEndpoint,
    ModelEndpoint,
    SchemaState,
    SecretHandle,
    VolumeHandle,
)
from components.local.providers.access_key import AccessKey
from components.local.providers.config_file import ConfigFile
from components.local.runtime_command import runtime_executable
from components.local.supervision import Program
from components.local.supervisor import Supervisor

ROLE = "gateway"
_DRAIN_S = 30


class GatewayArgs(BaseModel):
    """Who may read the console, and the tenant and name of the first key."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    console_access: Literal["open", "key"] = "key"
    tenant: str = "default"
    key_name: str = "first"
    start_timeout_s: PositiveInt = 30


class Gateway(pulumi.ComponentResource):
    """Run the API layer before one model server.

    Outputs: url, console_url. The endpoint's keys are secret. The admin key is a secret of its own that the gateway
    compares; it is no row of the database, so that it works when the database does not.
    """

    Args: ClassVar[type[GatewayArgs]] = GatewayArgs
    endpoint: GatewayEndpoint

    def __init__(
        self,
        name: str,
        args: GatewayArgs,
        *,
        platform: Supervisor,
        upstream: ModelEndpoint,
        database: DatabaseEndpoint,
        schema: SchemaState,
        journal: VolumeHandle,
        admin_key: SecretHandle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:local:Gateway", name, {}, opts)
        layout = platform.layout
        key = AccessKey(
            f"{name}-first-key",
            key_file=layout.secrets / "api-key",
            inputs={
                "dsn_file": database.dsn.reference,
                "tenant": args.tenant,
                "key_name": args.key_name,
                "scopes": ["inference"],
                "schema_revision": schema.revision,
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        config = ConfigFile(
            f"{name}-config",
            path=layout.config / "gateway.json",
            settings={
                "stack": platform.args.stack,
                "host": platform.args.host,
                "port": platform.port(ROLE),
                "dsn_file": database.dsn.reference,
                "admin_key_file": admin_key.reference,
                "upstreams": [{"model": upstream.model_id, "url": upstream.url}],
                "journal_dir": journal.uri,
                "console_access": args.console_access,
                "drain_timeout_s": _DRAIN_S,
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[platform.folders]),
        )
        server = platform.process(
            f"{name}-server",
            role=ROLE,
            program=config.location.apply(
                lambda path: Program(
                    name=ROLE, command=(runtime_executable(), "gateway", "--config", path), stop_timeout_s=_DRAIN_S + 5
                )
            ),
            readiness={
                "url": platform.address(ROLE, "/readyz"),
                # While its model server is away it is not ready, and nothing is wrong with it.
                "alive_url": platform.address(ROLE, "/healthz"),
                "timeout_s": args.start_timeout_s,
            },
            triggers={
                "config": config.revision,
                "dsn": database.dsn.revision,
                "schema": schema.revision,
                "admin_key": admin_key.revision,
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[key]),
        )
        url = pulumi.Output.all(server.urn, platform.address(ROLE)).apply(lambda known: str(known[1]))
        self.endpoint = GatewayEndpoint(
            url=url,
            console_url=pulumi.Output.concat(url, "/console"),
            metrics_url=pulumi.Output.concat(url, "/metrics"),
            api_key=SecretHandle(reference=key.location, value=pulumi.Output.secret(key.value), revision=key.revision),
            admin_key=admin_key,
        )
        self.register_outputs({"url": url, "console_url": self.endpoint.console_url})
