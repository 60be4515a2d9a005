import json
import urllib.request

import pytest

from tests.support.pulumi_stack import EngineError, PulumiStack

pytestmark = pytest.mark.engine


def test_a_second_up_changes_nothing(stack: PulumiStack) -> None:
    assert stack.up() == set()


def test_the_outputs_are_what_the_phase_promises(stack: PulumiStack) -> None:
    from stacks.phases.development import DELIVERABLES

    outputs = stack.outputs()
    # The engine leaves out outputs that are null.
    assert set(outputs) | {"prometheus_url"} == {deliverable.name for deliverable in DELIVERABLES}
    assert outputs["model"] == "tiny"
    assert outputs["shards"] == 1
    assert outputs["dsn"].startswith("postgresql://inferloop:")
    assert outputs["stack_dir"] == str(stack.root)
    assert set(outputs["supervisor"]) == {"url", "user", "password_file"}


def test_the_first_key_opens_the_gateway(stack: PulumiStack) -> None:
    outputs = stack.outputs()
    body = {"model": outputs["model"], "prompt": "hello", "max_tokens": 3}
    request = urllib.request.Request(
        f"{outputs['gateway_url']}/v1/completions",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {outputs['api_key']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert json.load(answer)["usage"]["completion_tokens"] == 3


def test_a_changed_setting_restarts_only_what_depends_on_it(stack: PulumiStack) -> None:
    before = {program: stack.pid(program) for program in ("postgres", "model-server", "gateway", "metrics")}
    original = stack.settings["model"]
    try:
        stack.settings["model"] = {**original, "max_batch_size": 4}
        assert stack.up() == {"model-server-config", "model-server-server"}
        after = {program: stack.pid(program) for program in before}
        assert {program for program in before if before[program] != after[program]} == {"model-server"}
    finally:
        stack.settings["model"] = original


def test_shards_that_do_not_divide_the_model_are_refused_before_anything_changes(stack: PulumiStack) -> None:
    original = stack.settings["model"]
    before = {program: stack.pid(program) for program in ("postgres", "model-server", "gateway", "metrics")}
    try:
        stack.settings["model"] = {**original, "shards": 2}
        with pytest.raises(EngineError, match=r"inferloop:model\.shards.*one of 1, 3") as refused:
            stack.up()
        assert "Traceback" not in refused.value.output
        assert before == {program: stack.pid(program) for program in before}
    finally:
        stack.settings["model"] = original
    assert stack.up() == set()


def test_wrong_settings_are_all_named_in_one_error(fresh_stack: PulumiStack) -> None:
    fresh_stack.settings.update({"modle": "x", "ports": {"gateway": 99999}, "console_access": "maybe"})
    with pytest.raises(EngineError) as refused:
        fresh_stack.up()
    for expected in ("inferloop:modle: no such setting", "inferloop:ports.gateway", "'open' or 'key'"):
        assert expected in refused.value.output
    assert "Traceback" not in refused.value.output
    assert not fresh_stack.root.exists()
