"""Autoscaling, telemetry, ingress and secrets: what other operators of the cluster are asked for."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from components.kubernetes.autoscaling import ModelAutoscaler, ModelAutoscalerArgs
from components.kubernetes.external_secrets import ExternalSecrets, ExternalSecretsArgs
from components.kubernetes.ingress import Ingress, IngressArgs
from components.kubernetes.serving_engines import render
from components.kubernetes.serving_spec import EngineKind, ServingSpec
from components.kubernetes.telemetry import Telemetry, TelemetryArgs
from tests.support.kubernetes_mocks import Made, compose, secret

METRICS = render(ServingSpec(engine=EngineKind.VLLM, model_id="owner/model")).metrics
PROMETHEUS = "http://prometheus.monitoring.svc:9090"


def _scaled(**more: Any) -> dict[str, Any]:
    args = ModelAutoscalerArgs.model_validate({"prometheus_url": PROMETHEUS, "tokens_per_s": 800, **more})
    made = compose(
        lambda: ModelAutoscaler("scaler", args, namespace="serving", workload="model", metrics=METRICS) and None
    )
    spec: dict[str, Any] = made.only("ScaledObject")["spec"]
    return spec


def test_replicas_follow_the_queue_and_the_tokens_of_their_own_engine() -> None:
    triggers = {it["name"]: it["metadata"] for it in _scaled(waiting_requests=5)["triggers"]}
    assert (
        triggers["waiting-requests"]["query"] == 'sum(vllm:num_requests_waiting{namespace="serving",service="model"})'
    )
    assert triggers["waiting-requests"]["threshold"] == "5"
    assert "vllm:generation_tokens_total" in triggers["generated-tokens"]["query"]
    assert triggers["generated-tokens"]["threshold"] == "800"


def test_a_service_may_go_to_sleep_and_never_stands_without_replicas_when_prometheus_is_away() -> None:
    spec = _scaled(minimum=0)
    assert spec["minReplicaCount"] == 0
    assert spec["fallback"]["replicas"] == 1


@pytest.mark.parametrize("bad", [{"minimum": 5}, {"fallback_replicas": 9}, {"prometheus_url": "prometheus"}])
def test_a_scale_that_cannot_be_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        _scaled(**bad)


def _watched(args: TelemetryArgs | None = None) -> Made:
    return compose(
        lambda: {
            "monitors": Telemetry(
                "watch",
                args or TelemetryArgs(),
                namespace="serving",
                gateway="gateway",
                model_servers={"model": METRICS},
            ).monitors
        }
    )


def test_the_gateway_and_each_model_server_are_scraped() -> None:
    made = _watched()
    selected = [it["spec"]["selector"]["matchLabels"] for it in made.of_kind("ServiceMonitor")]
    assert {it["app.kubernetes.io/name"] for it in selected} == {"gateway", "model-server"}
    assert made.result == {"monitors": ["watch-gateway", "watch-model"]}


def test_every_alert_has_a_severity_a_summary_and_where_there_are_some_a_runbook() -> None:
    (group,) = _watched(TelemetryArgs(runbooks_url="https://example.org/books")).only("PrometheusRule")["spec"][
        "groups"
    ]
    assert len(group["rules"]) == 4
    for rule in group["rules"]:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"]
        assert re.fullmatch(r"https://example\.org/books/[a-z-]+", rule["annotations"]["runbook_url"])
        assert 'namespace="serving"' in rule["expr"]
    (plain,) = _watched().only("PrometheusRule")["spec"]["groups"]
    assert all("runbook_url" not in rule["annotations"] for rule in plain["rules"])


def test_alerts_and_dashboards_ask_for_series_that_the_gateway_has() -> None:
    from inferloop_runtime.gateway.telemetry import Telemetry as GatewayTelemetry

    gateway = GatewayTelemetry()
    gateway.watch_upstream("model", "http://model", lambda: 1.0)
    gateway.answered("/generate", 200, 0.1, 0.1)
    known = set(re.findall(r"^(inferloop_\w+)", gateway.exposition().decode(), re.MULTILINE))
    made = _watched()
    asked = set(
        re.findall(r"inferloop_gateway_\w+", json.dumps(made.of_kind("PrometheusRule") + made.of_kind("ConfigMap")))
    )
    assert asked
    assert asked <= known


def test_dashboards_are_loaded_by_grafanas_side_car() -> None:
    boards = _watched().of_kind("ConfigMap")
    assert len(boards) == 2
    for board in boards:
        assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
        (text,) = board["data"].values()
        places = [(it["gridPos"]["x"], it["gridPos"]["y"]) for it in json.loads(text)["panels"]]
        assert len(places) == len(set(places)) > 0


def _ingress(**more: Any) -> Made:
    args = IngressArgs.model_validate(
        {"hostname": "api.example.org", "gateway_class": "cloud", "cluster_issuer": "letsencrypt", **more}
    )
    return compose(lambda: {"url": Ingress("in", args, namespace="serving", service="gateway").url})


def test_clients_come_in_by_tls_with_a_certificate_of_their_host() -> None:
    made = _ingress()
    certificate = made.only("Certificate")["spec"]
    https, http = made.only("Gateway")["spec"]["listeners"]
    assert certificate["dnsNames"] == ["api.example.org"]
    assert https["tls"]["certificateRefs"] == [{"kind": "Secret", "name": certificate["secretName"]}]
    assert (https["port"], http["port"]) == (443, 80)
    assert made.result == {"url": "https://api.example.org"}


def test_plain_http_is_only_redirected() -> None:
    redirect = _ingress().named("HTTPRoute", "in-redirect")["spec"]
    assert redirect["parentRefs"][0]["sectionName"] == "http"
    (rule,) = redirect["rules"]
    assert "backendRefs" not in rule
    assert rule["filters"][0]["requestRedirect"] == {"scheme": "https", "statusCode": 301}


def test_probes_and_metrics_stay_inside_and_every_call_of_the_api_is_let_in() -> None:
    from inferloop_runtime.gateway import endpoints

    (rule,) = _ingress().named("HTTPRoute", "in-route")["spec"]["rules"]
    prefixes = {it["path"]["value"] for it in rule["matches"] if it["path"]["type"] == "PathPrefix"}
    exact = {it["path"]["value"] for it in rule["matches"] if it["path"]["type"] == "Exact"}
    text = Path(endpoints.__file__).read_text(encoding="utf-8")
    for path in re.findall(r'Endpoint\("([^"]+)"', text):
        assert path in exact or any(path == it or path.startswith(f"{it}/") for it in prefixes), path
    assert not prefixes & {"/", "/metrics", "/healthz", "/readyz"}


def test_a_shared_listener_takes_the_route_and_no_gateway_is_made() -> None:
    made = _ingress(listener={"gateway": "shared", "namespace": "edge"})
    assert {it["kind"] for it in made.objects} == {"HTTPRoute"}
    route = made.only("HTTPRoute")["spec"]
    assert route["parentRefs"] == [{"name": "shared", "namespace": "edge", "sectionName": "https"}]
    assert route["hostnames"] == ["api.example.org"]
    assert made.result == {"url": "https://api.example.org"}


def test_a_host_that_is_no_name_is_refused() -> None:
    with pytest.raises(ValidationError, match="hostname"):
        _ingress(hostname="https://api.example.org")


def test_secrets_are_named_and_never_read() -> None:
    def program() -> dict[str, Any]:
        handles = ExternalSecrets(
            "sync", ExternalSecretsArgs(store="cloud"), namespace="serving", secrets={"dsn": secret("arn:dsn")}
        ).handles
        return {"reference": handles["dsn"].reference, "revision": handles["dsn"].revision}

    made = compose(program)
    spec = made.only("ExternalSecret")["spec"]
    assert spec["data"] == [{"secretKey": "value", "remoteRef": {"key": "arn:dsn"}}]
    assert spec["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "cloud"}
    assert made.result == {"reference": "sync-dsn", "revision": "r1"}
    assert "hidden" not in str(made.objects)
