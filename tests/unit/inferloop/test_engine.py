import json
import sys
from pathlib import Path

import pytest

from inferloop.engine import Engine, EngineRunner, engine_environment, find_engine
from inferloop.errors import EngineError, EngineMissingError
from inferloop.project import Home, Project


def executable(path: Path, text: str = "#!/bin/sh\nexit 0\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_the_engine_that_set_up_chose_wins_over_the_one_on_path(tmp_path: Path) -> None:
    chosen = executable(tmp_path / "chosen" / "pulumi")
    other = executable(tmp_path / "other" / "pulumi")
    record = tmp_path / ".tools" / "engine.json"
    record.parent.mkdir()
    record.write_text(json.dumps({"pulumi": str(chosen), "path": ["/host"], "source": "build", "version": "v3.1"}))
    environment = {"PATH": str(other.parent)}
    assert find_engine(Project(tmp_path), environment) == Engine(chosen, ("/host",), "build", "v3.1")
    chosen.unlink()
    assert find_engine(Project(tmp_path), environment) == Engine(other)


def test_a_missing_engine_and_a_damaged_record_say_what_mends_them(tmp_path: Path) -> None:
    with pytest.raises(EngineMissingError, match="make up"):
        find_engine(Project(tmp_path), {"PATH": str(tmp_path)})
    record = tmp_path / ".tools" / "engine.json"
    record.parent.mkdir()
    for text in ("{", "{}", "[]"):
        record.write_text(text)
        with pytest.raises(EngineMissingError, match=r"engine\.json is damaged"):
            find_engine(Project(tmp_path), {"PATH": str(tmp_path)})


def test_the_engine_sees_the_home_alone_and_no_foreign_secret(tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin", "PULUMI_CONFIG_PASSPHRASE": "x", "PULUMI_ACCESS_TOKEN": "x", "LANG": "C"}
    values = engine_environment(Home(tmp_path), Engine(Path("/engine/pulumi"), ("/host",)), environ)
    assert values["PATH"].split(":") == [f"{sys.prefix}/bin", "/engine", "/host", "/usr/bin"]
    assert values["PULUMI_HOME"] == str(tmp_path / "pulumi")
    assert values["PULUMI_BACKEND_URL"] == f"file://{tmp_path}/backend"
    assert values["PULUMI_CONFIG_PASSPHRASE_FILE"] == str(tmp_path / "passphrase")
    assert values["LANG"] == "C"
    assert not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_ACCESS_TOKEN"} & set(values)


def runner(tmp_path: Path, script: str) -> EngineRunner:
    project = Project(tmp_path)
    project.home.project.mkdir(parents=True, exist_ok=True)
    return EngineRunner(project, Engine(executable(tmp_path / "pulumi", f"#!/bin/sh\n{script}\n")))


def test_a_short_command_returns_what_it_printed(tmp_path: Path) -> None:
    assert runner(tmp_path, 'echo "$1 $2"').run(["stack", "ls"]) == "stack ls\n"


def test_a_failed_short_command_says_what_the_engine_said(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="`pulumi cancel` failed: no such stack"):
        runner(tmp_path, "echo 'error: no such stack' >&2; exit 1").run(["cancel"])


def test_a_short_command_that_hangs_or_cannot_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="did not end within"):
        runner(tmp_path, "sleep 30").run(["cancel"], timeout_s=0.3)
    broken = runner(tmp_path, "")
    broken.engine.pulumi.chmod(0o600)
    with pytest.raises(EngineMissingError, match="cannot run"):
        broken.run(["cancel"])


def test_the_engines_own_old_logs_are_removed(tmp_path: Path) -> None:
    engine = runner(tmp_path, "")
    engine.trim_logs()
    logs = engine.project.home.pulumi_home / "logs"
    logs.mkdir(parents=True)
    for number in range(30):
        (logs / f"run-{number:03}.log").touch()
    engine.trim_logs()
    assert sorted(path.name for path in logs.iterdir())[0] == "run-010.log"
