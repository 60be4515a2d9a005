from inferloop.commands.status import describe_remote
from inferloop.remote_status import RemoteStatus, StackOutput, stack_outputs
from inferloop.state import StackState, parse_deployment


def test_outputs_come_in_the_order_of_the_phases_deliverables_and_others_after_them() -> None:
    state = StackState(
        exists=True, outputs={"model": "m", "extra": 1, "gateway_url": "http://x"}, secret_outputs=frozenset({"dsn"})
    )
    outputs = stack_outputs(state, "development")
    assert [output.name for output in outputs] == ["gateway_url", "dsn", "model", "extra"]
    assert [output.secret for output in outputs] == [False, True, False, False]
    assert outputs[0].description
    assert [output.name for output in stack_outputs(state, "unknown")] == ["dsn", "extra", "gateway_url", "model"]


def test_values_are_readable_and_secrets_hidden() -> None:
    texts = [StackOutput("x", value, False).text for value in (3.0, {"a": [1]}, "t", "y" * 300)]
    assert texts[:3] == ["3", '{"a": [1]}', "t"]
    assert texts[3].endswith("…")
    assert StackOutput("x", "hunter2", True).text == "(secret)"


def test_an_interrupted_run_and_a_stack_that_is_down_say_what_comes_next() -> None:
    shown = describe_remote(RemoteStatus("pilot", "interrupted", "s3://team", 3, 2, 1, 1))
    assert "1 operations never ended; `pulumi refresh --stack pilot`" in shown
    assert "up pilot` brings it up (state: s3://team)" in describe_remote(RemoteStatus("pilot", "down", "s3://team"))


def test_groups_and_providers_are_no_things() -> None:
    resources = [
        {"type": "pulumi:pulumi:Stack", "urn": "s"},
        {"type": "pulumi:providers:aws", "urn": "p", "custom": True},
        {"type": "inferloop:aws:Network", "urn": "n"},
        {"type": "aws:ec2/vpc:Vpc", "urn": "v", "custom": True, "protect": True},
    ]
    state = parse_deployment({"resources": resources})
    assert [(item.urn, item.protected) for item in state.things] == [("v", True)]
