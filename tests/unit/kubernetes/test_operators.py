"""Charts, their namespaces, and the objects by which tenants ask for operators."""

import json
from typing import Any

import pulumi
import pytest
from pydantic import ValidationError

from components.catalog.charts import load_charts
from components.errors import SettingsError
from components.kubernetes.certificate_issuer import CertificateIssuer, CertificateIssuerArgs
from components.kubernetes.chart_release import ChartRelease, ChartReleaseArgs
from components.kubernetes.operator_account import ACCOUNTS, Operator
from components.kubernetes.operator_namespace import OperatorNamespace, OperatorNamespaceArgs
from components.kubernetes.operators import Operators, OperatorsArgs
from components.kubernetes.ordering import after
from components.kubernetes.priority_classes import PriorityClasses, PriorityClassesArgs
from tests.support.cluster_facts import principal
from tests.support.kubernetes_mocks import Made, compose

ACME = {"authority": {"kind": "acme", "email": "team@example.test"}}
SECRETS = {"aws": {"service": "SecretsManager"}}


def _release(chart: str) -> Made:
    return compose(
        lambda: {
            "name": ChartRelease("it", ChartReleaseArgs(chart=chart), namespace="space", values={"replicas": 2}).name
        }
    )


def test_a_release_has_the_version_and_the_repository_of_the_lock() -> None:
    made, locked = _release("keda").releases["keda"], load_charts().chart("keda")
    assert (made["chart"], made["version"]) == ("keda", locked.version)
    assert made["repositoryOpts"] == {"repo": locked.repository}
    assert made["values"] == {"replicas": 2}


def test_a_chart_of_a_container_registry_is_named_with_it() -> None:
    made = _release("karpenter").releases["karpenter"]
    assert made["chart"] == "oci://public.ecr.aws/karpenter/karpenter"
    assert "repositoryOpts" not in made


def test_a_failed_installation_is_taken_back_and_the_namespace_is_not_made_by_it() -> None:
    made = _release("keda").releases["keda"]
    assert made["atomic"]
    assert made["cleanupOnFail"]
    assert not made["createNamespace"]
    assert made["timeout"] == 600


def test_a_chart_that_is_not_locked_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValidationError, match="keda"):
        ChartReleaseArgs(chart="wordpress")


def _space(**args: Any) -> Made:
    wanted = OperatorNamespaceArgs(namespace="space", **args)
    return compose(lambda: {"namespace": OperatorNamespace("it", wanted).namespace})


