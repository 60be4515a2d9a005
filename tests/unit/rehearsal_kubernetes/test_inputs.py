"""What the Kubernetes plugin makes of inputs: names, namespaces, replacement, drift, sign-in."""

import base64
import json
from typing import Any

import pytest
import yaml

from stacks.rehearsal.kubernetes.drift import drifted_inputs, importable_inputs
from stacks.rehearsal.kubernetes.kubeconfig import read_kubeconfig
from stacks.rehearsal.kubernetes.naming import AUTONAMED, with_name, with_namespace
from stacks.rehearsal.kubernetes.plugin import KubernetesPlugin
from stacks.rehearsal.kubernetes.replacement import replacing_properties
from stacks.rehearsal.node_pool import NodePool, Taint
from stacks.rehearsal.plugins.difference import compare
from stacks.rehearsal.plugins.errors import RehearsalError
from stacks.rehearsal.plugins.properties import UNKNOWN
from stacks.rehearsal.plugins.provider import ResourceRef


def _ref(kind: str) -> ResourceRef:
    return ResourceRef(type=f"kubernetes:{kind}", name="web", urn=f"urn:pulumi:s::p::kubernetes:{kind}::web")


def test_a_name_is_generated_once_and_kept() -> None:
    first = with_name({"kind": "ConfigMap"}, resource="web", old_inputs={}, seed=b"1")
    assert first["metadata"]["name"].startswith("web-")
    assert first["metadata"]["annotations"] == {AUTONAMED: "true"}
    again = with_name({"kind": "ConfigMap"}, resource="web", old_inputs=first, seed=b"2")
    assert again == first
    replaced = with_name({"kind": "ConfigMap"}, resource="web", old_inputs={}, seed=b"2")
    assert replaced["metadata"]["name"] != first["metadata"]["name"]


def test_a_given_name_stays_and_is_not_marked() -> None:
    inputs = {"metadata": {"name": "mine"}}
    assert with_name(inputs, resource="web", old_inputs={}, seed=b"") == inputs


def test_an_unknown_name_waits_for_its_value() -> None:
    inputs = {"metadata": {"name": UNKNOWN}}
    assert with_name(inputs, resource="web", old_inputs={}, seed=b"") == inputs


def test_a_namespace_is_completed_only_where_the_kind_has_one() -> None:
    assert with_namespace({"metadata": {}}, "default", namespaced=True) == {"metadata": {"namespace": "default"}}
    assert with_namespace({"metadata": {"namespace": "a"}}, "b", namespaced=True) == {"metadata": {"namespace": "a"}}
    assert with_namespace({"metadata": {"namespace": "a"}}, "b", namespaced=False) == {"metadata": {}}


@pytest.mark.parametrize(
    ("api_version", "kind", "path", "replaced"),
    [
        ("apps/v1", "Deployment", "spec.selector.matchLabels.app", True),
        ("apps/v1", "Deployment", "spec.replicas", False),
        ("v1", "ConfigMap", "data.level", True),
        ("v1", "Pod", "spec.containers[0].image", True),
        ("v1", "Pod", "spec.tolerations[0].key", False),
        ("keda.sh/v1alpha1", "ScaledObject", "metadata.name", True),
        ("keda.sh/v1alpha1", "ScaledObject", "spec.maxReplicaCount", False),
    ],
)
def test_immutable_fields_replace_an_object(api_version: str, kind: str, path: str, replaced: bool) -> None:
    old, new = _nested(path, "a"), _nested(path, "b")
    found = compare(old, new, replaces=replacing_properties(api_version, kind))
    assert bool(found.replaces) is replaced


def _nested(path: str, leaf: str) -> dict[str, Any]:
    value: Any = leaf
    for part in reversed(path.split(".")):
        name, _, index = part.partition("[")
        value = {name: [value]} if index else {name: value}
    nested: dict[str, Any] = value
    return nested


def test_what_the_server_only_wrote_differently_has_not_drifted() -> None:
    inputs = {"spec": {"cpu": "1000m", "replicas": 2, "args": ["a"]}}
    applied = {"spec": {"cpu": "1", "replicas": 2, "args": ["a"], "added": True}, "status": {"ready": 1}}
    live = {"spec": {"cpu": "1", "replicas": 5, "args": ["a"], "added": False}, "status": {"ready": 2}}
    assert drifted_inputs(inputs, applied, live) == {"spec": {"cpu": "1000m", "replicas": 5, "args": ["a"]}}


def test_what_was_removed_or_changed_in_a_list_drifts() -> None:
    inputs = {"metadata": {"labels": {"a": "1"}}, "items": [{"x": 1, "y": 2}], "words": ["a"]}
    live = {"metadata": {}, "items": [{"x": 1, "y": 3}], "words": ["a", "b"]}
    assert drifted_inputs(inputs, inputs, live) == {
        "metadata": {},
        "items": [{"x": 1, "y": 3}],
        "words": ["a", "b"],
    }


