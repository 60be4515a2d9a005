"""GPUs offered to pods, watched, and told of."""

import json
import re
from typing import Any

import pytest
from pydantic import ValidationError

from components.kubernetes.gpu_alerts import FIELDS, counters, gpu_rules
from components.kubernetes.gpu_operations import GpuOperations, GpuOperationsArgs
from tests.support.kubernetes_mocks import Made, compose


def _made(**args: Any) -> Made:
    return compose(lambda: {"ready": len(GpuOperations("gpu", GpuOperationsArgs.model_validate(args)).ready)})


def _plugin(**args: Any) -> dict[str, Any]:
    values: dict[str, Any] = _made(**args).releases["nvidia-device-plugin"]["values"]
    return values


def test_a_pod_gets_whole_gpus_unless_sharing_is_asked_for() -> None:
    whole = _plugin()
    assert whole["migStrategy"] == "none"
    assert "config" not in whole
    config = json.loads(_plugin(time_slices=4)["config"]["map"]["default"])
    (shared,) = config["sharing"]["timeSlicing"]["resources"]
    assert shared == {"name": "nvidia.com/gpu", "replicas": 4}
    assert _plugin(mig="mixed")["migStrategy"] == "mixed"


def test_gpus_are_shared_in_one_way_only() -> None:
    with pytest.raises(ValidationError, match="exclude"):
        GpuOperationsArgs(time_slices=2, mig="single")


@pytest.mark.parametrize("release", ["nvidia-device-plugin", "dcgm-exporter"])
def test_both_run_on_every_gpu_node_whatever_it_is_kept_for(release: str) -> None:
    values = _made().releases[release]["values"]
    required = values["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert required["nodeSelectorTerms"] == [
        {"matchExpressions": [{"key": "inferloop.io/gpu-kind", "operator": "Exists"}]}
    ]
    assert {it["key"] for it in values["tolerations"]} == {"nvidia.com/gpu", "inferloop.io/dedicated"}
    assert values["priorityClassName"] == "system-node-critical"


def test_privileged_namespaces_say_why_and_are_closed() -> None:
    made = _made()
    for space in made.of_kind("Namespace"):
        assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
        assert space["metadata"]["annotations"]["inferloop.io/privileged-because"]
    assert len([it for it in made.of_kind("NetworkPolicy") if "default-deny" in it["metadata"]["name"]]) == 2


def test_alerts_ask_only_for_fields_that_are_exported() -> None:
    exported = {line.partition(",")[0] for line in counters().splitlines()}
    rules = gpu_rules(temperature_c=85, idle_percent=5, idle_hours=6)
    asked = set(re.findall(r"DCGM_\w+", json.dumps(rules)))
    assert asked
    assert asked <= exported == set(FIELDS)


def test_faults_of_the_hardware_wake_somebody_and_a_workloads_own_do_not() -> None:
    rules = {it["alert"]: it for it in gpu_rules(temperature_c=85, idle_percent=5, idle_hours=6)}
    assert "== 79" in rules["GpuHardwareFault"]["expr"]
    assert "== 13" not in rules["GpuHardwareFault"]["expr"]
    severities = {name: it["labels"]["severity"] for name, it in rules.items()}
    assert severities == {
        "GpuHardwareFault": "critical",
        "GpuXidError": "warning",
        "GpuMemoryErrors": "critical",
        "GpuTooHot": "warning",
        "GpuIdle": "info",
    }


def test_alerts_have_the_limits_that_they_were_given() -> None:
    (group,) = _made(temperature_c=80, idle_percent=20, idle_hours=2).only("PrometheusRule")["spec"]["groups"]
    rules = {it["alert"]: it for it in group["rules"]}
    assert rules["GpuTooHot"]["expr"].endswith("> 80")
    assert rules["GpuIdle"]["expr"].endswith("< 20")
    assert rules["GpuIdle"]["for"] == "2h"


def test_without_the_prometheus_operator_there_are_no_monitors() -> None:
    made = _made(monitored=False)
    assert made.of_kind("PrometheusRule") == []
    assert not made.releases["dcgm-exporter"]["values"]["serviceMonitor"]["enabled"]
    assert made.result == {"ready": 1}
