"""The monitoring stack, and who hears of what."""

from typing import Any

import pytest

from components.errors import SettingsError
from components.kubernetes.alert_routes import alertmanager_config
from components.kubernetes.monitoring import Monitoring, MonitoringArgs, RemoteWrite
from components.kubernetes.operator_account import Operator
from components.kubernetes.telemetry import Telemetry, TelemetryArgs
from tests.support.cluster_facts import principal, receivers
from tests.support.kubernetes_mocks import Made, compose, output

ROUTES = {"critical": "page", "warning": "ticket"}


def _made(**args: Any) -> Made:
    def program() -> dict[str, Any]:
        made = Monitoring(
            "watch",
            MonitoringArgs.model_validate(args),
            remote_write=RemoteWrite(url=output("https://store.example/write"), settings={"sigv4": {"region": "r"}}),
            receivers=receivers(),
            identities={Operator.PROMETHEUS: principal(Operator.PROMETHEUS)},
        )
        return {"url": made.prometheus_url, "namespace": made.namespace}

    return compose(program)


def _values(**args: Any) -> dict[str, Any]:
    values: dict[str, Any] = _made(**args).releases["kube-prometheus-stack"]["values"]
    return values


def test_measurements_are_kept_for_their_time_on_a_disk_that_never_fills() -> None:
    spec = _values(retention_days=7, storage_gib=100, storage_class="encrypted")["prometheus"]["prometheusSpec"]
    assert (spec["retention"], spec["retentionSize"]) == ("7d", "90GiB")
    claim = spec["storageSpec"]["volumeClaimTemplate"]["spec"]
    assert claim["storageClassName"] == "encrypted"
    assert claim["resources"]["requests"]["storage"] == "100Gi"


def test_measurements_are_written_to_the_cloud_by_prometheus_own_identity() -> None:
    prometheus = _values()["prometheus"]
    assert prometheus["prometheusSpec"]["remoteWrite"] == [
        {"url": "https://store.example/write", "sigv4": {"region": "r"}}
    ]
    assert prometheus["serviceAccount"]["annotations"] == {"cloud.example/role": "role/prometheus"}


def test_tenants_monitors_and_rules_are_found_by_the_label_that_they_carry() -> None:
    spec = _values()["prometheus"]["prometheusSpec"]

    def tenant() -> None:
        Telemetry("tenant", TelemetryArgs(), namespace="serving", gateway="gateway", model_servers={})

    for kind, key in (("ServiceMonitor", "serviceMonitorSelector"), ("PrometheusRule", "ruleSelector")):
        labels = compose(tenant).only(kind)["metadata"]["labels"]
        assert spec[key]["matchLabels"].items() <= labels.items()


def test_dashboards_are_loaded_and_nobody_can_change_them() -> None:
    grafana = _values()["grafana"]
    boards = grafana["sidecar"]["dashboards"]
    assert (boards["label"], boards["labelValue"], boards["searchNamespace"]) == ("grafana_dashboard", "1", "ALL")
    assert grafana["grafana.ini"]["auth.anonymous"] == {"enabled": True, "org_role": "Viewer"}
    assert grafana["env"]["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"


def test_only_the_named_namespaces_query_prometheus_and_the_reason_for_privileges_is_told() -> None:
    made = _made(readers=("keda",))
    space = made.only("Namespace")["metadata"]
    assert "node exporter" in space["annotations"]["inferloop.io/privileged-because"]
    ingress = made.named("NetworkPolicy", "watch-space-allowed")["spec"]["ingress"]
    readers = [rule for rule in ingress if rule.get("ports") == [{"protocol": "TCP", "port": 9090}]]
    assert [rule["from"][0]["namespaceSelector"]["matchLabels"] for rule in readers] == [
        {"kubernetes.io/metadata.name": "keda"}
    ]
    assert made.result == {"url": "http://prometheus-operated.monitoring.svc:9090", "namespace": "monitoring"}


def test_what_a_cloud_hides_of_its_control_plane_is_not_missed() -> None:
    assert _values()["kubeScheduler"] == {"enabled": False}
    assert "kubeScheduler" not in _values(hidden_control_plane=False)


def test_each_severity_is_heard_by_its_receiver_and_the_watchdog_by_nobody() -> None:
    config = alertmanager_config(ROUTES, {"page": {"sns_configs": [{}]}, "ticket": {"sns_configs": [{}]}})
    watchdog, critical, warning = config["route"]["routes"]
    assert watchdog["receiver"] == config["route"]["receiver"] == "nobody"
    assert (critical["receiver"], critical["matchers"]) == ("page", ['severity = "critical"'])
    assert (warning["receiver"], warning["matchers"]) == ("ticket", ['severity = "warning"'])
    assert [it["name"] for it in config["receivers"]] == ["nobody", "page", "ticket"]


def test_without_receivers_alerts_are_kept_and_told_to_nobody() -> None:
    config = alertmanager_config(ROUTES, {})
    assert [it["receiver"] for it in config["route"]["routes"]] == ["nobody"]


@pytest.mark.parametrize(
    "entry",
    [{"routing_key": "abc"}, {"http_config": {"authorization": {"credentials": "abc"}}}, {"api_url": "https://x/abc"}],
)
def test_a_secret_in_a_receiver_is_refused_with_the_way_to_name_a_file(entry: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="_file") as refused:
        alertmanager_config({"critical": "page"}, {"page": {"pagerduty_configs": [entry]}})
    assert "abc" not in str(refused.value)


def test_a_route_to_nowhere_is_refused() -> None:
    with pytest.raises(SettingsError, match="no receiver ticket"):
        alertmanager_config(ROUTES, {"page": {}})


def test_a_receiver_that_no_route_names_hears_of_the_severity_of_its_own_name() -> None:
    _, *heard = alertmanager_config({"critical": "page"}, {"page": {}, "info": {}})["route"]["routes"]
    assert {it["receiver"]: it["matchers"] for it in heard} == {
        "page": ['severity = "critical"'],
        "info": ['severity = "info"'],
    }
