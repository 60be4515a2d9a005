from typing import Any

import pulumi
import pytest
from pydantic import ValidationError

from components.contracts import CONTRACTS, Capability
from components.kubernetes.model_server import ModelServer
from components.kubernetes.weights import Weights, WeightsArgs
from components.workloads.language_service import Foundations
from components.workloads.textnlp import TextNlp, TextNlpArgs
from tests.support.kubernetes_mocks import (
    RUNTIME_IMAGE,
    SURROUNDINGS,
    Made,
    compose,
    identity,
    secret,
    volume,
)
from tests.support.kubernetes_tenants import CPU_MODEL, GPU_MODEL, WEIGHTS, foundations, service_args
from tests.support.pod_rules import violations

SHIPPED = {"source": "sample:smollm2-135m-instruct", "hub_cidrs": ()}
ENDPOINT = SURROUNDINGS.model_copy(update={"object_store_endpoint": "https://store.example:9000"})


def _made(**values: Any) -> Made:
    wired = {key: values.pop(key) for key in ("identity", "token") if key in values}

    def program() -> dict[str, Any]:
        wiring = {key: make() for key, make in wired.items()}
        made = Weights(
            "weights",
            WeightsArgs.model_validate({**WEIGHTS, **values}),
            namespace="serving",
            volume=volume("bucket"),
            **wiring,
        )
        assert isinstance(made, CONTRACTS[Capability.WEIGHTS])
        return {key: getattr(made.artifact, key) for key in ("uri", "revision", "model_id")}

    return compose(program)


def _mirror(made: Made) -> dict[str, Any]:
    (one,) = made.only("Job")["spec"]["template"]["spec"]["containers"]
    return dict(one)


def _environment(made: Made) -> dict[str, str]:
    return {it["name"]: it["value"] for it in _mirror(made)["env"]}


def test_servers_fetch_from_where_the_job_put_the_files() -> None:
    made = _made()
    one = _mirror(made)
    uri = made.result["uri"]
    assert uri == f"s3://bucket/models/owner/model/{made.result['revision'].replace(':', '-')}"
    assert [*one["command"][1:], *one["args"]] == [
        *("weights", "mirror", "--source", WEIGHTS["source"], "--to", uri, "--scratch", "/scratch"),
    ]


def test_the_revision_is_known_before_anything_is_made_and_follows_the_source_alone() -> None:
    args = WeightsArgs.model_validate(WEIGHTS)
    assert _made().result["revision"] == args.revision
    assert args.model_copy(update={"deadline_s": 60}).revision == args.revision
    assert args.model_copy(update={"source": f"owner/model@{'a' * 40}"}).revision != args.revision


def test_another_specification_is_another_job_and_the_same_one_stays() -> None:
    name = _made().only("Job")["metadata"]["name"]
    assert _made().only("Job")["metadata"]["name"] == name
    assert _made(deadline_s=60).only("Job")["metadata"]["name"] != name
    elsewhere = SURROUNDINGS.model_copy(update={"database_cidrs": ("10.9.0.0/20",)})
    assert _made(surroundings=elsewhere).only("Job")["metadata"]["name"] == name
    assert _made(surroundings=ENDPOINT).only("Job")["metadata"]["name"] != name


def test_the_pod_keeps_every_rule_and_has_room_for_the_files_twice() -> None:
    made = _made(token=lambda: secret("hub-token"))
    assert [it for it in violations(made) if "missing Secret hub-token" not in it] == []
    volumes = {it["name"]: it for it in made.only("Job")["spec"]["template"]["spec"]["volumes"]}
    room = int(volumes["scratch"]["emptyDir"]["sizeLimit"].removesuffix("Mi"))
    assert room * 2**20 > 2 * WEIGHTS["size_gb"] * 1e9
    asked = _mirror(made)["resources"]["requests"]["ephemeral-storage"]
    assert int(asked.removesuffix("Mi")) > room


def test_it_reaches_the_object_store_and_the_hub_and_nothing_else() -> None:
    policy = _made().only("NetworkPolicy")["spec"]
    assert policy["ingress"] == []
    reached = [(peer["ipBlock"]["cidr"], it["ports"][0]["port"]) for it in policy["egress"] for peer in it["to"]]
    assert reached == [("0.0.0.0/0", 443), ("169.254.170.23/32", 80), ("203.0.113.0/24", 443)]
    narrow = SURROUNDINGS.model_copy(update={"object_store_cidrs": ("10.0.0.0/16",)})
    policy = _made(surroundings=narrow, **SHIPPED).only("NetworkPolicy")["spec"]
    assert [peer["ipBlock"]["cidr"] for it in policy["egress"] for peer in it["to"]] == [
        *("10.0.0.0/16", "169.254.170.23/32"),
    ]


