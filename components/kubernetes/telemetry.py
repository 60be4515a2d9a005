"""What Prometheus scrapes and when it wakes somebody: monitors, rules and dashboards as the operator's resources.

https://prometheus-operator.dev/docs/api-reference/api/. It runs no Prometheus.
"""

import json
from collections.abc import Mapping
from typing import ClassVar

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

from components.kubernetes.api_object import ApiObject
from components.kubernetes.dashboards import dashboards
from components.kubernetes.labels import Role, labels_of, selector_of
from components.kubernetes.serving_engines import EngineMetrics

_API = "monitoring.coreos.com/v1"
_PORT_NAME = "http"


class TelemetryArgs(BaseModel):
    """How often is scraped, and the limits that alerts have. `release` is the label that the operator selects by.

    Alerts link to their page under `runbooks_url`, where the team keeps one; docs/runbooks is a beginning.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    release: str = "kube-prometheus-stack"
    scrape_interval_s: PositiveInt = 15
    error_ratio: float = Field(default=0.02, gt=0, lt=1)
    first_token_p95_s: PositiveFloat = 2.0
    waiting_requests: PositiveInt = 50
    runbooks_url: str | None = None


class Telemetry(pulumi.ComponentResource):
    """Watch one gateway and its model servers.

    Output: monitors, the names of the ServiceMonitors. Every alert has a severity and a summary.
    """

    Args: ClassVar[type[TelemetryArgs]] = TelemetryArgs
    monitors: pulumi.Output[list[str]]

    def __init__(
        self,
        name: str,
        args: TelemetryArgs,
        *,
        namespace: pulumi.Input[str],
        gateway: str,
        model_servers: Mapping[str, EngineMetrics],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:kubernetes:Telemetry", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self)
        labels = {**labels_of(Role.TELEMETRY, name), "release": args.release}

        def custom(kind: str, child: str, spec: ApiObject) -> pulumi.Output[str]:
            made = kubernetes.apiextensions.CustomResource(
                f"{name}-{child}",
                api_version=_API,
                kind=kind,
                metadata={"name": f"{name}-{child}", "namespace": namespace, "labels": labels},
                spec=spec,
                opts=inside,
            )
            return made.id.apply(lambda _: f"{name}-{child}")

        watched = {gateway: Role.GATEWAY, **dict.fromkeys(model_servers, Role.MODEL_SERVER)}
        monitors = [
            custom(
                "ServiceMonitor",
                workload,
                {
                    "selector": {"matchLabels": selector_of(role, workload)},
                    "endpoints": [{"port": _PORT_NAME, "path": "/metrics", "interval": f"{args.scrape_interval_s}s"}],
                },
            )
            for workload, role in watched.items()
        ]
        rules = pulumi.Output.from_input(namespace).apply(
            lambda known: [{"name": "inferloop", "rules": alert_rules(args, known, model_servers)}]
        )
        custom("PrometheusRule", "alerts", {"groups": rules})
        for title, dashboard in dashboards(model_servers).items():
            kubernetes.core.v1.ConfigMap(
                f"{name}-dashboard-{title}",
                metadata={
                    "name": f"{name}-dashboard-{title}",
                    "namespace": namespace,
                    # Grafana's side-car loads every ConfigMap that has this label.
                    "labels": {**labels, "grafana_dashboard": "1"},
                },
                data={f"{title}.json": json.dumps(dashboard, indent=2)},
                opts=inside,
            )
        self.monitors = pulumi.Output.all(*monitors).apply(lambda names: [str(it) for it in names])
        self.register_outputs({"monitors": self.monitors})


def alert_rules(args: TelemetryArgs, namespace: str, model_servers: Mapping[str, EngineMetrics]) -> list[ApiObject]:
    """Return the alerts of one namespace; thresholds come from the arguments."""
    here = f'namespace="{namespace}"'
    runbooks = args.runbooks_url
    requests = f"rate(inferloop_gateway_requests_total{{{here}}}[5m])"
    failed = f'rate(inferloop_gateway_requests_total{{{here},status=~"5.."}}[5m])'
    first_token = f"rate(inferloop_gateway_time_to_first_token_seconds_bucket{{{here}}}[5m])"

    def alert(name: str, expression: str, held: str, severity: str, summary: str) -> ApiObject:
        page = "".join(f"-{part.lower()}" if part.isupper() else part for part in name).lstrip("-")
        return {
            "alert": name,
            "expr": expression,
            "for": held,
            "labels": {"severity": severity},
            "annotations": {"summary": summary, **({"runbook_url": f"{runbooks}/{page}"} if runbooks else {})},
        }

    return [
        alert(
            "GatewayErrors",
            f"sum({failed}) / sum({requests}) > {args.error_ratio:g}",
            "5m",
            "critical",
            f"More than {args.error_ratio:.1%} of requests fail",
        ),
        alert(
            "SlowFirstToken",
            f"histogram_quantile(0.95, sum by (le) ({first_token})) > {args.first_token_p95_s:g}",
            "10m",
            "warning",
            f"One request of twenty waits longer than {args.first_token_p95_s:g} s for its first token",
        ),
        alert(
            "UpstreamDown",
            f"min by (model) (inferloop_gateway_upstream_up{{{here}}}) == 0",
            "2m",
            "critical",
            "No model server answers for {{ $labels.model }}",
        ),
        *(
            alert(
                "RequestsWait",
                f'sum({metrics.waiting_requests}{{{here},service="{workload}"}}) > {args.waiting_requests}',
                "5m",
                "warning",
                f"More than {args.waiting_requests} requests wait at {workload}",
            )
            for workload, metrics in model_servers.items()
        ),
    ]
