"""Pools of nodes that are made for pods that wait."""

from typing import Any

import pytest
from pydantic import ValidationError

from components.kubernetes.node_autoscaling import AutoscaledPoolArgs, NodeAutoscaling, NodeAutoscalingArgs
from components.kubernetes.pods import placement
from tests.support.cluster_facts import POOLS, autoscaler_facts
from tests.support.kubernetes_mocks import Made, compose

GPU = POOLS["large"]


def _made(**args: Any) -> tuple[Made, NodeAutoscaling]:
    kept: list[NodeAutoscaling] = []

    def program() -> dict[str, Any]:
        kept.append(
            NodeAutoscaling(
                "nodes", NodeAutoscalingArgs.model_validate({"pools": POOLS, **args}), facts=autoscaler_facts()
            )
        )
        return {pool: next(it.name for it in variants) for pool, variants in kept[0].pools.items()}

    return compose(program), kept[0]


def _pool(name: str, **args: Any) -> dict[str, Any]:
    spec: dict[str, Any] = _made(**args)[0].named("NodePool", name)["spec"]
    return spec


def _requirements(spec: dict[str, Any]) -> dict[str, list[str]]:
    return {it["key"]: it["values"] for it in spec["template"]["spec"]["requirements"]}


def test_spot_nodes_are_tried_first_and_on_demand_ones_stand_in_up_to_their_own_limit() -> None:
    spot, stand_in = _pool("large"), _pool("large-fallback")
    assert spot["weight"] > stand_in["weight"]
    assert _requirements(spot)["karpenter.sh/capacity-type"] == ["spot"]
    assert _requirements(stand_in)["karpenter.sh/capacity-type"] == ["on-demand"]
    assert (spot["limits"]["nvidia.com/gpu"], stand_in["limits"]["nvidia.com/gpu"]) == ("16", "4")


def test_machines_are_chosen_by_family_or_by_type() -> None:
    assert _requirements(_pool("large"))["karpenter.k8s.aws/instance-family"] == ["g6", "g6e"]
    general = _requirements(_pool("general"))
    assert general["node.kubernetes.io/instance-type"] == ["m7i.xlarge"]
    assert "karpenter.k8s.aws/instance-family" not in general


def test_gpu_nodes_are_kept_for_pods_that_ask_for_gpus() -> None:
    template = _pool("large")["template"]
    assert template["spec"]["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]
    assert template["metadata"]["labels"]["inferloop.io/gpu-kind"] == "L4"
    assert _pool("general")["template"]["spec"]["taints"] == []


def test_a_workload_finds_both_capacities_of_a_pool_by_the_same_labels() -> None:
    made, nodes = _made()
    first, stand_in = nodes.pools["large"]
    assert (first.spot, stand_in.spot) == (True, False)
    wanted = placement(first)
    for name in ("large", "large-fallback"):
        template = made.named("NodePool", name)["spec"]["template"]
        assert wanted["nodeSelector"].items() <= template["metadata"]["labels"].items()
        tolerated = {(it["key"], it["value"]) for it in wanted["tolerations"]}
        assert {(it["key"], it["value"]) for it in template["spec"]["taints"]} <= tolerated
    assert made.result == {"large": "large", "general": "general"}


def test_a_loaded_model_is_not_moved_to_save_a_part_of_a_node() -> None:
    assert _pool("large")["disruption"]["consolidationPolicy"] == "WhenEmpty"
    assert _pool("general")["disruption"]["consolidationPolicy"] == "WhenEmptyOrUnderutilized"


def test_few_nodes_are_taken_at_once_and_none_in_the_calm_hours() -> None:
    assert _pool("large")["disruption"]["budgets"] == [{"nodes": "10%"}]
    budgets = _pool("large", calm_schedule="0 8 * * 1-5", calm_duration="10h")["disruption"]["budgets"]
    assert budgets[1] == {
        "nodes": "0",
        "reasons": ["Empty", "Underutilized"],
        "schedule": "0 8 * * 1-5",
        "duration": "10h",
    }


def test_nodes_are_what_the_cloud_says() -> None:
    made, _ = _made()
    node_class = made.only("EC2NodeClass")
    assert node_class["apiVersion"] == "karpenter.k8s.aws/v1"
    assert node_class["spec"]["instanceProfile"] == "nodes"
    reference = made.named("NodePool", "large")["spec"]["template"]["spec"]["nodeClassRef"]
    assert reference == {
        "group": "karpenter.k8s.aws",
        "kind": "EC2NodeClass",
        "name": node_class["metadata"]["name"],
    }


def test_the_controller_has_its_settings_and_pools_are_made_after_it() -> None:
    made, _ = _made()
    release = made.releases["karpenter"]
    assert release["namespace"] == "kube-system"
    assert release["values"]["settings"] == {"clusterName": "cluster", "interruptionQueue": "queue"}
    assert release["values"]["serviceAccount"]["name"] == "karpenter"
    assert {"nodes-node-class", "nodes-controller-release"} <= made.waits_for("nodes-large")
    assert _made(install=False)[0].releases == {}


@pytest.mark.parametrize(
    ("bad", "mend"),
    [
        ({"machine_families": ()}, "machine_types"),
        ({"max_gpus": 0}, "max_gpus"),
        ({"spot": False}, "spot: true"),
        ({"gpu_kind": None, "max_gpus": 0}, "fallback_cpus"),
        ({"idle": "soon"}, "idle"),
    ],
)
def test_a_pool_that_cannot_be_is_refused(bad: dict[str, Any], mend: str) -> None:
    with pytest.raises(ValidationError, match=mend):
        AutoscaledPoolArgs.model_validate({**GPU, **bad})
