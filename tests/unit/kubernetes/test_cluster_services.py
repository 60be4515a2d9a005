"""Storage, backups, and all services of a cluster together."""

import json
import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from components.errors import SettingsError
from components.kubernetes.cluster_backup import BackupStorage, ClusterBackup, ClusterBackupArgs
from components.kubernetes.cluster_services import CloudFacts, ClusterServices, ClusterServicesArgs
from components.kubernetes.operator_account import ACCOUNTS, Operator
from components.kubernetes.storage_classes import StorageClasses, StorageClassesArgs
from tests.support.cluster_facts import PLUGIN_IMAGE, cloud_facts, principal, services_args
from tests.support.kubernetes_mocks import Made, compose, output


def _storage(**more: Any) -> Made:
    classes = {"fast": {"provisioner": "ebs.csi.aws.com", "parameters": {"encrypted": "true"}, "default": True, **more}}
    args = StorageClassesArgs.model_validate({"classes": classes})
    return compose(lambda: StorageClasses("storage", args, parameters={"fast": {"kmsKeyId": output("key")}}).names)


def test_volumes_are_made_where_their_pod_is_encrypted_with_the_clouds_key() -> None:
    made = _storage()
    item = made.only("StorageClass")
    assert item["parameters"] == {"encrypted": "true", "kmsKeyId": "key"}
    assert item["volumeBindingMode"] == "WaitForFirstConsumer"
    assert item["allowVolumeExpansion"]
    assert item["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
    assert made.result == {"fast": "fast"}


def test_two_default_classes_are_refused() -> None:
    one = {"provisioner": "csi.example", "default": True}
    with pytest.raises(ValidationError, match="a and b"):
        StorageClassesArgs.model_validate({"classes": {"a": one, "b": one}})


def _backup(**args: Any) -> Made:
    wanted = ClusterBackupArgs.model_validate({"plugin_image": PLUGIN_IMAGE, **args})

    def program() -> dict[str, Any]:
        storage = BackupStorage(provider="aws", bucket=output("backups"), settings={"region": output("r")})
        made = ClusterBackup("backup", wanted, storage=storage, identity=principal(Operator.BACKUP))
        return {"schedule": made.schedule}

    return compose(program)


def test_backups_go_to_the_clouds_bucket_by_the_servers_own_identity() -> None:
    made = _backup()
    location = made.only("BackupStorageLocation")["spec"]
    assert location["objectStorage"] == {"bucket": "backups", "prefix": "cluster"}
    assert location["config"] == {"region": "r"}
    values = made.releases["velero"]["values"]
    assert values["credentials"] == {"useSecret": False}
    assert values["serviceAccount"]["server"]["annotations"] == {"cloud.example/role": "role/backup"}
    assert values["initContainers"][0]["image"] == PLUGIN_IMAGE


def test_the_backup_server_is_as_restricted_as_its_namespace() -> None:
    made = _backup()
    assert made.only("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    values = made.releases["velero"]["values"]
    assert values["podSecurityContext"]["runAsNonRoot"]
    for context in (values["containerSecurityContext"], values["initContainers"][0]["securityContext"]):
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["allowPrivilegeEscalation"] is False


def test_a_schedule_keeps_its_backups_for_their_time() -> None:
    spec = _backup(retention_days=10, namespaces=("textnlp",)).only("Schedule")["spec"]
    assert spec["template"]["ttl"] == "240h0m0s"
    assert spec["template"]["includedNamespaces"] == ["textnlp"]
    assert _backup().only("Schedule")["spec"]["template"]["includedNamespaces"] == ["*"]


def test_a_backup_that_is_old_failed_or_has_no_bucket_wakes_somebody() -> None:
    (group,) = _backup(stale_hours=30).only("PrometheusRule")["spec"]["groups"]
    rules = {it["alert"]: it for it in group["rules"]}
    assert set(rules) == {"ClusterBackupIsOld", "ClusterBackupFailed", "ClusterBackupStoreIsAway"}
    assert f"> {30 * 3600}" in rules["ClusterBackupIsOld"]["expr"]
    assert 'schedule="backup"' in rules["ClusterBackupFailed"]["expr"]


def _all(**more: Any) -> tuple[Made, ClusterServices]:
    kept: list[ClusterServices] = []

    def program() -> dict[str, Any]:
        kept.append(ClusterServices("cluster", services_args(**more), facts=cloud_facts()))
        return {"issuer": kept[0].offer.cluster_issuer}

    return compose(program), kept[0]


def test_tenants_are_offered_every_name_that_they_need() -> None:
    made, services = _all()
    offer = services.offer
    assert made.named("ClusterIssuer", offer.cluster_issuer)
    assert made.named("GatewayClass", offer.gateway_class)
    assert made.named("ClusterSecretStore", offer.secret_store)
    assert made.named("Namespace", offer.edge_namespace)
    assert made.named("Namespace", offer.monitoring_namespace)
    assert offer.prometheus_url == f"http://prometheus-operated.{offer.monitoring_namespace}.svc:9090"
    assert len(offer.priorities) == 3
    assert set(offer.storage_classes) == {"encrypted"}
    assert set(offer.pools) == {"large", "general"}


def test_every_chart_of_the_lock_is_installed_once() -> None:
    made, _ = _all()
    assert set(made.releases) == {
        "aws-load-balancer-controller",
        "cert-manager",
        "dcgm-exporter",
        "envoy-gateway",
        "external-secrets",
        "karpenter",
        "keda",
        "kube-prometheus-stack",
        "nvidia-device-plugin",
        "velero",
    }


def test_what_is_watched_waits_for_what_watches() -> None:
    made, _ = _all()
    for child in ("operators-keda", "gpu-exporter", "nodes-controller", "backup-server"):
        assert "cluster-monitoring-stack-release" in made.waits_for(f"cluster-{child}-release"), child


def test_what_tenants_wait_for_reaches_every_operator() -> None:
    made, services = _all()
    waited = {name for it in services.offer.ready for name in (it._name, *made.waits_for(it._name))}
    releases = {it.name for it in made.resources if it.typ.endswith(":Release")}
    # A backup, an exporter of measurements and what registers the proxies are nothing that a workload asks for.
    assert releases - waited == {
        "cluster-backup-server-release",
        "cluster-entrance-controller-release",
        "cluster-gpu-exporter-release",
    }


def test_accounts_of_operators_are_where_their_charts_run_under_their_names() -> None:
    made, _ = _all()
    for operator, chart in {
        Operator.KEDA: "keda",
        Operator.CERT_MANAGER: "cert-manager",
        Operator.EXTERNAL_SECRETS: "external-secrets",
        Operator.PROMETHEUS: "kube-prometheus-stack",
        Operator.NODE_AUTOSCALER: "karpenter",
        Operator.BACKUP: "velero",
        Operator.ENTRANCE: "aws-load-balancer-controller",
    }.items():
        release = made.releases[chart]
        assert release["namespace"] == ACCOUNTS[operator].namespace
        assert f'"{ACCOUNTS[operator].service_account}"' in json.dumps(release["values"])


def test_without_monitoring_nothing_asks_for_its_objects() -> None:
    made, services = _all(monitoring=None)
    assert "kube-prometheus-stack" not in made.releases
    assert made.of_kind("PrometheusRule") == []
    assert '"additionalLabels": {"release"' not in json.dumps(
        [made.releases[it]["values"]["prometheus"] for it in ("keda", "cert-manager")]
    )
    assert services.offer.prometheus_url is None


def test_a_part_whose_facts_the_cloud_does_not_give_is_refused() -> None:
    with pytest.raises(SettingsError, match="autoscaling and backup"):
        compose(lambda: ClusterServices("cluster", services_args(), facts=CloudFacts()) and None)


def test_a_storage_class_that_is_not_made_is_refused() -> None:
    with pytest.raises(ValidationError, match="slow"):
        services_args(monitoring={"storage_class": "slow"})


def test_the_smallest_cluster_needs_nothing_of_a_cloud() -> None:
    made = compose(lambda: ClusterServices("cluster", ClusterServicesArgs(gpu=None), facts=CloudFacts()) and None)
    assert made.of_kind("ClusterSecretStore") == []
    assert made.named("ClusterIssuer", "public")["spec"]["ca"]


def test_no_service_names_a_cloud() -> None:
    program = (
        "import sys, components.kubernetes.cluster_services; "
        "sys.exit(any(name.startswith(('pulumi_aws', 'components.aws')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
