"""Every stack in an account, composed from its own configuration against recorded answers of the engine."""

import itertools
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pulumi
import pytest
import yaml

from components.aws.tags import REQUIRED_TAGS
from components.errors import PreflightError, SettingsError
from stacks.phases.registry import phase_named
from stacks.settings import CHECKOUT, parse_settings
from tests.support.aws_account import Deployment, can_carry_tags, record

STACKS = ("staging-aws", "pilot-aws", "scale-aws", "enterprise-aws", "optimized-aws")
DIGEST = "sha256:" + "0123456789abcdef" * 4
IMAGES = {name: f"registry.example/{name}@{DIGEST}" for name in ("runtime", "tgi", "velero_plugin")}
SECRET_INPUTS = {"password", "authToken", "secretString"}
DATA = {
    "aws:backup/vault:Vault",
    "aws:ecr/repository:Repository",
    "aws:eks/cluster:Cluster",
    "aws:kms/key:Key",
    "aws:rds/instance:Instance",
    "aws:route53/zone:Zone",
    "aws:s3/bucket:Bucket",
    "kubernetes:core/v1:PersistentVolumeClaim",
}


def settings_of(stack: str, **changes: Any) -> Any:
    content = yaml.safe_load((CHECKOUT / "stacks" / "config" / f"Pulumi.{stack}.yaml").read_text())["config"]
    values = {key.removeprefix("inferloop:"): value for key, value in content.items()}
    return parse_settings(as_text({**values, "images": IMAGES, **changes}))


