"""Grafana dashboards of the gateway and of the model servers, as data."""

from collections.abc import Mapping, Sequence

from components.kubernetes.api_object import ApiObject
from components.kubernetes.serving_engines import EngineMetrics

_WIDTH, _HEIGHT, _COLUMNS = 12, 8, 2
# The format's version as of Grafana 11; later ones migrate it when they load it.
_SCHEMA_VERSION = 39


def dashboards(model_servers: Mapping[str, EngineMetrics]) -> dict[str, ApiObject]:
    """Return each dashboard by the name of its file."""
    return {
        "gateway": _dashboard(
            "gateway",
            "Inferloop: gateway",
            (
                (
                    "Requests",
                    "reqps",
                    'sum by (status) (rate(inferloop_gateway_requests_total{namespace="$namespace"}[5m]))',
                ),
                (
                    "Time to first token, 95th percentile",
                    "s",
                    "histogram_quantile(0.95, sum by (le) "
                    '(rate(inferloop_gateway_time_to_first_token_seconds_bucket{namespace="$namespace"}[5m])))',
                ),
                (
                    "Duration, 95th percentile",
                    "s",
                    "histogram_quantile(0.95, sum by (le) "
                    '(rate(inferloop_gateway_request_duration_seconds_bucket{namespace="$namespace"}[5m])))',
                ),
                ("Healthy model servers", "short", 'inferloop_gateway_upstream_up{namespace="$namespace"}'),
            ),
        ),
        "model-servers": _dashboard(
            "model-servers",
            "Inferloop: model servers",
            tuple(
                panel
                for workload, metrics in model_servers.items()
                for panel in (
                    (f"{workload}: waiting requests", "short", _of(metrics.waiting_requests, workload)),
                    (
                        f"{workload}: tokens a second",
                        "short",
                        f"sum(rate({_of(metrics.generated_tokens, workload)}[5m]))",
                    ),
                )
            ),
        ),
    }


def _of(metric: str, workload: str) -> str:
    return f'{metric}{{namespace="$namespace",service="{workload}"}}'


def _dashboard(name: str, title: str, panels: Sequence[tuple[str, str, str]]) -> ApiObject:
    source = {"type": "prometheus", "uid": "${datasource}"}
    return {
        "uid": f"inferloop-{name}",
        "title": title,
        "tags": ["inferloop"],
        "schemaVersion": _SCHEMA_VERSION,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus"},
                {
                    "name": "namespace",
                    "type": "query",
                    "datasource": source,
                    "query": "label_values(inferloop_gateway_upstream_up, namespace)",
                },
            ]
        },
        "panels": [
            {
                "id": index + 1,
                "title": heading,
                "type": "timeseries",
                "datasource": source,
                "gridPos": {
                    "x": _WIDTH * (index % _COLUMNS),
                    "y": _HEIGHT * (index // _COLUMNS),
                    "w": _WIDTH,
                    "h": _HEIGHT,
                },
                "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
                "targets": [{"refId": "A", "datasource": source, "expr": expression}],
            }
            for index, (heading, unit, expression) in enumerate(panels)
        ],
    }
