"""The way in by a load balancer of the cloud: one Service of proxies, one listener, and what binds the two."""

from typing import Any

import pulumi
import pytest
from pydantic import ValidationError

from components.kubernetes.cluster_services import ClusterServices
from components.kubernetes.entrance import Entrance, EntranceArgs
from components.kubernetes.entrance_listener import HEALTH_PATH, PROXIES, PROXY_PORT
from components.kubernetes.operator_account import ACCOUNTS, Operator
from components.kubernetes.operators import Operators, OperatorsArgs
from tests.support.cluster_facts import cloud_facts, entrance_facts, services_args
from tests.support.kubernetes_mocks import Made, compose

HOSTS = ("models.example.test", "tables.example.test")


def _entrance(**more: Any) -> Made:
    args = EntranceArgs.model_validate({"hosts": HOSTS, "tenants": ("textnlp", "tabular"), **more})

    def program() -> dict[str, Any]:
        made = Entrance("in", args, facts=entrance_facts())
        return {"listener": made.listener.model_dump()}

    return compose(program)


def _proxies(**args: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    wanted = OperatorsArgs.model_validate(args)
    made = compose(lambda: Operators("ops", wanted, gateway_annotations={}) and None)
    rules = made.named("NetworkPolicy", "ops-gateway-space-allowed")["spec"]["ingress"]
    return made.only("EnvoyProxy")["spec"], rules


def test_gateways_share_the_proxies_of_one_service_whose_name_is_known() -> None:
    spec, _ = _proxies(proxy_service=PROXIES.name, gateway_service="ClusterIP")
    assert spec["mergeGateways"] is True
    service = spec["provider"]["kubernetes"]["envoyService"]
    assert (service["name"], service["type"]) == ("proxies", "ClusterIP")


def test_without_a_named_service_each_gateway_has_proxies_of_its_own() -> None:
    spec, _ = _proxies()
    assert "mergeGateways" not in spec
    assert "name" not in spec["provider"]["kubernetes"]["envoyService"]


def test_shared_proxies_are_not_open_to_all() -> None:
    def open_to_all(rules: list[dict[str, Any]]) -> set[int]:
        return {port["port"] for rule in rules if "from" not in rule for port in rule["ports"]}

    assert open_to_all(_proxies()[1]) == {9443, 10080, PROXY_PORT}
    assert open_to_all(_proxies(proxy_service=PROXIES.name)[1]) == {9443}


def test_only_the_load_balancers_addresses_reach_the_proxies() -> None:
    policy = _entrance(gateway_class="cloud").named("NetworkPolicy", "in-listener-from-load-balancer")
    assert policy["metadata"]["namespace"] == PROXIES.namespace
    assert policy["spec"]["podSelector"]["matchLabels"] == {"gateway.envoyproxy.io/owning-gatewayclass": "cloud"}
    (rule,) = policy["spec"]["ingress"]
    assert [it["ipBlock"]["cidr"] for it in rule["from"]] == ["10.40.0.0/20", "10.40.16.0/20"]
    assert rule["ports"] == [{"protocol": "TCP", "port": PROXY_PORT}]


def test_the_listener_takes_connections_that_name_no_server_and_has_the_public_names_certificate() -> None:
    made = _entrance(cluster_issuer="letsencrypt")
    (listener,) = made.only("Gateway")["spec"]["listeners"]
    assert "hostname" not in listener
    assert (listener["port"], listener["protocol"]) == (443, "HTTPS")
    assert listener["port"] + 10000 == PROXY_PORT
    certificate = made.only("Certificate")["spec"]
    assert listener["tls"]["certificateRefs"] == [{"kind": "Secret", "name": certificate["secretName"]}]
    assert certificate["dnsNames"] == list(HOSTS)
    assert certificate["issuerRef"]["name"] == "letsencrypt"


def test_only_tenants_attach_routes_to_the_listener() -> None:
    made = _entrance()
    (listener,) = made.only("Gateway")["spec"]["listeners"]
    (wanted,) = listener["allowedRoutes"]["namespaces"]["selector"]["matchExpressions"]
    assert (wanted["key"], wanted["values"]) == ("kubernetes.io/metadata.name", ["textnlp", "tabular"])
    gateway = made.only("Gateway")["metadata"]
    assert made.result["listener"] == {
        "gateway": gateway["name"],
        "namespace": gateway["namespace"],
        "listener": listener["name"],
    }


def test_each_proxy_answers_for_its_own_health_and_believes_the_load_balancer_alone() -> None:
    made = _entrance()
    policy = made.only("ClientTrafficPolicy")["spec"]
    assert policy["targetRefs"][0]["name"] == made.only("Gateway")["metadata"]["name"]
    assert policy["healthCheck"] == {"path": HEALTH_PATH}
    assert policy["clientIPDetection"] == {"xForwardedFor": {"numTrustedHops": 1}}


def test_the_binding_stands_beside_the_proxies_and_goes_before_its_controller() -> None:
    made = _entrance()
    binding = made.only("TargetGroupBinding")
    assert binding["metadata"]["namespace"] == PROXIES.namespace
    assert binding["spec"]["serviceRef"] == {"name": PROXIES.name, "port": PROXIES.port}
    assert "in-controller-release" in made.waits_for("in-binding")


def test_the_controller_runs_restricted_under_the_account_that_the_cloud_knows() -> None:
    made = _entrance(identity_cidrs=("169.254.170.23/32",))
    release = made.releases["aws-load-balancer-controller"]
    account = ACCOUNTS[Operator.ENTRANCE]
    assert release["namespace"] == account.namespace == made.only("Namespace")["metadata"]["name"]
    assert release["values"]["serviceAccount"]["name"] == account.service_account
    assert made.only("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    egress = made.named("NetworkPolicy", "in-space-allowed")["spec"]["egress"]
    assert {"to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}], "ports": [{"protocol": "TCP", "port": 80}]} in egress


def test_a_controller_that_is_there_is_not_installed_again_and_is_bound_all_the_same() -> None:
    made = _entrance(install=False)
    assert made.releases == {}
    assert made.only("TargetGroupBinding")


@pytest.mark.parametrize("missing", ["hosts", "tenants"])
def test_an_entrance_for_nobody_is_refused(missing: str) -> None:
    with pytest.raises(ValidationError, match=missing):
        EntranceArgs.model_validate({"hosts": HOSTS, "tenants": ("textnlp",), missing: ()})


def test_a_cluster_behind_a_load_balancer_makes_none_and_offers_its_listener() -> None:
    kept: list[ClusterServices] = []

    def program() -> dict[str, Any]:
        kept.append(ClusterServices("cluster", services_args(), facts=cloud_facts()))
        return {"it": pulumi.Output.from_input(True)}

    made = compose(program)
    service = made.only("EnvoyProxy")["spec"]["provider"]["kubernetes"]["envoyService"]
    assert service == {"type": "ClusterIP", "name": PROXIES.name, "annotations": {}}
    listener = kept[0].offer.listener
    assert listener is not None
    assert made.named("Gateway", listener.gateway)["spec"]["gatewayClassName"] == kept[0].offer.gateway_class
    assert made.only("Certificate")["spec"]["issuerRef"]["name"] == kept[0].offer.cluster_issuer
    assert "cluster-entrance-listener-gateway" in {it._name for it in kept[0].offer.ready}
