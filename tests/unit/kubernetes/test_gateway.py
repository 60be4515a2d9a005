from collections.abc import Callable
from typing import Any

import pytest
from inferloop_runtime.gateway.settings import GatewaySettings
from pydantic import ValidationError

from components.kubernetes.gateway import Gateway
from components.kubernetes.migrations import Migrations
from tests.support.kubernetes_mocks import (
    DIGEST,
    RUNTIME_IMAGE,
    SURROUNDINGS,
    Made,
    compose,
    database,
    model_endpoint,
    schema,
    secret,
    settings_in,
)


def _args(**more: Any) -> Any:
    return Gateway.Args.model_validate(
        {"runtime_image": RUNTIME_IMAGE, "surroundings": SURROUNDINGS, "stack": "test", **more}
    )


def _made(args: Any = None, key: Callable[[], Any] = lambda: secret("api-key")) -> Made:
    def program() -> dict[str, Any]:
        gateway = Gateway(
            "gateway",
            args or _args(),
            namespace="serving",
            upstreams=[model_endpoint()],
            database=database(),
            schema=schema(),
            api_key=key(),
            admin_key=secret("admin-key"),
        )
        return {"url": gateway.endpoint.url, "console_url": gateway.endpoint.console_url}

    return compose(program)


def _container(made: Made) -> dict[str, Any]:
    (container,) = made.only("Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(container)


def test_the_settings_are_those_of_the_runtime_and_hold_no_secret() -> None:
    made = _made()
    settings = GatewaySettings.model_validate(settings_in(made.only("ConfigMap")))
    assert str(settings.upstreams[0].url) == "http://model.serving.svc:8080/"
    assert settings.console_access == "key"
    assert "hidden" not in str(made.objects)


def test_the_settings_name_the_files_that_are_mounted() -> None:
    made = _made()
    settings = settings_in(made.only("ConfigMap"))
    folders = {mount["mountPath"] for mount in _container(made)["volumeMounts"]}
    for key in ("dsn_file", "admin_key_file"):
        assert settings[key].rpartition("/")[0] in folders
    assert settings["journal_dir"] in folders


def test_a_secret_is_a_file_that_only_its_owner_reads() -> None:
    volumes = _made().only("Deployment")["spec"]["template"]["spec"]["volumes"]
    secrets = {it["secret"]["secretName"]: it["secret"]["defaultMode"] for it in volumes if "secret" in it}
    assert secrets == {"database-dsn": 0o400, "admin-key": 0o400}


def test_other_settings_have_another_config_map_and_the_pods_follow() -> None:
    names = []
    for drain_s in (30, 60):
        made = _made(_args(drain_timeout_s=drain_s))
        (volume,) = [it for it in made.pods()[-1][1]["spec"]["volumes"] if it["name"] == "settings"]
        assert volume["configMap"]["name"] == made.only("ConfigMap")["metadata"]["name"]
        names.append(volume["configMap"]["name"])
    assert names[0] != names[1]
    assert made.only("ConfigMap")["immutable"] is True


def test_a_rotated_secret_renews_the_pods() -> None:
    annotations = _made().only("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["inferloop.dev/secret-dsn"] == "r1"
    assert annotations["inferloop.dev/schema"] == "m0001"


def test_load_adds_replicas_and_a_lull_takes_them_slowly() -> None:
    made = _made()
    spec = made.only("HorizontalPodAutoscaler")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 10)
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300
    assert "replicas" not in made.only("Deployment")["spec"]


def test_without_room_to_grow_the_number_of_replicas_is_fixed() -> None:
    made = _made(_args(max_replicas=2))
    assert made.of_kind("HorizontalPodAutoscaler") == []
    assert made.only("Deployment")["spec"]["replicas"] == 2


def test_another_autoscaler_may_decide() -> None:
    made = _made(_args(autoscaled_elsewhere=True))
    assert made.of_kind("HorizontalPodAutoscaler") == []
    assert "replicas" not in made.only("Deployment")["spec"]


def test_the_first_key_is_stored_again_when_it_was_rotated() -> None:
    def rotated() -> Any:
        handle = secret("api-key")
        return type(handle)(reference=handle.reference, value=handle.value, revision=schema().revision)

    before, after = _made().only("Job"), _made(key=rotated).only("Job")
    assert before["metadata"]["name"] != after["metadata"]["name"]
    (container,) = before["spec"]["template"]["spec"]["containers"]
    assert container["command"][1:] == ["key", "ensure"]


def test_the_ways_out_lead_to_the_database_and_the_models_alone() -> None:
    egress = _made().named("NetworkPolicy", "gateway-traffic")["spec"]["egress"]
    assert [rule["to"][0] for rule in egress] == [
        {"ipBlock": {"cidr": "10.0.32.0/20"}},
        {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "model-server"}}},
    ]


def test_the_endpoint_is_the_service() -> None:
    assert _made().result == {
        "url": "http://gateway.serving.svc:8080",
        "console_url": "http://gateway.serving.svc:8080/console",
    }


def test_fewer_replicas_at_most_than_at_least_are_refused() -> None:
    with pytest.raises(ValidationError, match="max_replicas is 1, less than replicas"):
        _args(max_replicas=1)


def _migrated(image: str = RUNTIME_IMAGE) -> Made:
    args = Migrations.Args(runtime_image=image, surroundings=SURROUNDINGS)
    return compose(
        lambda: {"revision": Migrations("migrations", args, namespace="serving", database=database()).state.revision}
    )


def test_migrations_run_to_the_newest_revision_with_the_database_alone_in_reach() -> None:
    made = _migrated()
    (container,) = made.only("Job")["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["--dsn-file", "/run/secrets/inferloop/dsn/value", "--revision", "head"]
    (rule,) = made.only("NetworkPolicy")["spec"]["egress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 5432}]


def test_another_image_migrates_again_and_changes_what_waits_for_it() -> None:
    other = f"registry.example/inferloop-cpu@sha256:{'f' * 64}"
    assert DIGEST not in other
    first, second = _migrated(), _migrated(other)
    assert first.only("Job")["metadata"]["name"] != second.only("Job")["metadata"]["name"]
    assert first.result["revision"] != second.result["revision"]


def test_a_finished_job_stays_so_that_it_does_not_run_again() -> None:
    assert "ttlSecondsAfterFinished" not in _migrated().only("Job")["spec"]
