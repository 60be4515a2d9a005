"""Phase 1, development: everything on one machine."""

from collections.abc import Mapping
from typing import Any

from components.contracts import Capability
from components.registry import component
from stacks.phases.development_guide import GUIDE
from stacks.phases.phase import Deliverable, Phase
from stacks.phases.preflight import check_model
from stacks.settings import LocalSettings

_VOLUMES = ("postgres", "datasets", "journal", "keys")
_SECRETS = ("database-password", "admin-key")
# Hashed columns join only while their key lives, so it is kept with the data.
_DATA_SECRETS = ("privacy-key",)


def preflight(settings: LocalSettings) -> None:
    """Refuse what cannot be served. Raises PreflightError."""
    check_model(settings.model)


def compose(stack: str, settings: LocalSettings) -> Mapping[str, Any]:
    """Compose the development stack and return its outputs."""

    def made(capability: Capability, name: str, args: Mapping[str, Any], **wiring: Any) -> Any:
        kind = component(settings.cloud, capability)
        return kind(name, kind.Args(**args), **wiring)

    root = settings.root_of(stack)
    volumes = made(Capability.VOLUMES, "volumes", {"root": root, "names": _VOLUMES}).handles
    platform = made(
        Capability.PLATFORM, "supervisor", {"stack": stack, "root": root, "ports": settings.ports.model_dump()}
    )
    secrets = made(Capability.SECRETS, "secrets", {"names": _SECRETS}, platform=platform).handles
    data_secrets = made(
        Capability.SECRETS, "data-secrets", {"names": _DATA_SECRETS}, platform=platform, volume=volumes["keys"]
    ).handles
    database = made(
        Capability.DATABASE,
        "database",
        settings.database.model_dump(),
        platform=platform,
        volume=volumes["postgres"],
        password=secrets["database-password"],
    ).endpoint
    schema = made(Capability.SCHEMA, "schema", {}, platform=platform, database=database).state
    model = settings.model
    artifact = made(
        Capability.WEIGHTS, "weights", {"source": model.source, "name": model.name}, platform=platform
    ).artifact
    server = made(
        Capability.MODEL_SERVER,
        "model-server",
        model.model_dump(exclude={"source", "name"}),
        platform=platform,
        artifact=artifact,
        database=database,
        schema=schema,
    ).endpoint
    gateway = made(
        Capability.GATEWAY,
        "gateway",
        {"console_access": settings.console_access},
        platform=platform,
        upstream=server,
        database=database,
        schema=schema,
        journal=volumes["journal"],
        admin_key=secrets["admin-key"],
    ).endpoint
    datasets = [
        made(
            Capability.CAPTURE,
            f"capture-{job.dataset}",
            job.model_dump(mode="json"),
            platform=platform,
            volume=volumes["datasets"],
            database=database,
            schema=schema,
            privacy_key=data_secrets["privacy-key"],
        ).dataset
        for job in settings.capture
    ]
    metrics = made(
        Capability.METRICS,
        "metrics",
        {"run_prometheus": settings.prometheus == "auto", "scrape_interval_s": settings.scrape_interval_s},
        platform=platform,
        database=database,
        schema=schema,
        targets={"gateway": gateway.metrics_url, "model-server": server.metrics_url},
    ).endpoint
    return {
        "gateway_url": gateway.url,
        "console_url": gateway.console_url,
        "metrics_url": metrics.url,
        "prometheus_url": metrics.prometheus_url,
        "dsn": database.dsn.value,
        "api_key": gateway.api_key.value,
        "admin_key_file": gateway.admin_key.reference,
        "dataset_path": datasets[0].uri if datasets else None,
        "model": server.model_id,
        "shards": server.shards,
        "shard_plan": server.shard_plan,
        "stack_dir": str(root),
        "supervisor": platform.description,
    }


DELIVERABLES = (
    Deliverable(
        name="gateway_url", description="Where clients send requests, with any OpenAI client or InferenceClient"
    ),
    Deliverable(name="console_url", description="Page that shows state, rates, models, shards and captures"),
    Deliverable(
        name="metrics_url", description="Prometheus text metrics of every process, the database and the catalog"
    ),
    Deliverable(name="prometheus_url", description="Prometheus, where its program is installed; null elsewhere"),
    Deliverable(name="dsn", description="PostgreSQL URL of the database, password included", secret=True),
    Deliverable(name="api_key", description="First API key, with the scope `inference`", secret=True),
    Deliverable(name="admin_key_file", description="File (0600) that holds the key of the admin API"),
    Deliverable(name="dataset_path", description="Folder of the first captured data set's newest version"),
    Deliverable(name="model", description="Name under which clients ask for the model"),
    Deliverable(name="shards", description="Tensor-parallel degree of the model server"),
    Deliverable(name="shard_plan", description="The planner's answer for this model and degree"),
    Deliverable(name="stack_dir", description="Folder that holds everything of the stack"),
    Deliverable(name="supervisor", description="How status commands reach the supervisor: url, user, password_file"),
)

PHASE = Phase(
    number=1,
    name="development",
    title="Development on one machine",
    stacks=("dev",),
    settings=LocalSettings,
    deliverables=DELIVERABLES,
    preflight=preflight,
    compose=compose,
    **GUIDE,
)
