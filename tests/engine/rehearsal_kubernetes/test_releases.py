"""Helm releases from the real engine, by our plugin: rendered where the chart is had, represented where it is not."""

import base64
import hashlib
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.catalog.charts import Charts, load_charts
from components.errors import CatalogError
from stacks.rehearsal.control_plane import ControlPlane
from stacks.rehearsal.custom_resources import ORIGIN, RECORD
from stacks.rehearsal.kubernetes.api import KubernetesApi, ObjectRef, UnknownKindError
from stacks.rehearsal.kubernetes.awaiting import Awaiter, Patience
from stacks.rehearsal.kubernetes.release_record import RECORD_TYPE, record_ref
from stacks.rehearsal.kubernetes.releases import RELEASE, Releases, ensure_kind
from stacks.rehearsal.plugins.journal import Journal
from stacks.rehearsal.stand_in_definitions import ORIGIN as STAND_IN
from tests.support.helm_chart import write_chart
from tests.support.kubernetes_program import KubernetesProgram
from tests.support.pulumi_stack import EngineError

pytestmark = pytest.mark.engine

SPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "releases"}}
NOWHERE = {"nodeSelector": {"inferloop.dev/pool": "none"}}


@pytest.fixture
def program(program: KubernetesProgram, programs: Path, tmp_path: Path) -> KubernetesProgram:
    """A stack that keeps its journal; tests are skipped where definitions are not fetched or helm is not built."""
    if not RECORD.exists() or not (programs / "helm").exists():
        pytest.skip("definitions or helm are not there: run `make rehearsal-tools`")
    (tmp_path / "journal").mkdir()
    program.environment["INFERLOOP_REHEARSAL_STATE"] = str(tmp_path / "journal")
    return program


@pytest.fixture
def api(control_plane: ControlPlane) -> KubernetesApi:
    return control_plane.api()


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    return write_chart(tmp_path / "charts")


@pytest.fixture
def releases(api: KubernetesApi) -> Iterator[Releases]:
    """Releases of this process, in a namespace that is removed again."""
    api.apply(SPACE, manager="test")
    yield Releases(api, lambda: Awaiter(api, threading.Event(), Patience(unschedulable_s=1)))
    api.delete(ObjectRef("v1", "Namespace", "releases"))
    Awaiter(api, threading.Event(), Patience()).until_gone(ObjectRef("v1", "Namespace", "releases"), "")


def release(chart: str, **inputs: Any) -> dict[str, Any]:
    made = {"type": RELEASE, "dependsOn": ["space"], "name": "it", "namespace": "releases", "chart": chart}
    return {**made, **inputs}


def keda(**inputs: Any) -> dict[str, Any]:
    locked = load_charts().chart("keda")
    return release(locked.chart, repositoryOpts={"repo": locked.repository}, version=locked.version, **inputs)


def fidelities(program: KubernetesProgram, of_type: str = RELEASE) -> set[str]:
    journal = Journal(Path(program.environment["INFERLOOP_REHEARSAL_STATE"]) / "journal.jsonl")
    return {str(entry.fidelity) for entry in journal.entries() if entry.type == of_type}


def test_a_chart_that_is_not_had_is_represented(program: KubernetesProgram, api: KubernetesApi) -> None:
    scaled = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "small", "namespace": "releases"},
        "spec": {"scaleTargetRef": {"name": "none"}, "triggers": [{"type": "cpu", "metadata": {"value": "50"}}]},
        "dependsOn": ["keda"],
    }
    with pytest.raises(EngineError, match=r"no kind ScaledObject in keda\.sh/v1alpha1.*does the resource depend on it"):
        program.up({"space": SPACE, "scaled": {**scaled, "dependsOn": ["space"]}})
    objects = {"space": SPACE, "keda": keda(values={"operator": {"replicaCount": 2}}), "scaled": scaled}
    assert program.up(objects) == {"keda": "create", "scaled": "create"}
    assert fidelities(program) == {"represented"}
    (made,) = [it for it in program.resources() if it["type"] == RELEASE]
    assert made["id"] == "releases/it"
    status = {"name": "it", "namespace": "releases", "chart": "keda", "revision": 1, "status": "deployed"}
    assert made["outputs"]["status"] == {**status, "version": load_charts().chart("keda").version}
    assert made["outputs"]["resourceNames"] == {}
    secret = api.get(record_ref("releases", "it"))
    assert secret is not None
    assert secret["type"] == RECORD_TYPE
    assert "replicaCount" not in base64.b64decode(secret["data"]["release"]).decode()
    # Of the six definitions that the operator brings the one that is used.
    definitions = {it["metadata"]["name"] for it in api.list("apiextensions.k8s.io/v1", "CustomResourceDefinition")}
    assert {name for name in definitions if name.endswith(".keda.sh")} == {"scaledobjects.keda.sh"}

    assert program.up(objects) == {}
    objects["keda"] = keda(values={"operator": {"replicaCount": 3}})
    assert program.up(objects) == {"keda": "update"}
    program.destroy()
    assert api.get(record_ref("releases", "it")) is None


