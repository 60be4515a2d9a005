"""Load balancers and volumes, which a cloud's own controllers would give."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stacks.rehearsal.control_plane import ControlPlane
from stacks.rehearsal.kubernetes.api import KubernetesApi, Object, ObjectRef, ref_of
from stacks.rehearsal.kubernetes.simulated_cloud import SimulatedCloud
from tests.support.kubernetes_program import KubernetesProgram

pytestmark = pytest.mark.engine

NAMESPACE = "cloud"
PATIENCE_S = 20


@pytest.fixture
def api(control_plane: ControlPlane) -> Iterator[KubernetesApi]:
    """An API server with a namespace and storage classes of each kind, which are removed again."""
    api = control_plane.api()
    classes: dict[str, dict[str, Any]] = {
        "at-once": {"volumeBindingMode": "Immediate"},
        "kept": {"volumeBindingMode": "Immediate", "reclaimPolicy": "Retain"},
        "late": {"volumeBindingMode": "WaitForFirstConsumer", "mountOptions": ["noatime"]},
    }
    made: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        *(
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": name},
                "provisioner": "ebs.csi.aws.com",
                **settings,
            }
            for name, settings in classes.items()
        ),
    ]
    for item in made:
        api.apply(item, manager="test")
    yield api
    for item in made:
        api.delete(ref_of(item))
    _until(lambda: api.get(ref_of(made[0])) is None)


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _claim(name: str, storage_class: str | None) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "20Gi"}}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec | ({"storageClassName": storage_class} if storage_class else {}),
    }


def _pod(name: str, claim: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": name}},
        "spec": {
            "containers": [{"name": "main", "image": "none", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
        },
    }


def _phase(api: KubernetesApi, item: dict[str, Any]) -> str:
    return str(((api.get(ref_of(item)) or {}).get("status") or {}).get("phase"))


def _volume_of(api: KubernetesApi, claim: dict[str, Any]) -> Object:
    bound = api.get(ref_of(claim))
    assert bound is not None
    volume = api.get(ObjectRef("v1", "PersistentVolume", bound["spec"]["volumeName"]))
    assert volume is not None
    return volume


def test_a_load_balancer_is_given_an_address_that_stays(api: KubernetesApi, program: KubernetesProgram) -> None:
    pod = _pod("web", "none")
    del pod["spec"]["volumes"], pod["spec"]["containers"][0]["volumeMounts"]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 443}]},
    }
    program.up({"pod": pod, "service": {**service, "dependsOn": ["pod"]}})
    (made,) = [it for it in program.resources() if it["type"] == "kubernetes:core/v1:Service"]
    (ingress,) = made["outputs"]["status"]["loadBalancer"]["ingress"]
    assert ingress["ip"].startswith("203.0.113.")
    assert ingress["hostname"].startswith("web-")
    assert ingress["hostname"].endswith(".elb.rehearsal.test")
    SimulatedCloud(api).step()
    live = api.get(ObjectRef("v1", "Service", "web", NAMESPACE))
    assert live is not None
    assert live["status"]["loadBalancer"]["ingress"] == [{**ingress, "ipMode": "VIP"}]


def test_a_service_inside_the_cluster_is_given_none(api: KubernetesApi) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "inside", "namespace": NAMESPACE},
        "spec": {"ports": [{"port": 80}]},
    }
    api.create(service)
    SimulatedCloud(api).step()
    live = api.get(ref_of(service))
    assert live is not None
    assert live["status"]["loadBalancer"] == {}


def test_a_claim_is_bound_to_a_volume_of_its_size_which_goes_with_it(api: KubernetesApi) -> None:
    claim = _claim("at-once", "at-once")
    api.create(claim)
    _until(lambda: _phase(api, claim) == "Bound")
    volume = _volume_of(api, claim)
    assert volume["spec"]["capacity"] == {"storage": "20Gi"}
    assert volume["spec"]["storageClassName"] == "at-once"
    api.delete(ref_of(claim))
    _until(lambda: api.get(ObjectRef("v1", "PersistentVolume", volume["metadata"]["name"])) is None)


def test_a_volume_whose_class_keeps_it_outlives_its_claim(api: KubernetesApi) -> None:
    claim = _claim("kept", "kept")
    api.create(claim)
    _until(lambda: _phase(api, claim) == "Bound")
    volume = ObjectRef("v1", "PersistentVolume", _volume_of(api, claim)["metadata"]["name"])
    api.delete(ref_of(claim))
    _until(lambda: (api.get(volume) or {})["status"]["phase"] == "Released")
    SimulatedCloud(api).step()
    assert api.get(volume) is not None
    api.delete(volume)


def test_a_claim_that_binds_late_waits_for_its_pod_and_then_lets_it_run(api: KubernetesApi) -> None:
    claim, pod = _claim("late", "late"), _pod("late", "late")
    api.create(claim)
    SimulatedCloud(api).step()
    assert _phase(api, claim) == "Pending"
    api.create(pod)
    _until(lambda: _phase(api, pod) == "Running")
    assert _phase(api, claim) == "Bound"
    assert _volume_of(api, claim)["spec"]["mountOptions"] == ["noatime"]


def test_a_claim_without_a_class_stays_unbound_as_in_a_cluster_that_has_no_default(api: KubernetesApi) -> None:
    claim = _claim("classless", None)
    api.create(claim)
    SimulatedCloud(api).step()
    time.sleep(1)
    assert _phase(api, claim) == "Pending"