def test_an_operators_namespace_is_restricted_and_closed() -> None:
    made = _space()
    labels = made.only("Namespace")["metadata"]["labels"]
    assert {labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")} == {"restricted"}
    closed = made.named("NetworkPolicy", "it-default-deny")["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    opened = made.named("NetworkPolicy", "it-allowed")["spec"]
    assert opened["ingress"] == [{"from": [{"podSelector": {}}]}]
    assert made.result == {"namespace": "space"}


def test_webhooks_are_open_to_the_api_server_and_measurements_to_monitoring_only() -> None:
    rules = _space(served_ports=(9443,), served_to={"monitoring": (8080,)}).named("NetworkPolicy", "it-allowed")
    _, webhook, measured = rules["spec"]["ingress"]
    assert webhook == {"ports": [{"protocol": "TCP", "port": 9443}]}
    assert measured["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]


def test_an_operator_never_reaches_the_machines_own_identity() -> None:
    made = _space(identity_cidrs=("169.254.170.23/32",), outside_ports=(80,))
    _, _, outside, identity = made.named("NetworkPolicy", "it-allowed")["spec"]["egress"]
    assert outside["to"] == [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}}]
    assert [port["port"] for port in outside["ports"]] == [80, 443, 6443]
    assert identity["to"] == [{"ipBlock": {"cidr": "169.254.170.23/32"}}]


@pytest.mark.parametrize("args", [{"security": "privileged"}, {"privileged_because": "no reason"}])
def test_privileges_and_their_reason_go_together(args: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="privileged_because"):
        OperatorNamespaceArgs.model_validate({"namespace": "space", **args})


def _operators(**args: Any) -> Made:
    wanted = OperatorsArgs.model_validate(args)

    def program() -> dict[str, Any]:
        made = Operators(
            "ops",
            wanted,
            secret_provider=SECRETS,
            dns_solver={"route53": {"region": "eu-central-1"}},
            gateway_annotations={"scheme": "internal"},
            identities={Operator.EXTERNAL_SECRETS: principal(Operator.EXTERNAL_SECRETS)},
        )
        return {"ready": len(made.ready)}

    return compose(program)


def test_every_operator_is_installed_into_a_restricted_namespace_of_its_own() -> None:
    made = _operators()
    assert set(made.releases) == {"keda", "cert-manager", "external-secrets", "envoy-gateway"}
    spaces = {it["metadata"]["name"]: it["metadata"]["labels"] for it in made.of_kind("Namespace")}
    assert (
        set(spaces)
        == {it["namespace"] for it in made.releases.values()}
        == {
            "keda",
            "cert-manager",
            "external-secrets",
            "edge",
        }
    )
    assert {labels["pod-security.kubernetes.io/enforce"] for labels in spaces.values()} == {"restricted"}


def test_tenants_find_a_class_a_store_and_an_issuer_by_name() -> None:
    made = _operators(issuer=ACME)
    assert made.only("GatewayClass")["spec"]["parametersRef"]["name"] == made.only("EnvoyProxy")["metadata"]["name"]
    assert made.only("ClusterSecretStore")["spec"]["provider"] == SECRETS
    acme = made.only("ClusterIssuer")["spec"]["acme"]
    assert acme["solvers"] == [{"dns01": {"route53": {"region": "eu-central-1"}}}]
    names = {kind: made.only(kind)["metadata"]["name"] for kind in ("GatewayClass", "ClusterSecretStore")}
    assert names == {"GatewayClass": "edge", "ClusterSecretStore": "cloud"}
    assert made.result == {"ready": 4}


def test_objects_are_made_after_the_operator_that_knows_them() -> None:
    made = _operators()
    waits = {
        "ops-secret-store": "ops-external-secrets-release",
        "ops-gateway-class": "ops-gateway-release",
        "ops-issuer-seed": "ops-cert-manager-release",
        "ops-cert-manager-release": "ops-gateway-release",
    }
    for child, release in waits.items():
        assert release in made.waits_for(child), child


def test_what_is_there_already_is_not_installed_but_its_objects_are_made() -> None:
    made = _operators(install=frozenset({"keda"}))
    assert set(made.releases) == {"keda"}
    assert [it["metadata"]["name"] for it in made.of_kind("Namespace")] == ["keda"]
    assert made.only("ClusterSecretStore")
    assert made.only("GatewayClass")


def test_an_operator_carries_its_identity_by_its_known_account() -> None:
    values = _operators().releases["external-secrets"]["values"]
    assert values["serviceAccount"] == {
        "create": True,
        "name": ACCOUNTS[Operator.EXTERNAL_SECRETS].service_account,
        "annotations": {"cloud.example/role": "role/external-secrets"},
    }


def test_monitors_are_asked_for_only_where_something_reads_them() -> None:
    watched, alone = _operators(), _operators(monitored=False)
    assert watched.releases["cert-manager"]["values"]["prometheus"]["servicemonitor"]["enabled"]
    assert not alone.releases["cert-manager"]["values"]["prometheus"]["servicemonitor"]["enabled"]
    assert watched.releases["external-secrets"]["values"]["serviceMonitor"]["additionalLabels"] == {
        "release": "kube-prometheus-stack"
    }
    assert "kube-prometheus-stack" not in json.dumps(alone.releases)


def _issuer(args: dict[str, Any], solver: Any = None) -> Made:
    wanted = CertificateIssuerArgs.model_validate(args)
    return compose(lambda: {"issuer": CertificateIssuer("it", wanted, dns_solver=solver).issuer})


def test_a_cluster_may_sign_its_own_certificates() -> None:
    made = _issuer({})
    root = made.only("Certificate")
    assert root["spec"]["isCA"]
    assert root["metadata"]["namespace"] == "cert-manager"
    signer = made.named("ClusterIssuer", "public")
    assert signer["spec"] == {"ca": {"secretName": root["spec"]["secretName"]}}
    assert {"it-seed", "it-authority"} <= made.waits_for("it-issuer")
    assert made.result == {"issuer": "public"}


def test_a_challenge_by_http_is_answered_through_the_named_gateways() -> None:
    authority = {**ACME["authority"], "challenge": "http01", "gateways": [{"namespace": "edge", "name": "front"}]}
    (solver,) = _issuer({"authority": authority}).only("ClusterIssuer")["spec"]["acme"]["solvers"]
    (parent,) = solver["http01"]["gatewayHTTPRoute"]["parentRefs"]
    assert (parent["namespace"], parent["name"]) == ("edge", "front")


@pytest.mark.parametrize(("challenge", "mend"), [("dns01", "http01"), ("http01", "gateways")])
def test_a_challenge_that_cannot_be_answered_is_refused(challenge: str, mend: str) -> None:
    with pytest.raises(SettingsError, match=mend):
        _issuer({"authority": {**ACME["authority"], "challenge": challenge}})


def test_all_children_of_a_component_wait_for_what_it_is_made_after() -> None:
    def program() -> None:
        first = pulumi.CustomResource("test:index:First", "first")
        PriorityClasses("later", PriorityClassesArgs(), opts=after([first]))
        PriorityClasses("free", PriorityClassesArgs(prefix="free"), opts=after([]))

    made = compose(program)
    assert "first" in made.waits_for("later-gateway")
    assert "first" not in made.waits_for("free-gateway")