def test_a_represented_release_that_somebody_removed_or_changed_is_put_back(
    program: KubernetesProgram, api: KubernetesApi
) -> None:
    objects = {"space": SPACE, "keda": keda(values={"a": 1})}
    program.up(objects)
    api.delete(record_ref("releases", "it"))
    assert re.search(r"- 1 deleted", program.refresh())
    assert program.up(objects) == {"keda": "create"}

    secret = api.get(record_ref("releases", "it"))
    assert secret is not None
    record = json.loads(base64.b64decode(secret["data"]["release"]))
    changed = json.dumps({**record, "version": "2.0.0", "values_sha256": "0" * 64}).encode()
    secret["metadata"].pop("managedFields")
    api.apply({**secret, "data": {"release": base64.b64encode(changed).decode()}}, manager="somebody", force=True)
    said = program.refresh()
    assert re.search(r'version\s*: "[\d.]+" => "2\.0\.0"', said)
    assert program.up(objects) == {"keda": "update"}
    assert program.up(objects) == {}


def test_a_chart_of_another_version_is_refused_by_the_preview(program: KubernetesProgram) -> None:
    with pytest.raises(EngineError, match=r"asks for version 2\.0\.0 of the chart keda; locked is \d"):
        program.preview({"space": SPACE, "keda": {**keda(), "version": "2.0.0"}})


def test_a_chart_that_is_had_is_rendered_and_kept_in_step(
    program: KubernetesProgram, api: KubernetesApi, chart: Path
) -> None:
    settings = ObjectRef("v1", "ConfigMap", "it-settings", "releases")
    extra = ObjectRef("v1", "ConfigMap", "it-extra", "releases")
    objects = {"space": SPACE, "small": release(str(chart), values={"extra": True})}
    program.up(objects)
    assert fidelities(program) == {"real"}
    (made,) = [it for it in program.resources() if it["type"] == RELEASE]
    assert made["outputs"]["resourceNames"] == {
        "ConfigMap/v1": ["releases/it-extra", "releases/it-settings"],
        "Deployment/apps/v1": ["releases/it"],
    }
    found = api.get(settings)
    assert found is not None
    assert found["data"] == {"level": "info", "cluster": api.server_version()}
    deployment = api.get(ObjectRef("apps/v1", "Deployment", "it", "releases"))
    assert deployment is not None
    assert deployment["status"]["availableReplicas"] == 1
    assert api.list("charts.example.org/v1", "Gadget") == []
    assert program.up(objects) == {}

    api.delete(settings)
    assert "resourceNames" in program.refresh()
    assert program.up(objects) == {"small": "update"}
    assert api.get(settings) is not None

    objects["small"] = release(str(chart), values={"extra": False, "level": "debug"})
    assert program.up(objects) == {"small": "update"}
    found = api.get(settings)
    assert found is not None
    assert found["data"]["level"] == "debug"
    assert api.get(extra) is None
    program.destroy()
    assert api.get(settings) is None


def test_a_preview_shows_what_the_chart_itself_refuses(program: KubernetesProgram, chart: Path) -> None:
    with pytest.raises(EngineError, match=r"level is needed"):
        program.preview({"space": SPACE, "small": release(str(chart), values={"level": ""})})
    with pytest.raises(EngineError, match=r"replicas"):
        program.preview({"space": SPACE, "small": release(str(chart), values={"replicas": -1})})


def test_a_release_that_failed_is_completed_by_the_next_update(
    program: KubernetesProgram, api: KubernetesApi, chart: Path
) -> None:
    with pytest.raises(EngineError, match=r"Deployment releases/it cannot become ready: .*unschedulable"):
        program.up({"space": SPACE, "small": release(str(chart), values=NOWHERE)})
    assert [it["id"] for it in program.resources() if it["type"] == RELEASE] == ["releases/it"]
    assert program.up({"space": SPACE, "small": release(str(chart))}) == {"small": "update"}
    deployment = api.get(ObjectRef("apps/v1", "Deployment", "it", "releases"))
    assert deployment is not None
    assert deployment["status"]["availableReplicas"] == 1


def test_an_atomic_release_that_failed_leaves_nothing(releases: Releases, api: KubernetesApi, chart: Path) -> None:
    inputs = {"name": "it", "namespace": "releases", "chart": str(chart), "values": NOWHERE, "atomic": True}
    with pytest.raises(Exception, match=r"unschedulable.*it was taken back"):
        releases.create(inputs)
    assert api.get(record_ref("releases", "it")) is None
    assert api.get(ObjectRef("apps/v1", "Deployment", "it", "releases")) is None


