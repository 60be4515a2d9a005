import subprocess
import sys
from collections import Counter

import pytest

from tests.support.kubernetes_mocks import Made, compose
from tests.support.kubernetes_schema import SchemaError, check_object, is_built_in
from tests.support.kubernetes_tenants import both_tenants
from tests.support.pod_rules import violations


@pytest.fixture(scope="module")
def made() -> Made:
    return compose(both_tenants)


def test_no_pod_breaks_the_restricted_profile_or_our_rules(made: Made) -> None:
    assert violations(made) == []
    assert len(made.pods()) > 6


def test_every_object_is_what_the_api_knows(made: Made) -> None:
    built_in = [item for item in made.objects if is_built_in(item)]
    assert len(built_in) > 20
    for item in built_in:
        check_object(item)


def test_the_schema_refuses_unknown_and_mistyped_fields() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    check_object(service)
    for spec in ({"portz": []}, {"ports": [{"port": "80"}]}, {"cluster_ip": "None", "ports": [{"port": 80}]}):
        with pytest.raises(SchemaError):
            check_object({**service, "spec": spec})


def test_no_two_objects_have_the_same_name(made: Made) -> None:
    names = Counter(
        (it["apiVersion"], it["kind"], it["metadata"].get("namespace"), it["metadata"]["name"]) for it in made.objects
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_every_object_is_in_a_tenants_namespace_and_labelled(made: Made) -> None:
    for item in made.objects:
        assert item["metadata"]["labels"]["app.kubernetes.io/part-of"] == "inferloop"
        if item["kind"] not in ("Namespace", "PriorityClass"):
            assert item["metadata"]["namespace"] in ("textnlp", "tabular")


def test_every_workload_has_a_network_policy(made: Made) -> None:
    policies = [it["spec"]["podSelector"].get("matchLabels") for it in made.of_kind("NetworkPolicy")]
    for item, template in made.pods():
        labels = template["metadata"]["labels"]
        assert any(chosen and chosen.items() <= labels.items() for chosen in policies), item["metadata"]["name"]


def test_no_object_holds_a_secrets_value(made: Made) -> None:
    assert "hidden" not in str(made.objects)
    assert made.of_kind("Secret") == []


def test_tenants_are_reached_by_their_own_names(made: Made) -> None:
    assert made.result == {
        "text_url": "https://textnlp.example.org",
        "table_url": "https://tabular.example.org",
        "dataset": "stocks",
    }


def test_only_data_is_protected_from_deletion(made: Made) -> None:
    (claim,) = made.of_kind("PersistentVolumeClaim")
    assert claim["metadata"]["name"] == "tabular-datasets"


def test_the_development_stack_never_loads_the_kubernetes_sdk() -> None:
    program = (
        "import sys; import stacks.settings, stacks.phases.development, components.registry, components.local; "
        "from components.contracts import Capability; from components.registry import component, capabilities_of; "
        "[component('local', it) for it in capabilities_of('local')]; "
        "sys.exit(any(name.startswith(('pulumi_kubernetes', 'components.kubernetes')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
