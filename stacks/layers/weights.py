"""Every served model's weights in the stack's own object store, and who may read and write them."""

from collections.abc import Mapping

import pulumi

from components.contracts import Foundation, ModelArtifact, VolumeHandle, WorkloadPrincipal
from components.kubernetes.cluster_services import ClusterOffer
from components.kubernetes.namespace import Namespace, NamespaceArgs
from components.kubernetes.priority_classes import Priority
from components.kubernetes.traffic import Surroundings
from components.kubernetes.weights import Weights, WeightsArgs
from stacks.layers.foundation import Ground
from stacks.layers.serving import RUNTIME, image
from stacks.settings.cloud import StagingFields
from stacks.settings.serving import ServedModelSettings

NAMESPACE = "weights"
_BUCKET = "weights"
_GB = 10**9


def workload_identities(ground: Ground, settings: StagingFields) -> Mapping[str, WorkloadPrincipal]:
    """Give each model server a principal that reads weights, and each mirror one that writes them."""
    servers = {
        name: {"namespace": name.partition("-")[0], "service_account": name, "read_buckets": (_BUCKET,)}
        for name in settings.served_models()
    }
    mirrors = {
        f"mirror-{name}": {"namespace": NAMESPACE, "service_account": name, "write_buckets": (_BUCKET,)}
        for name in settings.served_models()
    }
    identities: Mapping[str, WorkloadPrincipal] = ground.cloud.make(
        Foundation.WORKLOAD_IDENTITY,
        "identities",
        "",
        {"workloads": {**servers, **mirrors}},
        cluster=ground.cluster,
        buckets=ground.buckets,
        secrets=ground.secrets,
        secret_key=ground.keys["secrets"],
    ).identities
    return identities


def mirror_weights(
    ground: Ground,
    offer: ClusterOffer,
    settings: StagingFields,
    surroundings: Surroundings,
    identities: Mapping[str, WorkloadPrincipal],
    inside: pulumi.ResourceOptions,
) -> Mapping[str, ModelArtifact]:
    """Bring every model to the object store; who serves it waits until it is there.

    `inside` are the options of what stands on the equipped cluster.
    """
    namespace = Namespace(f"{NAMESPACE}-base", NamespaceArgs(namespace=NAMESPACE, gpus=0), opts=inside).namespace
    volume = VolumeHandle(uri=ground.buckets[_BUCKET].uri)
    return {
        name: Weights(
            f"{NAMESPACE}-{name}",
            _args(settings, model, surroundings),
            namespace=namespace,
            volume=volume,
            identity=identities[f"mirror-{name}"],
            priority_class=offer.priorities[Priority.BATCH],
            opts=inside,
        ).artifact
        for name, model in settings.served_models().items()
    }


def _args(settings: StagingFields, model: ServedModelSettings, surroundings: Surroundings) -> WeightsArgs:
    return WeightsArgs(
        runtime_image=image(settings.images, RUNTIME),
        surroundings=surroundings,
        model_id=model.model_id.rpartition(":")[2],
        source=model.source,
        size_gb=model.plan.weights_bytes_per_shard * model.shards / _GB,
        hub_cidrs=settings.hub_cidrs if "@" in model.source else (),
    )
