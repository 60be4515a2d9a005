import contextlib
import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.errors import SettingsError
from stacks.settings import CHECKOUT, parse_settings


def test_no_setting_at_all_gives_the_default_stack() -> None:
    settings = parse_settings({})
    assert settings.cloud == "local"
    assert settings.phase == "development"
    assert settings.model.source == "sample:smollm2-135m-instruct"
    assert settings.ports.gateway == 8080
    assert [job.dataset for job in settings.capture] == ["stocks"]


def test_the_settings_of_the_dev_stack_are_right() -> None:
    values = yaml.safe_load((CHECKOUT / "stacks" / "config" / "Pulumi.dev.yaml").read_text())["config"]
    parse_settings({key.removeprefix("inferloop:"): str(value) for key, value in values.items()})


def test_a_relative_home_starts_at_the_checkout() -> None:
    assert parse_settings({}).root_of("dev") == CHECKOUT / ".inferloop" / "dev"
    assert str(parse_settings({"home": "/somewhere"}).root_of("dev")) == "/somewhere/dev"


def test_every_wrong_key_is_named_with_what_is_allowed() -> None:
    with pytest.raises(SettingsError) as refused:
        parse_settings(
            {
                "modle": "x",
                "model": json.dumps({"shards": 0, "dtype": "int3"}),
                "ports": json.dumps({"gateway": 70000, "gatewya": 1}),
                "console_access": "maybe",
            }
        )
    message = str(refused.value)
    assert "inferloop:modle: no such setting; there are" in message
    assert "inferloop:model.shards: must be greater than 0 (given: 0)" in message
    assert "inferloop:model.dtype: must be 'auto', 'float32', 'bfloat16' or 'float16'" in message
    assert "inferloop:ports.gateway: must be less than or equal to 65535" in message
    assert "inferloop:ports.gatewya: no such setting; there are gateway, model_server" in message
    assert "inferloop:console_access: must be 'open' or 'key'" in message


def test_an_unknown_cloud_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"inferloop:cloud: must be one of local, aws \(given: 'mars'\)"):
        parse_settings({"cloud": "mars"})


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("model", {"max_input_tokens": 100, "max_total_tokens": 100}, "no token is left for an answer"),
        ("ports", {"gateway": 9000, "metrics": 9000}, "metrics and gateway both ask for port 9000"),
        ("capture", [{"dataset": "a", "uri": "x", "columns": []}], "at least 1 item"),
        (
            "capture",
            [{"dataset": "a", "uri": "x", "columns": [{"name": "c", "type": "string"}] * 2}],
            "columns declared twice: c",
        ),
        (
            "capture",
            [{"dataset": "a", "uri": "x", "columns": [{"name": "c", "type": "string"}]}] * 2,
            "data sets declared twice: a",
        ),
        ("capture", [{"dataset": "../a", "uri": "x", "columns": [{"name": "c", "type": "string"}]}], "dataset"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(key: str, value: object, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        parse_settings({key: json.dumps(value)})


def test_ports_that_are_left_to_the_kernel_never_collide() -> None:
    assert parse_settings({"ports": json.dumps({"gateway": 0, "metrics": 0})}).ports.metrics == 0


@given(st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=40), max_size=5))
def test_any_text_is_accepted_or_refused_with_a_settings_error(values: dict[str, str]) -> None:
    with contextlib.suppress(SettingsError):
        parse_settings(values)
