"""Kubernetes objects from the real engine, by our plugin, on a real control plane."""

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest

from stacks.rehearsal.control_plane import ControlPlane
from stacks.rehearsal.kubernetes.api import ObjectRef
from tests.support.kubernetes_program import KubernetesProgram
from tests.support.pulumi_stack import EngineError

pytestmark = pytest.mark.engine

LABELS = {"app": "model-server"}


def namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def model_server(space: str, *, gpus: int, replicas: int = 2) -> dict[str, Any]:
    container = {
        "name": "server",
        "image": "registry.example/server:1",
        "resources": {"limits": {"nvidia.com/gpu": str(gpus), "cpu": "1000m"}},
    }
    pod = {
        "containers": [container],
        "nodeSelector": {"inferloop.dev/pool": "gpu"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "server", "namespace": space},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": LABELS},
            "strategy": {"type": "Recreate"},
            "template": {"metadata": {"labels": LABELS}, "spec": pod},
        },
        "dependsOn": ["space"],
    }


def service(space: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "server", "namespace": space},
        "spec": {"selector": LABELS, "ports": [{"port": 80, "targetPort": 8080}]},
        "dependsOn": ["space"],
    }


def settings(space: str, level: str = "info") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": space},
        "data": {"level": level},
        "dependsOn": ["space"],
    }


def stack_of(space: str, *, gpus: int = 4) -> dict[str, Any]:
    return {
        "space": namespace(space),
        "server": model_server(space, gpus=gpus),
        "front": service(space),
        "settings": settings(space),
    }


def test_a_stack_lives_from_creation_to_destruction(program: KubernetesProgram, control_plane: ControlPlane) -> None:
    api = control_plane.api()
    objects = stack_of("life")
    assert program.preview(objects)
    assert api.get(ObjectRef("v1", "Namespace", "life")) is None
    assert set(program.up(copy.deepcopy(objects)).values()) == {"create"}
    pods = api.list("v1", "Pod", namespace="life")
    assert [(pod["status"]["phase"], pod["spec"]["nodeName"]) for pod in pods] == [("Running", "gpu-0")] * 2
    assert program.up(objects) == {}

    objects["server"]["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/server:2"
    assert program.up(objects) == {"server": "update"}
    images = {pod["spec"]["containers"][0]["image"] for pod in api.list("v1", "Pod", namespace="life")}
    assert images == {"registry.example/server:2"}

    (kept,) = [item for item in program.resources() if item["type"] == "kubernetes:core/v1:ConfigMap"]
    assert re.fullmatch(r"life/settings-[0-9a-f]{8}", kept["id"])
    objects["settings"]["data"]["level"] = "debug"
    assert program.up(objects)["settings"] in ("replace", "create-replacement", "delete-replaced")
    assert (
        len([item for item in api.list("v1", "ConfigMap", namespace="life") if "settings" in item["metadata"]["name"]])
        == 1
    )

    program.destroy()
    assert program.resources() == []
    assert api.get(ObjectRef("v1", "Namespace", "life")) is None
    assert api.list("v1", "Pod") == []


def test_gpus_that_no_node_has_fail_with_the_schedulers_reason_and_can_be_mended(
    program: KubernetesProgram, control_plane: ControlPlane
) -> None:
    objects = {"space": namespace("greedy"), "server": model_server("greedy", gpus=9, replicas=1)}
    with pytest.raises(EngineError, match=r"Insufficient nvidia.com/gpu"):
        program.up(objects)
    assert {item["type"] for item in program.resources()} == {
        "kubernetes:core/v1:Namespace",
        "kubernetes:apps/v1:Deployment",
    }
    objects["server"] = model_server("greedy", gpus=8, replicas=1)
    assert program.up(objects) == {"server": "update"}


def test_a_field_that_does_not_exist_is_refused_by_preview_and_up(
    program: KubernetesProgram, control_plane: ControlPlane
) -> None:
    item = settings("default")
    del item["dependsOn"]
    item["dataa"] = {"level": "info"}
    with pytest.raises(EngineError, match="dataa"):
        program.preview({"settings": item})
    with pytest.raises(EngineError, match="dataa"):
        program.up({"settings": item})
    assert program.resources() == []


def test_what_somebody_deleted_or_changed_shows_in_a_refresh_and_is_put_back(
    program: KubernetesProgram, control_plane: ControlPlane
) -> None:
    api = control_plane.api()
    objects = {"space": namespace("drift"), "front": service("drift"), "settings": settings("drift")}
    objects["settings"]["metadata"]["name"] = "settings"
    objects["front"]["spec"]["type"] = "ClusterIP"
    objects["front"]["metadata"]["annotations"] = {"pulumi.com/patchForce": "true", "pulumi.com/skipAwait": "true"}
    program.up(copy.deepcopy(objects))
    changed = api.get(ObjectRef("v1", "Service", "server", "drift"))
    assert changed is not None
    edit = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "server", "namespace": "drift"},
        "spec": {"selector": {"app": "other"}},
    }
    api.apply(edit, manager="somebody", force=True)
    api.delete(ObjectRef("v1", "ConfigMap", "settings", "drift"))
    assert "other" in program.refresh()
    assert program.up(objects) == {"front": "update", "settings": "create"}
    back = api.get(ObjectRef("v1", "Service", "server", "drift"))
    assert back is not None
    assert back["spec"]["selector"] == LABELS


def test_the_official_plugin_ends_with_the_same_objects(
    official_program: Callable[[], KubernetesProgram], program: KubernetesProgram, control_plane: ControlPlane
) -> None:
    objects = stack_of("same")
    seen = []
    for stack in (official_program(), program):
        stack.up(copy.deepcopy(objects))
        ids = {item["urn"].rsplit("::", 1)[-1]: re.sub("-[0-9a-f]{8}$", "", item["id"]) for item in stack.resources()}
        seen.append((ids, _objects(control_plane, "same")))
        stack.destroy()
    assert seen[0] == seen[1]


def _objects(plane: ControlPlane, space: str) -> list[dict[str, Any]]:
    api = plane.api()
    found = [api.get(ObjectRef("v1", "Namespace", space))]
    for api_version, kind in (("apps/v1", "Deployment"), ("v1", "Service"), ("v1", "ConfigMap")):
        found += api.list(api_version, kind, namespace=space)
    return [_without_server_fields(item) for item in found if item and item["metadata"]["name"] != "kube-root-ca.crt"]


def _without_server_fields(item: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in item.items() if name not in ("apiVersion", "kind", "status")}
    for name in ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"):
        kept["metadata"].pop(name, None)
    kept["metadata"]["name"] = re.sub("-[0-9a-f]{8}$", "", kept["metadata"]["name"])
    for name in ("clusterIP", "clusterIPs"):
        kept.get("spec", {}).pop(name, None)
    return kept
