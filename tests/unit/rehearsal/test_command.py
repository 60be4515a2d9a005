import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from components.errors import SettingsError
from inferloop.errors import RehearsalFailedError, RehearsalRefusedError
from inferloop.main import app
from inferloop.rehearsal import run
from inferloop.rehearsal.run import Rehearsal
from stacks.rehearsal.report import Outcome, Report, Step


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INFERLOOP_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Rehearsal]:
    """Take the place of the rehearsal itself, which tests/engine runs."""
    seen: list[Rehearsal] = []

    def report(workspace: Any, rehearsal: Rehearsal, *, sink: Any) -> Report:
        seen.append(rehearsal)
        outcome = Outcome.OK if rehearsal.no_ops == 1 else Outcome.FAILED
        steps = (Step(name="up", title="up", outcome=outcome, duration_s=1),)
        return Report(stack=workspace.stack, started="now", engine="pulumi", steps=steps)

    monkeypatch.setattr(run, "rehearse", report)
    return seen


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["rehearse", *arguments])


def test_what_is_asked_for_reaches_the_rehearsal_and_the_report_is_written(
    asked: list[Rehearsal], tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    done = invoke(
        *("staging-aws", "--json", "--report", str(page), "--set", "gateway.replicas=3", "--set", "model.name=x"),
        *("--fail", "create:aws:rds/instance:Instance:2:throttle", "--official"),
    )
    assert done.exit_code == 0, done.output
    (rehearsal,) = asked
    assert rehearsal.change == {"gateway.replicas": 3, "model.name": "x"}
    assert [str(fault) for fault in rehearsal.faults] == ["create:aws:rds/instance:Instance:2:throttle"]
    assert rehearsal.official
    assert rehearsal.region == "eu-central-1"
    assert rehearsal.pools
    assert json.loads(done.stdout)["ok"] is True
    assert page.read_text().startswith("<!doctype html>")


def test_a_step_that_failed_is_an_error_after_the_report(asked: list[Rehearsal]) -> None:
    done = invoke("staging-aws", "--repeat-noop", "10")
    assert isinstance(done.exception, RehearsalFailedError)
    assert done.exception.exit_code == 8
    assert "NOT as it must be" in done.stdout


def test_ending_what_was_never_kept_is_no_failure(home: Path) -> None:
    done = invoke("staging-aws", "--stop", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"stack": "staging-aws", "stopped": False}


def test_the_development_stack_needs_no_rehearsal() -> None:
    assert isinstance(invoke("dev").exception, RehearsalRefusedError)


def test_a_fault_that_cannot_be_read_is_explained() -> None:
    done = invoke("staging-aws", "--fail", "everything")
    assert isinstance(done.exception, SettingsError)
    assert "create:aws:rds/instance:Instance:2" in str(done.exception)


@pytest.mark.parametrize("options", [("--stop", "--keep"), ("--set", "gateway"), ("--repeat-noop", "0")])
def test_options_that_make_no_sense_are_usage_errors(options: tuple[str, ...]) -> None:
    assert invoke("staging-aws", *options).exit_code == 2


def test_a_missing_extra_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "inferloop.rehearsal.run")
    monkeypatch.delitem(sys.modules, "stacks.rehearsal.aws.plugin", raising=False)
    monkeypatch.delitem(sys.modules, "inferloop.rehearsal.session", raising=False)
    monkeypatch.setitem(sys.modules, "stacks.rehearsal.aws.plugin", None)
    done = invoke("staging-aws")
    assert isinstance(done.exception, RehearsalRefusedError)
    assert "make setup-all" in str(done.exception)
