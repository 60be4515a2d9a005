"""What every tenant of the library has: a closed namespace, migrated tables, models, a gateway and its telemetry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import pulumi
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.contracts import (
    DatabaseEndpoint,
    GatewayEndpoint,
    ModelArtifact,
    NodePool,
    SchemaState,
    SecretHandle,
    WorkloadPrincipal,
)
from components.kubernetes.api_object import ObjectName
from components.kubernetes.autoscaling import ModelAutoscaler, ModelAutoscalerArgs
from components.kubernetes.external_secrets import ExternalSecrets, ExternalSecretsArgs
from components.kubernetes.gateway import Gateway, GatewayArgs
from components.kubernetes.ingress import Ingress, IngressArgs
from components.kubernetes.migrations import Migrations, MigrationsArgs
from components.kubernetes.model_server import ModelServer, ModelServerArgs
from components.kubernetes.namespace import Namespace, NamespaceArgs
from components.kubernetes.priority_classes import Priority
from components.kubernetes.telemetry import Telemetry, TelemetryArgs

SECRET_NAMES = ("api-key", "admin-key", "privacy-key")
"""The secrets that a tenant needs beside its database's DSN."""


class ServedModel(BaseModel):
    """One model and, where it is scaled, the load that a replica should carry."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    server: ModelServerArgs
    autoscaler: ModelAutoscalerArgs | None = None

    @model_validator(mode="after")
    def _agree_on_replicas(self) -> Self:
        if self.server.autoscaled != (self.autoscaler is not None):
            raise ValueError("server.autoscaled must be true exactly where an autoscaler is given")
        return self


class LanguageServiceArgs(BaseModel):
    """The parts' own arguments; `models` are by the name of their Deployment."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    namespace: NamespaceArgs
    secrets: ExternalSecretsArgs
    migrations: MigrationsArgs
    models: dict[ObjectName, ServedModel] = Field(min_length=1)
    gateway: GatewayArgs
    telemetry: TelemetryArgs = TelemetryArgs()
    ingress: IngressArgs | None = None


@dataclass(frozen=True, kw_only=True)
class Foundations:
    """What the cloud gives a tenant. `artifacts`, `pools` and `identities` are by the model's name.

    A model may have no pool, and no identity where its weights are read without one; no two share an identity.
    """

    database: DatabaseEndpoint
    secrets: Mapping[str, SecretHandle]
    artifacts: Mapping[str, ModelArtifact]
    pools: Mapping[str, NodePool]
    priorities: Mapping[Priority, pulumi.Output[str]]
    identities: Mapping[str, WorkloadPrincipal] = field(default_factory=dict)


class LanguageService(pulumi.ComponentResource):
    """Serve models to one tenant's clients.

    Outputs: url, namespace. `database`, `schema` and `secrets` are what further workloads of the namespace are given;
    their references are names of its Kubernetes Secrets.
    """

    Args: ClassVar[type[LanguageServiceArgs]] = LanguageServiceArgs
    endpoint: GatewayEndpoint
    url: pulumi.Output[str]
    namespace: pulumi.Output[str]
    database: DatabaseEndpoint
    schema: SchemaState
    secrets: Mapping[str, SecretHandle]

    def __init__(
        self,
        name: str,
        args: LanguageServiceArgs,
        *,
        foundations: Foundations,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:workloads:LanguageService", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self)
        self.namespace = Namespace(f"{name}-base", args.namespace, opts=inside).namespace
        database = foundations.database
        self.secrets = ExternalSecrets(
            f"{name}-secrets",
            args.secrets,
            namespace=self.namespace,
            secrets={"dsn": database.dsn, **{key: foundations.secrets[key] for key in SECRET_NAMES}},
            opts=inside,
        ).handles
        self.database = DatabaseEndpoint(
            host=database.host,
            port=database.port,
            database=database.database,
            user=database.user,
            dsn=self.secrets["dsn"],
        )
        self.schema = Migrations(
            f"{name}-migrations", args.migrations, namespace=self.namespace, database=self.database, opts=inside
        ).state
        servers = {
            model: ModelServer(
                f"{name}-{model}",
                served.server,
                namespace=self.namespace,
                artifact=foundations.artifacts[model],
                pool=foundations.pools.get(model),
                identity=foundations.identities.get(model),
                priority_class=foundations.priorities[Priority.SERVING],
                opts=inside,
            )
            for model, served in args.models.items()
        }
        for model, served in args.models.items():
            if served.autoscaler is not None:
                ModelAutoscaler(
                    f"{name}-{model}-autoscaler",
                    served.autoscaler,
                    namespace=self.namespace,
                    workload=servers[model].workload,
                    metrics=servers[model].server.metrics,
                    opts=inside,
                )
        gateway = Gateway(
            f"{name}-gateway",
            args.gateway,
            namespace=self.namespace,
            upstreams=[server.endpoint for server in servers.values()],
            database=self.database,
            schema=self.schema,
            api_key=self.secrets["api-key"],
            admin_key=self.secrets["admin-key"],
            priority_class=foundations.priorities[Priority.GATEWAY],
            opts=inside,
        )
        Telemetry(
            f"{name}-telemetry",
            args.telemetry,
            namespace=self.namespace,
            gateway=f"{name}-gateway",
            model_servers={f"{name}-{model}": server.server.metrics for model, server in servers.items()},
            opts=inside,
        )
        self.endpoint = gateway.endpoint
        self.url = gateway.endpoint.url
        if args.ingress is not None:
            self.url = Ingress(
                f"{name}-ingress", args.ingress, namespace=self.namespace, service=gateway.workload, opts=inside
            ).url
        self.register_outputs({"url": self.url, "namespace": self.namespace})
