from collections.abc import Callable
from typing import Any

import pytest
from inferloop_runtime.serving.planner.hub_shape import shape_of_model
from inferloop_runtime.serving.planner.plan_size import PlanSize
from inferloop_runtime.serving.planner.shard_plan import plan
from inferloop_runtime.serving.weights.preparation import prepare_model
from pydantic import ValidationError

from components.catalog.machines import load_catalog
from components.contracts import WorkloadPrincipal
from components.kubernetes.model_server import ModelServer
from components.kubernetes.serving_plan import ServingPlan
from tests.support.kubernetes_mocks import (
    ENGINE_IMAGE,
    PLAN,
    RUNTIME_IMAGE,
    SURROUNDINGS,
    Made,
    artifact,
    compose,
    gpu_pool,
    output,
    settings_in,
)


def _args(**more: Any) -> Any:
    return ModelServer.Args.model_validate(
        {
            "image": ENGINE_IMAGE,
            "runtime_image": RUNTIME_IMAGE,
            "serving": {"model_id": "owner/model", "shards": 2},
            "plan": PLAN,
            "surroundings": SURROUNDINGS,
            **more,
        }
    )


def _made(args: Any = None, wiring: Callable[[], dict[str, Any]] = dict) -> Made:
    def program() -> dict[str, Any]:
        server = ModelServer("model", args or _args(), namespace="serving", artifact=artifact(), **wiring())
        return {"url": server.endpoint.url, "metrics_url": server.endpoint.metrics_url}

    return compose(program)


def _pod(made: Made) -> dict[str, Any]:
    spec: dict[str, Any] = made.only("Deployment")["spec"]["template"]["spec"]
    return spec


def _engine(made: Made) -> dict[str, Any]:
    (engine,) = _pod(made)["containers"]
    return dict(engine)


def test_a_replica_asks_for_as_many_gpus_as_the_plan_has_shards() -> None:
    resources = _engine(_made())["resources"]
    assert resources["requests"]["nvidia.com/gpu"] == resources["limits"]["nvidia.com/gpu"] == "2"


def test_a_replica_runs_only_on_its_pool_and_tolerates_its_taint() -> None:
    pod = _pod(_made(wiring=lambda: {"pool": gpu_pool()}))
    assert pod["nodeSelector"] == {"inferloop.dev/pool": "large"}
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]


def test_shared_memory_is_in_memory_and_within_the_containers_limit() -> None:
    made = _made()
    (volume,) = [it for it in _pod(made)["volumes"] if it["name"] == "shared-memory"]
    assert volume["emptyDir"] == {"medium": "Memory", "sizeLimit": "2048Mi"}
    assert int(_engine(made)["resources"]["limits"]["memory"].removesuffix("Mi")) > 2048


def test_the_start_up_probe_waits_for_the_plans_cold_start() -> None:
    probe = _engine(_made())["startupProbe"]
    assert probe["failureThreshold"] * probe["periodSeconds"] == 3 * 40 + 180


def test_the_weights_come_from_the_object_store_before_the_engine_starts() -> None:
    (weights,) = _pod(_made())["initContainers"]
    assert weights["image"] == RUNTIME_IMAGE
    assert [*weights["command"][1:], *weights["args"]] == [
        "weights", "prepare", "--source", "s3://weights/owner/model", "--to", "/models/current",
    ]  # fmt: skip


def test_another_revision_of_the_weights_has_a_folder_of_its_own_that_the_engine_only_reads() -> None:
    mounts = [it for it in _engine(_made())["volumeMounts"] if it["name"] == "weights"]
    assert mounts == [{"name": "weights", "mountPath": "/models", "subPath": "sha256-feed", "readOnly": True}]


def test_the_cache_is_a_claim_where_one_is_given() -> None:
    volumes = {it["name"]: it for it in _pod(_made(wiring=lambda: {"weights_claim": "weights-cache"}))["volumes"]}
    assert volumes["weights"]["persistentVolumeClaim"] == {"claimName": "weights-cache"}


