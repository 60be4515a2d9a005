"""The two tenants with everything that they may have."""

from typing import Any

import pulumi

from components.kubernetes.priority_classes import Priority, PriorityClasses, PriorityClassesArgs
from components.kubernetes.weights import Weights, WeightsArgs
from components.workloads.language_service import SECRET_NAMES, Foundations, LanguageServiceArgs
from components.workloads.tabular import Tabular, TabularArgs
from components.workloads.textnlp import TextNlp, TextNlpArgs
from tests.support.kubernetes_mocks import (
    ENGINE_IMAGE,
    PLAN,
    RUNTIME_IMAGE,
    SURROUNDINGS,
    artifact,
    database,
    gpu_pool,
    secret,
    volume,
)

COLUMNS = ({"name": "symbol", "type": "string", "privacy": "keep"},)
MODEL = {"image": ENGINE_IMAGE, "runtime_image": RUNTIME_IMAGE, "surroundings": SURROUNDINGS}
GPU_MODEL: dict[str, Any] = {
    "server": {**MODEL, "plan": PLAN, "serving": {"model_id": "owner/model", "shards": 2}, "autoscaled": True},
    "autoscaler": {"prometheus_url": "http://prometheus.monitoring.svc:9090", "tokens_per_s": 800},
}
CPU_MODEL: dict[str, Any] = {
    "server": {
        **MODEL,
        "plan": PLAN.model_copy(update={"accelerator": "CPU", "tensor_parallel": 1}),
        "serving": {"engine": "embedded", "device": "cpu", "model_id": "owner/small"},
    }
}
WEIGHTS: dict[str, Any] = {
    "runtime_image": RUNTIME_IMAGE,
    "surroundings": SURROUNDINGS,
    "model_id": "owner/model",
    "source": f"owner/model@{'0123456789' * 4}",
    "size_gb": 16,
    "hub_cidrs": ("203.0.113.0/24",),
}


def service_args(namespace: str, models: dict[str, Any]) -> LanguageServiceArgs:
    """Return a service with every optional part."""
    return LanguageServiceArgs.model_validate(
        {
            "namespace": {"namespace": namespace},
            "secrets": {"store": "cloud"},
            "migrations": {"runtime_image": RUNTIME_IMAGE, "surroundings": SURROUNDINGS},
            "models": models,
            "gateway": {"runtime_image": RUNTIME_IMAGE, "surroundings": SURROUNDINGS, "stack": "test"},
            "ingress": {
                "hostname": f"{namespace}.example.org",
                "gateway_class": "cloud",
                "cluster_issuer": "letsencrypt",
            },
        }
    )


def tabular_args(**table: Any) -> TabularArgs:
    """Return a tenant with one table."""
    declared = {
        "runtime_image": RUNTIME_IMAGE,
        "surroundings": SURROUNDINGS,
        "dataset": "stocks",
        "source": {"engine": "file", "uri": "sample:stocks.csv", "format": "csv"},
        "columns": COLUMNS,
        "schedule": "17 3 * * *",
        **table,
    }
    return TabularArgs.model_validate(
        {"service": service_args("tabular", {"small": CPU_MODEL}), "tables": [declared], "volume": {"storage_gib": 20}}
    )


def foundations(model: str) -> Foundations:
    """Return what a cloud would give."""
    return Foundations(
        database=database(),
        secrets={name: secret(f"cloud/{name}") for name in SECRET_NAMES},
        artifacts={model: artifact()},
        pools={"large": gpu_pool()},
        priorities={priority: pulumi.Output.from_input(f"inferloop-{priority}") for priority in Priority},
    )


def both_tenants() -> dict[str, Any]:
    """Make both tenants side by side in one cluster."""
    PriorityClasses("priorities", PriorityClassesArgs())
    text = TextNlp(
        "textnlp",
        TextNlpArgs(service=service_args("textnlp", {"large": GPU_MODEL})),
        foundations=foundations("large"),
    )
    Weights(
        "large-weights", WeightsArgs.model_validate(WEIGHTS), namespace=text.service.namespace, volume=volume("weights")
    )
    tables = Tabular("tabular", tabular_args(), foundations=foundations("small"))
    return {"text_url": text.service.url, "table_url": tables.service.url, "dataset": tables.datasets["stocks"]}
