"""Every wrong setting is named with its place, all of them at once, and no encrypted value is read or shown."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from components.errors import SettingsError
from inferloop.commands.settings import app
from inferloop.project import Project
from inferloop.settings_check import Check, check_settings

CHECKOUT = Path(__file__).parents[3]
STACKS = Project(CHECKOUT).known_stacks()
PILOT = yaml.safe_load((CHECKOUT / "stacks" / "config" / "Pulumi.pilot-aws.yaml").read_text())["config"]

Checker = Callable[[str], Check]


@pytest.fixture
def check(tmp_path: Path) -> Checker:
    def checked(text: str) -> Check:
        file = tmp_path / "Pulumi.dev.yaml"
        file.write_text(text, encoding="utf-8")
        return check_settings(Project(CHECKOUT), "dev", file)

    return checked


def told(check: Check) -> list[str]:
    return [str(finding).removeprefix(f"{check.file}:") for finding in check.findings]


@pytest.mark.parametrize("stack", STACKS)
def test_the_settings_of_every_stack_of_the_repository_are_right(stack: str) -> None:
    done = check_settings(Project(CHECKOUT), stack)
    assert told(done) == []
    assert done.settings is not None


WRONG = """\
config:
  inferloop:cloud: aws
  inferloop:phase: pilto
  inferloop:account_id: 012345670123
  inferloop:region: 7
  inferlop:owner: me
  inferloop:cost_centre: {secure: v1:xxx}
  inferloop:cluster:
    version: 1.30
    admins: []
  inferloop:pools:
    small: {size: small, maximun: 3}
    Large!: {size: large}
    big: {size: large, minimum: 5, maximum: 2}
  inferloop:network: '{"nat": "per-zone"}'
  inferloop:textnlp:
    models:
      m: {source: tiny, engine: vlm, pool: small, plan: {context_tokens: x, weights_bytes_per_shard: 1}}
    hostname: nlp.example.com
    hostname: nlp.example.org
  inferloop:budget:
