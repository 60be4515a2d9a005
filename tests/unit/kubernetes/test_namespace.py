from components.kubernetes.namespace import Namespace, NamespaceArgs
from components.kubernetes.priority_classes import PriorityClasses, PriorityClassesArgs
from tests.support.kubernetes_mocks import Made, compose


def _made() -> Made:
    return compose(lambda: {"namespace": Namespace("base", NamespaceArgs(namespace="serving", gpus=4)).namespace})


def test_pods_must_satisfy_the_restricted_profile() -> None:
    labels = _made().only("Namespace")["metadata"]["labels"]
    assert [labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")] == ["restricted"] * 3


def test_nothing_flows_but_names_are_resolved() -> None:
    made = _made()
    closed = made.named("NetworkPolicy", "base-default-deny")["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (rule,) = made.named("NetworkPolicy", "base-allow-dns")["spec"]["egress"]
    assert {port["port"] for port in rule["ports"]} == {53}


def test_the_quota_bounds_gpus_and_forbids_ways_around_the_gateway() -> None:
    hard = _made().only("ResourceQuota")["spec"]["hard"]
    assert hard["requests.nvidia.com/gpu"] == "4"
    assert hard["services.nodeports"] == hard["services.loadbalancers"] == "0"


def test_a_container_that_states_no_resources_gets_some() -> None:
    (limit,) = _made().only("LimitRange")["spec"]["limits"]
    assert limit["defaultRequest"] == {"cpu": "100m", "memory": "256Mi"}


def test_everything_is_in_the_namespace() -> None:
    made = _made()
    assert made.result == {"namespace": "serving"}
    assert {it["metadata"]["namespace"] for it in made.objects if it["kind"] != "Namespace"} == {"serving"}


def test_the_gateway_goes_before_serving_and_batch_ends_nobody() -> None:
    made = compose(lambda: PriorityClasses("priorities", PriorityClassesArgs()).names)
    classes = {it["metadata"]["name"]: it for it in made.of_kind("PriorityClass")}
    values = [classes[f"inferloop-{name}"]["value"] for name in ("gateway", "serving", "batch")]
    assert values == sorted(values, reverse=True)
    assert classes["inferloop-batch"]["preemptionPolicy"] == "Never"
