"""The locked definitions in a real API server, and every custom resource that the components make against them."""

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from components.catalog.charts import load_charts
from components.errors import CatalogError
from components.kubernetes.cluster_services import ClusterServices
from stacks.rehearsal.control_plane import ControlPlane
from stacks.rehearsal.custom_resources import ORIGIN, install_definitions, read_definitions
from stacks.rehearsal.kubernetes.api import ApiError, KubernetesApi
from stacks.rehearsal.kubernetes.releases import RELEASE, checked_inputs
from stacks.rehearsal.plugins.errors import RehearsalError
from stacks.rehearsal.plugins.provider import ResourceRef
from tests.support.cluster_facts import cloud_facts, services_args
from tests.support.kubernetes_mocks import Made, compose
from tests.support.kubernetes_schema import is_built_in
from tests.support.kubernetes_tenants import both_tenants

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def services() -> Made:
    """Every service that a cluster may have."""
    return compose(lambda: ClusterServices("cluster", services_args(), facts=cloud_facts()) and None)


@pytest.fixture(scope="module")
def customs(services: Made) -> list[dict[str, Any]]:
    """Every object of both tenants and of the cluster's services that is of no built-in kind."""
    return [item for made in (compose(both_tenants), services) for item in made.objects if not is_built_in(item)]


@pytest.fixture(scope="module")
def api(defined_plane: ControlPlane, customs: list[dict[str, Any]]) -> KubernetesApi:
    api = defined_plane.api()
    for name in sorted({name for item in customs if (name := item["metadata"].get("namespace"))}):
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, manager="test")
    return api


def test_every_locked_definition_is_established_and_tells_where_it_is_from(api: KubernetesApi) -> None:
    lock = load_charts()
    there = {item["metadata"]["name"]: item for item in api.list("apiextensions.k8s.io/v1", "CustomResourceDefinition")}
    for files in lock.definitions.values():
        for wanted in read_definitions(files):
            found = there[wanted["metadata"]["name"]]
            assert found["metadata"]["annotations"][ORIGIN] == f"{files.module} {files.version}"
            conditions = {it["type"]: it["status"] for it in found["status"]["conditions"]}
            assert conditions["Established"] == "True"


def test_the_api_server_accepts_every_custom_resource_that_the_components_make(
    api: KubernetesApi, customs: list[dict[str, Any]]
) -> None:
    assert {item["kind"] for item in customs} >= {
        "BackupStorageLocation",
        "Certificate",
        "ClusterIssuer",
        "ClusterSecretStore",
        "EC2NodeClass",
        "ExternalSecret",
        "Gateway",
        "GatewayClass",
        "HTTPRoute",
        "NodePool",
        "PrometheusRule",
        "ScaledObject",
        "ServiceMonitor",
    }
    refusals = {}
    for item in customs:
        try:
            made = api.apply(item, manager="test")
            assert _within(item["spec"], made["spec"]), f"{item['kind']} lost a field"
        except ApiError as error:
            refusals[f"{item['kind']} {item['metadata']['name']}"] = str(error)
    assert refusals == {}


def test_a_field_that_a_definition_does_not_have_is_refused(api: KubernetesApi, customs: list[dict[str, Any]]) -> None:
    for kind in sorted({item["kind"] for item in customs}):
        item = copy.deepcopy(next(it for it in customs if it["kind"] == kind))
        item["metadata"]["name"] = f"wrong-{kind.lower()}"
        item["spec"]["misspelt"] = True
        with pytest.raises(ApiError, match=r"misspelt"):
            api.apply(item, manager="test", dry_run=True)


def test_every_release_of_a_cluster_is_of_the_lock_and_has_values_that_its_chart_knows(services: Made) -> None:
    assert set(services.releases) <= {chart.name for chart in load_charts().charts}
    for name, inputs in services.releases.items():
        resource = ResourceRef(type=RELEASE, name=name, urn=f"urn:pulumi:s::p::{RELEASE}::{name}")
        checked, problems = checked_inputs(resource, inputs, {}, seed=b"s", namespace="default")
        assert list(problems) == []
        assert checked["name"] == name


def test_installing_again_changes_nothing(api: KubernetesApi) -> None:
    kind = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    before = {item["metadata"]["uid"]: item["metadata"]["resourceVersion"] for item in api.list(*kind)}
    names = install_definitions(api, ["keda", "gateway-api"])
    assert "scaledobjects.keda.sh" in names
    assert "certificates.cert-manager.io" not in names
    assert {item["metadata"]["uid"]: item["metadata"]["resourceVersion"] for item in api.list(*kind)} == before


def test_a_set_that_is_not_locked_is_refused_with_those_that_are(api: KubernetesApi) -> None:
    with pytest.raises(CatalogError, match=r"no definitions 'istio'; it has cert-manager, .*velero"):
        install_definitions(api, ["istio"])


def test_definitions_that_were_not_fetched_name_the_command(api: KubernetesApi, tmp_path: Path) -> None:
    with pytest.raises(RehearsalError, match=r"keda/v2 v2\.\d+\.\d+ are not fetched yet.*make rehearsal-tools"):
        install_definitions(api, ["keda"], record=tmp_path / "charts.json")


def test_definitions_that_changed_on_the_disk_are_refused(tmp_path: Path) -> None:
    files = load_charts().definition_set("keda")
    folder = tmp_path / files.sha256
    folder.mkdir()
    (folder / "sha256.json").write_text(json.dumps({"definitions.json": hashlib.sha256(b"[]").hexdigest()}))
    (tmp_path / "charts.json").write_text(json.dumps({"definitions": str(tmp_path)}))
    (folder / "definitions.json").write_text("[]")
    assert read_definitions(files, tmp_path / "charts.json") == []
    (folder / "definitions.json").write_text("[{}]")
    with pytest.raises(RehearsalError, match=r"is not what was fetched.*tools/charts fetch"):
        read_definitions(files, tmp_path / "charts.json")


def _within(given: Any, found: Any) -> bool:
    if isinstance(given, dict):
        return isinstance(found, dict) and all(_within(value, found.get(name)) for name, value in given.items())
    if isinstance(given, list):
        return len(given) == len(found) and all(_within(*pair) for pair in zip(given, found, strict=True))
    return bool(given == found)