def test_it_writes_as_the_identity_that_it_was_given() -> None:
    made = _made(identity=lambda: identity("mirror", "serving"))
    assert made.only("ServiceAccount")["metadata"]["name"] == "mirror-account"
    assert made.only("Job")["spec"]["template"]["spec"]["serviceAccountName"] == "mirror-account"


def test_a_hub_token_is_a_file_and_never_a_variable() -> None:
    made = _made(token=lambda: secret("hub-token"))
    path = _environment(made)["HF_TOKEN_PATH"]
    assert path.startswith("/run/secrets/inferloop/hub-token/")
    assert "HF_TOKEN" not in _environment(made)
    assert "hidden" not in str(made.objects)
    assert "HF_TOKEN_PATH" not in _environment(_made())


def test_mirrors_and_stores_of_ones_own_are_named_to_the_job_and_to_servers() -> None:
    made = _made(surroundings=ENDPOINT, hub_endpoint="https://hub.example")
    environment = _environment(made)
    assert environment["HF_ENDPOINT"] == "https://hub.example"
    assert environment["AWS_ENDPOINT_URL"] == "https://store.example:9000"
    assert made.only("NetworkPolicy")["spec"]["egress"][0]["ports"][0]["port"] == 9000
    assert "AWS_ENDPOINT_URL" not in _environment(_made())
    server = ModelServer.Args.model_validate({**CPU_MODEL["server"], "surroundings": ENDPOINT})

    def program() -> None:
        artifact = foundations("large").artifacts["large"]
        ModelServer("model", server, namespace="serving", artifact=artifact)

    (weights,) = compose(program).only("Deployment")["spec"]["template"]["spec"]["initContainers"]
    assert {"name": "AWS_ENDPOINT_URL", "value": "https://store.example:9000"} in weights["env"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"source": "owner/model"}, "is not pinned; write a hub id with its commit"),
        ({"source": "owner/model@main"}, "is not pinned; write a hub id with its commit"),
        ({"hub_cidrs": ()}, "needs a way to the hub; name its addresses in hub_cidrs"),
        ({"source": "tiny"}, "tiny ships in the image and needs no hub; remove hub_cidrs"),
        ({"runtime_image": "registry.example/inferloop:latest"}, "runtime_image"),
    ],
)
def test_what_cannot_be_fetched_or_repeated_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        WeightsArgs.model_validate({**WEIGHTS, **values})


def test_a_shipped_model_needs_no_hub() -> None:
    assert WeightsArgs.model_validate({**WEIGHTS, **SHIPPED}).runtime_image == RUNTIME_IMAGE


def test_a_service_waits_for_its_weights_and_reads_them_by_its_own_identity() -> None:
    def program() -> None:
        made = Weights("weights", WeightsArgs.model_validate(WEIGHTS), namespace="textnlp", volume=volume("bucket"))
        given = vars(foundations("large"))
        given |= {"artifacts": {"large": made.artifact}, "identities": {"large": identity("reader", "textnlp")}}
        args = TextNlpArgs(service=service_args("textnlp", {"large": GPU_MODEL}))
        TextNlp("textnlp", args, foundations=Foundations(**given))

    made = compose(program)
    server = made.named("Deployment", "textnlp-large")["spec"]["template"]["spec"]
    assert server["serviceAccountName"] == "reader-account"
    (weights,) = server["initContainers"]
    assert weights["args"][1] == _made().result["uri"]


def test_without_identities_servers_keep_accounts_of_their_own() -> None:
    def program() -> None:
        args = TextNlpArgs(service=service_args("textnlp", {"large": GPU_MODEL}))
        TextNlp("textnlp", args, foundations=foundations("large"))

    made = compose(program)
    pod = made.named("Deployment", "textnlp-large")["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "textnlp-large"


def test_the_place_is_unknown_until_the_job_is_there() -> None:
    """The address depends on the Job, so that nothing that reads it can be made before."""

    async def dependencies(made: Weights) -> set[str]:
        resources = await made.artifact.uri.resources()
        return {str(it.pulumi_resource_name) for it in resources}

    def program() -> dict[str, Any]:
        made = Weights("weights", WeightsArgs.model_validate(WEIGHTS), namespace="serving", volume=volume("bucket"))
        return {"names": pulumi.Output.from_input(dependencies(made))}

    assert "weights-job" in compose(program).result["names"]
