"""What Pulumi.yaml declares is understood by the engine, and changes no stack's settings."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferloop.project import Project
from inferloop.stack_config import configured_values
from stacks.settings import CHECKOUT, parse_settings
from tests.support.pulumi_stack import PASSPHRASE

pytestmark = pytest.mark.engine

# Stands in for stacks/__main__.py: what the program makes of the configuration that the engine hands it.
PROGRAM = """\
import json, pathlib, pulumi, sys
sys.path.insert(0, {checkout!r})
from components.errors import InferloopError
from stacks.settings import load_settings
try:
    settings = load_settings().model_dump(mode="json")
except InferloopError as error:
    raise pulumi.RunError(str(error)) from None
pathlib.Path({answer!r}).write_text(json.dumps(settings))
"""
STACKS = Project(CHECKOUT).known_stacks()

Loader = Callable[[dict[str, Any]], tuple[dict[str, Any] | None, str]]


@pytest.fixture
def engine_command(engine: list[str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    project = yaml.safe_load((CHECKOUT / "Pulumi.yaml").read_text(encoding="utf-8"))
    declared = {"name": project["name"], "runtime": "python", "config": project["config"]}
    (tmp_path / "Pulumi.yaml").write_text(yaml.safe_dump(declared), encoding="utf-8")
    program = PROGRAM.format(checkout=str(CHECKOUT), answer=str(tmp_path / "answer.json"))
    (tmp_path / "__main__.py").write_text(program, encoding="utf-8")
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.prefix) / "bin"), *engine, "/usr/bin", "/bin"]),
        "HOME": str(tmp_path),
        "PULUMI_HOME": str(tmp_path / "pulumi"),
        "PULUMI_BACKEND_URL": tmp_path.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pulumi", *arguments, "--stack", "declared", "--non-interactive", "--color", "never"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert run("stack", "init").returncode == 0
    return run


@pytest.fixture
def load(engine_command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> Loader:
    def loaded(config: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
        file = tmp_path / "Pulumi.declared.yaml"
        kept = yaml.safe_load(file.read_text(encoding="utf-8"))
        file.write_text(yaml.safe_dump({**kept, "config": config}), encoding="utf-8")
        answer = tmp_path / "answer.json"
        answer.unlink(missing_ok=True)
        done = engine_command("preview")
        return (json.loads(answer.read_text()) if answer.is_file() else None), done.stdout + done.stderr

    return loaded


def test_every_stack_has_its_own_settings_and_no_other_clouds(load: Loader) -> None:
    for stack in STACKS:
        config = yaml.safe_load((CHECKOUT / "stacks" / "config" / f"Pulumi.{stack}.yaml").read_text())["config"]
        settings, told = load(config)
        assert settings is not None, told
        assert settings == parse_settings(configured_values(Project(CHECKOUT), stack)).model_dump(mode="json")


def test_what_a_stack_says_itself_wins_over_what_is_declared(load: Loader) -> None:
    settings, told = load({"inferloop:capture": [], "inferloop:scrape_interval_s": 7, "inferloop:home": "/x"})
    assert settings is not None, told
    assert (settings["capture"], settings["scrape_interval_s"], settings["home"]) == ([], 7, "/x")


def test_a_value_of_another_type_is_refused_by_the_engine_before_the_program(load: Loader) -> None:
    for key, value, kind in (("model", "tiny", "object"), ("scrape_interval_s", "often", "integer")):
        settings, told = load({f"inferloop:{key}": value})
        assert settings is None
        assert f"configuration key '{key}' must be of type '{kind}'" in told


def test_the_program_refuses_what_another_cloud_declares(load: Loader) -> None:
    settings, told = load({"inferloop:region": "eu-central-1"})
    assert settings is None
    assert "inferloop:region: no such setting" in told


def test_the_engine_lists_every_declared_setting(
    engine_command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    listed = json.loads(engine_command("config", "--json").stdout)
    declared = yaml.safe_load((CHECKOUT / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]
    assert set(listed) == {f"inferloop:{key}" for key in declared}


def test_an_encrypted_value_is_read_and_never_shown_when_it_is_wrong(
    engine_command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    assert engine_command("config", "set", "--secret", "console_access", "key").returncode == 0
    assert engine_command("preview").returncode == 0
    assert json.loads((tmp_path / "answer.json").read_text())["console_access"] == "key"
    assert engine_command("config", "set", "--secret", "console_access", "hunter2").returncode == 0
    refused = engine_command("preview")
    assert refused.returncode != 0
    assert "inferloop:console_access: must be 'open' or 'key'" in refused.stdout + refused.stderr
    assert "hunter2" not in refused.stdout + refused.stderr
