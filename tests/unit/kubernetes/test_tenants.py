from typing import Any

import pytest
from pydantic import ValidationError

from components.workloads.textnlp import TextNlpArgs
from tests.support.kubernetes_mocks import Made, compose
from tests.support.kubernetes_tenants import (
    COLUMNS,
    CPU_MODEL,
    GPU_MODEL,
    both_tenants,
    foundations,
    service_args,
    tabular_args,
)


@pytest.fixture(scope="module")
def made() -> Made:
    return compose(both_tenants)


def test_each_tenant_has_a_namespace_a_gateway_and_a_model_of_its_own(made: Made) -> None:
    deployments = {(it["metadata"]["namespace"], it["metadata"]["name"]) for it in made.of_kind("Deployment")}
    assert deployments == {
        ("textnlp", "textnlp-gateway"),
        ("textnlp", "textnlp-large"),
        ("tabular", "tabular-gateway"),
        ("tabular", "tabular-small"),
    }


def test_language_models_run_on_their_gpu_pool_and_the_small_model_anywhere(made: Made) -> None:
    large = made.named("Deployment", "textnlp-large")["spec"]["template"]["spec"]
    small = made.named("Deployment", "tabular-small")["spec"]["template"]["spec"]
    assert large["nodeSelector"] == {"inferloop.dev/pool": "large"}
    assert "nodeSelector" not in small


def test_the_autoscaler_scales_the_deployment_that_leaves_its_replicas_out(made: Made) -> None:
    target = made.only("ScaledObject")["spec"]["scaleTargetRef"]["name"]
    assert "replicas" not in made.named("Deployment", target)["spec"]


def test_the_gateway_routes_to_the_tenants_own_model(made: Made) -> None:
    (config,) = [it for it in made.of_kind("ConfigMap") if it["metadata"]["name"].startswith("textnlp-gateway-config")]
    assert '"url": "http://textnlp-large.textnlp.svc:8080"' in config["data"]["gateway.json"]


def test_the_table_is_captured_into_the_protected_volume(made: Made) -> None:
    (volume,) = [
        it for it in made.only("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"]
        if it["name"] == "datasets"
    ]  # fmt: skip
    assert volume["persistentVolumeClaim"]["claimName"] == made.only("PersistentVolumeClaim")["metadata"]["name"]


def test_without_an_ingress_the_url_is_the_services() -> None:
    from components.workloads.language_service import LanguageService

    args = service_args("textnlp", {"large": GPU_MODEL}).model_copy(update={"ingress": None})
    made = compose(lambda: {"url": LanguageService("text", args, foundations=foundations("large")).url})
    assert made.result == {"url": "http://text-gateway.textnlp.svc:8080"}
    assert made.of_kind("HTTPRoute") == []


def test_textnlp_refuses_a_model_that_is_planned_for_processors() -> None:
    with pytest.raises(ValidationError, match="planned for CPU: small"):
        TextNlpArgs(service=service_args("textnlp", {"small": CPU_MODEL}))


def test_a_model_with_an_autoscaler_must_leave_its_replicas_to_it() -> None:
    with pytest.raises(ValidationError, match="exactly where an autoscaler is given"):
        service_args("textnlp", {"large": {**GPU_MODEL, "autoscaler": None}})


@pytest.mark.parametrize(
    ("columns", "message"), [(({"name": "symbol", "type": "string"},), r"stocks\.symbol"), ((), "columns")]
)
def test_a_column_without_a_decision_on_privacy_is_refused(columns: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        tabular_args(columns=columns)


def test_two_tables_of_one_name_are_refused() -> None:
    args = tabular_args(columns=COLUMNS)
    with pytest.raises(ValidationError, match="declared twice: stocks"):
        type(args).model_validate({"service": args.service, "tables": args.tables * 2, "volume": args.volume})