def test_a_locked_package_is_rendered_where_its_digest_is_that_of_the_lock(
    releases: Releases, api: KubernetesApi, chart: Path, programs: Path, tmp_path: Path
) -> None:
    packages = tmp_path / "packages"
    subprocess.run([programs / "helm", "package", chart, "--destination", packages], check=True, capture_output=True)
    (package,) = packages.iterdir()
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    entry = {
        "name": "small",
        "repository": "https://example.org",
        "chart": "small",
        "version": "1.2.3",
        "digest": digest,
    }
    about = {"namespace": "small", "licence": "Apache-2.0", "source": "none", "definitions_note": "its own"}
    lock = Charts.model_validate({"read": "2026-11-23", "charts": [entry | about], "definitions": {}})
    record = tmp_path / "charts.json"
    record.write_text(json.dumps({"packages": str(packages)}))
    inputs = {
        "name": "it",
        "namespace": "releases",
        "chart": "small",
        "version": "1.2.3",
        "repositoryOpts": {"repo": "https://example.org"},
    }
    locked = Releases(api, lambda: Awaiter(api, threading.Event(), Patience()), lock=lock, record=record)
    assert not locked.is_rendered(inputs)
    package.rename(packages / f"{digest}.tgz")
    assert locked.is_rendered(inputs)
    assert "ConfigMap/v1" in locked.create(inputs).properties["resourceNames"]
    locked.delete("releases", "it")
    (packages / f"{digest}.tgz").write_bytes(b"another")
    assert not locked.is_rendered(inputs)
    with pytest.raises(CatalogError, match=r"locked is 1\.2\.3"):
        locked.create({**inputs, "version": "9.9.9"})


def test_a_chart_whose_definitions_no_module_has_brings_documented_stand_ins(
    program: KubernetesProgram, api: KubernetesApi
) -> None:
    locked = load_charts().chart("aws-load-balancer-controller")
    controller = release(locked.chart, repositoryOpts={"repo": locked.repository}, version=locked.version)
    binding = {
        "apiVersion": "elbv2.k8s.aws/v1beta1",
        "kind": "TargetGroupBinding",
        "metadata": {"name": "proxies", "namespace": "releases"},
        "spec": {"targetGroupARN": "arn", "targetType": "ip", "serviceRef": {"name": "proxies", "port": 443}},
        "dependsOn": ["controller"],
    }
    wrong = {**binding, "spec": {"serviceRef": {"name": "proxies", "port": 443}, "targets": []}}
    with pytest.raises(EngineError, match="targets"):
        program.up({"space": SPACE, "controller": controller, "binding": wrong})
    program.up({"space": SPACE, "controller": controller, "binding": binding})
    definition = api.get(
        ObjectRef("apiextensions.k8s.io/v1", "CustomResourceDefinition", "targetgroupbindings.elbv2.k8s.aws")
    )
    assert definition is not None
    assert definition["metadata"]["annotations"][ORIGIN] == STAND_IN
    assert fidelities(program, "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding") == {"represented"}
    program.destroy()


def test_a_release_that_skips_its_definitions_brings_no_kind(releases: Releases, api: KubernetesApi) -> None:
    locked = load_charts().chart("velero")
    inputs: dict[str, Any] = {"name": "it", "namespace": "releases", "chart": locked.chart, "version": locked.version}
    inputs["repositoryOpts"] = {"repo": locked.repository}
    # A kind that no other test makes, for definitions outlive their releases.
    releases.create({**inputs, "skipCrds": True})
    ensure_kind(api, "velero.io/v1", "DownloadRequest")
    with pytest.raises(UnknownKindError):
        api.is_namespaced("velero.io/v1", "DownloadRequest")
    releases.update(inputs)
    ensure_kind(api, "velero.io/v1", "DownloadRequest")
    assert api.is_namespaced("velero.io/v1", "DownloadRequest")
    releases.delete("releases", "it")


def test_a_release_needs_its_namespace_or_makes_it(releases: Releases, api: KubernetesApi, chart: Path) -> None:
    inputs = {"name": "it", "namespace": "missing", "chart": str(chart)}
    with pytest.raises(Exception, match=r"namespace missing of the release it is not there; .*createNamespace"):
        releases.create(inputs)
    releases.create({**inputs, "createNamespace": True})
    releases.delete("missing", "it")
    assert api.get(ObjectRef("v1", "Namespace", "missing")) is not None
    api.delete(ObjectRef("v1", "Namespace", "missing"))
