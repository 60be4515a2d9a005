"""Replicas of a model server by what waits and what is generated, as a KEDA ScaledObject.

https://keda.sh/docs/latest/reference/scaledobject-spec/. It makes no nodes: the cluster's node autoscaler does.
"""

from typing import ClassVar, Self

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from components.kubernetes.api_object import ApiObject
from components.kubernetes.labels import Role, labels_of
from components.kubernetes.serving_engines import EngineMetrics

_POLL_S = 15
# Failed reads of Prometheus in a row before the fall-back holds.
_FAILURES = 4


class ModelAutoscalerArgs(BaseModel):
    """How many replicas there may be, and the load that one of them should carry.

    `waiting_requests` and `tokens_per_s` are per replica. A minimum of 0 lets the last replica go after `idle_s`; the
    first request then waits for a cold start. `fallback_replicas` holds while Prometheus cannot be read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    prometheus_url: str = Field(pattern=r"^https?://[^\s]+$")
    minimum: NonNegativeInt = 1
    maximum: PositiveInt = 4
    waiting_requests: PositiveInt = 8
    tokens_per_s: PositiveFloat
    idle_s: PositiveInt = 900
    fallback_replicas: PositiveInt = 1

    @model_validator(mode="after")
    def _be_in_order(self) -> Self:
        if not self.minimum <= self.maximum:
            raise ValueError(f"minimum is {self.minimum}, more than maximum ({self.maximum}); lower it")
        if self.fallback_replicas > self.maximum:
            raise ValueError(f"fallback_replicas is {self.fallback_replicas}, more than maximum ({self.maximum})")
        return self


class ModelAutoscaler(pulumi.ComponentResource):
    """Scale one Deployment on the engine's own queue and on its generated tokens, whichever asks for more.

    Output: scaled_object, its name. The Deployment must leave `replicas` out (`autoscaled` of ModelServerArgs).
    """

    Args: ClassVar[type[ModelAutoscalerArgs]] = ModelAutoscalerArgs
    scaled_object: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: ModelAutoscalerArgs,
        *,
        namespace: pulumi.Input[str],
        workload: pulumi.Input[str],
        metrics: EngineMetrics,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:kubernetes:ModelAutoscaler", name, {}, opts)
        chosen = pulumi.Output.format('{{namespace="{0}",service="{1}"}}', namespace, workload)
        waiting = pulumi.Output.concat("sum(", _series(metrics.waiting_requests, chosen), ")")
        tokens = pulumi.Output.concat("sum(rate(", _series(metrics.generated_tokens, chosen), "[2m]))")
        spec: ApiObject = {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload},
            "pollingInterval": _POLL_S,
            "cooldownPeriod": args.idle_s,
            "minReplicaCount": args.minimum,
            "maxReplicaCount": args.maximum,
            "fallback": {"failureThreshold": _FAILURES, "replicas": args.fallback_replicas},
            "advanced": {
                "horizontalPodAutoscalerConfig": {
                    "behavior": {
                        # A replica takes minutes to load: it is added at once and given up late.
                        "scaleUp": {
                            "stabilizationWindowSeconds": 0,
                            "policies": [{"type": "Percent", "value": 100, "periodSeconds": 60}],
                        },
                        "scaleDown": {
                            "stabilizationWindowSeconds": args.idle_s,
                            "policies": [{"type": "Pods", "value": 1, "periodSeconds": 120}],
                        },
                    }
                }
            },
            "triggers": [
                _trigger(args.prometheus_url, "waiting-requests", waiting, str(args.waiting_requests)),
                _trigger(args.prometheus_url, "generated-tokens", tokens, f"{args.tokens_per_s:g}"),
            ],
        }
        made = kubernetes.apiextensions.CustomResource(
            f"{name}-scaled-object",
            api_version="keda.sh/v1alpha1",
            kind="ScaledObject",
            metadata={"name": name, "namespace": namespace, "labels": labels_of(Role.MODEL_SERVER, name)},
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.scaled_object = made.id.apply(lambda _: name)
        self.register_outputs({"scaled_object": self.scaled_object})


def _series(metric: str, chosen: pulumi.Output[str]) -> pulumi.Output[str]:
    return pulumi.Output.concat(metric, chosen)


def _trigger(server: str, name: str, query: pulumi.Output[str], threshold: str) -> ApiObject:
    return {
        "type": "prometheus",
        "name": name,
        "metricType": "AverageValue",
        "metadata": {
            "serverAddress": server,
            "query": query,
            "threshold": threshold,
            # No series means that there is no replica yet, which is no failure.
            "ignoreNullValues": "true",
        },
    }
