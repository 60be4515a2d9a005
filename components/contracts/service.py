"""What a text-generation service is made of: Output-typed results and one Protocol for each capability."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import pulumi

from components.contracts.capability import Capabilities, Capability


@dataclass(frozen=True, kw_only=True)
class SecretHandle:
    """One secret: its `value` (secret), its `reference` for workloads, and a `revision` that changes with the value."""

    reference: pulumi.Output[str]
    value: pulumi.Output[str]
    revision: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class VolumeHandle:
    """Storage that outlives what writes to it. `uri` is a folder on one machine, a bucket and prefix in a cloud."""

    uri: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class DatabaseEndpoint:
    """Where a PostgreSQL database listens; `dsn` holds the `postgresql://` URL, password included.

    `nodes` are the provider's ids of its machines, and `cluster` of what they form where they share one storage;
    alarms are raised on them.
    """

    host: pulumi.Output[str]
    port: pulumi.Output[int]
    database: pulumi.Output[str]
    user: pulumi.Output[str]
    dsn: SecretHandle
    nodes: Sequence[pulumi.Output[str]] = ()
    cluster: pulumi.Output[str] | None = None


@dataclass(frozen=True, kw_only=True)
class SchemaState:
    """The migration that a database is at; what reads tables waits for it."""

    revision: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class ModelArtifact:
    """A model's files, ready to be served. `revision` is a digest over all of them."""

    model_id: pulumi.Output[str]
    uri: pulumi.Output[str]
    revision: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class ModelEndpoint:
    """Where one model is served by TGI's and OpenAI's APIs; `url` has no path and no closing slash.

    `shard_plan` is the planner's answer for `shards`: memory for each GPU, and the GPU kinds that hold it.
    """

    model_id: pulumi.Output[str]
    url: pulumi.Output[str]
    metrics_url: pulumi.Output[str]
    shards: pulumi.Output[int]
    shard_plan: pulumi.Output[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class GatewayEndpoint:
    """Where clients reach the models, and the first credentials."""

    url: pulumi.Output[str]
    console_url: pulumi.Output[str]
    metrics_url: pulumi.Output[str]
    api_key: SecretHandle
    admin_key: SecretHandle


@dataclass(frozen=True, kw_only=True)
class CapturedDataset:
    """One captured data set. `uri` is the folder or prefix of its newest version."""

    name: pulumi.Output[str]
    uri: pulumi.Output[str]
    version: pulumi.Output[int]
    row_count: pulumi.Output[int]


@dataclass(frozen=True, kw_only=True)
class MetricsEndpoint:
    """Where measurements are read; `prometheus_url` is null where no server stores them."""

    url: pulumi.Output[str]
    prometheus_url: pulumi.Output[str | None]


@runtime_checkable
class Platform(Protocol):
    """The foundation that a cloud's other components stand on. `description` is what status commands need of it."""

    @property
    def capabilities(self) -> Capabilities:
        """What this cloud can do."""

    @property
    def description(self) -> pulumi.Output[Mapping[str, Any]]:
        """How an operator's command line reaches the foundation: addresses and references, never a secret."""


@runtime_checkable
class Secrets(Protocol):
    """Generates secrets once and keeps them until they are rotated."""

    @property
    def handles(self) -> Mapping[str, SecretHandle]:
        """Each secret by the name that it was asked for under."""


@runtime_checkable
class Volumes(Protocol):
    """Storage that is protected from deletion and depends on no process."""

    @property
    def handles(self) -> Mapping[str, VolumeHandle]:
        """Each volume by the name that it was asked for under."""


@runtime_checkable
class Database(Protocol):
    """A PostgreSQL server with pgvector, one database and its owner."""

    @property
    def endpoint(self) -> DatabaseEndpoint:
        """Where it listens, once it accepts connections."""


@runtime_checkable
class Schema(Protocol):
    """The database's migrations."""

    @property
    def state(self) -> SchemaState:
        """The migration that was reached."""


@runtime_checkable
class Weights(Protocol):
    """A model's files, fetched or converted, and verified."""

    @property
    def artifact(self) -> ModelArtifact:
        """The files, once every digest was verified."""


@runtime_checkable
class ModelServer(Protocol):
    """A model server with one or more shards."""

    @property
    def endpoint(self) -> ModelEndpoint:
        """Where it serves, once it is healthy."""


@runtime_checkable
class Gateway(Protocol):
    """The API layer before the model servers."""

    @property
    def endpoint(self) -> GatewayEndpoint:
        """Where clients go, once it is ready."""


@runtime_checkable
class Capture(Protocol):
    """One capture job and the data set that it keeps."""

    @property
    def dataset(self) -> CapturedDataset:
        """The data set, once a run was committed."""


@runtime_checkable
class Metrics(Protocol):
    """The metrics exporter and, where there is one, the server that stores its figures."""

    @property
    def endpoint(self) -> MetricsEndpoint:
        """Where measurements are read."""


CONTRACTS: Mapping[Capability, type] = {
    Capability.PLATFORM: Platform,
    Capability.SECRETS: Secrets,
    Capability.VOLUMES: Volumes,
    Capability.DATABASE: Database,
    Capability.SCHEMA: Schema,
    Capability.WEIGHTS: Weights,
    Capability.MODEL_SERVER: ModelServer,
    Capability.GATEWAY: Gateway,
    Capability.CAPTURE: Capture,
    Capability.METRICS: Metrics,
}