def test_an_import_takes_all_but_what_the_server_sets() -> None:
    live = {"kind": "ConfigMap", "metadata": {"name": "a", "uid": "1", "managedFields": []}, "data": {}, "status": {}}
    assert importable_inputs(live) == {"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {}}
    assert "uid" in live["metadata"]


def _kubeconfig(**changes: Any) -> dict[str, Any]:
    config = {
        "clusters": [
            {
                "name": "c",
                "cluster": {
                    "server": "https://127.0.0.1:1/",
                    "certificate-authority-data": base64.b64encode(b"PEM").decode(),
                },
            }
        ],
        "users": [{"name": "u", "user": {"token": "s3cret"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
        "current-context": "x",
    }
    return config | changes


def test_a_kubeconfig_is_read_as_a_file_and_as_content(tmp_path: Any) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(_kubeconfig()))
    for text in (str(file), file.read_text(), json.dumps(_kubeconfig())):
        connection = read_kubeconfig(text)
        assert (connection.server, connection.certificates, connection.namespace) == ("https://127.0.0.1:1", "PEM", "n")
        assert "s3cret" not in repr(connection)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"current-context": "other"}, "contexts has no entry 'other'"),
        ({"users": [{"name": "u", "user": {"exec": {}}}]}, "users.u has no token"),
        ({"clusters": [{"name": "c", "cluster": {"server": "http://x"}}]}, "clusters.c.server"),
        ({"clusters": [{"name": "c", "cluster": {"server": "https://x"}}]}, "certificate-authority"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_names_the_key(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(RehearsalError, match=named):
        read_kubeconfig(json.dumps(_kubeconfig(**changes)))


def test_a_broken_kubeconfig_is_not_quoted() -> None:
    with pytest.raises(RehearsalError) as raised:
        read_kubeconfig("token: s3cret\n  x: [")
    assert "s3cret" not in str(raised.value)


def test_a_missing_kubeconfig_is_named(tmp_path: Any) -> None:
    with pytest.raises(RehearsalError, match="nowhere"):
        read_kubeconfig(str(tmp_path / "nowhere"))


def test_charts_and_patches_are_refused_with_what_to_do_instead() -> None:
    plugin = KubernetesPlugin()
    _, chart = plugin.check(_ref("helm.sh/v4:Chart"), {}, {}, b"")
    assert "render it to plain objects" in chart[0].reason
    _, patch = plugin.check(_ref("core/v1:ConfigMapPatch"), {"apiVersion": "v1", "kind": "ConfigMap"}, {}, b"")
    assert "declare the whole object" in patch[0].reason


def test_an_object_must_say_what_it_is() -> None:
    _, failures = KubernetesPlugin().check(_ref("core/v1:ConfigMap"), {}, {}, b"")
    assert [failure.path for failure in failures] == ["apiVersion", "kind"]


def test_a_preview_without_a_cluster_still_names_objects() -> None:
    plugin = KubernetesPlugin()
    plugin.configure({"kubeconfig": UNKNOWN})
    inputs, failures = plugin.check(_ref("core/v1:ConfigMap"), {"apiVersion": "v1", "kind": "ConfigMap"}, {}, b"s")
    assert not failures
    assert inputs["metadata"]["name"].startswith("web-")
    assert plugin.plan(_ref("core/v1:ConfigMap"), inputs, None) == inputs
    with pytest.raises(RehearsalError, match="no cluster is known yet"):
        plugin.create(_ref("core/v1:ConfigMap"), inputs)


def test_a_replacement_under_the_same_name_deletes_first() -> None:
    plugin = KubernetesPlugin()
    same, other = {"metadata": {"name": "a", "namespace": "n"}}, {"metadata": {"name": "b", "namespace": "n"}}
    assert plugin.deletes_before_replacing(_ref("core/v1:ConfigMap"), same, same)
    assert not plugin.deletes_before_replacing(_ref("core/v1:ConfigMap"), same, other)
    assert "spec.selector" in plugin.replaces(_ref("apps/v1:Deployment"))
    assert "data" in plugin.replaces(_ref("core/v1:ConfigMap"))
    assert plugin.secret_outputs(_ref("core/v1:Secret")) == {"data", "stringData"}


def test_a_pools_nodes_carry_what_the_scheduler_reads() -> None:
    pool = NodePool(name="gpu", count=2, gpus=8, labels={"pool": "gpu"}, taints=(Taint(key="nvidia.com/gpu"),))
    first, second = pool.nodes()
    assert (first["metadata"]["name"], second["metadata"]["name"]) == ("gpu-0", "gpu-1")
    assert first["status"]["allocatable"]["nvidia.com/gpu"] == "8"
    assert first["metadata"]["labels"]["pool"] == "gpu"
    assert first["spec"]["taints"] == [{"key": "nvidia.com/gpu", "value": "", "effect": "NoSchedule"}]
