"""What Pulumi.yaml declares is generated from the settings, and what the engine makes of it is taken for absent."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pulumi
import pytest
import yaml

from components.errors import SettingsError
from stacks.settings import CHECKOUT, MEMBERS, LocalSettings, load_settings, parse_settings, settings_class
from stacks.settings.declaration import declared_settings, sections_as_text, without_declared_defaults

DECLARED = declared_settings()
TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}


def test_every_setting_of_every_stack_is_declared_once_with_type_meaning_and_default() -> None:
    assert set(DECLARED) == {key for member in MEMBERS for key in settings_class(*member).model_fields}
    for declared in DECLARED.values():
        assert isinstance(declared["default"], TYPES[declared["type"]])
        assert declared["description"]


def test_the_project_file_declares_them() -> None:
    project = yaml.safe_load((CHECKOUT / "Pulumi.yaml").read_text(encoding="utf-8"))
    assert project["config"] == DECLARED


def test_a_default_that_stacks_do_not_share_is_declared_as_nothing() -> None:
    assert DECLARED["scrape_interval_s"]["default"] == 5
    assert DECLARED["protect"]["default"] is True
    assert DECLARED["region"]["default"] == ""
    assert DECLARED["pools"]["default"] == {}
    assert DECLARED["database"]["default"] == {}


def test_a_declaration_says_what_is_allowed_and_which_stacks_have_the_setting() -> None:
    assert DECLARED["console_access"]["description"].endswith("One of open, key. [local]")
    assert DECLARED["audit"]["description"].endswith("[aws: enterprise, optimized]")
    assert DECLARED["zones"]["items"] == {"type": "string"}
    assert "[" not in DECLARED["phase"]["description"]


def engine_text(value: object) -> str:
    """Write a value as the engine does: keys in order, no needless space, no needless decimals."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def test_what_the_engine_adds_is_left_out_again() -> None:
    added = {key: engine_text(declared["default"]).replace(":0.0", ":0") for key, declared in DECLARED.items()}
    assert set(without_declared_defaults(added)) == {"phase"}
    own = {"scrape_interval_s": "7", "capture": "[]", "protect": "false", "model": '{"source":"tiny"}', "odd": ""}
    assert without_declared_defaults({**added, **own}) == {"phase": "development", **own}


def test_without_declarations_nothing_is_left_out(tmp_path: Path) -> None:
    project = tmp_path / "Pulumi.yaml"
    project.write_text("name: inferloop\n")
    assert without_declared_defaults({"protect": "true"}, project) == {"protect": "true"}


Configure = Callable[..., None]


@pytest.fixture
def configure() -> Iterator[Configure]:
    before = pulumi.runtime.config.CONFIG.get()
    added = {f"inferloop:{key}": engine_text(declared["default"]) for key, declared in DECLARED.items()}

    def configured(values: dict[str, str], secret: tuple[str, ...] = ()) -> None:
        pulumi.runtime.set_all_config({**added, **values}, list(secret))

    yield configured
    pulumi.runtime.set_all_config(before, [])


def test_the_program_reads_its_settings_from_the_engine(configure: Configure) -> None:
    configure({"inferloop:home": "/x", "aws:region": "eu-central-1"})
    settings = load_settings()
    assert isinstance(settings, LocalSettings)
    assert settings == parse_settings({"home": "/x"})


def test_a_secret_of_the_engine_is_not_shown_when_it_is_wrong(configure: Configure) -> None:
    key = "inferloop:console_access"
    configure({key: "hunter2"}, secret=(key,))
    with pytest.raises(SettingsError, match="console_access: must be 'open' or 'key'") as refused:
        load_settings()
    assert "hunter2" not in str(refused.value)


def test_sections_that_are_text_are_found_and_scalars_are_not() -> None:
    values = {"network": '{"nat": "none"}', "zones": "[]", "protect": "true", "pools": {}, "odd": "x", "cluster": ""}
    found = {problem.path: problem.what for problem in sections_as_text(values, ("aws", "staging"))}
    assert set(found) == {("network",), ("zones",)}
    assert "--path 'inferloop:zones[0]' VALUE" in found[("zones",)]
