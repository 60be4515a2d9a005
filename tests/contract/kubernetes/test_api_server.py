"""Both tenants on a real API server, controller manager and scheduler; their pods run on simulated nodes."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacks.rehearsal.control_plane import ControlPlane, find_programs
from stacks.rehearsal.kubernetes.api import KubernetesApi
from stacks.rehearsal.node_pool import NodePool, Taint
from stacks.rehearsal.plugins.errors import RehearsalError
from tests.support.kubernetes_mocks import Made, compose
from tests.support.kubernetes_schema import is_built_in
from tests.support.kubernetes_tenants import both_tenants

pytestmark = pytest.mark.engine

DISK = {"ephemeral-storage": "500Gi"}
POOLS = (
    NodePool(name="system", cpu="32", memory="256Gi", allocatable=DISK),
    NodePool(
        name="large",
        gpus=4,
        cpu="48",
        memory="192Gi",
        allocatable=DISK,
        labels={"inferloop.dev/pool": "large"},
        taints=(Taint(key="nvidia.com/gpu", value="present"),),
    ),
)
FIRST = ("Namespace", "PriorityClass")
PATIENCE_S = 20


@pytest.fixture(scope="module")
def made() -> Made:
    return compose(both_tenants)


@pytest.fixture(scope="module")
def api(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubernetesApi]:
    """An API server that was given every object that it knows without custom resource definitions."""
    try:
        programs: Path = find_programs()
    except RehearsalError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("plane") / "control-plane"
    with ControlPlane(folder, pools=POOLS, programs=programs) as plane:
        api = plane.api()
        objects = [item for item in made.objects if is_built_in(item)]
        for item in sorted(objects, key=lambda it: it["kind"] not in FIRST):
            api.apply(item, manager="contract")
        yield api


def _wait_for_pods(api: KubernetesApi, namespace: str, role: str, count: int) -> list[dict[str, Any]]:
    selector = f"app.kubernetes.io/name={role}"
    deadline = time.monotonic() + PATIENCE_S
    while True:
        pods = [dict(it) for it in api.list("v1", "Pod", namespace=namespace, selector=selector)]
        if len(pods) >= count and all(it["status"].get("phase") in ("Running", "Succeeded") for it in pods):
            return pods
        if time.monotonic() > deadline:
            conditions = [it["status"].get("conditions") for it in pods]
            raise AssertionError(f"{len(pods)} of {count} pods of {role} in {namespace}: {conditions}")
        time.sleep(0.2)


def test_the_model_runs_on_its_gpu_pool_and_on_no_other(api: KubernetesApi) -> None:
    (pod,) = _wait_for_pods(api, "textnlp", "model-server", 1)
    assert pod["spec"]["nodeName"].startswith("large")


def test_the_small_model_stays_off_the_gpus(api: KubernetesApi) -> None:
    (pod,) = _wait_for_pods(api, "tabular", "model-server", 1)
    assert pod["spec"]["nodeName"].startswith("system")


@pytest.mark.parametrize("namespace", ["textnlp", "tabular"])
def test_the_gateway_runs(api: KubernetesApi, namespace: str) -> None:
    assert _wait_for_pods(api, namespace, "gateway", 1)


@pytest.mark.parametrize("role", ["migrations", "first-key"])
def test_jobs_are_admitted_and_run(api: KubernetesApi, role: str) -> None:
    assert _wait_for_pods(api, "textnlp", role, 1)


def test_a_pod_that_is_not_restricted_is_refused(api: KubernetesApi) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "shell", "namespace": "textnlp"},
        "spec": {"containers": [{"name": "shell", "image": "shell", "securityContext": {"privileged": True}}]},
    }
    with pytest.raises(Exception, match="PodSecurity"):
        api.create(pod)


def test_more_gpus_than_the_quota_are_refused(api: KubernetesApi, made: Made) -> None:
    (item,) = [it for it in made.of_kind("Deployment") if it["metadata"]["name"] == "textnlp-large"]
    template = item["spec"]["template"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "greedy", "namespace": "textnlp"},
        "spec": {**template["spec"], "containers": [dict(template["spec"]["containers"][0])]},
    }
    gpus = {"nvidia.com/gpu": "16"}
    resources = template["spec"]["containers"][0]["resources"]
    pod["spec"]["containers"][0]["resources"] = {
        "requests": {**resources["requests"], **gpus},
        "limits": {**resources["limits"], **gpus},
    }
    with pytest.raises(Exception, match=r"exceeded quota.*requests\.nvidia\.com/gpu"):
        api.create(pod)
