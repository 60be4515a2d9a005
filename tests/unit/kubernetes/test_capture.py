from typing import Any

import pytest
from inferloop_runtime.capture.settings import CaptureSettings
from pydantic import ValidationError

from components.kubernetes.capture import Capture
from components.kubernetes.claim import Claim, ClaimArgs
from tests.support.kubernetes_mocks import (
    RUNTIME_IMAGE,
    SURROUNDINGS,
    Made,
    compose,
    database,
    schema,
    secret,
    settings_in,
)
from tests.support.kubernetes_tenants import COLUMNS


def _args(**more: Any) -> Any:
    return Capture.Args.model_validate(
        {
            "runtime_image": RUNTIME_IMAGE,
            "surroundings": SURROUNDINGS,
            "dataset": "stocks",
            "source": {"engine": "file", "uri": "sample:stocks.csv", "format": "csv"},
            "columns": COLUMNS,
            **more,
        }
    )


def _made(**more: Any) -> Made:
    def program() -> dict[str, Any]:
        capture = Capture(
            "stocks",
            _args(**more),
            namespace="serving",
            claim="datasets",
            database=database(),
            schema=schema(),
            privacy_key=secret("privacy-key"),
        )
        return {"dataset": capture.dataset, "folder": capture.folder}

    return compose(program)


def test_the_settings_are_those_of_the_runtime() -> None:
    settings = CaptureSettings.model_validate(settings_in(_made().only("ConfigMap")))
    assert settings.dataset == "stocks"
    assert str(settings.privacy_key_file) == "/run/secrets/inferloop/privacy-key/value"


def test_a_job_runs_once_for_each_declaration() -> None:
    first, same = _made().only("Job"), _made().only("Job")
    other = _made(max_quarantined_fraction=0.5).only("Job")
    assert first["metadata"]["name"] == same["metadata"]["name"] != other["metadata"]["name"]


def test_without_a_schedule_nothing_repeats() -> None:
    assert _made().of_kind("CronJob") == []


def test_scheduled_runs_never_overlap_and_are_the_same_pods() -> None:
    made = _made(schedule="17 3 * * *", time_zone="Europe/Berlin")
    cron = made.only("CronJob")["spec"]
    assert (cron["schedule"], cron["timeZone"], cron["concurrencyPolicy"]) == ("17 3 * * *", "Europe/Berlin", "Forbid")
    assert cron["jobTemplate"]["spec"] == made.only("Job")["spec"]


def test_the_data_set_is_written_to_the_claim() -> None:
    made = _made()
    volumes = {it["name"]: it for it in made.only("Job")["spec"]["template"]["spec"]["volumes"]}
    assert volumes["datasets"]["persistentVolumeClaim"] == {"claimName": "datasets"}
    assert made.result == {"dataset": "stocks", "folder": "/var/lib/inferloop/datasets/stocks"}


def test_nobody_reaches_a_capture() -> None:
    assert _made().only("NetworkPolicy")["spec"].get("ingress") in (None, [])


@pytest.mark.parametrize("schedule", ["daily", "* * * *", "* * * * * *"])
def test_a_schedule_that_is_none_is_refused(schedule: str) -> None:
    with pytest.raises(ValidationError, match="schedule"):
        _args(schedule=schedule)


@pytest.mark.parametrize("holds_data", [True, False])
def test_a_claim_asks_for_its_size_and_class(holds_data: bool) -> None:
    args = ClaimArgs(storage_gib=20, access="ReadWriteMany", storage_class="shared", holds_data=holds_data)
    made = compose(lambda: {"claim": Claim("datasets", args, namespace="serving").claim})
    spec = made.only("PersistentVolumeClaim")["spec"]
    assert spec["resources"] == {"requests": {"storage": "20Gi"}}
    assert (spec["accessModes"], spec["storageClassName"]) == (["ReadWriteMany"], "shared")
    assert made.result == {"claim": "datasets"}