def as_text(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


@cache
def composed(stack: str) -> tuple[Deployment, frozenset[str]]:
    return compose(settings_of(stack), stack)


def compose(settings: Any, stack: str) -> tuple[Deployment, frozenset[str]]:
    secret: dict[str, Any] = {}

    def program() -> Any:
        phase = phase_named(settings.phase)
        phase.preflight(settings)
        outputs = phase.compose(stack, settings)
        secret.update({name: pulumi.Output.from_input(value).is_secret() for name, value in outputs.items()})
        return {"outputs": outputs, "secret": {name: _settled(it) for name, it in secret.items()}}

    made = record(program, stack=stack)
    return made, frozenset(name for name, hidden in made.result["secret"].items() if hidden)


def _settled(awaited: Any) -> pulumi.Output[bool]:
    async def wait() -> bool:
        return bool(await awaited)

    return pulumi.Output.from_input(wait())


def test_every_stack_in_an_account_is_checked_here() -> None:
    configured = {path.name.split(".")[1] for path in (CHECKOUT / "stacks" / "config").glob("Pulumi.*.yaml")}
    assert configured - {"dev"} == set(STACKS)


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_delivers_what_its_phase_promises(stack: str) -> None:
    made, _ = composed(stack)
    assert set(made.result["outputs"]) == {item.name for item in phase_named(settings_of(stack).phase).deliverables}


@pytest.mark.parametrize("stack", STACKS)
def test_secret_deliverables_are_secret_and_no_other(stack: str) -> None:
    _, secret = composed(stack)
    assert secret == {item.name for item in phase_named(settings_of(stack).phase).deliverables if item.secret}


@pytest.mark.parametrize("stack", STACKS)
def test_all_that_can_be_tagged_tells_phase_stack_owner_and_cost_centre(stack: str) -> None:
    made, _ = composed(stack)
    tagged = [it for it in made.resources if it.type.startswith("aws:") and can_carry_tags(it.type)]
    assert len(tagged) > 50
    assert [it.name for it in tagged if not set(it.inputs.get("tags", {})) >= REQUIRED_TAGS] == []
    assert {it.inputs["tags"]["inferloop:stack"] for it in tagged} == {stack}


@pytest.mark.parametrize("stack", STACKS)
def test_what_must_stay_hidden_reaches_the_engine_as_a_secret(stack: str) -> None:
    made, _ = composed(stack)
    given = [(it.name, key) for it in made.resources for key in SECRET_INPUTS & set(it.inputs)]
    hidden = [(it.name, key) for it in made.resources for key in SECRET_INPUTS & it.secret_inputs]
    assert given
    assert given == hidden


@pytest.mark.parametrize("stack", STACKS)
def test_data_is_kept_from_deletion_unless_the_settings_say_otherwise(stack: str) -> None:
    made, _ = composed(stack)
    data = [it for it in made.resources if it.type in DATA]
    assert {it.type for it in data} >= {"aws:kms/key:Key", "aws:s3/bucket:Bucket", "aws:rds/instance:Instance"}
    assert [it.name for it in data if not (it.protect and it.retain)] == []
    open_to_deletion, _ = compose(settings_of(stack, protect=False), stack)
    assert [it.name for it in open_to_deletion.resources if it.protect or it.retain] == []


@pytest.mark.parametrize("stack", STACKS)
def test_every_object_goes_to_the_stacks_own_cluster(stack: str) -> None:
    made, _ = composed(stack)
    objects = [it for it in made.resources if it.type.startswith("kubernetes:")]
    assert len(objects) > 40
    assert {it.provider.rpartition("::")[0].rpartition("::")[2] for it in objects} == {"cluster-objects"}


@pytest.mark.parametrize(("before", "after"), list(itertools.pairwise(STACKS)))
def test_a_phase_contains_the_one_before_it(before: str, after: str) -> None:
    def parts(stack: str) -> set[tuple[str, str]]:
        return {(it.type, it.name) for it in composed(stack)[0].resources if it.type.startswith("inferloop:")}

    assert parts(before) <= parts(after)


def test_a_setting_that_the_cloud_does_not_take_is_refused_by_its_key() -> None:
    with pytest.raises(PreflightError, match=r"inferloop:network\.cidr"):
        compose(settings_of("staging-aws", network={"cidr": "10.0.0.0/28"}), "staging-aws")


def test_a_size_that_the_region_lacks_is_refused_with_those_that_it_has() -> None:
    with pytest.raises(SettingsError, match="g4dn"):
        compose(settings_of("staging-aws", pools={"small": {"size": "p9.huge"}}), "staging-aws")


def test_a_model_that_no_gpu_of_its_pool_holds_is_refused() -> None:
    changed = settings_of("staging-aws")
    model = changed.textnlp.models["smollm2"].model_dump()
    model["plan"]["weights_bytes_per_shard"] = 40 * 2**30
    textnlp = {"hostname": "models.example.com", "models": {"smollm2": model}}
    with pytest.raises(PreflightError, match="raise shards, or take another size"):
        compose(settings_of("staging-aws", textnlp=textnlp), "staging-aws")


def test_an_image_without_a_digest_is_not_deployed() -> None:
    with pytest.raises(PreflightError, match=r"inferloop:images\.tgi"):
        compose(settings_of("staging-aws", images={"runtime": IMAGES["runtime"]}), "staging-aws")


def test_clients_enter_by_the_clouds_load_balancer_and_reach_the_proxies_where_they_listen() -> None:
    made, _ = composed("pilot-aws")
    objects = {(it.inputs["kind"], it.name): it.inputs for it in made.resources if "kind" in it.inputs}
    (targets,) = made.all("lb/targetGroup:TargetGroup")
    assert (targets.inputs["port"], targets.inputs["protocol"]) == (10443, "HTTPS")
    (service,) = [
        it["spec"]["provider"]["kubernetes"]["envoyService"] for it in objects.values() if it["kind"] == "EnvoyProxy"
    ]
    assert service["type"] == "ClusterIP"
    (binding,) = [it["spec"] for it in objects.values() if it["kind"] == "TargetGroupBinding"]
    assert binding["serviceRef"] == {"name": service["name"], "port": 443}
    assert binding["targetGroupARN"].endswith("entrance-pods")
    (health,) = [it["spec"]["healthCheck"] for it in objects.values() if it["kind"] == "ClientTrafficPolicy"]
    assert health["path"] == targets.inputs["healthCheck"]["path"]


def test_every_tenants_public_name_leads_to_the_load_balancer_and_to_its_route() -> None:
    made, _ = composed("pilot-aws")
    named = {it.inputs["name"] for it in made.all("route53/record:Record") if "aliases" in it.inputs}
    routes = [it.inputs["spec"] for it in made.resources if it.inputs.get("kind") == "HTTPRoute"]
    assert named == {host for route in routes for host in route["hostnames"]}
    (gateway,) = [it.inputs for it in made.resources if it.inputs.get("kind") == "Gateway"]
    parents = {(it["namespace"], it["name"]) for route in routes for it in route["parentRefs"]}
    assert parents == {(gateway["metadata"]["namespace"], gateway["metadata"]["name"])}


def test_without_clients_the_load_balancer_is_reached_from_inside_alone() -> None:
    made, _ = compose(settings_of("pilot-aws", entrance={}), "pilot-aws")
    (balancer,) = made.all("lb/loadBalancer:LoadBalancer")
    assert balancer.inputs["internal"] is True
    (public,) = composed("pilot-aws")[0].all("lb/loadBalancer:LoadBalancer")
    assert public.inputs["internal"] is False


def test_clients_that_are_no_addresses_are_refused_by_their_key() -> None:
    with pytest.raises(PreflightError, match=r"inferloop:entrance\.clients"):
        compose(settings_of("pilot-aws", entrance={"clients": ["everybody"]}), "pilot-aws")


def test_a_public_name_that_its_certificate_does_not_cover_is_refused() -> None:
    textnlp = settings_of("pilot-aws").textnlp.model_dump(mode="json")
    with pytest.raises(SettingsError, match=r"directly below pilot\.example\.com"):
        settings_of("pilot-aws", textnlp={**textnlp, "hostname": "a.models.pilot.example.com"})


def test_a_model_that_no_system_node_can_mirror_is_refused() -> None:
    cluster = {"admins": ["arn:aws:iam::123456789012:role/platform-engineers"], "system_disk_gib": 50}
    with pytest.raises(PreflightError, match=r"set inferloop:cluster\.system_disk_gib to \d+ or more"):
        compose(settings_of("scale-aws", cluster=cluster), "scale-aws")
