import json
from pathlib import Path
from typing import Any

import pytest

from inferloop.project import Home
from inferloop.state import StackState, read_state

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}


def write_state(home: Home, latest: dict[str, Any] | None) -> None:
    path = home.state_file("dev")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": 3, "checkpoint": {"latest": latest}}))


def test_plain_outputs_are_read_and_secrets_are_only_named(tmp_path: Path) -> None:
    outputs = {"gateway_url": "http://x", "api_key": SECRET, "nested": {"deep": [SECRET]}, "list": ["a"]}
    stack = {"type": "pulumi:pulumi:Stack", "urn": "urn::s", "outputs": outputs}
    thing = {"type": "inferloop:x:Thing", "urn": "urn::t", "protect": True}
    home = Home(tmp_path)
    write_state(home, {"resources": [stack, thing], "pending_operations": [{}]})
    state = read_state(home, "dev")
    assert state.outputs == {"gateway_url": "http://x", "list": ["a"]}
    assert state.secret_outputs == {"api_key", "nested"}
    assert (state.resources, state.protected, state.pending) == (1, 1, 1)


def test_a_stack_without_a_checkpoint_has_an_empty_state(tmp_path: Path) -> None:
    assert read_state(Home(tmp_path), "dev") == StackState()


def test_a_fresh_stack_exists_without_resources(tmp_path: Path) -> None:
    write_state(Home(tmp_path), None)
    assert read_state(Home(tmp_path), "dev") == StackState(exists=True)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"checkpoint": 1}', '{"checkpoint": {"latest": {"resources": [1]}}}'])
def test_a_damaged_checkpoint_is_told_apart(tmp_path: Path, text: str) -> None:
    home = Home(tmp_path)
    write_state(home, None)
    home.state_file("dev").write_text(text)
    state = read_state(home, "dev")
    assert state.exists
    assert not state.readable
