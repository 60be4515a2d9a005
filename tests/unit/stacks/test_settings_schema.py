"""The schema accepts the repository's stack files, and refuses what the settings refuse."""

import copy
import json
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from components.errors import SettingsError
from inferloop.commands.settings import app
from inferloop.stack_document import parse_document
from stacks.settings import CHECKOUT, MEMBERS, settings_class
from stacks.settings.schema import stack_file_schema

FILES = sorted((CHECKOUT / "stacks" / "config").glob("Pulumi.*.yaml"))
SCHEMA = stack_file_schema()
PILOT = (CHECKOUT / "stacks" / "config" / "Pulumi.pilot-aws.yaml").read_text(encoding="utf-8")


def problems(content: Any, schema: dict[str, Any] = SCHEMA) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(content)]


def pilot(**changes: Any) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(PILOT)
    for path, value in changes.items():
        *sections, last = path.split("__")
        target = content["config"]
        for index, name in enumerate(sections):
            target = target.setdefault(f"inferloop:{name}" if index == 0 else name, {})
        target[last if sections else f"inferloop:{last}"] = value
    return content


def test_the_schema_is_one_of_draft_2020_12() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_every_stack_file_of_the_repository_is_accepted(file: Any) -> None:
    assert problems(parse_document(file.read_text(encoding="utf-8")).content) == []


@pytest.mark.parametrize("member", MEMBERS, ids="-".join)
def test_every_setting_of_a_member_stands_in_its_schema_with_its_meaning(member: tuple[str, str]) -> None:
    properties = stack_file_schema(*member)["$defs"]["-".join(member)]["properties"]
    fields = settings_class(*member).model_fields
    assert set(properties) == {f"inferloop:{name}" for name in fields}
    assert [key for key, schema in properties.items() if not schema.get("description")] == []
    assert properties["inferloop:cloud"]["const"] == member[0]
    assert properties["inferloop:phase"]["const"] == member[1]


def test_a_file_that_says_nothing_is_that_of_a_local_stack() -> None:
    assert problems({}) == []
    assert problems({"config": {}}) == []
    assert problems({}, stack_file_schema("aws"))


@pytest.mark.parametrize(
    "changes",
    [
        {"protect": "true"},
        {"owner": {"secure": "v1:abc"}},
        {"alerts__subscribers": {"page": [{"secure": "v1:abc"}]}},
        {"textnlp__hostname": {"secure": "v1:abc"}},
        {"zones": ["eu-central-1a"]},
    ],
)
def test_text_and_encrypted_values_are_accepted_as_the_engine_keeps_them(changes: dict[str, Any]) -> None:
    assert problems(pilot(**changes)) == []


def test_keys_of_providers_are_left_alone() -> None:
    content = pilot()
    content["config"] |= {"aws:region": "eu-central-1", "aws:skipMetadataApiCheck": True}
    assert problems(content) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"cloud": "mars"},
        {"phase": "development"},
        {"account_id": "1234"},
        {"account_id": 123456789012},
        {"modle": {}},
        {"protect": "yes"},
        {"pools__small__maximun": 3},
        {"pools__Large!": {"size": "large"}},
        {"pools": "small"},
        {"pools": '{"small": {"size": "small"}}'},
        {"pools": {"secure": "v1:abc"}},
        {"zones": "[]"},
        {"pools__small__maximum": 0},
        {"network": {"nat": "per-zone"}},
        {"textnlp__models__smollm2__engine": "vlm"},
        {"budget": {}},
        {"budget": None},
        {"owner": {"secure": 3}},
    ],
)
def test_what_the_settings_refuse_the_schema_refuses(changes: dict[str, Any]) -> None:
    assert problems(pilot(**changes))


@pytest.mark.parametrize("key", ["cloud", "phase", "account_id", "textnlp", "domain"])
def test_a_required_setting_may_not_be_left_out(key: str) -> None:
    content = copy.deepcopy(pilot())
    del content["config"][f"inferloop:{key}"]
    assert problems(content)


def test_a_key_outside_of_the_configuration_is_refused() -> None:
    assert problems({"config": {}, "inferloop:cloud": "local"})


def test_one_cloud_and_phase_can_be_asked_for() -> None:
    text = CliRunner().invoke(app, ["schema", "--cloud", "aws", "--phase", "pilot"]).stdout
    schema = json.loads(text)
    assert [name for name in schema["$defs"] if "-" in name] == ["aws-pilot"]
    assert problems(pilot(), schema) == []
    assert problems({"config": {"inferloop:cloud": "local", "inferloop:phase": "development"}}, schema)
    assert set(stack_file_schema(phase="staging")["$defs"]) & {"-".join(it) for it in MEMBERS} == {"aws-staging"}


@pytest.mark.parametrize(
    ("cloud", "phase", "message"),
    [
        ("asw", None, "no stack runs on cloud 'asw'; there are local, aws.*; did you mean aws"),
        (None, "pilto", "no stack is in phase 'pilto'; there are development, .*; did you mean pilot"),
        ("local", "pilot", "no stack is in phase 'pilot' on cloud local; there are development"),
    ],
)
def test_a_cloud_or_phase_that_is_not_there_is_refused_with_those_that_are(
    cloud: str | None, phase: str | None, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        stack_file_schema(cloud, phase)
