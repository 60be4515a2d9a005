"""What the settings say of models and images, in the words of the Kubernetes workloads."""

import math
from collections.abc import Mapping
from typing import Any

import pulumi

from components.catalog.availability import load_availability
from components.catalog.machines import Machine, load_catalog
from components.errors import PreflightError
from stacks.settings.cloud import PilotFields, StagingFields
from stacks.settings.serving import ImageSettings, ServedModelSettings

RUNTIME = "runtime"
VELERO_PLUGIN = "velero_plugin"

# A model's files lie on the node twice while they are mirrored: as they come, and as they are published.
_MIRRORED_COPIES = 2
# The share of a node's disk that pods may take; the rest is for images and the node itself.
_FOR_PODS = 0.8

# Nobody answers under `.invalid` (RFC 2606), and no image has this digest: what is previewed with it cannot be run.
_UNKNOWN = "sha256:" + "0" * 64


def images_in_use(settings: StagingFields) -> tuple[str, ...]:
    """Name the images that the stack's workloads run, by their keys in `images`."""
    engines = {model.engine for model in settings.served_models().values() if model.engine != "embedded"}
    return (RUNTIME, *sorted(engines), *((VELERO_PLUGIN,) if isinstance(settings, PilotFields) else ()))


def missing_images(settings: StagingFields) -> tuple[str, ...]:
    """Name the images in use whose digest the settings do not have."""
    return tuple(name for name in images_in_use(settings) if getattr(settings.images, name) is None)


def check_images(settings: StagingFields) -> None:
    """Refuse to deploy an image whose digest is not known; a preview only warns. Raises PreflightError."""
    missing = missing_images(settings)
    if not missing:
        return
    what = ", ".join(f"inferloop:images.{name}" for name in missing)
    remedy = "build and push runtime/Containerfile, then set each to <repository>@sha256:<digest>"
    if not pulumi.runtime.is_dry_run():
        raise PreflightError(f"{what}: no digest is set; {remedy}")
    pulumi.log.warn(f"{what}: no digest is set, so the preview shows a stand-in, and `up` will refuse; {remedy}")


def image(images: ImageSettings, name: str) -> str:
    """Return an image by digest, or the stand-in of a preview."""
    known: str | None = getattr(images, "runtime" if name == "embedded" else name)
    return known or f"image.invalid/inferloop/{name.replace('_', '-')}@{_UNKNOWN}"


def check_models(settings: StagingFields) -> None:
    """Refuse a model that its pool's machine, or the node that mirrors it, cannot hold. Raises PreflightError."""
    for name, model in settings.served_models().items():
        if model.pool is not None:
            _check_accelerators(name, model, model.pool, _machine(settings, model.pool))
        needed_gib = math.ceil(_MIRRORED_COPIES * model.plan.weights_bytes_per_shard * model.shards / 2**30)
        if needed_gib > settings.cluster.system_disk_gib * _FOR_PODS:
            raise PreflightError(
                f"the model {name} is mirrored by way of a system node, which needs {needed_gib} GiB for it; set "
                f"inferloop:cluster.system_disk_gib to {math.ceil(needed_gib / _FOR_PODS)} or more"
            )


def _check_accelerators(name: str, model: ServedModelSettings, pool: str, machine: Machine) -> None:
    if model.shards > machine.count:
        raise PreflightError(
            f"the model {name} has shards: {model.shards}, and a {machine.type} of pool {pool} has "
            f"{machine.count} GPU{'s' if machine.count > 1 else ''}; lower shards, or take a larger size"
        )
    memory = load_catalog().accelerator(machine.accelerator).memory_mib * 2**20
    if model.plan.weights_bytes_per_shard >= memory:
        raise PreflightError(
            f"the model {name} needs {model.plan.weights_bytes_per_shard:,} bytes of weights on each GPU, and a "
            f"{machine.accelerator} of pool {pool} has {memory:,}; raise shards, or take another size"
        )


def _machine(settings: StagingFields, pool: str) -> Machine:
    return load_availability().machine_in(settings.platform_args()["region"], settings.pools[pool].size)


def served_model(
    settings: StagingFields, model: ServedModelSettings, *, surroundings: Any, prometheus_url: str
) -> Mapping[str, Any]:
    """Return one model as the language service takes it."""
    accelerator = "CPU"
    if model.pool is not None:
        accelerator = _machine(settings, model.pool).accelerator
    scaling = model.autoscaling
    return {
        "server": {
            "image": image(settings.images, model.engine),
            "runtime_image": image(settings.images, RUNTIME),
            "surroundings": surroundings,
            "replicas": model.replicas,
            "autoscaled": scaling is not None,
            "serving": {
                "engine": model.engine,
                "device": "cpu" if model.pool is None else "cuda",
                "model_id": model.model_id,
                "shards": model.shards,
                "dtype": model.dtype,
                "quantization": model.quantization,
                "max_input_tokens": model.max_input_tokens,
                "max_total_tokens": model.max_total_tokens,
                "max_batch_size": model.max_batch_size,
                "max_concurrent_requests": model.max_concurrent_requests,
            },
            "plan": {
                "model": model.model_id,
                "accelerator": accelerator,
                "dtype": model.dtype,
                "tensor_parallel": model.shards,
                **model.plan.model_dump(),
            },
        },
        "autoscaler": None if scaling is None else {"prometheus_url": prometheus_url, **scaling.model_dump()},
    }