def test_the_pods_volumes_fit_what_its_containers_state() -> None:
    pod = _pod(_made())
    on_disk = [it["emptyDir"]["sizeLimit"] for it in pod["volumes"] if it.get("emptyDir", {}).get("medium") is None]
    stated = {
        it["resources"]["limits"]["ephemeral-storage"].removesuffix("Mi")
        for it in (*pod["initContainers"], *pod["containers"])
    }
    assert sum(int(size.removesuffix("Mi")) for size in on_disk) <= min(map(int, stated))


def test_a_drain_is_longer_than_the_engines_own() -> None:
    made = _made()
    assert _pod(made)["terminationGracePeriodSeconds"] > 60
    assert _engine(made)["lifecycle"]["preStop"]["sleep"]["seconds"] > 0


def test_one_replica_at_a_time_may_be_evicted() -> None:
    assert _made().only("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_the_url_is_that_of_the_service() -> None:
    made = _made()
    assert made.result == {
        "url": "http://model.serving.svc:8080",
        "metrics_url": "http://model.serving.svc:8080/metrics",
    }
    assert made.only("Service")["spec"]["ports"][0]["port"] == 8080


def test_only_the_gateway_and_monitoring_reach_the_engine() -> None:
    sources = [rule["from"][0] for rule in made_policy()["ingress"]]
    assert sources == [
        {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "gateway"}}},
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}},
    ]


def test_the_machines_identity_is_out_of_reach() -> None:
    blocks = [peer["ipBlock"] for rule in made_policy()["egress"] for peer in rule["to"]]
    assert {"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]} in blocks
    assert {"cidr": "169.254.170.23/32"} in blocks


def made_policy() -> dict[str, Any]:
    spec: dict[str, Any] = _made().only("NetworkPolicy")["spec"]
    return spec


def test_an_autoscaled_server_leaves_the_number_of_replicas_alone() -> None:
    assert "replicas" not in _made(_args(autoscaled=True)).only("Deployment")["spec"]
    assert _made(_args(replicas=3)).only("Deployment")["spec"]["replicas"] == 3


def test_a_pool_without_a_spare_gpu_replaces_replicas_in_place() -> None:
    strategy = _made(_args(rollout="in_place")).only("Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 0, "maxUnavailable": 1}


def test_the_service_account_is_the_one_that_the_cloud_knows() -> None:
    def identity() -> dict[str, Any]:
        return {
            "identity": WorkloadPrincipal(
                id=output("role"), namespace="serving", service_account="reader", annotations={"role": output("arn")}
            )
        }

    made = _made(wiring=identity)
    assert made.only("ServiceAccount")["metadata"]["annotations"] == {"role": "arn"}
    assert _pod(made)["serviceAccountName"] == made.only("ServiceAccount")["metadata"]["name"] == "reader"


def test_the_embedded_engine_runs_on_processors_with_its_settings_in_a_file() -> None:
    cpu = PLAN.model_copy(update={"accelerator": "CPU"})
    serving = {"model_id": "owner/model", "shards": 2, "engine": "embedded", "device": "cpu"}
    made = _made(_args(plan=cpu, serving=serving, image=RUNTIME_IMAGE))
    assert "nvidia.com/gpu" not in _engine(made)["resources"]["requests"]
    assert settings_in(made.only("ConfigMap"))["device"] == "cpu"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"serving": {"model_id": "m", "shards": 4}}, "give both the same degree"),
        ({"serving": {"model_id": "m", "shards": 2, "max_total_tokens": 9000}}, "plan with a longer context"),
        ({"plan": PLAN.model_copy(update={"accelerator": "CPU"})}, "the plan is for CPU"),
        ({"image": "registry.example/tgi:3.3.7"}, "image"),
        ({"color": "red"}, "color"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _args(**change)


def test_the_planners_own_answer_is_taken(tmp_path: Any) -> None:
    folder = prepare_model("tiny", tmp_path / "tiny").folder
    size = PlanSize.model_validate(load_catalog().planner_input("small"))
    answer = plan(shape_of_model(str(folder)), size)
    taken = ServingPlan.model_validate(answer.as_json())
    assert taken.gpus == answer.tensor_parallel
    assert taken.start_budget_s >= 180
