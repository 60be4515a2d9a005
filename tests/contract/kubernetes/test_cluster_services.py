"""All services of a cluster: rules over what they make, and a real API server that takes every object of them."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.catalog.charts import load_charts
from components.kubernetes.cluster_services import ClusterServices
from stacks.rehearsal.control_plane import ControlPlane, find_programs
from stacks.rehearsal.custom_resources import install_kind, read_definitions
from stacks.rehearsal.kubernetes.api import KubernetesApi
from stacks.rehearsal.kubernetes.helm_chart import wrong_values
from stacks.rehearsal.node_pool import NodePool
from stacks.rehearsal.plugins.errors import RehearsalError
from stacks.rehearsal.stand_in_definitions import stand_in_sets
from tests.support.cluster_facts import cloud_facts, services_args
from tests.support.kubernetes_mocks import Made, compose
from tests.support.kubernetes_schema import check_object, is_built_in

CLUSTER_WIDE = (
    "ClusterIssuer",
    "ClusterSecretStore",
    "EC2NodeClass",
    "GatewayClass",
    "Namespace",
    "NodePool",
    "PriorityClass",
    "StorageClass",
)
# Labels that mark an object as one of a tenant's baseline, or of the operators'.
ROLES = ("baseline", "operators", "storage")


def own_authority() -> dict[str, Any]:
    """Return arguments of a cluster that signs its own certificates, which makes other objects."""
    return {"operators": {"issuer": {"name": "own", "authority": {"kind": "own"}}}}


@pytest.fixture(scope="module")
def made() -> Made:
    return compose(lambda: ClusterServices("cluster", services_args(), facts=cloud_facts()) and None)


def test_every_object_is_what_the_api_knows(made: Made) -> None:
    built_in = [item for item in made.objects if is_built_in(item)]
    assert len(built_in) > 20
    for item in built_in:
        check_object(item)


def test_no_two_objects_have_the_same_name(made: Made) -> None:
    names = Counter(
        (it["apiVersion"], it["kind"], it["metadata"].get("namespace"), it["metadata"]["name"]) for it in made.objects
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_every_object_is_labelled_and_stands_in_a_namespace_that_is_made(made: Made) -> None:
    spaces = {it["metadata"]["name"] for it in made.of_kind("Namespace")}
    for item in made.objects:
        labels = item["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "inferloop", item["metadata"]["name"]
        assert labels["app.kubernetes.io/name"] in ROLES
        assert (item["kind"] in CLUSTER_WIDE) != (item["metadata"].get("namespace") in spaces), item["metadata"]
    for release in made.releases.values():
        assert release["namespace"] in {*spaces, "kube-system"}


def test_every_namespace_is_closed_and_says_why_it_is_not_restricted(made: Made) -> None:
    closed = {
        it["metadata"]["namespace"] for it in made.of_kind("NetworkPolicy") if "default-deny" in it["metadata"]["name"]
    }
    for space in made.of_kind("Namespace"):
        metadata = space["metadata"]
        assert metadata["name"] in closed
        profile = metadata["labels"]["pod-security.kubernetes.io/enforce"]
        reason = metadata["annotations"].get("inferloop.io/privileged-because")
        assert (profile == "restricted") == (reason is None), metadata["name"]


def test_no_policy_opens_the_machines_own_identity(made: Made) -> None:
    for policy in made.of_kind("NetworkPolicy"):
        for rule in policy["spec"].get("egress", ()):
            for target in rule.get("to", ()):
                block = target.get("ipBlock", {})
                if block.get("cidr") == "0.0.0.0/0":
                    assert block["except"] == ["169.254.169.254/32"], policy["metadata"]["name"]
                    assert rule["ports"], policy["metadata"]["name"]


def test_every_release_is_pinned_by_the_lock_and_taken_back_as_a_whole(made: Made) -> None:
    for name, release in made.releases.items():
        assert release["version"] == load_charts().chart(name).version
        assert release["atomic"], name


def test_every_alert_has_a_severity_and_a_summary(made: Made) -> None:
    rules = [rule for it in made.of_kind("PrometheusRule") for group in it["spec"]["groups"] for rule in group["rules"]]
    assert len(rules) == 8
    for rule in rules:
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"]["summary"]


def test_no_values_hold_a_secret(made: Made) -> None:
    text = json.dumps(made.releases).lower()
    for word in ("password", "secret_key", "routing_key", "token"):
        assert f'"{word}"' not in text


@pytest.fixture(scope="module")
def fetched() -> None:
    """Skip where the lock's definitions are not fetched."""
    try:
        read_definitions(load_charts().definition_set("keda"))
    except RehearsalError as error:
        pytest.skip(str(error))


def test_every_chart_that_has_a_schema_takes_its_values(fetched: None, made: Made) -> None:
    checked = [name for name in made.releases if load_charts().chart(name).values_schema is not None]
    assert checked
    for name in checked:
        assert wrong_values(load_charts().chart(name), made.releases[name]["values"]) == [], name


@pytest.fixture(scope="module")
def api(fetched: None, made: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubernetesApi]:
    """An API server with the definitions of every kind that is made."""
    try:
        programs: Path = find_programs()
    except RehearsalError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("plane") / "control-plane"
    with ControlPlane(folder, pools=(NodePool(name="system"),), programs=programs) as plane:
        api = plane.api()
        kinds = {(it["apiVersion"], it["kind"]) for it in made.objects if not is_built_in(it)}
        sets = [*load_charts().definitions, *stand_in_sets(it.name for it in load_charts().charts)]
        for api_version, kind in sorted({*kinds, ("cert-manager.io/v1", "Certificate")}):
            assert install_kind(api, api_version, kind, sets), kind
        yield api


@pytest.mark.engine
@pytest.mark.parametrize("more", [{}, own_authority()], ids=["acme", "own"])
def test_an_api_server_takes_every_object_and_knows_every_field(api: KubernetesApi, more: dict[str, Any]) -> None:
    made = compose(lambda: ClusterServices("cluster", services_args(**more), facts=cloud_facts()) and None)
    custom = {it["kind"] for it in made.objects if not is_built_in(it)}
    assert {"ClusterIssuer", "ClusterSecretStore", "EnvoyProxy", "GatewayClass", "NodePool", "EC2NodeClass"} <= custom
    assert {"BackupStorageLocation", "Schedule", "PrometheusRule"} <= custom
    assert {"Gateway", "ClientTrafficPolicy", "TargetGroupBinding"} <= custom
    for item in sorted(made.objects, key=lambda it: it["kind"] != "Namespace"):
        taken = api.apply(item, manager="contract")
        assert taken["metadata"]["uid"], item["metadata"]["name"]


@pytest.mark.engine
def test_an_api_server_refuses_a_field_that_a_definition_does_not_have(api: KubernetesApi, made: Made) -> None:
    pool = made.named("NodePool", "general")
    pool["spec"]["template"]["spec"]["taint"] = []
    with pytest.raises(Exception, match="taint"):
        api.apply(pool, manager="contract")