"""


def test_every_wrong_setting_is_told_at_once_in_the_order_of_the_file(check: Checker) -> None:
    lines = told(check(WRONG))
    places = [tuple(map(int, line.split(":")[:2])) for line in lines]
    assert places == sorted(places)
    wanted = [
        "1:1: inferloop:owner: is missing: The team that answers for the stack",
        "1:1: inferloop:certificate: is missing",
        "3:20: inferloop:phase: must be one of staging, pilot, scale_up, enterprise, optimized on cloud aws; "
        "did you mean pilot? (given: 'pilto')",
        "4:25: inferloop:account_id: must match pattern '^[0-9]{12}$' (given: '1402433619'); "
        "without quotes 012345670123 is read as that",
        "5:21: inferloop:region: must match pattern",
        "6:3: inferlop:owner: is no namespace of this project; did you mean inferloop:owner?",
        "9:14: inferloop:cluster.version: must be text; put the value in quotes (given: 1.3)",
        "10:5: inferloop:cluster.admins: must have at least 1 item, not 0",
        "12:26: inferloop:pools.small.maximun: no such setting; there are size, minimum, maximum, ",
        "13:5: inferloop:pools.Large!: cannot be a name here: it must match pattern",
        "14:33: inferloop:pools.big: minimum 5 is above maximum 2; raise maximum",
        "15:22: inferloop:network: must be a section in YAML, and is text or encrypted as a whole; ",
        "15:22: inferloop:network.nat: must be 'none', 'single' or 'per_zone'; did you mean per_zone? "
        "(given: 'per-zone')",
        "18:33: inferloop:textnlp.models.m.engine: must be 'tgi', 'vllm', 'sglang' or 'embedded'; did you mean vllm?",
        "18:51: inferloop:textnlp.models.m.plan.memory_bytes_per_shard: is missing",
        "18:74: inferloop:textnlp.models.m.plan.context_tokens: must be a whole number (given: 'x')",
        "20:5: hostname: stands here again; it stands on line 19",
        "21:20: inferloop:budget: must be a section; its keys are limit_usd_per_month, ",
    ]
    missing = [text for text in wanted if not any(line.startswith(text) for line in lines)]
    assert missing == [], lines
    assert [line for line in lines if "cost_centre" in line] == []
    assert next(line for line in lines if "maximun" in line).endswith("; did you mean maximum?")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"textnlp": {**PILOT["inferloop:textnlp"], "hostname": "models.elsewhere.org"}},
            "textnlp.hostname 'models.elsewhere.org' is not of the domain",
        ),
        ({"pools": {"other": {"size": "small"}}}, "textnlp.models.smollm2.pool 'small' is no pool; pools are other"),
    ],
)
def test_settings_that_contradict_each_other_are_seen_where_the_first_of_them_stands(
    check: Checker, changes: dict[str, object], line: str
) -> None:
    config = {**PILOT, **{f"inferloop:{key}": value for key, value in changes.items()}}
    text = yaml.safe_dump({"config": config}, sort_keys=False)
    (finding,) = check(text).findings
    assert line in finding.sentence
    seen = text.splitlines()[finding.mark.line - 1]
    assert seen.split(":")[0].strip() in ("hostname", "pool")


def test_what_only_the_phase_knows_is_told_too_without_an_engine(check: Checker) -> None:
    done = check("config:\n  inferloop:model:\n    source: tiny\n    shards: 2\n")
    (line,) = told(done)
    assert line.startswith("4:13: inferloop:model.shards: the model cannot be split over 2 shards")
    assert done.settings is None


def test_a_phases_word_without_a_key_is_told_at_the_top(check: Checker, monkeypatch: pytest.MonkeyPatch) -> None:
    from components.errors import PreflightError
    from stacks.phases.registry import phase_named

    def refuse(settings: object) -> None:
        raise PreflightError("two things are wrong:\n  - inferloop:home: is full\n  - nothing works")

    monkeypatch.setitem(phase_named("development").__dict__, "preflight", refuse)
    assert told(check("config:\n  home: /x\n")) == ["1:1: inferloop: nothing works", "2:9: inferloop:home: is full"]


@pytest.mark.parametrize(
    "text",
    ["config:\n\tinferloop:a: 1\n", "config:\n  inferloop:a: 1\n   inferloop:b: 2\n", "config: [\n", "config: 3\n"],
)
def test_a_file_that_cannot_be_read_has_one_finding_with_its_place(check: Checker, text: str) -> None:
    (finding,) = check(text).findings
    assert finding.mark.line >= 1
    assert finding.problem is None


def test_settings_with_an_encrypted_value_are_right_as_far_as_they_can_be_read(check: Checker) -> None:
    done = check("config:\n  inferloop:console_access: {secure: v1:abc}\n  inferloop:model: {source: tiny}\n")
    assert (done.findings, done.settings, done.encrypted) == ((), None, ("console_access",))
    whole = check("config:\n  inferloop:model: {source: tiny, name: {secure: v1:abc}}\n")
    assert whole.settings is not None
    assert whole.encrypted == ("model",)


def test_a_section_that_is_encrypted_as_a_whole_is_refused_as_the_engine_would(check: Checker) -> None:
    (line,) = told(check("config:\n  inferloop:model: {secure: v1:abc}\n"))
    assert line.startswith("2:3: inferloop:model: must be a section in YAML")
    assert "`pulumi config set --path 'inferloop:model.KEY' VALUE`" in line


def test_an_encrypted_value_under_an_unknown_name_is_still_told(check: Checker) -> None:
    (line,) = told(check("config:\n  inferloop:modle: {secure: v1:abc}\n"))
    assert line.startswith("2:3: inferloop:modle: no such setting")
    assert "v1:abc" not in line


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["check", *arguments])


def test_the_command_prints_the_settings_with_their_defaults() -> None:
    data = json.loads(run("dev", "--json").stdout)
    assert data["ports"]["gateway"] == 8080
    assert "the settings of stack dev are right" in run("dev").stdout


def test_the_command_refuses_wrong_settings_as_a_settings_error(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("config:\n  inferloop:modle: {shards: 3}\n  inferloop:console_access: opne\n")
    done = run("dev", "--config-file", str(file), "--json")
    assert isinstance(done.exception, SettingsError)
    assert done.exception.exit_code == 2
    assert "have 2 problems:" in str(done.exception)
    assert f"{file}:2:3: inferloop:modle: no such setting" in str(done.exception)
    first, second = json.loads(done.stdout)["problems"]
    assert first["kind"] == "unknown_key"
    assert (first["line"], first["column"], first["key"], first["nearest"]) == (2, 3, "inferloop:modle", "model")
    assert second["given"] == "opne"
    assert second["allowed"] == ["open", "key"]
    assert second["nearest"] == "open"


def test_the_command_says_what_it_could_not_read(tmp_path: Path) -> None:
    file = tmp_path / "secret.yaml"
    file.write_text("config:\n  inferloop:console_access: {secure: v1:abc}\n")
    done = run("dev", "--config-file", str(file))
    assert "as far as they are not encrypted" in done.stdout
    assert "console_access" in done.stdout
    assert json.loads(run("dev", "--config-file", str(file), "--json").stdout)["encrypted"] == ["console_access"]
